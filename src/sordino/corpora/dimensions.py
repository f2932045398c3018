"""Activation and valence of each utterance as low, mid or high, from the labels of its corpus.

A corpus has one of three sources, the best first. Every page marks numbers that rest on the second
or third:

    rated       means over listeners on a Likert scale, cut at the edges of Jaiswal and Mower
                Provost (2020), section 3.2
    sentiment   of a text, in place of its valence (MELD, manifests)
    derived     from the name of the emotion, by the table `DERIVED` (RAVDESS, EMO-DB)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

Dimension = Literal["activation", "valence"]

LEVELS: Final = ("low", "mid", "high")
"""The order of the classes of every model of activation or valence: low 0, mid 1, high 2."""

EDGES: Final[Mapping[int, tuple[float, float]]] = {9: (4.5, 5.5), 5: (2.75, 3.25), 7: (3.75, 4.25)}
"""Points of the Likert scale to the upper edges of low and mid; an edge belongs to the lower level.
MuSE has nine points, IEMOCAP and MSP-Improv five, MSP-Podcast seven.
"""

DERIVED: Final[Mapping[str, tuple[str, str]]] = {
    "neutral": ("mid", "mid"),
    "calm": ("low", "mid"),
    "happy": ("high", "high"),
    "sad": ("low", "low"),
    "angry": ("high", "low"),
    "fearful": ("high", "low"),
    "disgust": ("mid", "low"),
    "surprised": ("high", "mid"),
    "bored": ("low", "low"),
    "excited": ("high", "high"),
    "frustrated": ("high", "low"),
}
"""Emotion to activation and valence, after the circumplex of Russell 1980, J. Pers. Soc. Psychol.
39(6), 1161-1178.

Where the circumplex is ambiguous the choice is ours. Calm, a second baseline in RAVDESS, is as
positive as neutral. Surprise may be positive or negative, and disgust may be quiet, so both are
mid. `other` and names that are absent here are unknown. These levels are stand-in labels: the
activation of an utterance may differ from that of its emotion.
"""

SENTIMENT: Final[Mapping[str, str]] = {"negative": "low", "neutral": "mid", "positive": "high"}
"""Sentiment of a text to its stand-in valence."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The level of each utterance in one dimension, and its source."""

    codes: NDArray[np.intp]
    """Position in `LEVELS`, -1 where unknown, shape `(utterances,)`."""
    source: NDArray[np.str_]
    """`rated`, `sentiment`, `derived`, or empty where unknown, shape `(utterances,)`."""
    corpus: NDArray[np.str_]
    """Name of the corpus, shape `(utterances,)`."""

    @property
    def note(self) -> str:
        """The remark of every page on a number from these levels; empty when listeners rated all of
        them.

        >>> source, corpus = np.array(["derived", "rated"]), np.array(["ravdess", "iemocap"])
        >>> Levels(np.array([0, 2]), source, corpus).note
        'derived labels: ravdess'
        """
        notes = []
        for source in ("derived", "sentiment"):
            names = dict.fromkeys(self.corpus[self.source == source].tolist())
            if names:
                notes.append(f"{source} labels: {', '.join(names)}")
        return "; ".join(notes)


def levels(corpus: Corpus, dimension: Dimension) -> Levels:
    """The level of each utterance, from the best source of its corpus.

    In a corpus with ratings, an utterance without a rating is unknown, not derived.

    Raises `CorpusError` for another dimension and for ratings on an unknown scale.
    """
    if dimension not in get_args(Dimension):
        raise CorpusError(
            f"dimension {dimension!r}, expected {' or '.join(get_args(Dimension))}: choose one"
        )
    names = corpus.column("corpus")
    codes = np.full(len(corpus), -1, dtype=np.intp)
    source = np.full(len(corpus), "", dtype="<U9")
    for name in np.unique(names):
        rows = names == name
        codes[rows], origin = _codes(corpus.table[rows], dimension, name)
        source[rows & (codes >= 0)] = origin
    return Levels(codes, source, names)


def _codes(table: pd.DataFrame, dimension: Dimension, name: str) -> tuple[NDArray[np.intp], str]:
    """The codes of the rows of one corpus, and their source."""
    if dimension in table.columns and table[dimension].notna().any():
        return _rated(table, dimension, name), "rated"
    if dimension == "valence" and "sentiment" in table.columns and (table["sentiment"] != "").any():
        return _positions(table["sentiment"], SENTIMENT), "sentiment"
    column = get_args(Dimension).index(dimension)
    level_of = {emotion: pair[column] for emotion, pair in DERIVED.items()}
    return _positions(table["emotion"], level_of), "derived"


def _rated(table: pd.DataFrame, dimension: Dimension, name: str) -> NDArray[np.intp]:
    """Ratings cut at the edges of their scale."""
    ratings = table[dimension].to_numpy(dtype=float)
    scales = (
        table["scale"].to_numpy(dtype=float)
        if "scale" in table.columns
        else np.full(len(table), np.nan)
    )
    codes = np.full(len(table), -1, dtype=np.intp)
    rated = ~np.isnan(ratings)
    if not np.isin(scales[rated], list(EDGES)).all():
        scales_of_edges = ", ".join(map(str, sorted(EDGES)))
        raise CorpusError(
            f"{name}: {dimension} without its scale, expected the points of the Likert scale "
            f"({scales_of_edges}) in a column `scale`: add it"
        )
    for scale, edges in EDGES.items():
        rows = rated & (scales == scale)
        codes[rows] = np.digitize(
            ratings[rows], edges, right=True
        )  # right: an edge belongs to the bin below it
    return codes


def _positions(labels: pd.Series[str], level_of: Mapping[str, str]) -> NDArray[np.intp]:
    """The position of each label's level in `LEVELS`, -1 for a label without a level."""
    positions = {label: LEVELS.index(level) for label, level in level_of.items()}
    return np.array([positions.get(label, -1) for label in labels], dtype=np.intp)
