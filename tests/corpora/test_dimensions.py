"""Levels of activation and valence: the edges of the paper, and stand-in labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora, define
from sordino.corpora import table
from sordino.corpora.dimensions import DERIVED, EDGES, LEVELS, SENTIMENT, levels
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

# Jaiswal 2020, section 3.2: the last rating of a bin, and the next one an annotator's vote may make
# it
TABLE = [
    (9, {1: "low", 4.5: "low", 4.51: "mid", 5: "mid", 5.5: "mid", 5.51: "high", 9: "high"}),
    (5, {1: "low", 2.75: "low", 2.76: "mid", 3: "mid", 3.25: "mid", 3.26: "high", 5: "high"}),
    (7, {1: "low", 3.75: "low", 3.76: "mid", 4: "mid", 4.25: "mid", 4.26: "high", 7: "high"}),
]


def made(name: str = "c", /, **columns: list[str] | list[float]) -> Corpus:
    length = len(next(iter(columns.values())))
    return table.make(
        name, pd.DataFrame({"file": ["x"] * length, "speaker": ["1"] * length, **columns})
    )


def names(corpus: Corpus, dimension: str) -> list[str]:
    codes = levels(corpus, dimension).codes  # type: ignore[arg-type]
    return [(*LEVELS, "unknown")[code] for code in codes]


@pytest.mark.parametrize("dimension", ["activation", "valence"])
@pytest.mark.parametrize(("scale", "bins"), TABLE)
def test_an_edge_belongs_to_the_lower_bin(
    scale: int, bins: dict[float, str], dimension: str
) -> None:
    corpus = made(**{dimension: list(bins), "scale": [float(scale)] * len(bins)})
    assert names(corpus, dimension) == list(bins.values())


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(EDGES)), st.floats(1, 5)), min_size=1))
def test_a_level_is_the_number_of_edges_that_a_rating_is_above(
    rated: list[tuple[int, float]],
) -> None:
    corpus = made(
        valence=[rating for _, rating in rated], scale=[float(scale) for scale, _ in rated]
    )
    expected = [sum(rating > edge for edge in EDGES[scale]) for scale, rating in rated]
    assert levels(corpus, "valence").codes.tolist() == expected


def test_every_emotion_with_a_name_has_derived_levels() -> None:
    assert set(DERIVED) == set(define.EMOTIONS) - {"other"}
    assert {
        level for pair in (*DERIVED.values(), tuple(SENTIMENT.values())) for level in pair
    } == set(LEVELS)


def test_emotions_alone_give_derived_levels_with_a_note() -> None:
    corpus = made("acted", emotion=["angry", "sad", "calm", "happy", "other", "nostalgia"])
    assert names(corpus, "activation") == ["high", "low", "low", "high", "unknown", "unknown"]
    assert names(corpus, "valence") == ["low", "low", "mid", "high", "unknown", "unknown"]
    result = levels(corpus, "activation")
    assert result.source.tolist() == ["derived"] * 4 + [""] * 2
    assert result.note == "derived labels: acted"


def test_an_unrated_utterance_is_unknown_in_a_rated_corpus() -> None:
    corpus = made(emotion=["angry", "angry"], activation=[1.0, np.nan], scale=[5.0, 5.0])
    result = levels(corpus, "activation")
    assert (result.codes.tolist(), result.source.tolist(), result.note) == (
        [0, -1],
        ["rated", ""],
        "",
    )


def test_sentiment_stands_in_for_valence_and_not_for_activation() -> None:
    corpus = made("lines", emotion=["happy"] * 4, sentiment=["negative", "neutral", "positive", ""])
    assert names(corpus, "valence") == ["low", "mid", "high", "unknown"]
    assert levels(corpus, "valence").note == "sentiment labels: lines"
    assert names(corpus, "activation") == ["high"] * 4
    assert levels(corpus, "activation").note == "derived labels: lines"


def test_each_corpus_of_several_is_told_by_its_own_best_source() -> None:
    both = corpora.join(
        [
            made("acted", emotion=["sad"]),
            made("rated", emotion=["sad"], valence=[4.3], scale=[7.0]),
            made("lines", emotion=["sad"], sentiment=["neutral"]),
            made("read", emotion=["neutral"]),
        ]
    )
    result = levels(both, "valence")
    assert result.codes.tolist() == [0, 2, 1, 1]
    assert result.source.tolist() == ["derived", "rated", "sentiment", "derived"]
    assert result.note == "derived labels: acted, read; sentiment labels: lines"


def test_levels_follow_their_rows() -> None:
    corpus = made(emotion=["sad", "happy", "neutral", "other"])
    order = np.array([3, 1, 0, 2])
    assert (
        levels(corpus.select(order), "valence").codes.tolist()
        == levels(corpus, "valence").codes[order].tolist()
    )


@pytest.mark.parametrize("scale", [{}, {"scale": [np.nan, 5.0]}, {"scale": [4.0, 5.0]}])
def test_a_rating_on_an_unknown_scale_is_refused(scale: dict[str, list[float]]) -> None:
    corpus = made(activation=[3.0, np.nan], **scale)
    with pytest.raises(
        CorpusError, match=r"^c: activation without its scale, expected the points .* \(5, 7, 9\)"
    ):
        levels(corpus, "activation")


def test_another_dimension_is_refused() -> None:
    with pytest.raises(
        CorpusError, match="dimension 'dominance', expected activation or valence: choose one"
    ):
        levels(made(emotion=["sad"]), "dominance")  # type: ignore[arg-type]


def test_ravdess_has_all_levels_and_says_that_they_are_derived(data: Path) -> None:
    ravdess = corpora.load("ravdess", data / "ravdess")
    for dimension, counts in {"activation": [384, 288, 768], "valence": [768, 480, 192]}.items():
        result = levels(ravdess, dimension)  # type: ignore[arg-type]
        assert np.bincount(result.codes).tolist() == counts
        assert result.note == "derived labels: ravdess"
