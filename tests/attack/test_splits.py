"""Who learns never scores themselves, and speakers are dealt whole."""

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
    names = draw(st.permutations([f"{one:02d}" for one in range(len(values))]))
    return np.repeat(names, counts), np.repeat(np.array(values, np.intp), counts)


@settings(deadline=None)
@given(secrets(), st.integers(0, 99))
def test_folds_share_no_speaker_and_have_both_values_on_both_sides(
    given: tuple[NDArray[np.str_], NDArray[np.intp]], seed: int
) -> None:
    speaker, secret = given
    plan = splits.crossfit(retraining.own_folds(speaker, secret, seed))
    assert 2 <= len(plan.sides) <= 5
    for own, test in plan.sides:
        assert not set(speaker[own]) & set(speaker[test])
        assert sorted([*own, *test]) == list(range(len(speaker)))
        assert set(secret[own]) == set(secret[test]) == {0, 1}
    assert sorted(np.concatenate([test for _, test in plan.sides])) == list(range(len(speaker)))
    assert plan.known.tolist() == list(range(len(speaker)))


@settings(deadline=None)
@given(secrets(), st.integers(0, 99))
def test_the_order_of_the_rows_moves_no_speaker_to_another_fold(
    given: tuple[NDArray[np.str_], NDArray[np.intp]], seed: int
) -> None:
    speaker, secret = given
    order = np.random.default_rng(seed).permutation(len(speaker))
    straight = retraining.own_folds(speaker, secret, seed)
    mixed = retraining.own_folds(speaker[order], secret[order], seed)
    assert (straight[order] == mixed).all()


def test_held_out_rows_neither_choose_nor_scale() -> None:
    plan = splits.held(np.array([0, 2, 4, 6]), np.array([1, 3]), np.array([0, 0, 1, 1]))
    assert plan.measured == (2,)
    assert plan.others(2).tolist() == plan.known.tolist() == [0, 2, 4, 6]
    assert plan.others(0).tolist() == [4, 6]
    assert [side.own.tolist() for side in plan.sides] == [[4, 6], [0, 2], [0, 2, 4, 6]]


def test_a_checked_plan_is_chosen_by_its_validation_rows_alone() -> None:
    plan = splits.checked(np.array([0, 1]), np.array([2]), np.array([3]))
    assert plan.others(plan.measured[0]).tolist() == [2]
    assert plan.known.tolist() == [0, 1]


def test_a_plan_of_people_follows_their_rows() -> None:
    speaker = np.array([0, 0, 1, 2, 2])
    plan = splits.crossfit(np.array([0, 0, 1, 1, 1])).of_people(speaker)
    assert [(side.own.tolist(), side.test.tolist()) for side in plan.sides] == [
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
        retraining.own_folds(np.array(["a", "b", "c"]), np.array(secret))
