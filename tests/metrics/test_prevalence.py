"""Shares from wrong decisions: the limits hold for new persons, and hostile cards are refused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sordino.errors import SordinoError
from sordino.metrics.prevalence import MOST_EMOTIONS, PassRate, Rates, prevalence

HIT = PassRate(0.8, 0.1, 24, 200)
FALSE = PassRate(0.1, 0.06, 24, 200)
RATES = Rates(HIT, (FALSE, FALSE), FALSE)


def card(**changes: Any) -> dict[str, Any]:
    """The entry of a policy, with other values of the required role."""
    required = HIT.card() | changes
    emotions = {
        "neutral": {"role": "neutral"} | FALSE.card(),
        "sad": {"role": "required"} | HIT.card(),
        "angry": {"role": "sensitive"} | FALSE.card(),
    }
    return {
        "rates": {"emotions": emotions, "roles": {"required": required, "others": FALSE.card()}}
    }


def beta(random: np.random.Generator, rate: PassRate, size: int) -> np.ndarray:
    """Rates of persons with this mean and spread."""
    precision = rate.share * (1 - rate.share) / rate.sd**2 - 1
    return random.beta(rate.share * precision, (1 - rate.share) * precision, size)


def test_limits_cover_the_share_of_new_persons() -> None:
    random, persons = np.random.default_rng(0), 1000
    share = random.uniform(0.05, 0.6, persons)
    passes = share * beta(random, HIT, persons) + (1 - share) * beta(random, FALSE, persons)
    results = [prevalence(int(k), 50, RATES) for k in random.binomial(50, passes)]
    covered = [item.low <= truth <= item.high for item, truth in zip(results, share, strict=True)]
    assert np.mean(covered) >= 0.93


def test_limits_of_binomial_error_alone_are_too_narrow() -> None:
    random, persons = np.random.default_rng(0), 1000
    exact = [PassRate(rate.share, 0.0, 10**6, 10**6) for rate in (HIT, FALSE)]
    rates = Rates(exact[0], (exact[1],), exact[1])
    passes = 0.2 * beta(random, HIT, persons) + 0.8 * beta(random, FALSE, persons)
    results = [prevalence(int(k), 200, rates) for k in random.binomial(200, passes)]
    assert np.mean([item.low <= 0.2 <= item.high for item in results]) < 0.75


def test_exact_rates_have_finite_limits() -> None:
    sure, never = PassRate(1.0, 0.0, 24, 200), PassRate(0.0, 0.0, 24, 200)
    result = prevalence(0, 50, Rates(sure, (never,), never))
    assert (result.share, result.low) == (0, 0)
    assert result.high < 0.2


def test_no_required_utterance_is_inside_the_limits() -> None:
    assert prevalence(10, 100, RATES).low == 0
    assert prevalence(80, 100, RATES).high == 1


def test_the_estimate_is_that_of_rogan_and_gladen() -> None:
    assert prevalence(24, 60, RATES).share == pytest.approx((0.4 - 0.1) / (0.8 - 0.1))


@given(st.integers(0, 300), st.integers(5, 300))
def test_the_estimate_lies_within_limits_in_the_unit(k: int, n: int) -> None:
    result = prevalence(min(k, n), n, RATES)
    assert 0 <= result.low <= result.share <= result.high <= 1


def test_too_few_data_have_no_estimate() -> None:
    few = PassRate(0.8, 0.1, 7, 200)
    for rates, total, reason in (
        (RATES, 4, "4 utterances"),
        (Rates(few, (FALSE,), FALSE), 50, "7 speakers"),
        (Rates(HIT, (HIT,), HIT), 50, "differ by 0.00"),
    ):
        result = prevalence(3, total, rates)
        assert reason in result.cannot_tell
        assert math.isnan(result.share)


@pytest.mark.parametrize(("flagged", "total"), [(-1, 10), (11, 10)])
def test_counts_that_are_none_are_refused(flagged: int, total: int) -> None:
    with pytest.raises(SordinoError, match="expected 0 to"):
        prevalence(flagged, total, RATES)


def test_a_fitted_rate_has_mean_and_spread_of_persons() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat([f"s{number}" for number in range(200)], 20)
    passed = random.random(4000) < np.repeat(beta(random, PassRate(0.7, 0.15, 1, 1), 200), 20)
    rate = PassRate.fit(passed.astype(np.intp), speaker)
    assert rate.share == pytest.approx(0.7, abs=0.03)
    assert rate.sd == pytest.approx(0.15, abs=0.03)
    assert (rate.speakers, rate.utterances) == (200, 4000)


def test_equal_persons_have_little_spread_but_some() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat([f"s{number}" for number in range(30)], 20)
    rate = PassRate.fit((random.random(600) < 0.5).astype(np.intp), speaker)
    assert 0 < rate.sd < 0.07


def test_a_rate_without_decisions_is_refused() -> None:
    with pytest.raises(SordinoError, match="add utterances"):
        PassRate.fit(np.empty(0, np.intp), np.empty(0, str))


def test_an_unknown_mix_of_emotions_widens_limits() -> None:
    high, low = PassRate(0.2, 0.06, 24, 200), PassRate(0.0, 0.0, 24, 200)
    mixed = Rates(HIT, (high, low), FALSE)
    widths = [item.high - item.low for item in (prevalence(20, 50, r) for r in (mixed, RATES))]
    assert widths[0] > widths[1]


def test_randomised_response_contracts_rates() -> None:
    rate = HIT.randomised(0.5, 0.5)
    assert rate.share == pytest.approx(0.65)
    assert rate.sd == pytest.approx(0.05)


def test_a_card_keeps_rates() -> None:
    assert Rates.from_card(json.loads(json.dumps(card()))) == RATES


HOSTILE: list[Any] = [
    None,
    "0.5",
    True,
    [0.5],
    {},
    float("nan"),
    float("inf"),
    -0.1,
    1.1,
    10**400,
    10**5000,
]


@pytest.mark.parametrize("name", ["share", "sd", "speakers", "utterances"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_numbers_of_a_card_are_refused(name: str, value: object) -> None:
    with pytest.raises(SordinoError, match="expected"):
        Rates.from_card(card(**{name: value}))


def test_a_spread_beyond_its_mean_is_refused() -> None:
    with pytest.raises(SordinoError, match="spread"):
        Rates.from_card(card(share=0.9, sd=0.5))


def test_a_card_of_many_emotions_is_refused() -> None:
    many = card()
    many["rates"]["emotions"] = {str(n): FALSE.card() for n in range(MOST_EMOTIONS + 1)}
    with pytest.raises(SordinoError, match="at most"):
        Rates.from_card(many)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rates", "emotions", "roles", "required", "others", "share", "sd"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_other_card_is_an_error_of_sordino(content: object) -> None:
    with pytest.raises(SordinoError):
        Rates.from_card(content)
