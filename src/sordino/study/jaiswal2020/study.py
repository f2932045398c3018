"""Jaiswal 2020: embeddings of sound and words for activation or valence that are to forget gender
and speaker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.dimensions import Levels, levels
from sordino.corpora.table import Corpus, checksums
from sordino.define import Knowledge
from sordino.errors import StudyError
from sordino.features import CACHE
from sordino.release import EMBEDDINGS
from sordino.report.record import settled, versions
from sordino.report.release_page import csv
from sordino.study.jaiswal2020 import report
from sordino.study.jaiswal2020.estimates import NULL, STUDY, measure
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import Draw, Scene, draws
from sordino.study.jaiswal2020.tables import Look
from sordino.study.jaiswal2020.units import guesses
from sordino.study.jaiswal2020.variants import TASKS, Options, Variant, variants

READ: Final = 10
"""A corpus with no more different sentences than this has them read: words tell nothing of who says
them or how.
"""


def reproduce(
    corpus: Corpus,
    out: str | Path,
    *,
    options: Options | None = None,
    only: Sequence[str] = (),
    words: str | Path | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
) -> pd.DataFrame:
    """The estimates of the study; `estimates.csv`, `run.json` and `report.html` are written to
    `out`.

    `only` names sections (`jaiswal2020.variants.SECTIONS`). `words` is a file of word vectors;
    without it each training set learns its own from its transcripts. What is finished is read again
    from `cache` and `out/units`.

    Raises `StudyError` when nothing can be run on this corpus, `SplitError` when speakers do not
    suffice for folds or pairs (`jaiswal2020.protocol`).
    """
    options = options or Options()
    streams = _streams(corpus)
    told = {task: levels(corpus, task) for task in TASKS}
    chosen = variants(
        streams,
        [task for task in TASKS if len(np.unique(told[task].codes[told[task].codes >= 0])) > 1],
        only,
    )
    _check_genders(corpus, chosen)
    needed = sorted(
        {stream for one in chosen for stream in one.features.replace("both", "audio text").split()}
    )
    rows = _usable(corpus, told, needed)
    corpus, told = corpus.select(rows), {task: levels(corpus.select(rows), task) for task in TASKS}
    out = storage.folder(out)
    sums = checksums(corpus)
    scene = _scene(corpus, told, draws(corpus, options.seed, sums))
    material = Material.of(
        corpus,
        needed,
        normalise=options.normalise,
        words=words,
        word_dims=options.word_dims,
        cache=cache,
        jobs=jobs,
        seed=options.seed,
    )
    found, units = guesses(chosen, material, scene, out / "units", options, jobs)
    people = pd.DataFrame({"speaker": corpus.speaker, "gender": corpus.genders()})
    estimates = measure(found, units, people, corpus.name, options.seed)
    record = {**_record(corpus, scene, told, options, sums, only, words), "units": units}
    storage.write(out / "estimates.csv", csv(estimates))
    storage.write(out / "run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    report.page(estimates, record, notices).write(out)
    return estimates


def summary(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row an embedding: U, P (as min(P, 1 - P)) beside its null, that of the patient attacker,
    and membership.

    P is that of speakers whom neither network nor attacker saw; its null is the lowest P that means
    nothing.
    """
    look = Look(estimates)
    rows = []
    for features in look.features:
        for task in look.tasks:
            for release in EMBEDDINGS:
                if look.has(features, task, release):
                    p, patient = (
                        look(features, task, release, "privacy", knowledge=one).folded.value
                        for one in (Knowledge.SEMI_INFORMED, Knowledge.PATIENT)
                    )
                    null = look(features, task, release, "privacy", condition=NULL).low
                    uar, member = (
                        look(features, task, release, metric).value
                        for metric in ("uar", "membership")
                    )
                    rows.append(
                        {
                            "stream": features,
                            "task": task,
                            "embedding": release,
                            "U": uar,
                            "P": p,
                            "null from": null,
                            "patient": patient,
                            "MI": member,
                        }
                    )
    return pd.DataFrame(rows)


def _streams(corpus: Corpus) -> list[str]:
    """What every corpus here has: sound, transcripts. A few sentences that all read (RAVDESS,
    EMO-DB) are none.
    """
    table = corpus.table.assign(sound=corpus.recorded())
    of = table.groupby("corpus", sort=False)
    sound = bool(of["sound"].any().all())
    text = bool(
        of["transcript"].apply(lambda said: said[said.str.strip().ne("")].nunique() > READ).all()
    )
    return [name for name, there in (("audio", sound), ("text", text)) if there]


def _usable(corpus: Corpus, told: dict[str, Levels], streams: Sequence[str]) -> NDArray[np.bool_]:
    """Rows that have a label, and sound where the study listens."""
    known: NDArray[np.bool_] = np.logical_or.reduce([one.codes >= 0 for one in told.values()])
    if "audio" in streams:
        known &= corpus.recorded()
    if not known.any():
        raise StudyError(
            f"{corpus.name}: no utterance has activation or valence, expected some: add labels"
        )
    return known


def _check_genders(corpus: Corpus, chosen: Sequence[Variant]) -> None:
    """Every embedding but `private-speaker` has a head of gender."""
    known = corpus.genders()
    if len(np.unique(known[known >= 0])) < 2 and any(
        one.release != "private-speaker" for one in chosen
    ):
        raise StudyError(
            f"{corpus.name}: speakers of both genders are not known, expected some of each: add "
            "them, or ask for what "
            "needs none (--only speaker)"
        )


def _scene(corpus: Corpus, told: dict[str, Levels], dealt: tuple[Draw, ...]) -> Scene:
    labels = {task: one.codes for task, one in told.items()} | {"gender": corpus.genders()}
    speakers = np.unique(corpus.speaker, return_inverse=True)[1].astype(np.intp)
    return Scene({**labels, "speaker": speakers}, corpus.speaker, dealt)


def _record(
    corpus: Corpus,
    scene: Scene,
    told: dict[str, Levels],
    options: Options,
    sums: Any,
    only: Sequence[str],
    words: str | Path | None,
) -> dict[str, Any]:
    """Everything that the figures follow from: what `run.json` holds."""
    config = {
        "study": STUDY,
        "corpus": corpus.name,
        "only": list(only),
        "words": Path(words).name if words else "learnt from training transcripts",
        "labels": {task: one.note for task, one in told.items()},
        "options": asdict(options),
    }
    rows = scene.rows
    apart = [
        not set(scene.people(draw.test)) & set(scene.people(draw.known)) for draw in scene.draws
    ]
    return {
        **settled(config),
        "data_checksum": hashlib.sha256("".join(sums).encode()).hexdigest(),
        "versions": versions(),
        "utterances": len(rows),
        "speakers": len(scene.people(rows)),
        "unknown_gender": int((corpus.column("gender")[rows] == "").sum()),
        "protocol": "five folds" if scene.draws[0].folds else "pairs",
        "tested": {str(place): scene.people(draw.test) for place, draw in enumerate(scene.draws)},
        "tested_disjoint": all(apart),
    }
