"""Attackers who retrain find what is planted, find nothing where nothing is, and never guess whom
they saw.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import columns as contract
from sordino import metrics
from sordino.attack import QUICK, retrain, retraining
from sordino.attack.splits import crossfit
from sordino.errors import AttackError
from tests.attack.synthetic_voices import people

Rows = NDArray[np.intp]
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


def test_a_planted_gender_direction_is_found_and_after_its_removal_is_not() -> None:
    e, gender, speaker = scene(1.6)
    removed = e - np.outer(e @ DIRECTION, DIRECTION).astype(np.float32)
    own, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    before, after = (retrain(one, gender, speaker, own, test, shuffles=39) for one in (e, removed))
    assert uar(before.best) > 0.85
    assert uar(after.best) < 0.62
    low, high = after.null[1].limits()
    assert low <= uar(after.best) <= high < uar(before.best)


@pytest.mark.parametrize("family", QUICK)
def test_each_quick_family_finds_it(family: str) -> None:
    e, gender, speaker = scene(2, speakers=16)
    found = retrain(
        e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16), families=[family]
    )
    assert found.chosen == family
    assert uar(found.best) > 0.85
    assert metrics.auc(found.best["truth"].to_numpy() == 1, found.best["score"].to_numpy()) > 0.95


def test_a_secret_with_three_values_is_found() -> None:
    e, _, speaker = scene(0)
    group = (np.arange(len(e)) // ROWS % 3).astype(np.intp)
    e[np.arange(len(e)), group] += 4
    found = retrain(e, group, speaker, rows(speaker, 0, 10), rows(speaker, 10, 20))
    assert uar(found.best) > 0.8
    assert found.best["score"].isna().all()
    assert max(found.quality.values()) > 0.9


def test_nothing_is_found_where_gender_is_drawn_by_lot() -> None:
    outside = 0
    for seed in range(12):
        e, _, speaker = scene(0, speakers=16, seed=seed)
        gender = np.empty(len(e), np.intp)
        random = np.random.default_rng(1000 + seed)
        for half in (range(8), range(8, 16)):
            lot = random.permutation(np.arange(8) % 2)
            for one, value in zip(half, lot, strict=True):
                gender[speaker.astype(int) == one] = value
        given = (e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16))
        found = retrain(*given, families=LINEAR, shuffles=19, seed=seed)
        low, high = found.null[1].limits(0.9)
        outside += not low <= uar(found.best) <= high
    assert outside <= 4  # each is outside with probability 0.1: five of twelve are with 0.004


def test_tested_rows_move_neither_the_attackers_nor_the_choice_of_the_best() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    half = test[::2]
    other, mixed = e.copy(), gender.copy()
    other[test[1::2]] = 50
    mixed[test] = 1 - gender[test]
    families = (*QUICK, "logistic")
    first = retrain(e, gender, speaker, own, test, families=families)
    second = retrain(other, mixed, speaker, own, half, families=families)
    assert first.quality == second.quality
    columns = ["row", "attacker", "best", "prediction", "score"]
    kept = first.guesses.loc[first.guesses["row"].isin(half), columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, second.guesses[columns], rtol=1e-6)


def test_who_saw_a_speaker_knows_them_and_who_did_not_knows_nothing() -> None:
    # every speaker has a mark of their own, in one dimension
    speaker = np.repeat([f"{one:02d}" for one in range(12)], 6)
    e = np.eye(12, dtype=np.float32)[speaker.astype(int)]
    gender = np.random.default_rng(0).permutation(np.arange(12) % 2)[speaker.astype(int)]
    turn = np.arange(len(e)) % 2
    seen = retraining.by_plan(e, gender, speaker, crossfit(turn), families=LINEAR)
    unseen = retraining.by_plan(
        e, gender, speaker, crossfit(speaker.astype(int) % 4), families=LINEAR
    )
    assert uar(seen.best) == 1
    assert uar(unseen.best) <= 0.5


def test_every_tested_row_is_guessed_once_by_each_family_and_no_other_is() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 12), rows(speaker, 14, 18)[::2]
    found = retrain(e, gender, speaker, own, test, ks=(2, 5))
    assert set(found.guesses["attacker"]) == set(QUICK)
    for _, table in found.guesses.groupby("attacker"):
        assert sorted(table["row"]) == test.tolist()
    assert list(found.guesses.columns) == list(contract.VECTOR_PREDICTIONS)
    assert (found.guesses["truth"] == gender[found.guesses["row"]]).all()
    for table in (found.guesses, found.patient):
        assert (table["speaker"] == speaker[table["row"]]).all()
        assert set(table["speaker"]) == set(speaker[test])
    assert found.patient.groupby(["k", "attacker"]).size().unique().tolist() == [
        12,
        4,
    ]  # of six rows each


def test_the_same_seed_gives_the_same_guesses_and_input_is_untouched() -> None:
    e, gender, speaker = scene(0.5, speakers=12)
    before, state = e.copy(), repr(np.random.get_state())  # noqa: NPY002
    given = (e, gender, speaker, rows(speaker, 0, 6), rows(speaker, 6, 12))
    first, second = (retrain(*given, ks=(3,), shuffles=3, seed=3) for _ in range(2))
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
    one, other = (table.set_index("row").sort_index()["score"] for table in (straight, mixed))
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_rows_of_unknown_gender_are_left_out_and_one_tested_gender_has_no_uar() -> None:
    e, gender, speaker = scene(1)
    gender[rows(speaker, 10, 12)] = -1
    found = retrain(e, gender, speaker, rows(speaker, 0, 11), rows(speaker, 11, 14))
    assert set(found.guesses["speaker"]) == {"12", "13"}
    women = np.flatnonzero((gender == 0) & np.isin(speaker, ["14", "16"]))
    assert math.isnan(uar(retrain(e, gender, speaker, rows(speaker, 0, 10), women).best))


def test_what_cannot_be_attacked_is_refused() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    broken = e.copy()
    broken[3, 0] = np.nan
    with pytest.raises(
        AttackError,
        match="speaker 09 is learnt from and tested, expected one of it: split by speaker",
    ):
        retrain(e, gender, speaker, own, rows(speaker, 9, 20))
    with pytest.raises(AttackError, match="attackers oracle, expected some of linear"):
        retrain(e, gender, speaker, own, test, families=["oracle"])
    with pytest.raises(AttackError, match="attackers none, expected some of linear"):
        retrain(e, gender, speaker, own, test, families=[])
    with pytest.raises(
        AttackError, match="239 vectors, 240 secrets, 240 speakers, expected one a row"
    ):
        retrain(e[1:], gender, speaker, own, test)
    with pytest.raises(AttackError, match="a vector is not finite"):
        retrain(broken, gender, speaker, own, test)
    with pytest.raises(
        AttackError, match="120 and 0 rows of known secret to learn from and to test, expected some"
    ):
        retrain(e, gender, speaker, own, test[:0])
    with pytest.raises(
        AttackError,
        match="a value of the secret has 1 of the attacker's 3 speakers, expected two or",
    ):
        retrain(e, gender, speaker, own[:36], test)
    with pytest.raises(
        AttackError, match="one value among the attacker's speakers, expected two: nothing can be"
    ):
        retrain(e, gender, speaker, own[gender[own] == 0], test)
    mood = (np.arange(len(e)) % 2).astype(np.intp)
    with pytest.raises(
        AttackError, match="a secret within speakers, expected one value a speaker: chance is"
    ):
        retrain(e, mood, speaker, own, test, shuffles=3)
