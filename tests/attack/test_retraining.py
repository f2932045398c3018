"""Retrained attackers find planted leaks, find none without a leak, and score other speakers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import QUICK, retrain, retraining
from sordino.attack.splits import crossfit
from sordino.columns import GUESS_COLUMNS
from sordino.errors import AttackError
from sordino.types import Rows
from tests.attack.synthetic_voices import people

ROWS = 12
LINEAR = ("linear",)
DIRECTION = np.ones(6) / math.sqrt(6)


def scene(
    leak: float, speakers: int = 20, seed: int = 0
) -> tuple[NDArray[np.float32], Rows, NDArray[np.str_]]:
    """Embeddings with voices, and men and women so far to either side in `DIRECTION`; their gender
    and speaker.
    """
    e, speaker, _ = people(speakers, ROWS, seed, dims=len(DIRECTION), voice=0.4)
    gender = (np.arange(len(e)) // ROWS % 2).astype(np.intp)
    return (e + leak * np.outer(2 * gender - 1, DIRECTION)).astype(np.float32), gender, speaker


def rows(speaker: NDArray[np.str_], first: int, last: int) -> Rows:
    """The rows of the speakers from `first` up to before `last`."""
    number = speaker.astype(int)
    return np.flatnonzero((number >= first) & (number < last))


def uar(table: pd.DataFrame) -> float:
    return metrics.uar(table["truth"].to_numpy(), table["prediction"].to_numpy())


@pytest.mark.slow
def test_a_planted_direction_is_found_until_it_is_removed() -> None:
    e, gender, speaker = scene(1.6)
    removed = e - np.outer(e @ DIRECTION, DIRECTION).astype(np.float32)
    train, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    before, after = (
        retrain(vectors, gender, speaker, train, test, shuffles=39) for vectors in (e, removed)
    )
    assert uar(before.best) > 0.85
    assert uar(after.best) < 0.62
    low, high = after.null[1].limits()
    assert low <= uar(after.best) <= high < uar(before.best)


@pytest.mark.parametrize("family", QUICK)
def test_each_quick_family_finds_it(family: str) -> None:
    e, gender, speaker = scene(2, speakers=16)
    result = retrain(
        e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16), families=[family]
    )
    assert result.chosen == family
    assert uar(result.best) > 0.85
    assert metrics.auc(result.best["truth"].to_numpy() == 1, result.best["score"].to_numpy()) > 0.95


def test_a_secret_with_three_values_is_found() -> None:
    e, _, speaker = scene(0)
    group = (np.arange(len(e)) // ROWS % 3).astype(np.intp)
    e[np.arange(len(e)), group] += 4
    result = retrain(e, group, speaker, rows(speaker, 0, 10), rows(speaker, 10, 20))
    assert uar(result.best) > 0.8
    assert result.best["score"].isna().all()
    assert max(result.quality.values()) > 0.9


def test_random_gender_is_not_found() -> None:
    outside = 0
    for seed in range(12):
        e, _, speaker = scene(0, speakers=16, seed=seed)
        gender = np.empty(len(e), np.intp)
        random = np.random.default_rng(1000 + seed)
        for half in (range(8), range(8, 16)):
            lot = random.permutation(np.arange(8) % 2)
            for number, value in zip(half, lot, strict=True):
                gender[speaker.astype(int) == number] = value
        args = (e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16))
        result = retrain(*args, families=LINEAR, shuffles=19, seed=seed)
        low, high = result.null[1].limits(0.9)
        outside += not low <= uar(result.best) <= high
    assert outside <= 4  # each is outside with probability 0.1: five of twelve are with 0.004


def test_test_rows_change_neither_attackers_nor_selection() -> None:
    e, gender, speaker = scene(1)
    train, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    half = test[::2]
    changed, mixed = e.copy(), gender.copy()
    changed[test[1::2]] = 50
    mixed[test] = 1 - gender[test]
    families = (*QUICK, "logistic")
    first = retrain(e, gender, speaker, train, test, families=families)
    second = retrain(changed, mixed, speaker, train, half, families=families)
    assert first.quality == second.quality
    columns = ["row", "attacker", "best", "prediction", "score"]
    guesses_of_half = first.guesses.loc[first.guesses["row"].isin(half), columns].reset_index(
        drop=True
    )
    pd.testing.assert_frame_equal(guesses_of_half, second.guesses[columns], rtol=1e-6)


def test_marks_of_speakers_help_only_if_trained_on_them() -> None:
    # every speaker has a mark in one dimension
    speaker = np.repeat([f"{number:02d}" for number in range(12)], 6)
    e = np.eye(12, dtype=np.float32)[speaker.astype(int)]
    gender = np.random.default_rng(0).permutation(np.arange(12) % 2)[speaker.astype(int)]
    turn = np.arange(len(e)) % 2
    seen = retraining.retrain_by_plan(e, gender, speaker, crossfit(turn), families=LINEAR)
    unseen = retraining.retrain_by_plan(
        e, gender, speaker, crossfit(speaker.astype(int) % 4), families=LINEAR
    )
    assert uar(seen.best) == 1
    assert uar(unseen.best) <= 0.5


def test_each_family_guesses_every_test_row_once() -> None:
    e, gender, speaker = scene(1)
    train, test = rows(speaker, 0, 12), rows(speaker, 14, 18)[::2]
    result = retrain(e, gender, speaker, train, test, ks=(2, 5))
    assert set(result.guesses["attacker"]) == set(QUICK)
    for _, table in result.guesses.groupby("attacker"):
        assert sorted(table["row"]) == test.tolist()
    assert list(result.guesses.columns) == list(GUESS_COLUMNS)
    assert (result.guesses["truth"] == gender[result.guesses["row"]]).all()
    for table in (result.guesses, result.patient):
        assert (table["speaker"] == speaker[table["row"]]).all()
        assert set(table["speaker"]) == set(speaker[test])
    assert result.patient.groupby(["k", "attacker"]).size().unique().tolist() == [
        12,
        4,
    ]  # of six rows each


def test_guesses_are_repeatable_and_the_input_is_unchanged() -> None:
    e, gender, speaker = scene(0.5, speakers=12)
    before, state = e.copy(), repr(np.random.get_state())  # noqa: NPY002
    args = (e, gender, speaker, rows(speaker, 0, 6), rows(speaker, 6, 12))
    first, second = (retrain(*args, ks=(3,), shuffles=3, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.guesses, second.guesses)
    pd.testing.assert_frame_equal(first.patient, second.patient)
    assert first.null == second.null
    assert np.array_equal(e, before)
    assert repr(np.random.get_state()) == state  # noqa: NPY002


def test_the_order_of_the_rows_does_not_matter() -> None:
    e, gender, speaker = scene(0.5, speakers=12)
    order = np.random.default_rng(0).permutation(len(e))
    straight = retrain(
        e, gender, speaker, rows(speaker, 0, 6), rows(speaker, 6, 12), families=LINEAR
    ).best
    who = speaker[order]
    mixed = retrain(
        e[order], gender[order], who, rows(who, 0, 6), rows(who, 6, 12), families=LINEAR
    ).best
    mixed = mixed.assign(row=order[mixed["row"]])
    first, second = (table.set_index("row").sort_index()["score"] for table in (straight, mixed))
    np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-9)


def test_rows_of_unknown_gender_are_left_out() -> None:
    e, gender, speaker = scene(1)
    gender[rows(speaker, 10, 12)] = -1
    result = retrain(e, gender, speaker, rows(speaker, 0, 11), rows(speaker, 11, 14))
    assert set(result.guesses["speaker"]) == {"12", "13"}
    women = np.flatnonzero((gender == 0) & np.isin(speaker, ["14", "16"]))
    assert math.isnan(uar(retrain(e, gender, speaker, rows(speaker, 0, 10), women).best))


def test_what_cannot_be_attacked_is_refused() -> None:
    e, gender, speaker = scene(1)
    train, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    broken = e.copy()
    broken[3, 0] = np.nan
    with pytest.raises(
        AttackError,
        match="speaker 09 is in training and test, expected one of them: split by speaker",
    ):
        retrain(e, gender, speaker, train, rows(speaker, 9, 20))
    with pytest.raises(AttackError, match="attackers oracle, expected some of linear"):
        retrain(e, gender, speaker, train, test, families=["oracle"])
    with pytest.raises(AttackError, match="attackers none, expected some of linear"):
        retrain(e, gender, speaker, train, test, families=[])
    with pytest.raises(
        AttackError, match="239 vectors, 240 secrets, 240 speakers, expected one per row"
    ):
        retrain(e[1:], gender, speaker, train, test)
    with pytest.raises(AttackError, match="a vector is not finite"):
        retrain(broken, gender, speaker, train, test)
    with pytest.raises(
        AttackError, match="120 and 0 rows of known secret for training and test, expected some"
    ):
        retrain(e, gender, speaker, train, test[:0])
    with pytest.raises(
        AttackError,
        match="a value of the secret has 1 of the attacker's 3 speakers, expected two or",
    ):
        retrain(e, gender, speaker, train[:36], test)
    with pytest.raises(
        AttackError, match="one value among the attacker's speakers, expected two: add labelled"
    ):
        retrain(e, gender, speaker, train[gender[train] == 0], test)
    mood = (np.arange(len(e)) % 2).astype(np.intp)
    with pytest.raises(
        AttackError,
        match="a secret within speakers, expected one value per speaker: the chance level",
    ):
        retrain(e, mood, speaker, train, test, shuffles=3)
