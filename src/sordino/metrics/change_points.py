"""Days from which a share differs from before, by optimal partition.

    minimise   Σ over segments of (-2 log L(segment) + PENALTY log D)       Jackson et al. 2005

L is the binomial likelihood of a segment of days with one share, D the number of days. Dynamic
programming over the start of the last segment finds the minimum in D² steps.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import xlogy

from sordino.types import Codes, Matrix

PENALTY: Final = 4.0
"""Penalty of a segment, times the logarithm of the number of days. With constant shares, at most
2 % of series have a change point (`tests/metrics/test_change_points.py`).
"""

FEWEST_DAYS: Final = 14
"""Shorter series have the penalty of so many days."""


def change_points(passed: Codes, total: Codes, smallest: float = 0.0) -> tuple[int, ...]:
    """Positions of the first day of each segment but the first, ascending.

    - `passed`, `total`: counts of each day, `(days,)`, with 0 <= `passed` <= `total`.
    - `smallest`: difference between the shares of neighbouring segments that a change point needs.
    """
    days = len(passed)
    k, n = (np.concatenate([[0.0], np.cumsum(values)]) for values in (passed, total))
    penalty = PENALTY * np.log(max(days, FEWEST_DAYS))
    best = np.zeros(days + 1)
    start = np.zeros(days + 1, np.intp)
    for end in range(1, days + 1):
        costs = best[:end] + _deviance(k[end] - k[:end], n[end] - n[:end]) + penalty
        start[end] = int(np.argmin(costs))
        best[end] = costs[start[end]]
    edges = [days]
    while edges[-1]:
        edges.append(int(start[edges[-1]]))
    edges.reverse()
    shares = np.diff(k[edges]) / np.maximum(np.diff(n[edges]), 1)
    jumps = np.abs(np.diff(shares)) >= smallest
    return tuple(int(edge) for edge, jump in zip(edges[1:-1], jumps, strict=True) if jump)


def _deviance(k: Matrix, n: Matrix) -> Matrix:
    """-2 times the largest log likelihood of segments with these counts."""
    cost: Matrix = -2 * (xlogy(k, k / np.maximum(n, 1)) + xlogy(n - k, 1 - k / np.maximum(n, 1)))
    return cost
