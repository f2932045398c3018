"""No attacker scores its training rows, and each speaker is in one fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.attack import retraining, splits
from sordino.errors import AttackError


@st.composite
def secrets(draw: st.DrawFn) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Utterances of 4 to 15 speakers, at least two of each value, with a secret that is constant
    within a speaker.
    """
    values = [0, 0, 1, 1, *draw(st.lists(st.integers(0, 1), max_size=11))]
    counts = draw(st.lists(st.integers(1, 6), min_size=len(values), max_size=len(values)))
    names = draw(st.permutations([f"{number:02d}" for number in range(len(values))]))
    return np.repeat(names, counts), np.repeat(np.array(values, np.intp), counts)


@settings(deadline=None)
@given(secrets(), st.integers(0, 99))
def test_splits_share_no_speaker_and_have_both_values(
    labels: tuple[NDArray[np.str_], NDArray[np.intp]], seed: int
) -> None:
    speaker, secret = labels
    plan = splits.crossfit(retraining.deal_folds(speaker, secret, seed))
    assert 2 <= len(plan.splits) <= 5
    for train, test in plan.splits:
        assert not set(speaker[train]) & set(speaker[test])
        assert sorted([*train, *test]) == list(range(len(speaker)))
        assert set(secret[train]) == set(secret[test]) == {0, 1}
    assert sorted(np.concatenate([test for _, test in plan.splits])) == list(range(len(speaker)))
    assert plan.train_rows.tolist() == list(range(len(speaker)))


@settings(deadline=None)
@given(secrets(), st.integers(0, 99))
def test_the_order_of_the_rows_moves_no_speaker_to_another_fold(
    labels: tuple[NDArray[np.str_], NDArray[np.intp]], seed: int
) -> None:
    speaker, secret = labels
    order = np.random.default_rng(seed).permutation(len(speaker))
    straight = retraining.deal_folds(speaker, secret, seed)
    mixed = retraining.deal_folds(speaker[order], secret[order], seed)
    assert (straight[order] == mixed).all()


def test_holdout_rows_neither_select_nor_scale() -> None:
    plan = splits.holdout(np.array([0, 2, 4, 6]), np.array([1, 3]), np.array([0, 0, 1, 1]))
    assert plan.measured == (2,)
    assert plan.selection_rows(2).tolist() == plan.train_rows.tolist() == [0, 2, 4, 6]
    assert plan.selection_rows(0).tolist() == [4, 6]
    assert [side.train.tolist() for side in plan.splits] == [[4, 6], [0, 2], [0, 2, 4, 6]]


def test_validation_rows_alone_select() -> None:
    plan = splits.with_validation(np.array([0, 1]), np.array([2]), np.array([3]))
    assert plan.selection_rows(plan.measured[0]).tolist() == [2]
    assert plan.train_rows.tolist() == [0, 1]


def test_a_plan_of_speakers_follows_their_rows() -> None:
    speaker = np.array([0, 0, 1, 2, 2])
    plan = splits.crossfit(np.array([0, 0, 1, 1, 1])).of_speakers(speaker)
    assert [(side.train.tolist(), side.test.tolist()) for side in plan.splits] == [
        ([1, 2], [0]),
        ([0], [1, 2]),
    ]


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ([0, 1, 1], "has 1 of the attacker's 3 speakers"),
        ([1, 1, 1], "one value among the attacker's speakers"),
    ],
)
def test_too_few_speakers_to_choose_by_are_refused(secret: list[int], says: str) -> None:
    with pytest.raises(AttackError, match=says):
        retraining.deal_folds(np.array(["a", "b", "c"]), np.array(secret))
