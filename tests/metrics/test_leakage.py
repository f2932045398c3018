"""Leakage, privacy and areas under ROC curves against scikit-learn and tables worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from sordino import metrics
from sordino.errors import SordinoError
from sordino.metrics import auc, distinguish, leakage_feng, privacy, privacy_folded

genders = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40)
scored = st.lists(
    st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=40
)  # few values: many ties


def test_a_table_worked_by_hand():
    gender = np.array([0, 0, 0, 0, 1, 1])
    guess = np.array([0, 0, 0, 1, 1, 0])
    assert leakage_feng(gender, guess) == pytest.approx(4 / 6)
    assert privacy(gender, guess) == pytest.approx(1 - (3 / 4 + 1 / 2) / 2)
    # pairs positive/negative: 3 > 1, 3 > 2, 2 > 1, 2 = 2 (half), 0 < 1, 0 < 2
    assert (
        auc(np.array([True, True, True, False, False]), np.array([3.0, 2.0, 0.0, 1.0, 2.0]))
        == 3.5 / 6
    )


@given(genders)
def test_leakage_is_accuracy_and_privacy_one_minus_macro_recall(rows):
    gender, guess = np.array(rows).T
    assert leakage_feng(gender, guess) == pytest.approx(accuracy_score(gender, guess))
    if np.unique(gender).size == 2:
        recall = recall_score(gender, guess, average="macro")
        assert privacy(gender, guess) == pytest.approx(1 - recall)
        assert privacy_folded(gender, guess) == pytest.approx(min(recall, 1 - recall))
    else:
        assert math.isnan(privacy(gender, guess))
        assert math.isnan(privacy_folded(gender, guess))


@given(scored)
def test_auc_is_that_of_scikit_learn_and_of_midranks(rows):
    positive, score = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    first, second = positive.sum(), (~positive).sum()
    if not first or not second:
        assert math.isnan(auc(positive, score))
        return
    ranks = rankdata(score)[positive].sum()
    assert auc(positive, score) == pytest.approx(roc_auc_score(positive, score))
    assert auc(positive, score) == pytest.approx(
        (ranks - first * (first + 1) / 2) / (first * second)
    )


@given(scored, st.sampled_from([np.exp, np.cbrt, lambda x: 3 * x - 7]))
def test_auc_sees_only_the_order_of_the_scores(rows, rising):
    positive, score = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    assert auc(positive, rising(score)) == pytest.approx(auc(positive, score), nan_ok=True)
    assert auc(~positive, score) == pytest.approx(1 - auc(positive, score), nan_ok=True)


def test_constant_scores_give_chance_and_infinite_ones_are_valid():
    positive = np.array([True, False, True, False, False])
    assert auc(positive, np.zeros(5)) == 0.5
    assert auc(positive, np.array([np.inf, -np.inf, np.inf, 0.0, 1.0])) == 1


def test_distinguish_is_the_auc_of_sensitive_against_neutral():
    rng = np.random.default_rng(0)
    truth, score = rng.integers(0, 3, 60), rng.normal(size=60)
    rows = truth != 1
    assert distinguish(truth, score) == pytest.approx(roc_auc_score(truth[rows] == 2, score[rows]))
    moved = np.where(truth == 1, 100.0, score)
    assert distinguish(truth, moved) == distinguish(truth, score)
    assert math.isnan(distinguish(np.array([1, 2, 1]), np.zeros(3)))


def test_a_reliably_wrong_attacker_is_no_privacy():
    gender = np.array([0, 0, 1, 1])
    assert privacy(gender, 1 - gender) == 1
    assert privacy_folded(gender, 1 - gender) == 0


def test_mistakes_of_the_caller_are_refused():
    with pytest.raises(SordinoError, match="align the rows"):
        leakage_feng(np.zeros(3, dtype=int), np.zeros(2, dtype=int))
    with pytest.raises(SordinoError, match="a score is NaN"):
        auc(np.array([True, False]), np.array([np.nan, 1.0]))
    with pytest.raises(SordinoError, match="expected bool"):
        auc(np.array([1, 0]), np.array([0.0, 1.0]))


def test_nothing_to_measure_is_nan():
    none = np.array([], dtype=int)
    assert math.isnan(leakage_feng(none, none))
    assert math.isnan(privacy(none, none))


def test_tpr_at_a_low_fpr_needs_enough_negatives() -> None:
    random = np.random.default_rng(0)
    positive = np.repeat([True, False], 2000)
    score = random.normal(size=4000) + positive
    result = metrics.tpr_at_fpr(positive, score, 0.01)
    threshold = np.sort(score[~positive])[-21]
    assert result == np.mean(score[positive] > threshold)
    assert np.isnan(metrics.tpr_at_fpr(positive[1950:2030], score[1950:2030], 0.01))


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    random = np.random.default_rng(0)
    positive = np.repeat([True, False], 5000)
    score = random.normal(size=10000) + 2 * positive
    assert metrics.eer(positive, score) == pytest.approx(0.1587, abs=0.01)  # 1 - Φ(1)
    assert metrics.eer(positive, -score) == pytest.approx(1 - 0.1587, abs=0.01)
    assert np.isnan(metrics.eer(np.array([True, True]), np.array([0.1, 0.2])))


def test_tied_scores_have_the_interpolated_equal_error_rate() -> None:
    """Ties are broken at random: the mean over many random orders is the interpolated rate."""
    random = np.random.default_rng(0)
    positive = np.repeat([True, False], [60, 90])
    score = random.integers(0, 3, 150) + positive.astype(int)
    orders = [
        metrics.eer(positive, score + random.uniform(0, 1e-6, positive.size)) for _ in range(400)
    ]
    assert metrics.eer(positive, score) == pytest.approx(np.mean(orders), abs=0.01)
    assert metrics.eer(positive, np.zeros(150)) == pytest.approx(0.5)


def test_bits_of_a_calibrated_and_of_an_ignorant_attacker() -> None:
    secret = np.array([0, 0, 1, 1])
    assert metrics.bits(secret, np.full(4, 0.5), 2) == 0
    assert metrics.bits(secret, np.full(4, 0.25), 2) == -1
    assert metrics.bits(secret, np.full(4, 0.75), 2) == pytest.approx(1 + np.log2(0.75))
    assert metrics.advantage(secret, np.array([0, 0, 1, 1]), 2) == 1
    assert metrics.advantage(secret, np.array([1, 1, 0, 0]), 2) == -1
