"""What the studies of utterance vectors share: their emotions, vectors and draws, and what is kept
of a run.
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
from sordino.corpora import split
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus, checksums, duplicates
from sordino.define import GENDERS, ROLES
from sordino.errors import CorpusError, SplitError
from sordino.features import CACHE, FEATURE_SETS, extract
from sordino.report.estimates import headline
from sordino.report.page import Page
from sordino.report.record import settled, versions
from sordino.report.release_page import csv
from sordino.study.units import POLICIES, Options, predictions

EMOTIONS: Final = ("neutral", "happy", "sad", "angry")


def attacked(
    corpus: Corpus,
    out: Path,
    features: str,
    options: Options,
    cache: str | Path | None,
    jobs: int,
    name: str,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All guesses of the study's units (`sordino.attack.PREDICTION_COLUMNS`), and the record that
    goes to `run.json`.
    """
    study = four_emotions(corpus)
    sums = checksums(study)
    draws = deal(study, options, sums)
    x = vectors(features, corpus, EMOTIONS, cache, jobs)
    guesses, units = predictions(x, study, draws, out / "units", options, jobs)
    return guesses, {**_record(study, x, draws, sums, features, options, name), "units": units}


def write(estimates: pd.DataFrame, record: dict[str, Any], page: Page, out: Path) -> None:
    """Write `estimates.csv`, `run.json` and the page."""
    storage.write(out / "estimates.csv", csv(estimates))
    storage.write(out / "run.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    page.write(out)


def summary(estimates: pd.DataFrame) -> pd.DataFrame:
    """Headline figures as means over the three policies: one row a figure, one column a release,
    and `chance`.

    A figure's name is its knowledge, target, metric, group and k. Chance is that of the original
    features.
    """
    table = headline(estimates).copy()
    words = table[["knowledge", "target", "metric", "group"]].astype(str)
    words["k"] = [f"{int(k)}" if k and k == k else "" for k in table["k"]]
    table["figure"] = [
        " ".join(filter(None, row)) for row in words.itertuples(index=False, name=None)
    ]
    means = table.pivot_table(index="figure", columns="release", values="value", sort=False)
    original = table[table["release"] == "none"]
    return means.assign(chance=original.groupby("figure")["chance"].mean())


def deal(
    corpus: Corpus, options: Options, sums: NDArray[np.str_], emotions: Sequence[str] = EMOTIONS
) -> tuple[Parts, ...]:
    """The draws of a study, each with every emotion and gender in every part.

    Raises `SplitError` where one lacks some.
    """
    if options.measured_on == "validation" and options.validation != "speaker":
        raise SplitError(
            "measured_on validation with held-out utterances: they are of speakers the transform "
            "learns from, expected "
            'held-out speakers: keep whole ones (validation="speaker"), or measure on the test'
        )
    transform = split.draws(corpus, options.seed, options.validation, sums)
    risk = split.draws(corpus, options.seed, options.risk_validation, sums)
    draws = [
        Parts(a.risk, b.transform, b.test, b.draw) for a, b in zip(risk, transform, strict=True)
    ]
    draws = [_measured(corpus, parts, options.measured_on) for parts in draws]
    for parts in draws:
        parties = {name: rows for name, rows in _parties(parts).items() if name != "test"}
        for party, rows in {**parties, options.measured_on: parts.test}.items():
            _require_every(corpus, "emotion", emotions, party, rows)
            _require_every(corpus, "gender", GENDERS, party, rows)
        for party, rows in _sides(parts).items():
            _require_every(corpus, "emotion", emotions, party, rows)
    return tuple(draws)


def vectors(
    features: str,
    corpus: Corpus,
    emotions: Sequence[str],
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> NDArray[np.float32]:
    """The vector of each utterance that has one of some emotions; a table made elsewhere has one of
    every utterance.
    """
    if features in FEATURE_SETS:
        return extract(features, corpus.with_emotions(emotions), cache, jobs)
    return extract(features, corpus)[corpus.table["emotion"].isin(emotions).to_numpy()]


def four_emotions(corpus: Corpus) -> Corpus:
    """The study's utterances. Raises `CorpusError` when an emotion or a gender is missing
    altogether.
    """
    absent = [emotion for emotion in EMOTIONS if emotion not in set(corpus.table["emotion"])]
    if absent:
        raise CorpusError(
            f"{corpus.name}: no {', '.join(absent)} utterance, expected {', '.join(EMOTIONS)}: add "
            "a corpus that has it"
        )
    study = corpus.with_emotions(EMOTIONS)
    genders = sorted(set(study.table["gender"]) - {""})
    if len(genders) < 2:
        found = ", ".join(genders) or "unknown"
        raise CorpusError(
            f"{corpus.name}: all speakers of gender {found}, expected female and male: add "
            "speakers of the other gender"
        )
    return study


def _parties(parts: Parts) -> dict[str, NDArray[np.intp]]:
    return {"risk": parts.risk.rows, "transform": parts.transform.rows, "test": parts.test}


def _sides(parts: Parts) -> dict[str, NDArray[np.intp]]:
    """What must have every emotion within a party, or a unit would fail when its turn comes."""
    return {
        "risk model's training": parts.risk.train,
        "transform's training": parts.transform.train,
        "transform's validation": parts.transform.validation,
    }


def _require_every(
    corpus: Corpus, label: str, values: Sequence[str], party: str, rows: NDArray[np.intp]
) -> None:
    """Raise `SplitError` when these rows lack a value of a label."""
    missing = sorted(set(values) - set(corpus.column(label)[rows]))
    if missing:
        raise SplitError(
            f"no {', '.join(missing)} among {len(set(corpus.speaker[rows]))} speaker(s) of the "
            f"{party} part, "
            f"expected every {label}: add speakers, leave a corpus out or try another seed"
        )


def _measured(corpus: Corpus, parts: Parts, measured_on: str) -> Parts:
    """With `validation`, the transform party gives its validation speakers up, and they are
    measured, not the test.

    What stops the transform is then every fourth of its other utterances, counted within each
    emotion.
    """
    if measured_on == "test":
        return parts
    train = parts.transform.train
    train = train[np.argsort(corpus.column("emotion")[train], kind="stable")]
    return Parts(parts.risk, split.every_fourth(train), parts.transform.validation, parts.draw)


def name_of(features: str) -> str:
    return features if features in FEATURE_SETS else Path(features).stem


def _record(
    corpus: Corpus,
    x: NDArray[np.float32],
    draws: Sequence[Parts],
    sums: NDArray[np.str_],
    features: str,
    options: Options,
    name: str,
) -> dict[str, Any]:
    """Everything that the figures follow from: what `run.json` holds."""
    config = {
        "study": name,
        "corpus": corpus.name,
        "features": name_of(features),
        "dims": x.shape[1],
        "options": asdict(options),
        "policies": [asdict(policy) for policy in POLICIES],
    }
    return {
        **settled(config),
        "data_checksum": hashlib.sha256("".join(sums).encode()).hexdigest(),
        "versions": versions(),
        "utterances": len(corpus),
        "speakers": len(set(corpus.speaker)),
        "unknown_gender": int((corpus.column("gender") == "").sum()),
        "roles": [str(role) for role in ROLES],
        "identical_recordings": [rows.tolist() for rows in duplicates(sums)],
        "parts": [_speakers(corpus, parts) for parts in draws],
        "test_parts_disjoint": _disjoint(
            [sorted(set(corpus.speaker[parts.test])) for parts in draws]
        ),
    }


def _speakers(corpus: Corpus, parts: Parts) -> dict[str, Any]:
    """The speakers of each party of a draw, and whether no two parties share one."""
    speakers = {
        name: sorted(set(corpus.speaker[rows].tolist())) for name, rows in _parties(parts).items()
    }
    return {"draw": parts.draw, **speakers, "disjoint": _disjoint(list(speakers.values()))}


def _disjoint(groups: Sequence[Sequence[str]]) -> bool:
    everyone = [speaker for group in groups for speaker in group]
    return len(everyone) == len(set(everyone))
