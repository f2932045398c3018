"""Pooled scores and pooled vectors of several utterances reveal more than one utterance."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from sordino import metrics
from sordino.attack import pool_scores, pooling, retrain
from sordino.errors import AttackError
from tests.attack.synthetic_voices import people, table_of


@pytest.mark.parametrize("k", [5, 20])
def test_pooling_raises_the_auc_of_a_weak_leak_by_the_formula(k: int) -> None:
    random, leak = np.random.default_rng(0), 0.3
    truth = np.repeat(np.arange(1500) % 2, 20)
    table = table_of(
        random.normal(leak * truth, 1), truth, np.repeat(np.arange(1500).astype(str), 20)
    )
    pooled = pool_scores(table, k)
    single, patiently = (
        metrics.auc(guesses["truth"].to_numpy() == 1, guesses["score"].to_numpy())
        for guesses in (table, pooled)
    )
    assert len(pooled) == len(table) // k
    assert single == pytest.approx(norm.cdf(leak / math.sqrt(2)), abs=0.015)  # .584
    assert patiently == pytest.approx(
        norm.cdf(math.sqrt(k) * leak / math.sqrt(2)), abs=0.03
    )  # .682, .829


def test_pooling_worked_by_hand() -> None:
    speaker = np.array(["a"] * 5 + ["b"] * 2 + ["c"])
    truth = np.array([1] * 5 + [0] * 3)
    score = np.array([1.0, 1, 1, 1, 1, -3, 1, 0.5])
    table = pd.concat([table_of(score, truth, speaker), table_of(-score, truth, speaker, "y")])
    pooled = pool_scores(table, k=2)
    by_speaker = pooled[pooled["attacker"] == "x"].groupby("speaker")
    assert by_speaker["k"].apply(list).to_dict() == {
        "a": [2, 2],
        "b": [2],
        "c": [1],
    }  # one of a's five is left over
    assert by_speaker["score"].apply(list).to_dict() == {"a": [1, 1], "b": [-1], "c": [0.5]}
    assert by_speaker["prediction"].apply(list).to_dict() == {"a": [1, 1], "b": [0], "c": [1]}
    x, y = (
        pooled[pooled["attacker"] == name].sort_values("row").reset_index(drop=True)
        for name in "xy"
    )
    assert x["row"].tolist() == y["row"].tolist()
    assert x["score"].tolist() == (-y["score"]).tolist()
    everything = pool_scores(table, k=None).query("attacker == 'x'").set_index("speaker")["k"]
    assert everything.to_dict() == {"a": 5, "b": 2, "c": 1}
    columns = ["attacker", "row", "prediction", "score"]
    single = pool_scores(table, k=1).sort_values(columns)[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        single, table.sort_values(columns)[columns].reset_index(drop=True), check_dtype=False
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 6), st.integers(0, 99))
def test_a_group_has_one_speaker_one_value_and_at_most_k_rows(
    who: list[int], k: int, seed: int
) -> None:
    speaker = np.array(who)
    value = np.arange(len(who)) % 2
    group = pooling.groups(speaker, value, k, seed)
    for code in np.unique(group[group >= 0]):
        members = group == code
        assert len({*zip(speaker[members].tolist(), value[members].tolist(), strict=True)}) == 1
        size = int(((speaker == speaker[members][0]) & (value == value[members][0])).sum())
        assert members.sum() == min(k, size)
    assert (group == pooling.groups(speaker, value, k, seed)).all()


def test_mean_vectors_are_those_of_the_groups() -> None:
    x = np.arange(8.0).reshape(4, 2)
    mean, first = pooling.mean_vectors(x, np.array([1, 0, -1, 1]))
    assert mean.tolist() == [[2, 3], [3, 4]]
    assert first.tolist() == [1, 0]


def test_pooled_vectors_reveal_a_leak_that_single_rows_do_not() -> None:
    # half of the rows of men are far to one side, half far to the other; of women all are in
    # between: one row tells much, and no mean differs; speakers of either kind differ in the spread
    # of another dimension's mean alone
    x, speaker, random = people(40, 20, seed=2, dims=4, voice=0.0)
    male = (speaker.astype(int) % 2).astype(np.intp)
    x[:, 0] += 0.35 * (2 * male - 1)
    x[:, 1] += np.repeat(random.normal(0, 1.2, 40), 20) * male
    rows = np.arange(len(x))
    train, test = rows[speaker < "20"], rows[speaker >= "20"]
    result = retrain(x, male, speaker, train, test, ks=(20,))
    auc = {}
    for way, table in [("one", result.best), *result.patient.groupby("attacker")]:
        auc[str(way)] = metrics.auc((table["truth"] == 1).to_numpy(), table["score"].to_numpy())
    assert auc["one"] < auc[pooling.POOLED_SCORES] - 0.1
    assert auc["one"] < auc[pooling.POOLED_VECTORS] - 0.1
    assert result.patient.groupby("attacker")["best"].nunique().tolist() == [1, 1]
    assert result.patient["best"].sum() == len(set(speaker[test]))


def test_what_cannot_be_pooled_is_refused() -> None:
    table = table_of(np.ones(2), np.ones(2, np.intp), np.array(["a", "b"]))
    with pytest.raises(AttackError, match="k of 0 utterances, expected 1 or more"):
        pool_scores(table, 0)
    with pytest.raises(AttackError, match="a score is NaN, expected a secret of 0 and 1"):
        pool_scores(table.assign(score=np.nan))


def test_pooled_scores_of_equal_utterances_are_equal_in_any_order() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(8), 5)
    score = np.concatenate([random.permutation([0.1, 0.1, 0.2, 0.3, 0.7]) for _ in range(8)])
    columns = {"truth": speaker % 2, "side": 0, "best": True, "k": 1, "attacker": "linear"}
    table = pd.DataFrame({"row": np.arange(40), "speaker": speaker, "score": score, **columns})
    pooled = pool_scores(table.assign(prediction=1), 5)
    assert len(pooled) == 8
    assert pooled["score"].nunique() == 1
