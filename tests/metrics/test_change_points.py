"""Change points: few in constant series, found where a share changes, the minimum of the cost."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.special import xlogy

from sordino.metrics.change_points import FEWEST_DAYS, PENALTY, change_points


def test_constant_shares_seldom_have_a_change_point() -> None:
    random = np.random.default_rng(0)
    for days, series in ((7, 200), (30, 100), (120, 20)):
        total = np.full(days, 50)
        changes = [change_points(random.binomial(total, 0.3), total) for _ in range(series)]
        assert np.mean([bool(change) for change in changes]) <= 0.03


def test_a_step_has_its_day() -> None:
    total = np.full(30, 50)
    passed = np.where(np.arange(30) < 12, 10, 25)
    assert change_points(passed, total) == (12,)
    assert change_points(passed, total, smallest=0.4) == ()


def test_the_partition_has_the_least_cost_of_all() -> None:
    random, days = np.random.default_rng(1), 8
    total = random.integers(5, 60, days)
    passed = random.binomial(total, np.repeat([0.2, 0.7, 0.4], [3, 3, 2]))

    def cost(edges: tuple[int, ...]) -> float:
        value = 0.0
        for start, stop in zip((0, *edges), (*edges, days), strict=True):
            k, n = passed[start:stop].sum(), total[start:stop].sum()
            value += PENALTY * np.log(FEWEST_DAYS) - 2 * (xlogy(k, k / n) + xlogy(n - k, 1 - k / n))
        return float(value)

    sets = [c for size in range(days) for c in combinations(range(1, days), size)]
    assert change_points(passed, total) == min(sets, key=cost)


def test_days_without_utterances_change_nothing() -> None:
    total = np.array([50, 0, 50, 0, 50])
    assert change_points(total // 5, total) == ()
