"""Intervals over speakers: against textbook figures, invariances, several draws, and
undefined limits.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from sordino.errors import SordinoError
from sordino.metrics import auc, detail_r2, interval, privacy
from tests.metrics.synthetic_studies import SITUATIONS

UNBOUNDED = (-np.inf, np.inf)


def mean_of(values):
    return lambda rows: float(np.mean(values[rows])) if len(rows) else float("nan")


def test_for_a_mean_with_one_row_a_speaker_it_is_the_t_interval():
    values = np.random.default_rng(0).normal(size=12)
    result = interval(mean_of(values), range(12), bounds=UNBOUNDED)
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / 12**0.5
    assert result.value == pytest.approx(values.mean())
    # an influence is right to 1 / m²: (x - mean) m / (m² - 1) in place of (x - mean) / m
    assert result.high - result.value == pytest.approx(half * 144 / 143)
    assert result.value - result.low == pytest.approx(half * 144 / 143)
    assert (result.n, result.speakers) == (12, 12)


def test_a_table_worked_by_hand_with_two_strata():
    # four women are right in .75 .25 .75 .75, four men in .25 .25 .75 .25; m = 8 speakers share the
    # mean 0.5
    right = np.array([0.75, 0.25, 0.75, 0.75, 0.25, 0.25, 0.75, 0.25])
    result = interval(mean_of(right), range(8), stratum="ffffmmmm")
    # influence of a .75: (4.75 / 9 - 3.25 / 7) / 2 = 2 / 63, of a .25: -2 / 63 V_h = 4 · (2 / 63)²
    # · var(1, -1, 1, 1) = 4 · (2 / 63)² · 1, the same for both: df = 2² / (2 / 3) = 6
    error = (8 * (2 / 63) ** 2) ** 0.5
    width = stats.t.ppf(0.975, 6) * error / 0.25
    assert (result.low, result.high) == pytest.approx((expit(-width), expit(width)))


def test_no_limits_are_wider_than_clopper_and_pearsons():
    right = np.array(
        [0.0, *np.ones(7)]
    )  # one speaker of eight is wrong: the logit limits alone are [.32, .99]
    result = interval(mean_of(right), range(8))
    assert result.low == pytest.approx(stats.beta.ppf(0.025, 7, 2))
    rows = [1, 20, *[1] * 6]
    narrow = interval(mean_of(np.repeat(right, rows)), np.repeat(range(8), rows))
    assert narrow.low < result.low, (
        "more rows of one speaker leave less evidence, though more of them are right"
    )


def test_utterances_of_one_speaker_are_not_independent_evidence():
    values = np.random.default_rng(1).random(8)
    once = interval(mean_of(values), range(8))
    often = interval(mean_of(np.repeat(values, 50)), np.repeat(range(8), 50))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert (often.n, often.speakers) == (400, 8)


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_row_order_and_speaker_names_change_no_interval(name):
    study = SITUATIONS[name](np.random.default_rng(3), 34, 5)
    n = len(study.speaker)
    order = np.random.default_rng(4).permutation(n)
    renamed = np.array([f"corpus/{97 * who % 34:02d}" for who in study.speaker])
    moved = interval(
        lambda rows: study.statistic(order[rows]),
        renamed[order],
        draw=study.draw[order],
        stratum=study.gender[order],
        group=None if study.group is None else study.group[order],
        bounds=study.bounds,
    )
    result = study.interval()
    assert (moved.value, moved.low, moved.high) == pytest.approx(
        (result.value, result.low, result.high)
    )
    assert (moved.n, moved.speakers) == (n, np.unique(study.speaker).size)
    assert study.bounds[0] <= result.low < result.value < result.high <= 1


def test_the_value_is_the_unweighted_mean_over_draws():
    values, draw = np.arange(20.0), np.repeat(["a", "b"], [5, 15])
    result = interval(mean_of(values), range(20), draw=draw, bounds=UNBOUNDED)
    assert result.value == pytest.approx((values[:5].mean() + values[5:].mean()) / 2)


def test_independent_draws_add_up_as_independent_means_do():
    rng = np.random.default_rng(5)
    values, draw = rng.normal(size=60), np.repeat([0, 1, 2], 20)
    result = interval(mean_of(values), range(60), draw=draw, bounds=UNBOUNDED)
    variances = np.array([values[draw == d].var(ddof=1) / 20 for d in range(3)])
    df = variances.sum() ** 2 / (variances**2 / 19).sum()
    half = stats.t.ppf(0.975, df) * variances.sum() ** 0.5 / 3
    assert result.high - result.value == pytest.approx(half, rel=0.01)


def test_a_speaker_in_every_draw_is_one_speaker():
    values = np.random.default_rng(6).normal(size=10)
    once = interval(mean_of(values), range(10), bounds=UNBOUNDED)
    five = interval(
        mean_of(np.tile(values, 5)),
        np.tile(range(10), 5),
        draw=np.repeat(range(5), 10),
        bounds=UNBOUNDED,
    )
    assert (five.low, five.high) == pytest.approx((once.low, once.high))
    assert (five.n, five.speakers) == (50, 10)


def test_a_draw_where_the_metric_is_not_defined_is_left_out():
    values, draw = np.arange(12.0) / 20, np.repeat([0, 1, 2], 4)
    result = interval(
        lambda rows: mean_of(values)(rows) if rows[0] else math.nan, range(12), draw=draw
    )
    assert result.value == pytest.approx(values[4:].mean())
    assert (result.n, result.speakers) == (8, 8)


def test_a_single_speaker_in_a_stratum_joins_another():
    right = np.random.default_rng(8).random(9)
    lonely = interval(mean_of(right), range(9), draw=[0] * 4 + [1] * 5, stratum="fffmffmmm")
    joined = interval(mean_of(right), range(9), draw=[0] * 4 + [1] * 5, stratum="ffffffmmm")
    assert lonely == joined


def test_draws_of_one_speaker_each_are_compared_with_each_other():
    values = np.random.default_rng(9).random(8)
    rows, speaker = np.repeat(values, 2), np.repeat(range(8), 2)
    result = interval(mean_of(rows), speaker, draw=speaker, bounds=UNBOUNDED)
    half = (
        stats.t.ppf(0.975, 7) * values.std(ddof=1) / 8**0.5
    )  # the mean of eight figures, one a speaker
    assert result.high - result.value == pytest.approx(half * 8 / 7)


def test_fewer_than_four_speakers_have_no_limits():
    values = np.random.default_rng(10).random(30)
    result = interval(mean_of(values), np.repeat(range(3), 10))
    assert result.value == pytest.approx(values.mean())
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert result.speakers == 3


@pytest.mark.parametrize(("women", "men", "defined"), [(3, 9, False), (9, 3, False), (4, 4, True)])
def test_a_secret_of_the_speaker_needs_four_of_each(women, men, defined):
    male = np.repeat([False, True], [women * 5, men * 5])
    score = np.random.default_rng(11).normal(size=male.size)
    speaker = np.repeat(range(women + men), 5)
    result = interval(lambda rows: auc(male[rows], score[rows]), speaker, stratum=male, group=male)
    assert math.isnan(result.low) != defined


def test_a_secret_within_speakers_needs_four_in_all():
    sensitive = np.tile([True, True, False, False], 4)
    score = np.random.default_rng(12).normal(size=16)
    result = interval(
        lambda rows: auc(sensitive[rows], score[rows]), np.repeat(range(4), 4), group=sensitive
    )
    assert result.low < result.value < result.high


def test_perfect_scores_have_clopper_and_pearsons_limit():
    result = interval(mean_of(np.ones(800)), np.repeat(range(8), 100))
    assert (result.value, result.high) == (1, 1)
    assert result.low == pytest.approx(0.025 ** (1 / 8))
    none = interval(mean_of(np.zeros(800)), np.repeat(range(8), 100))
    assert (none.low, none.value) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 8))


def test_the_smaller_group_limits_the_effective_speakers():
    male = np.repeat([False, True], [4, 20])
    result = interval(
        lambda rows: auc(male[rows], male[rows] * 1.0), range(24), stratum=male, group=male
    )
    assert (result.value, result.high) == (1, 1)
    assert result.low == pytest.approx(0.025 ** (1 / 8))


def test_limits_differ_if_no_speaker_has_an_influence():
    half = np.tile([0.0, 1.0], 10)
    result = interval(mean_of(half), np.repeat(range(10), 2))
    expected = stats.binomtest(5, 10).proportion_ci(0.95, "exact")
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))


def test_a_draw_that_hangs_on_one_speaker_widens_the_interval():
    values = np.array([0.5, 0.55, 0.45, 0.5, 0.52, 0.9])
    draw = np.array([0, 0, 0, 0, 0, 1])
    with_lone = interval(mean_of(values), range(6), draw=draw, bounds=UNBOUNDED)
    without = interval(mean_of(values[:5]), range(5), bounds=UNBOUNDED)
    assert with_lone.high - with_lone.low > 3 * (without.high - without.low)


def test_a_metric_that_depends_on_one_speaker_has_no_limits():
    counted = np.array([True, False, False, False, False])
    result = interval(lambda rows: 0.3 if counted[rows].any() else math.nan, range(5))
    assert result.value == 0.3
    assert math.isnan(result.low)
    assert math.isnan(result.high)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (-np.inf, 1.0)])
def test_limits_stay_inside_the_range_of_the_metric(bounds):
    values = np.array([1.0, 1.0, 1.0, 0.2, 1.0, 0.9])
    result = interval(mean_of(values), range(6), bounds=bounds)
    assert bounds[0] <= result.low < result.value < result.high <= bounds[1]


def test_bounds_of_minus_one_to_one_are_a_change_of_scale():
    values = np.random.default_rng(13).random(9)
    plain, shifted = (
        interval(mean_of(values), range(9)),
        interval(mean_of(2 * values - 1), range(9), bounds=(-1, 1)),
    )
    assert (shifted.low, shifted.high) == pytest.approx((2 * plain.low - 1, 2 * plain.high - 1))


def test_r2_of_a_perfect_reconstruction_is_one_for_sure():
    x = np.random.default_rng(14).normal(size=(20, 3))
    result = interval(
        lambda rows: detail_r2(x[rows], x[rows]), np.repeat(range(5), 4), bounds=(-np.inf, 1)
    )
    assert (result.value, result.low, result.high) == (1, 1, 1)


def test_more_confidence_is_a_wider_interval_with_the_t_quantile():
    values = np.random.default_rng(15).random(10)
    usual, sure = (interval(mean_of(values), range(10), confidence=c) for c in (0.95, 0.99))
    ratio = (logit(sure.high) - logit(sure.value)) / (logit(usual.high) - logit(usual.value))
    assert ratio == pytest.approx(stats.t.ppf(0.995, 9) / stats.t.ppf(0.975, 9))


def test_the_fold_of_a_privacy_interval_ends_at_one_half():
    rng = np.random.default_rng(16)
    gender, guess = np.repeat(np.arange(12) % 2, 10), rng.integers(0, 2, 120)
    result = interval(
        lambda rows: privacy(gender[rows], guess[rows]), np.repeat(range(12), 10), group=gender
    )
    assert result.low < 0.5 < result.high
    assert result.folded().high == 0.5
    assert result.folded().low == min(result.low, 1 - result.high)


def test_no_rows_have_no_value():
    result = interval(mean_of(np.array([])), [])
    assert math.isnan(result.value)
    assert math.isnan(result.low)
    assert (result.n, result.speakers) == (0, 0)


def test_speakers_may_be_named_by_anything_hashable():
    values = np.random.default_rng(17).random(6)
    tuples = interval(mean_of(values), [("corpus", who) for who in range(6)])
    assert tuples == interval(mean_of(values), range(6))


def test_mistakes_of_the_caller_are_refused():
    values = np.zeros(6)
    with pytest.raises(SordinoError, match="5 labels beside 6 speakers"):
        interval(mean_of(values), range(6), draw=range(5))
    with pytest.raises(SordinoError, match="bounds"):
        interval(mean_of(values), range(6), bounds=(1, 0))
    with pytest.raises(SordinoError, match="confidence 95"):
        interval(mean_of(values), range(6), confidence=95)
