"""Splits: the rows on which attackers are trained, and the rows that they score.

crossfit         Each fold of speakers is scored by attackers that were trained on the other folds.
                 All folds are measured.
holdout          The attacker's speakers are cross-fitted, for selection. Test rows are scored by
                 attackers that were trained on all of the attacker's speakers. Only these are
                 measured.
with_validation  One part for training, one for selection, one for measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.types import Rows


class Split(NamedTuple):
    """Row positions; no row is in both parts."""

    train: Rows
    """The rows of training."""
    test: Rows
    """The rows that are scored."""


@dataclass(frozen=True)
class SplitPlan:
    """Splits in which no row is scored twice."""

    splits: tuple[Split, ...]
    measured: tuple[int, ...]
    """Indices of the splits that are measured; the others are scored for selection."""

    def selection_splits(self, index: int) -> list[int]:
        """Indices of the splits on which the attacker of split `index` is selected.

        These are the splits that are not measured, if there are any; else all others.
        """
        validation = [i for i in range(len(self.splits)) if i not in self.measured]
        return [i for i in validation or self.measured if i != index]

    def selection_rows(self, index: int) -> Rows:
        """The scored rows of `selection_splits`."""
        return np.concatenate([self.splits[i].test for i in self.selection_splits(index)])

    @property
    def train_rows(self) -> Rows:
        """All rows of training, ascending; they alone decide scales."""
        return np.unique(np.concatenate([split.train for split in self.splits]))

    def of_speakers(self, speaker: Rows) -> SplitPlan:
        """The same plan over whole speakers.

        `speaker` `(n,)` are codes from 0. Each speaker is in one part of a split.
        """
        splits = tuple(
            Split(np.unique(speaker[train]), np.unique(speaker[test]))
            for train, test in self.splits
        )
        return SplitPlan(splits, self.measured)


def crossfit(folds: Rows) -> SplitPlan:
    """Each fold is scored by attackers of the other folds; rows with a negative fold take no part.

    >>> [split.test.tolist() for split in crossfit(np.array([0, 1, 0])).splits]
    [[0, 2], [1]]
    """
    codes = np.unique(folds[folds >= 0])
    splits = tuple(
        Split(np.flatnonzero((folds != fold) & (folds >= 0)), np.flatnonzero(folds == fold))
        for fold in codes
    )
    return SplitPlan(splits, tuple(range(len(codes))))


def holdout(train: Rows, test: Rows, folds: Rows) -> SplitPlan:
    """Test rows are scored by attackers of all training rows; these are cross-fitted by `folds`
    `(len(train),)`.

    >>> plan = holdout(np.array([0, 1]), np.array([2]), np.array([0, 1]))
    >>> index = plan.measured[0]
    >>> plan.splits[index].train.tolist(), plan.selection_rows(index).tolist()
    ([0, 1], [0, 1])
    """
    inner = tuple(Split(train[folds != fold], train[folds == fold]) for fold in np.unique(folds))
    return SplitPlan((*inner, Split(train, test)), (len(inner),))


def with_validation(train: Rows, validation: Rows, test: Rows) -> SplitPlan:
    """Test rows are scored by the attacker that is trained on `train` and selected on
    `validation`.
    """
    return SplitPlan((Split(train, validation), Split(train, test)), (1,))


def deal_speakers(
    speaker: NDArray[np.str_], secret: NDArray[np.intp], seed: int, count: int
) -> Rows:
    """The fold of each row, 0 to `count` - 1, `(n,)`; each speaker is in one fold, for any row
    order.

    Speakers are dealt in turn, in descending order of the mean of the secret, so that folds have
    similar shares of its values.
    """
    names, codes = np.unique(speaker, return_inverse=True)
    shares = np.bincount(codes, weights=secret) / np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-shares[order], kind="stable")]
    fold = np.empty(len(names), dtype=np.intp)
    fold[order] = np.arange(len(names)) % count
    return fold[codes]
