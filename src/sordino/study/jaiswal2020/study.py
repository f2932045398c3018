"""Jaiswal and Mower Provost (2020): embeddings of sound and words for activation or valence that
hide gender and speaker.
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
from sordino.corpora.hidden import older
from sordino.corpora.table import Corpus
from sordino.define import Knowledge
from sordino.errors import StudyError
from sordino.features import CACHE
from sordino.record import settled, versions
from sordino.release import EMBEDDINGS
from sordino.report.release_page import csv
from sordino.storage import Location
from sordino.study.jaiswal2020 import report
from sordino.study.jaiswal2020.estimates import NULL, STUDY, measure_embeddings
from sordino.study.jaiswal2020.grid import check_sections, choose_points, chosen_points, search
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import FoldDraw, StudyLabels, draws
from sordino.study.jaiswal2020.tables import Look
from sordino.study.jaiswal2020.units import digests_of, guesses
from sordino.study.jaiswal2020.variants import (
    FEATURE_STREAMS,
    SOUND,
    TASKS,
    JaiswalOptions,
    Variant,
    select_variants,
)
from sordino.types import Rows

READ_SENTENCES: Final = 10
"""If a corpus has at most so many different sentences, its speakers read them. Words then have no
information about speaker or emotion.
"""

AGED_SPEAKERS: Final = 4
"""Speakers of either class of age, without which age is no task."""


def reproduce(
    corpus: Corpus,
    out: str | Location,
    *,
    options: JaiswalOptions | None = None,
    only: Sequence[str] = (),
    words: str | Path | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
) -> pd.DataFrame:
    """The estimates of the study. Writes `estimates.csv`, `run.json` and `report.html` to `out`.

    - `only`: sections (`jaiswal2020.variants.SECTIONS`); all without it.
    - `words`: a file of word vectors. Without it, vectors are learned from the transcripts of each
      training set.
    - `cache`: the folder of extracted frames. Finished units are in `out/units`: a killed run
      resumes.

    Raises `StudyError` if the corpus can answer no section, and for a grid without a section that
    has one; `SplitError` if there are too few speakers for folds and pairs
    (`jaiswal2020.protocol`).
    """
    options = options or JaiswalOptions()
    corpus, variants = _select(corpus, only)
    _check_genders(corpus, variants)
    if options.grid:
        check_sections(variants)
    streams = _streams_of(variants)
    tasks = {task: levels(corpus, task) for task in TASKS}
    out = storage.folder(out)
    sums = corpus.checksums()
    study = _labels(corpus, tasks, draws(corpus, options.seed, sums))
    material = Material.of(
        corpus,
        streams,
        normalise=options.normalise,
        words=words,
        word_dims=options.word_dims,
        features=SOUND[options.features],
        cache=cache,
        jobs=jobs,
        seed=options.seed,
    )
    found, points = (
        _search(variants, material, study, out, options, jobs) if options.grid else (None, {})
    )
    table, units = guesses(variants, material, study, out / "units", options, jobs, points)
    speakers = pd.DataFrame({"speaker": corpus.speaker, "gender": corpus.genders()})
    estimates = measure_embeddings(table, units, speakers, corpus.name, options.seed)
    record = {**_record(corpus, study, tasks, options, sums, only, words), "units": units}
    if found is not None:
        record["grid"] = json.loads(found.to_json(orient="records"))
    storage.write(out / "estimates.csv", csv(estimates))
    storage.write(out / "run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    report.page(estimates, record, notices).write(out)
    return estimates


def _search(
    variants: Sequence[Variant],
    material: Material,
    study: StudyLabels,
    out: Location,
    options: JaiswalOptions,
    jobs: int,
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """The chosen points of the grid as a table, and by name of the unit. Writes `grid.csv`."""
    digests = digests_of(material, study, options)
    table = search(variants, options.grid, material, study, out / "grid", options, digests, jobs)
    chosen = choose_points(table)
    storage.write(out / "grid.csv", csv(table))
    return chosen, chosen_points(chosen)


def summary(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row per embedding: U, P as min(P, 1 - P), its null, P of the patient attacker, and MI.

    P is measured on speakers that neither network nor attacker was trained on. `null from` is the
    lower limit of P under shuffled gender.
    """
    look = Look(estimates)
    rows = []
    for features in look.features:
        for task in look.tasks:
            for release in EMBEDDINGS:
                if look.has(features, task, release):
                    p, patient = (
                        look(features, task, release, "privacy", knowledge=knowledge).folded.value
                        for knowledge in (Knowledge.SEMI_INFORMED, Knowledge.PATIENT)
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
    """The streams that every corpus here has: sound, transcripts. The same few sentences read by
    all speakers (RAVDESS, EMO-DB) are no stream.
    """
    corpora = corpus.table.assign(sound=corpus.recorded()).groupby("corpus", sort=False)
    sound = bool(corpora["sound"].any().all())
    sentences = corpora["transcript"].apply(lambda t: t[t.str.strip().ne("")].nunique())
    text = bool((sentences > READ_SENTENCES).all())
    return [name for name, present in (("audio", sound), ("text", text)) if present]


def _select(corpus: Corpus, only: Sequence[str]) -> tuple[Corpus, list[Variant]]:
    """The utterances that take part, and the variants that they can answer."""
    tasks = {task: levels(corpus, task) for task in TASKS}
    streams = _streams_of(select_variants(_streams(corpus), _varied(tasks), only))
    corpus = corpus.select(_usable(corpus, tasks, streams))
    tasks = {task: levels(corpus, task) for task in TASKS}
    attributes = ("speaker", *(["age"] if _ages(corpus) is not None else []))
    return corpus, select_variants(streams, _varied(tasks), only, attributes)


def _streams_of(variants: Sequence[Variant]) -> list[str]:
    """The streams that any of the variants reads."""
    return sorted({name for variant in variants for name in FEATURE_STREAMS[variant.features]})


def _varied(tasks: dict[str, Levels]) -> list[str]:
    """The tasks with more than one level."""
    return [
        task for task, label in tasks.items() if len(np.unique(label.codes[label.codes >= 0])) > 1
    ]


def _usable(corpus: Corpus, tasks: dict[str, Levels], streams: Sequence[str]) -> NDArray[np.bool_]:
    """Rows with a label, and with sound if the study has a stream of sound."""
    usable: NDArray[np.bool_] = np.logical_or.reduce([task.codes >= 0 for task in tasks.values()])
    if "audio" in streams:
        usable &= corpus.recorded()
    if not usable.any():
        raise StudyError(
            f"{corpus.name}: no utterance has activation or valence, expected some: add labels"
        )
    return usable


def _check_genders(corpus: Corpus, variants: Sequence[Variant]) -> None:
    """Raise `StudyError` if a gender is missing: every embedding but `private-speaker` has a head
    of gender.
    """
    gender = corpus.genders()
    if len(np.unique(gender[gender >= 0])) < 2 and any(
        variant.release != "private-speaker" for variant in variants
    ):
        raise StudyError(
            f"{corpus.name}: no speakers of both genders, expected some of each: add them, or run "
            "the section without gender (--only speaker)"
        )


def _labels(corpus: Corpus, tasks: dict[str, Levels], parts: tuple[FoldDraw, ...]) -> StudyLabels:
    labels = {name: task.codes for name, task in tasks.items()} | {"gender": corpus.genders()}
    speakers = np.unique(corpus.speaker, return_inverse=True)[1].astype(np.intp)
    if (age := _ages(corpus)) is not None:
        labels["age"] = age
    return StudyLabels({**labels, "speaker": speakers}, corpus.speaker, parts)


def _ages(corpus: Corpus) -> Rows | None:
    """1 for speakers older than the median, 0 for others, -1 where unknown; None with fewer than
    `AGED_SPEAKERS` in either class.
    """
    codes = older(corpus.table, np.arange(len(corpus)))
    speakers = [len(np.unique(corpus.speaker[codes == code])) for code in (0, 1)]
    return codes if min(speakers) >= AGED_SPEAKERS else None


def _record(
    corpus: Corpus,
    study: StudyLabels,
    tasks: dict[str, Levels],
    options: JaiswalOptions,
    sums: Any,
    only: Sequence[str],
    words: str | Path | None,
) -> dict[str, Any]:
    """Everything that the figures follow from, as `run.json` holds it."""
    config = {
        "study": STUDY,
        "corpus": corpus.name,
        "only": list(only),
        "words": Path(words).name if words else "learnt from training transcripts",
        "labels": {name: task.note for name, task in tasks.items()},
        "options": asdict(options) | {"privacy": options.privacy.config},
    }
    rows = study.rows
    disjoint = [
        not set(study.speakers(draw.test)) & set(study.speakers(draw.untested))
        for draw in study.draws
    ]
    return {
        **settled(config),
        "data_checksum": hashlib.sha256("".join(sums).encode()).hexdigest(),
        "versions": versions(),
        "utterances": len(rows),
        "speakers": len(study.speakers(rows)),
        "unknown_gender": int((corpus.column("gender")[rows] == "").sum()),
        "protocol": "five folds" if study.draws[0].folds else "pairs",
        "tested": {
            str(number): study.speakers(draw.test) for number, draw in enumerate(study.draws)
        },
        "tested_disjoint": all(disjoint),
    }
