"""Scores that are the same by right are the same: no attacker ranks rows by their order or by
rounding.

Equal rows get equal scores, rows equally far count alike, and scores that differ by rounding alone
are no scores.
"""

from __future__ import annotations

import numpy as np

from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import Plan
from sordino.types import Matrix, Rows


def copies(z: Matrix) -> Rows:
    """The first row that each row equals, `(n,)`; its own place where it is the first or the only
    one.
    """
    content = np.ascontiguousarray(z + 0.0)  # -0.0 is 0.0
    seen: dict[bytes, int] = {}
    return np.array(
        [seen.setdefault(row.tobytes(), place) for place, row in enumerate(content)], np.intp
    )


def same(values: Matrix, copy: Rows, plan: Plan) -> Matrix:
    """Scores `(n, columns)`, those of equal rows scored on one side being that of the first."""
    if (copy == np.arange(len(copy))).all():
        return values
    values = values.copy()
    for _, test in plan.sides:
        _, first, place = np.unique(copy[test], return_index=True, return_inverse=True)
        values[test] = values[test[first[place]]]
    return values


def informed(said: Matrix, rows: Matrix, weights: Matrix) -> Matrix:
    """Scores `rows @ weights`; 0 in each column where all differences are rounding of the sums they
    come from.
    """
    if not said.size:
        return said
    noise = ROUNDING * (np.abs(rows) @ np.abs(weights).mean(axis=1))
    sure = int(np.argmin(noise))
    moved = (np.abs(said - said[sure]) > (noise + noise[sure])[:, None]).any(axis=0)
    return np.where(moved, said, 0.0)


def shares(apart: Matrix, last: Matrix, slack: Matrix, count: int) -> Matrix:
    """How much each row counts among the `count` nearest: nearer ones 1, those at the last distance
    what is left.
    """
    nearer = apart < last - slack
    level = (apart <= last + slack) & ~nearer
    left = (count - nearer.sum(axis=1, keepdims=True)) / level.sum(axis=1, keepdims=True)
    shared: Matrix = nearer + level * left
    return shared


def ranks(values: Matrix) -> Matrix:
    """The rank of each row in its column, from 1; rows whose values differ by rounding share the
    mean of theirs.

    >>> ranks(np.array([[0.3], [0.1 + 0.2], [0.0]])).ravel().tolist()
    [2.5, 2.5, 1.0]
    """
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    places = np.arange(len(values))[:, None]
    new = np.ones(values.shape, bool)
    new[1:] = np.diff(ordered, axis=0) > ROUNDING * (ordered[-1] - ordered[0])
    first = np.maximum.accumulate(np.where(new, places, 0), axis=0)
    ends = np.ones(values.shape, bool)
    ends[:-1] = new[1:]
    last = np.minimum.accumulate(np.where(ends, places, len(values))[::-1], axis=0)[::-1]
    found = np.empty(values.shape)
    np.put_along_axis(found, order, (first + last) / 2 + 1, axis=0)
    return found
