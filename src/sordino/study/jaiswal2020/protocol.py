"""Speakers for training, early stopping and test in the study of Jaiswal and Mower Provost (2020).

    five folds   folds k, k+1, k+2   D1: the network is trained on them
                 fold k+3            early stopping; with fold k+4 it is D2, on which the paper's
                                     attacker is trained
                 fold k+4            test: primary task, the head of the attribute, and attackers
                                     trained on all other folds
    pairs        test: one woman and one man, in all combinations; a quarter of the utterances of
                 the other speakers is for early stopping

Pairs are for corpora with too few speakers for folds (MELD). There is then no D2 and no membership
inference, and speakers of unknown gender take no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora import split
from sordino.corpora.groups import PARTS, blocks
from sordino.corpora.table import Corpus
from sordino.types import Rows

CORPUS_FOLDS: Final = 5


@dataclass(frozen=True)
class FoldDraw:
    """Row positions of one draw. The test speakers are in no other part."""

    train: Rows
    stop: Rows
    test: Rows
    folds: bool = True
    """Whether `stop` has other speakers than `train`, as in the paper."""

    @property
    def untested(self) -> Rows:
        """All rows outside the test, on which an attacker may be trained."""
        return np.union1d(self.train, self.stop)

    @property
    def d2(self) -> Rows:
        """The paper's D2: all rows outside the training."""
        return np.union1d(self.stop, self.test)


@dataclass(frozen=True)
class StudyLabels:
    """Labels of all utterances as codes, -1 if unknown, and the draws."""

    labels: dict[str, Rows]
    """Codes of `activation` and `valence` (0 low, 1 mid, 2 high), `gender`, `speaker`; `age` (1
    older than the median speaker) where it is labelled.
    """
    speaker: NDArray[np.str_]
    draws: tuple[FoldDraw, ...]

    @property
    def rows(self) -> Rows:
        """All rows that take part."""
        parts = [part for draw in self.draws for part in (draw.untested, draw.test)]
        return np.unique(np.concatenate(parts))

    def speakers(self, rows: Rows) -> list[str]:
        """The names of the speakers of some rows."""
        return sorted(set(self.speaker[rows].tolist()))


def draws(corpus: Corpus, seed: int, sums: NDArray[np.str_]) -> tuple[FoldDraw, ...]:
    """Five folds, or pairs if the speakers of one gender suffice for pairs only.

    `sums` are the checksums of the recordings. Raises `SplitError` if they suffice for neither.
    """
    if _speakers_of_rarer_gender(corpus, sums) in range(PARTS, CORPUS_FOLDS):
        return tuple(
            FoldDraw(training.train, training.validation, pair, folds=False)
            for training, pair in split.pairs(corpus, seed, sums)
        )
    fold = split.folds(corpus, CORPUS_FOLDS, seed, sums)

    def part(test: int, *offsets: int) -> Rows:
        return np.flatnonzero(
            np.isin(fold, [(test + 1 + offset) % CORPUS_FOLDS for offset in offsets])
        )

    return tuple(FoldDraw(part(k, 0, 1, 2), part(k, 3), part(k, 4)) for k in range(CORPUS_FOLDS))


def _speakers_of_rarer_gender(corpus: Corpus, sums: NDArray[np.str_]) -> int:
    gender, block = corpus.genders(), blocks(corpus.speaker, corpus.column("session"), sums)
    return min(len(np.unique(block[gender == code])) for code in (0, 1))
