"""Trends: limits hold for new persons and days, versions of a bundle do not move them."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from sordino.errors import SordinoError
from sordino.metrics import trend as module
from sordino.metrics.prevalence import PassRate, Rates
from sordino.metrics.trend import DAY_STEPS, MOST_PERIODS, trend

HIT = PassRate(0.8, 0.1, 24, 200)
FALSE = PassRate(0.1, 0.06, 24, 200)
RATES = Rates(HIT, (FALSE, FALSE), FALSE)
LONG = MOST_PERIODS + 1


def exact(h: float, f: float) -> Rates:
    """Rates without spread."""
    return Rates(*(PassRate(h, 0.0, 10**6, 10**6),), (PassRate(f, 0.0, 10**6, 10**6),), FALSE)


def person(random: np.random.Generator, rate: PassRate) -> float:
    precision = rate.share * (1 - rate.share) / rate.sd**2 - 1
    return float(random.beta(rate.share * precision, (1 - rate.share) * precision))


def test_limits_cover_the_trend_of_new_persons() -> None:
    random, covered, days = np.random.default_rng(0), [], np.arange(14)
    for _ in range(40):
        first, last = random.uniform(0.05, 0.6, 2)
        share = np.linspace(first, last, len(days))
        passes = share * person(random, HIT) + (1 - share) * person(random, FALSE)
        result = trend(days, random.binomial(50, passes), np.full(len(days), 50), RATES)
        covered.append(np.mean((result.low <= share) & (share <= result.high)))
        assert (result.low <= result.share).all()
        assert (result.share <= result.high).all()
    assert np.mean(covered) >= 0.93


def test_a_constant_share_has_no_change_point() -> None:
    random, days = np.random.default_rng(0), np.arange(30)
    changes = [
        trend(days, random.binomial(50, 0.3, 30), np.full(30, 50), RATES).change_points
        for _ in range(10)
    ]
    assert changes == [()] * 10


def test_a_step_is_a_change_point_with_its_day() -> None:
    flagged = np.where(np.arange(20) < 9, 10, 25)
    assert trend(np.arange(100, 120), flagged, np.full(20, 50), RATES).change_points == (109,)


def test_more_days_narrow_the_limits() -> None:
    one, many = (trend(range(n), [20] * n, [50] * n, RATES) for n in (1, 20))
    assert many.high[0] - many.low[0] < one.high[0] - one.low[0]


def test_two_bundles_have_one_trend() -> None:
    first, second = exact(0.9, 0.05), exact(0.6, 0.2)
    share, days = 0.3, 20
    passes = [share * 0.9 + 0.7 * 0.05] * 10 + [share * 0.6 + 0.7 * 0.2] * 10
    flagged = np.round(np.array(passes) * 1000).astype(int)
    rates = [first] * 10 + [second] * 10
    result = trend(range(days), flagged, [1000] * days, rates)
    assert np.abs(result.share - share).max() < 0.05
    assert result.change_points == ()


def test_the_posterior_is_that_of_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARES", 5)
    monkeypatch.setattr(module, "QUANTILES", 2)
    k, n, gaps = np.array([3, 1, 6]), np.array([10, 8, 9]), np.array([1, 3])
    grid = module._grid()
    passes = module._pass_shares(RATES, grid)
    expected = np.zeros((3, 5))
    for step, row in product(DAY_STEPS, passes):
        walks = [module._walk(step * math.sqrt(gap), grid) for gap in gaps]
        for path in product(range(5), repeat=3):
            weight = walks[0][path[0], path[1]] * walks[1][path[1], path[2]]
            for t, cell in enumerate(path):
                weight *= row[cell] ** k[t] * (1 - row[cell]) ** (n[t] - k[t])
            for t, cell in enumerate(path):
                expected[t, cell] += weight
    expected /= expected.sum(axis=1, keepdims=True)
    got = module._posterior(np.array([0, 1, 4]), k, n, [RATES], np.zeros(3, np.intp))
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_a_day_without_utterances_has_an_estimate() -> None:
    result = trend([1, 2, 3], [10, 0, 10], [50, 0, 50], RATES)
    assert np.isfinite(result.share).all()
    assert result.high[1] - result.low[1] >= result.high[0] - result.low[0]


def test_input_stays_as_it_is() -> None:
    days, flagged, total = np.arange(3), np.array([1, 2, 3]), np.array([9, 9, 9])
    trend(days, flagged, total, RATES)
    assert flagged.tolist() == [1, 2, 3]
    assert total.tolist() == [9, 9, 9]


def test_too_few_utterances_have_no_trend() -> None:
    result = trend([1, 2], [1, 0], [2, 1], RATES)
    assert "3 utterances" in result.cannot_tell
    assert np.isnan(result.share).all()


@pytest.mark.parametrize(
    ("days", "flagged", "total", "reason"),
    [
        ([2, 1], [1, 1], [9, 9], "ascending"),
        ([1, 1], [1, 1], [9, 9], "ascending"),
        ([], [], [], "ascending"),
        (
            range(MOST_PERIODS + 1),
            [0] * (MOST_PERIODS + 1),
            [9] * (MOST_PERIODS + 1),
            "ask for a shorter",
        ),
        ([1], [10], [9], "above its utterances"),
        ([1], [-1], [9], "below 0"),
        ([1], [1.5], [9], "whole numbers"),
        ([1, 2], [1], [9, 9], "differ in length"),
    ],
)
def test_days_that_are_no_counts_are_refused(
    days: list[int], flagged: list[int], total: list[int], reason: str
) -> None:
    with pytest.raises(SordinoError, match=reason):
        trend(days, flagged, total, RATES)


def test_rates_of_other_days_are_refused() -> None:
    with pytest.raises(SordinoError, match="one per day"):
        trend([1, 2], [5, 5], [9, 9], [RATES])
