"""Exact ties of scores: no attacker ranks rows by their order or by rounding error.

Equal rows have equal scores, rows at equal distances have equal weights, and scores that differ by
rounding alone are 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.attack.attackers import arrays
from sordino.attack.attackers.arrays import Array
from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix, Rows


def copies(z: Matrix) -> Rows:
    """The first row that each row equals, `(n,)`; its own position if there is none before it."""
    content = np.ascontiguousarray(z + 0.0)  # -0.0 is 0.0
    first: dict[bytes, int] = {}
    return np.array(
        [first.setdefault(row.tobytes(), position) for position, row in enumerate(content)], np.intp
    )


class Distinct(NamedTuple):
    """The distinct ones of some rows."""

    first: Rows
    """The position of each distinct row, `(distinct,)`."""
    code: Rows
    """The distinct row that each row equals, `(n,)`, codes from 0."""


def distinct(copy: Rows) -> Distinct:
    """The distinct rows, from the result of `copies`."""
    return Distinct(*np.unique(copy, return_inverse=True))


def same(values: Matrix, copy: Rows, plan: SplitPlan) -> Matrix:
    """Scores `(n, columns)`; equal rows of one split have the score of the first."""
    if (copy == np.arange(len(copy))).all():
        return values
    values = values.copy()
    for _, test in plan.splits:
        _, first, codes = np.unique(copy[test], return_index=True, return_inverse=True)
        values[test] = values[test[first[codes]]]
    return values


def zero_rounding(scores: Array, rows: Array, weights: Array) -> Array:
    """Scores, sums of the products of rows `(rows, any)` with weights; 0 in each column in which
    all differences are rounding error. `weights` `(any,)` are the mean magnitudes over columns.
    """
    if 0 in scores.shape:
        return scores
    noise = ROUNDING * (abs(rows) @ weights)
    reference = int(noise.argmin())
    slack = (noise + noise[reference])[:, None]
    varied = (abs(scores - scores[reference]) > slack).any(axis=0)
    return arrays.library(scores).where(varied, scores, 0.0)


def merge_rounding(values: Matrix) -> Matrix:
    """Values `(n,)`; those that differ by rounding alone have the smallest of them.

    Means of the same numbers in another order are such values.

    >>> merge_rounding(np.array([0.3, 0.1 + 0.2, 1.0])).tolist()
    [0.3, 0.3, 1.0]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    size = np.abs(ordered).max(initial=0.0)
    starts = np.append(True, np.diff(ordered) > ROUNDING * size)[: len(values)]
    merged = np.empty(len(values))
    merged[order] = ordered[starts][np.cumsum(starts) - 1]
    return merged


def shares(distance: Matrix, last: Matrix, slack: Matrix, count: int) -> Matrix:
    """The weight of each row among the `count` nearest: nearer rows have 1, rows at the last
    distance share the remainder.
    """
    nearer = distance < last - slack
    level = (distance <= last + slack) & ~nearer
    remainder = (count - nearer.sum(axis=1, keepdims=True)) / level.sum(axis=1, keepdims=True)
    weights: Matrix = nearer + level * remainder
    return weights


def ranks(values: Matrix, weight: Matrix | None = None) -> Matrix:
    """The rank of each row in its column, from 1/2; values that differ by rounding share their mean
    rank.

    A row of weight w counts as w rows; by default all weights `(n,)` are 1.

    >>> ranks(np.array([[0.3], [0.1 + 0.2], [0.0]])).ravel().tolist()
    [2.0, 2.0, 0.5]
    """
    columns = np.ascontiguousarray(values.T)  # each column is sorted where it lies together
    order = np.argsort(columns, axis=1)
    ordered = np.take_along_axis(columns, order, axis=1)
    starts = np.ones(columns.shape, bool)
    starts[:, 1:] = np.diff(ordered) > ROUNDING * (ordered[:, -1:] - ordered[:, :1])
    table = np.empty(columns.shape)
    np.put_along_axis(table, order, _tied_ranks(starts, order, weight), axis=1)
    return np.ascontiguousarray(table.T)


def _tied_ranks(starts: NDArray[np.bool_], order: Rows, weight: Matrix | None) -> Matrix:
    """The ranks of ordered values; `starts` marks the first of each group of equal ones."""
    count = starts.shape[1]
    if weight is None and starts.all():
        return np.broadcast_to(np.arange(count) + 0.5, starts.shape)
    weight = np.ones(count) if weight is None else weight
    above = np.cumsum(weight[order], axis=1)
    first = np.maximum.accumulate(np.where(starts, above - weight[order], 0), axis=1)
    ends = np.ones(starts.shape, bool)
    ends[:, :-1] = starts[:, 1:]
    last = np.where(ends, above, above[:, -1:])[:, ::-1]
    mean: Matrix = (first + np.minimum.accumulate(last, axis=1)[:, ::-1]) / 2
    return mean
