"""Tests of a difference against scipy, tables worked by hand, and models that are equally good."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sordino.errors import SordinoError
from sordino.metrics import benjamini_hochberg, corrected_resampled_t, paired_t

values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=15)

# UAR of two models on five folds: differences .02 .04 .00 .06 .03, mean .03, variance .0020 / 4 =
# .0005.
A = [0.62, 0.64, 0.60, 0.66, 0.63]
B = [0.60, 0.60, 0.60, 0.60, 0.60]


def test_a_table_worked_by_hand():
    plain, corrected = paired_t(A, B), corrected_resampled_t(A, B, test_share=0.25)
    assert plain.difference == corrected.difference == pytest.approx(0.03)
    assert plain.t == pytest.approx(0.03 / math.sqrt(0.0005 / 5))  # 3
    assert corrected.t == pytest.approx(0.03 / math.sqrt(0.0005 * (1 / 5 + 1 / 3)))  # 1.837
    assert plain.df == corrected.df == 4
    assert plain.p == pytest.approx(
        0.0399, abs=1e-4
    )  # t table, 4 degrees of freedom: 2.776 has 0.05
    assert corrected.p == pytest.approx(0.1401, abs=1e-4)


@given(values)
def test_the_paired_test_is_that_of_scipy(pairs):
    a, b = np.array(pairs).T
    result = paired_t(a, b)
    if np.ptp(a - b) > 1e-6:
        expected = stats.ttest_rel(a, b)
        assert result.t == pytest.approx(expected.statistic)
        assert result.p == pytest.approx(expected.pvalue)
        assert result.df == expected.df
    reverse = paired_t(b, a)
    assert (reverse.difference, reverse.t, reverse.p) == (-result.difference, -result.t, result.p)


@given(values, st.floats(0.05, 0.9))
def test_the_correction_only_ever_makes_it_harder(pairs, share):
    a, b = np.array(pairs).T
    plain, corrected = paired_t(a, b), corrected_resampled_t(a, b, share)
    assert corrected.p >= plain.p
    if 0 < abs(plain.t) < math.inf:
        assert plain.t / corrected.t == pytest.approx(math.sqrt(1 + len(a) * share / (1 - share)))


def test_equal_folds_are_certain_and_one_fold_is_undefined():
    assert paired_t([0.5, 0.75], [0.25, 0.5]).p == 0
    assert paired_t([0.25, 0.5], [0.5, 0.75]).t == -math.inf
    assert (paired_t(A, A).t, paired_t(A, A).p) == (0, 1)
    single = paired_t([0.5], [0.25])
    assert single.difference == 0.25
    assert math.isnan(single.t)
    assert math.isnan(single.p)
    assert math.isnan(paired_t([], []).p)


def differences(
    random: np.random.Generator, rows: int, folds: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Errors of two models that are equally good, over folds: y = u + v + noise, predicted from
    u or from v alone.
    """
    x = random.normal(size=(rows, 2))
    y = x.sum(axis=1) + random.normal(size=rows)
    errors: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        fold = random.permutation(rows) % folds
        for k in range(folds):
            train, test = fold != k, fold == k
            for model in (0, 1):
                slope = x[train, model] @ y[train] / (x[train, model] @ x[train, model])
                errors[model].append(float(np.mean((y[test] - slope * x[test, model]) ** 2)))
    return errors


def test_shared_training_data_inflate_the_plain_test_only():
    random, studies = np.random.default_rng(0), 500
    plain = corrected = 0
    for _ in range(studies):
        a, b = differences(random, rows=60, folds=5, rounds=3)
        plain += paired_t(a, b).p < 0.05
        corrected += corrected_resampled_t(a, b, test_share=0.2).p < 0.05
    assert plain / studies > 0.2  # .31 in 2,000 studies
    assert corrected / studies < 0.06  # .03


def test_both_tests_keep_their_level_on_pairs_that_share_nothing():
    random = np.random.default_rng(1)
    pairs = random.normal(size=(2000, 5))
    rejected = np.mean([paired_t(pair, np.zeros(5)).p < 0.05 for pair in pairs])
    assert rejected == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 2000))


def test_benjamini_and_hochbergs_own_example():
    # their table of 1995, fifteen tests: the largest i with p_(i) <= 0.05 i / 15 is 4
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    order = np.random.default_rng(0).permutation(15)
    result = benjamini_hochberg(np.array(p)[order])
    assert sorted(np.array(p)[order][result.significant]) == p[:4]
    assert result.p[order == 3] == pytest.approx(0.0095 * 15 / 4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_is_the_smallest_level_of_the_step_up_rule(p):
    result = benjamini_hochberg(p)
    ranked = sorted(p)
    for value, adjusted in zip(p, result.p, strict=True):
        above = [ranked[j] * len(p) / (j + 1) for j in range(len(p)) if ranked[j] >= value]
        assert adjusted == pytest.approx(min(1, *above) if above else 1)
    assert result.significant.tolist() == (result.p < 0.05).tolist()


def test_a_test_that_could_not_be_made_counts_for_none():
    result = benjamini_hochberg([0.01, math.nan, 0.04, 0.03])
    assert result.p[[0, 2, 3]].tolist() == benjamini_hochberg([0.01, 0.04, 0.03]).p.tolist()
    assert math.isnan(result.p[1])
    assert result.significant.tolist() == [True, False, True, True]
    assert benjamini_hochberg([]).p.size == 0
    assert not benjamini_hochberg([math.nan]).significant.any()


def test_mistakes_of_the_caller_are_refused():
    with pytest.raises(SordinoError, match="expected twice"):
        paired_t([0.1, 0.2], [0.1])
    with pytest.raises(SordinoError, match="leave that fold out"):
        paired_t([0.1, math.nan], [0.1, 0.2])
    with pytest.raises(SordinoError, match="test_share 1 came, expected between 0 and 1"):
        corrected_resampled_t(A, B, 1)
    with pytest.raises(SordinoError, match="pass p, not t"):
        benjamini_hochberg([0.2, 1.5])
    with pytest.raises(SordinoError, match="alpha 0 came"):
        benjamini_hochberg([0.2], alpha=0)
