"""Nearest neighbours with scores that are linear in the labels: see `kernels`."""

from __future__ import annotations

import numpy as np

from sordino.attack.attackers import ties
from sordino.attack.attackers.arrays import Array
from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix, Rows


def squared_distances(inner: Array) -> Array:
    """Squared distances from inner products, on the device of these."""
    norms = inner.diagonal()
    return (norms[:, None] + norms[None, :] - 2 * inner).clip(min=0.0)


def nearest(
    squared: Matrix, norms: Matrix, labels: Matrix, plan: SplitPlan, count: int, code: Rows
) -> Matrix:
    """The mean label of the nearest rows minus that of all rows; rows at equal distances have equal
    weights.

    `squared` `(any, any)` are squared distances of distinct rows, and `norms` `(any,)` squared
    lengths, which decide the rounding error of distances; `code` `(n,)` is the distinct row that
    each row equals.
    """
    scores = np.full_like(labels, np.nan)
    for train, test in plan.splits:
        size, base = min(count, len(train)), labels[train].mean(axis=0)
        distance = squared[np.ix_(code[test], code[train])]
        near = np.argpartition(distance, size - 1, axis=1)[:, :size]
        means = labels[train[near]].mean(axis=1)
        last = np.take_along_axis(distance, near, axis=1).max(axis=1, keepdims=True)
        slack = ROUNDING * (norms[code[test]][:, None] + last)
        tied = np.flatnonzero((distance <= last + slack).sum(axis=1) > size)
        if len(tied):
            weights = ties.shares(distance[tied], last[tied], slack[tied], size)
            means[tied] = weights @ labels[train] / size
        varied = np.abs(means - base).max(axis=0) > ROUNDING
        scores[test] = np.where(varied, means - base, 0.0)
    return scores
