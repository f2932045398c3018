"""Activation and valence of each utterance as low, mid or high, whatever a corpus has to tell them
by.

Three sources, best first, one a corpus; every page that shows a number made from the second or
third says so:

    rated       means over listeners on a Likert scale, cut at the edges of Jaiswal 2020, section 3.2
    sentiment   of a text: stands in for its valence (MELD)
    derived     from the name of the emotion, by the table `DERIVED`, where a corpus has nothing else (RAVDESS, EMO-DB)
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
"""Points of the Likert scale to the upper edges of low and of mid; an edge belongs to the lower of
its two bins. (MuSE has nine points, IEMOCAP and MSP-Improv five, MSP-Podcast seven.)
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
"""Emotion to activation and valence, after the circle of Russell 1980, J. Pers. Soc. Psychol.
39(6), 1161-1178.

Where the circle leaves room the choice is ours: calm, which in RAVDESS is a second baseline, is as
positive as neutral; surprise may be of either kind and disgust needs not be loud, so both are mid.
`other` and names that stand not here are unknown. An utterance is not as lively as its label: these
levels are stand-ins.
"""

SENTIMENT: Final[Mapping[str, str]] = {"negative": "low", "neutral": "mid", "positive": "high"}
"""Sentiment of a text to the valence it stands in for."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The level of each utterance in one dimension, and what tells it."""

    codes: NDArray[np.intp]
    """Place in `LEVELS`, -1 where unknown, shape `(utterances,)`."""
    source: NDArray[np.str_]
    """`rated`, `sentiment`, `derived`, or empty where unknown, shape `(utterances,)`."""
    corpus: NDArray[np.str_]
    """Name of the corpus, shape `(utterances,)`."""

    @property
    def note(self) -> str:
        """What every page says beside a number made from these levels; empty when listeners rated
        all of them.

        >>> Levels(np.array([0, 2]), np.array(["derived", "rated"]), np.array(["ravdess", "iemocap"])).note
        'derived labels: ravdess'
        """
        notes = []
        for source in ("derived", "sentiment"):
            names = dict.fromkeys(self.corpus[self.source == source].tolist())
            if names:
                notes.append(f"{source} labels: {', '.join(names)}")
        return "; ".join(notes)


def levels(corpus: Corpus, dimension: Dimension) -> Levels:
    """The level of each utterance, told by the best source that its corpus has.

    A corpus that has ratings is told by them alone: an utterance of it that nobody rated is
    unknown, not derived.

    Raises `CorpusError` for another dimension and for ratings on a scale that is not known.
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
        codes[rows], told = _codes(corpus.table[rows], dimension, name)
        source[rows & (codes >= 0)] = told
    return Levels(codes, source, names)


def _codes(table: pd.DataFrame, dimension: Dimension, name: str) -> tuple[NDArray[np.intp], str]:
    """The codes of the rows of one corpus, and what tells them."""
    if dimension in table.columns and table[dimension].notna().any():
        return _rated(table, dimension, name), "rated"
    if dimension == "valence" and "sentiment" in table.columns and (table["sentiment"] != "").any():
        return _places(table["sentiment"], SENTIMENT), "sentiment"
    place = get_args(Dimension).index(dimension)
    return _places(
        table["emotion"], {emotion: pair[place] for emotion, pair in DERIVED.items()}
    ), "derived"


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
        known = ", ".join(map(str, sorted(EDGES)))
        raise CorpusError(
            f"{name}: {dimension} without its scale, expected the points of the Likert scale "
            f"({known}) in a column "
            "`scale`: add it"
        )
    for scale, edges in EDGES.items():
        rows = rated & (scales == scale)
        codes[rows] = np.digitize(
            ratings[rows], edges, right=True
        )  # right: an edge belongs to the bin below it
    return codes


def _places(labels: pd.Series[str], level_of: Mapping[str, str]) -> NDArray[np.intp]:
    """The place of each label's level in `LEVELS`, -1 for a label that has none."""
    places = {label: LEVELS.index(level) for label, level in level_of.items()}
    return np.array([places.get(label, -1) for label in labels], dtype=np.intp)
