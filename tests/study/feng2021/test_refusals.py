"""Corpora and vectors that cannot be studied are refused before training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.errors import CorpusError, FeatureError, SordinoError, SplitError
from sordino.study import protocol
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Relabel, run


def without(**cells: str) -> Relabel:
    """A manifest without the rows that have all of these cells."""
    return lambda rows: rows[(rows[list(cells)] != pd.Series(cells)).any(axis=1)]


def only_of(emotion: str, *speakers: str) -> Relabel:
    """A manifest in which only these speakers have an emotion."""
    return lambda rows: rows[(rows["emotion"] != emotion) | rows["speaker"].isin(speakers)]


@pytest.mark.parametrize(
    ("relabel", "speakers", "error", "line"),
    [
        (
            without(emotion="angry"),
            20,
            CorpusError,
            r"made: no angry utterance, expected neutral, happy, sad, angry: ",
        ),
        (
            without(gender="male"),
            20,
            CorpusError,
            r"all speakers of gender female, expected female and male: add",
        ),
        (
            lambda rows: rows.assign(gender=""),
            20,
            CorpusError,
            r"gender unknown, expected female and male: add",
        ),
        (
            only_of("sad", "03"),
            20,
            SplitError,
            r"no sad among \d+ speaker\(s\) of the (risk|transform|test) part, exp",
        ),
        (only_of("neutral"), 20, CorpusError, r"no neutral utterance"),
        (
            lambda rows: rows,
            4,
            SplitError,
            r"made, female: 2 speaker\(s\) or sessions, expected at least 3 ",
        ),
    ],
    ids=["no angry", "no men", "no gender", "one sad speaker", "no neutral", "four speakers"],
)
def test_a_corpus_that_cannot_be_studied_is_refused(
    tmp_path: Path, relabel: Relabel, speakers: int, error: type[SordinoError], line: str
) -> None:
    given = synthetic_study.study(tmp_path, speakers=speakers, takes=1, relabel=relabel)
    with pytest.raises(error, match=line):
        run(given, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))


def test_a_side_without_an_emotion_is_refused_before_training(
    tmp_path: Path,
) -> None:
    """Every party has sad speakers, but the validation speakers of the transform are not sad."""
    given = synthetic_study.study(tmp_path)
    parts = protocol.draws(given.corpus, SMALL, given.corpus.column("file"))
    validation = given.corpus.speaker[parts[0].transform.validation]
    sad = np.isin(given.corpus.speaker, validation) & (given.corpus.column("emotion") == "sad")
    with pytest.raises(
        SplitError,
        match=r"no sad among 2 speaker\(s\) of the transform's validation part, expected",
    ):
        run(given, tmp_path / "out", corpus=given.corpus.select(~sad))
    assert not list((tmp_path / "out").rglob("*.*"))


def test_an_utterance_without_vector_is_refused(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path)
    rows = pd.read_parquet(given.vectors)
    rows.drop(index=5).to_parquet(given.vectors)
    with pytest.raises(
        FeatureError,
        match=r"no row for 1 of 240 utterances, .* the first is utterance 5 ",
    ):
        run(given, tmp_path / "out")
