"""F1, U, unweighted average recall and detail against scikit-learn and tables worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, r2_score, recall_score

from sordino.define import ROLES, Role
from sordino.errors import SordinoError
from sordino.metrics import detail_r2, f1, membership, uar, uar_by_gender, uar_difference, unchanged

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)

# Ten utterances: roles 0 neutral, 1 required, 2 sensitive.
TRUTH = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
BEFORE = np.array([0, 0, 1, 1, 1, 1, 0, 2, 2, 1])
AFTER = np.array([0, 1, 1, 1, 0, 1, 1, 0, 2, 0])


def test_a_table_worked_by_hand():
    # neutral before: TP 2 (rows 0, 1), FP 1 (row 6), FN 1 (row 2); required: TP 3, FP 2, FN 1;
    # sensitive: TP 2, FN 1
    assert f1(TRUTH, BEFORE, Role.NEUTRAL) == pytest.approx(4 / 6)
    assert f1(TRUTH, BEFORE, Role.REQUIRED) == pytest.approx(6 / 9)
    assert f1(TRUTH, BEFORE, Role.SENSITIVE) == pytest.approx(4 / 5)
    # required before: rows 2 3 4 5 9; still required after: 2 3 5. Of these with true role
    # required: 3 4 5 and 3 5.
    assert unchanged(BEFORE, AFTER, Role.REQUIRED) == pytest.approx(3 / 5)
    assert unchanged(BEFORE, AFTER, Role.REQUIRED, TRUTH, among="true_positives") == pytest.approx(
        2 / 3
    )
    assert uar(TRUTH, BEFORE) == pytest.approx((2 / 3 + 3 / 4 + 2 / 3) / 3)


@given(pairs)
def test_f1_is_that_of_scikit_learn(rows):
    truth, prediction = np.array(rows).T
    for code, role in enumerate(ROLES):
        result = f1(truth, prediction, role)
        if code in truth or code in prediction:
            assert result == pytest.approx(
                f1_score(truth, prediction, labels=[code], average="macro", zero_division=0)
            )
        else:
            assert math.isnan(result)


@given(pairs)
def test_uar_is_macro_recall_of_scikit_learn(rows):
    truth, prediction = np.array(rows).T
    classes = np.unique(truth)
    result = uar(truth, prediction)
    if classes.size > 1:
        expected = recall_score(truth, prediction, labels=classes, average="macro", zero_division=0)
        assert result == pytest.approx(expected)
    else:
        assert math.isnan(result)


def test_uar_of_each_gender_worked_by_hand():
    truth = np.array([0, 0, 1, 2, 0, 1, 1, 2, 0])
    guess = np.array([0, 1, 1, 2, 0, 1, 2, 0, 1])
    gender = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1])
    # women: recalls 1/2, 1/1, 1/1; men: 1/1, 1/2, 0/1; the last row is of unknown gender
    assert uar_by_gender(truth, guess, gender) == pytest.approx({0: 5 / 6, 1: 1 / 2})
    assert uar_difference(truth, guess, gender) == pytest.approx(1 / 2 - 5 / 6)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-1, 1)), min_size=1, max_size=60
    )
)
def test_uar_by_gender_is_macro_recall_of_scikit_learn(rows):
    truth, guess, gender = np.array(rows).T
    result = uar_by_gender(truth, guess, gender)
    for code, value in result.items():
        mask = gender == code
        classes = np.unique(truth[mask])
        expected = (
            recall_score(truth[mask], guess[mask], labels=classes, average="macro")
            if classes.size > 1
            else np.nan
        )
        assert value == pytest.approx(expected, nan_ok=True)
    swapped = np.where(gender < 0, gender, 1 - gender)
    assert uar_difference(truth, guess, swapped) == pytest.approx(
        -uar_difference(truth, guess, gender), nan_ok=True
    )


def test_a_model_for_one_gender_has_the_largest_difference():
    truth, gender = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    assert uar_difference(truth, np.array([1, 0, 0, 1]), gender) == 1
    assert uar_difference(truth, truth, gender) == 0
    assert math.isnan(uar_difference(truth, truth, np.ones(4, dtype=int)))


def test_membership_does_not_reward_saying_yes_to_all():
    member = np.repeat([1, 0], [90, 10])
    assert membership(member, np.ones(100, dtype=int)) == 0.5
    assert membership(member, member) == 1


@given(pairs)
def test_unchanged_is_the_recall_of_after_given_before(rows):
    before, after = np.array(rows).T
    result = unchanged(before, after, Role.SENSITIVE)
    if 2 in before:
        assert result == pytest.approx(
            recall_score(before, after, labels=[2], average="macro", zero_division=0)
        )
    else:
        assert math.isnan(result)


def test_uar_does_not_reward_guessing_the_larger_class():
    truth = np.repeat([0, 1], [90, 10])
    assert uar(truth, np.zeros(100, dtype=int)) == 0.5


def test_detail_is_the_variance_weighted_r2_of_scikit_learn():
    rng = np.random.default_rng(0)
    original = rng.normal(size=(30, 4)) * [1, 2, 3, 4]
    predicted = original + rng.normal(size=original.shape)
    expected = r2_score(original, predicted, multioutput="variance_weighted")
    assert detail_r2(original, predicted) == pytest.approx(expected)
    assert detail_r2(original, original) == 1
    assert detail_r2(
        original, np.broadcast_to(original.mean(axis=0), original.shape)
    ) == pytest.approx(0)


def test_what_is_not_defined_is_nan():
    none = np.array([], dtype=int)
    assert math.isnan(f1(none, none, Role.NEUTRAL))
    assert math.isnan(unchanged(none, none, Role.NEUTRAL))
    assert math.isnan(uar(none, none))
    assert math.isnan(uar(np.zeros(3, dtype=int), np.ones(3, dtype=int)))
    assert math.isnan(detail_r2(np.ones((3, 2)), np.zeros((3, 2))))
    assert math.isnan(detail_r2(np.ones((0, 2)), np.zeros((0, 2))))


def test_a_required_role_that_is_never_found_scores_zero():
    assert f1(np.array([1, 1, 0]), np.array([0, 0, 0]), Role.REQUIRED) == 0


def test_mistakes_of_the_caller_are_refused():
    with pytest.raises(SordinoError, match="align the rows"):
        f1(TRUTH, BEFORE[:3], Role.NEUTRAL)
    with pytest.raises(
        SordinoError, match="role 'sad' came, expected one of neutral, required, sensitive"
    ):
        f1(TRUTH, BEFORE, "sad")
    with pytest.raises(SordinoError, match="without truth"):
        unchanged(BEFORE, AFTER, Role.NEUTRAL, among="true_positives")
    with pytest.raises(SordinoError, match='expected "predicted" or "true_positives"'):
        unchanged(BEFORE, AFTER, Role.NEUTRAL, among="all")  # type: ignore[arg-type]
    with pytest.raises(SordinoError, match="drop the rows of unknown class"):
        uar(np.array([-1, 0, 1]), np.array([0, 0, 1]))
    with pytest.raises(SordinoError, match="gender 2 came, expected 0, 1, or -1 for unknown"):
        uar_by_gender(TRUTH[:2], BEFORE[:2], np.array([0, 2]))
    with pytest.raises(SordinoError, match="expected twice"):
        detail_r2(np.ones((3, 2)), np.ones((3, 3)))
