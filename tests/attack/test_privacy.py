"""Attackers on embeddings find what is planted, find nothing where nothing is, and never guess whom they saw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sordino import metrics
from sordino.attack import FAMILIES, QUICK, Family, attackers, guesses, patient, privacy
from sordino.attack.privacy import Null
from sordino.errors import AttackError
from tests.attack.test_attackers import people

Rows = NDArray[np.intp]
ROWS = 12
PLAIN = ("plain",)
DIRECTION = np.ones(6) / math.sqrt(6)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that needs no tuning: its null is exact, and many attacks are quick."""
    plain = Family(lambda seed: LogisticRegression(C=0.1, random_state=seed), {})
    monkeypatch.setitem(FAMILIES, "plain", plain)


def scene(leak: float, speakers: int = 20, seed: int = 0) -> tuple[NDArray[np.float32], Rows, NDArray[np.str_]]:
    """Embeddings with voices, and men and women so far to either side in `DIRECTION`; their gender and speaker."""
    e, speaker, _ = people(speakers, ROWS, seed, dims=len(DIRECTION), voice=0.4)
    gender = (np.arange(len(e)) // ROWS % 2).astype(np.intp)
    return (e + leak * np.outer(2 * gender - 1, DIRECTION)).astype(np.float32), gender, speaker


def rows(speaker: NDArray[np.str_], first: int, last: int) -> Rows:
    """The rows of the speakers from `first` up to before `last`."""
    number = speaker.astype(int)
    return np.flatnonzero((number >= first) & (number < last))


def uar(table: pd.DataFrame) -> float:
    return metrics.uar(table["truth"].to_numpy(), table["prediction"].to_numpy())


@pytest.mark.parametrize("way", ["privacy", "crossfit"])
def test_a_planted_gender_direction_is_found_and_after_its_removal_is_not(way: str) -> None:
    e, gender, speaker = scene(1.6)
    removed = e - np.outer(e @ DIRECTION, DIRECTION).astype(np.float32)
    families, own = ("plain", "svm-rbf"), rows(speaker, 0, 10)
    before, after = (
        privacy.crossfit(one, gender, speaker, own, families=families)
        if way == "crossfit"
        else privacy.privacy(one, gender, speaker, own, rows(speaker, 10, 20), families)
        for one in (e, removed)
    )
    assert uar(before.best) > 0.85
    assert uar(after.best) < 0.62
    low, high = privacy.null(after, removed, gender, speaker)[1].limits()
    assert low <= uar(after.best) <= high < uar(before.best)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_finds_it(family: str) -> None:
    e, gender, speaker = scene(2, speakers=16)
    found = privacy.privacy(e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16), [family])
    assert found.chosen == (family,)
    assert uar(found.best) > 0.85
    assert metrics.auc(found.best["truth"].to_numpy() == 1, found.best["score"].to_numpy()) > 0.95


def test_the_dense_family_is_the_papers_and_studies_go_on_with_the_quick_ones() -> None:
    shapes = FAMILIES["dense"].grid["model__hidden_layer_sizes"]
    assert {(len(one), *set(one)) for one in shapes} == {(depth, width) for depth in (2, 3, 4) for width in (32, 64)}
    assert QUICK == ("logistic", "svm-rbf", "mlp")


def test_a_secret_with_three_values_is_tuned_by_speaker_and_found() -> None:
    e, _, speaker = scene(0)
    group = (np.arange(len(e)) // ROWS % 3).astype(np.intp)
    e[np.arange(len(e)), group] += 4
    for train, validation in attackers.grouped_folds(speaker, group):
        assert set(group[train]) == set(group[validation]) == {0, 1, 2}
        assert not set(speaker[train]) & set(speaker[validation])
    found = privacy.privacy(e, group, speaker, rows(speaker, 0, 10), rows(speaker, 10, 20), PLAIN)
    assert uar(found.best) > 0.8
    assert found.sides[0].best.validation_auc > 0.9


def test_gender_shuffled_by_speaker_stays_within_its_null() -> None:
    outside, middles = 0, []
    for seed in range(12):
        e, gender, speaker = scene(0, speakers=12, seed=seed)
        gender = np.random.default_rng(1000 + seed).permutation(np.arange(12) % 2)[speaker.astype(int)]
        found = privacy.crossfit(e, gender, speaker, np.arange(len(e)), families=PLAIN)
        null = privacy.null(found, e, gender, speaker, shuffles=19, seed=seed)[1]
        low, high = null.limits(0.9)
        outside += not low <= uar(found.best) <= high
        middles.append(np.median(null.uar))
    assert outside <= 4  # each is outside with probability 0.1: five of twelve are with 0.004
    assert 0.42 < np.mean(middles) < 0.55  # a little below chance: who is left out makes the others unlike them


def test_a_leak_stands_out_of_its_null_also_where_utterances_are_pooled() -> None:
    e, gender, speaker = scene(0.8, speakers=16)
    found = privacy.privacy(e, gender, speaker, rows(speaker, 0, 8), rows(speaker, 8, 16), PLAIN)
    null = privacy.null(found, e, gender, speaker, ks=(1, ROWS))
    alone, pooled = uar(found.best), uar(privacy.patient(found.best, ROWS))
    assert 0.6 < alone < pooled
    assert alone > null[1].limits()[1]
    assert null[1].p_value(alone) == pytest.approx(1 / 40)
    assert np.std(null[ROWS].uar) > np.std(null[1].uar)  # one guess a speaker: the range that means nothing is wider


def test_no_speaker_is_guessed_by_an_attacker_who_saw_them() -> None:
    # every speaker has a mark of their own, in one dimension: who saw the speaker knows all, who did not knows nothing
    speaker = np.repeat([f"{one:02d}" for one in range(12)], 6)
    e = np.eye(12, dtype=np.float32)[speaker.astype(int)]
    gender = np.random.default_rng(0).permutation(np.arange(12) % 2)[speaker.astype(int)]
    everyone = np.arange(len(e))
    seen = privacy.closed(e, gender, speaker, everyone[::2], everyone[1::2], PLAIN)
    unseen = privacy.crossfit(e, gender, speaker, everyone, families=PLAIN)
    assert uar(seen.best) == 1
    assert uar(unseen.best) <= 0.5


def test_crossfitting_tests_each_row_once_and_learns_from_all_other_speakers() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 12), rows(speaker, 5, 12)[::2]
    found = privacy.crossfit(e, gender, speaker, own, test, ("plain", "logistic"))
    for _, table in found.guesses.groupby("attacker"):
        assert sorted(table["row"]) == test.tolist()
    for side in found.sides:
        assert set(speaker[side.own]) == set(speaker[own]) - set(speaker[side.test])
    assert len(found.sides) == attackers.FOLDS
    assert list(found.guesses.columns) == list(guesses.COLUMNS)
    assert (found.guesses["truth"] == gender[found.guesses["row"]]).all()
    assert (found.guesses["speaker"] == speaker[found.guesses["row"]]).all()


def test_tested_rows_move_neither_the_attackers_nor_the_choice_of_the_best() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    half = test[::2]
    other, mixed = e.copy(), gender.copy()
    other[test[1::2]] = 50
    mixed[test] = 1 - gender[test]
    first = privacy.privacy(e, gender, speaker, own, test, ("logistic", "svm-rbf"))
    second = privacy.privacy(other, mixed, speaker, own, half, ("logistic", "svm-rbf"))
    columns = ["row", "attacker", "best", "prediction", "score"]
    kept = first.guesses[first.guesses["row"].isin(half)]
    pd.testing.assert_frame_equal(kept[columns].reset_index(drop=True), second.guesses[columns])


def test_the_best_attacker_is_the_one_with_the_highest_auc_on_its_own_speakers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "blind", Family(lambda seed: DummyClassifier(random_state=seed), {}))
    e, gender, speaker = scene(1)
    found = privacy.crossfit(e, gender, speaker, rows(speaker, 0, 12), families=("blind", "plain"))
    assert found.chosen == ("plain",) * 4
    assert set(found.best["attacker"]) == {"plain"}
    assert [side.attackers[0].validation_auc for side in found.sides] == [0.5] * 4


def test_attackers_are_balanced_where_values_are_unlike_in_number() -> None:
    e, gender, speaker = scene(1)
    kept = np.flatnonzero((gender == 0) | (np.arange(len(e)) % ROWS < 2))  # six times as many rows of women
    own, test = (kept[np.isin(kept, rows(speaker, *span))] for span in ((0, 10), (10, 20)))
    found = privacy.privacy(e, gender, speaker, own, test, PLAIN)
    folds = attackers.grouped_folds(speaker[own], gender[own])
    careless = attackers.fit("plain", e[own], gender[own], folds)
    assert uar(found.best) > metrics.uar(gender[test], careless.predict(e[test])) + 0.02
    assert np.mean(careless.predict(e[test])) < np.mean(found.best["prediction"])


def test_weights_do_what_repeated_rows_would() -> None:
    e, gender, speaker = scene(1)
    few = np.flatnonzero((gender == 0) | (np.arange(len(e)) % ROWS < 6))  # half of the men's rows, each to count twice
    twice = np.concatenate([few, few[gender[few] == 1]])
    tuned = attackers.fit("logistic", e, gender, attackers.grouped_folds(speaker, gender))
    weighted = attackers.refit(tuned, e[few], gender[few], balanced=True).estimator.set_params(model__C=1e6)
    repeated = attackers.refit(tuned, e[twice], gender[twice]).estimator.set_params(model__C=1e6)
    scale = weighted.named_steps["scale"].fit(e[few])
    for one, chosen, weights in ((weighted, few, np.where(gender[few] == 1, 2, 1)), (repeated, twice, None)):
        one.named_steps["model"].fit(scale.transform(e[chosen]), gender[chosen], sample_weight=weights)
    np.testing.assert_allclose(
        weighted.named_steps["model"].coef_, repeated.named_steps["model"].coef_, rtol=1e-3, atol=1e-4
    )


def test_a_speaker_is_told_from_others_in_a_closed_set_and_a_shuffled_name_is_not() -> None:
    e, _, speaker = scene(0, speakers=8)
    e += np.repeat(np.random.default_rng(1).normal(0, 1, (8, e.shape[1])), ROWS, axis=0).astype(np.float32)
    name = np.unique(speaker, return_inverse=True)[1]
    own, test = np.arange(len(e))[::2], np.arange(len(e))[1::2]
    found = privacy.closed(e, name, speaker, own, test, ("logistic", "svm-rbf"))
    assert uar(found.best) > 0.5
    assert found.best["score"].isna().all()
    mixed = np.random.default_rng(2).permutation(name)
    assert uar(privacy.closed(e, mixed, speaker, own, test, ("logistic", "svm-rbf")).best) < 0.3  # chance is 1/8
    with pytest.raises(AttackError, match="expected a secret of 0 and 1"):
        privacy.patient(found.guesses)


def table_of(score: NDArray[np.float64], truth: Rows, speaker: NDArray[Any], attacker: str = "x") -> pd.DataFrame:
    """Guesses with these scores."""
    said = {"side": 0, "attacker": attacker, "best": True, "prediction": (score > 0).astype(int), "k": 1}
    return pd.DataFrame({"row": np.arange(len(score)), "speaker": speaker, "truth": truth, "score": score, **said})


@pytest.mark.parametrize("k", [5, 20])
def test_patience_raises_the_auc_of_a_weak_leak_as_worked_by_hand(k: int) -> None:
    random, leak = np.random.default_rng(0), 0.3
    truth = np.repeat(np.arange(1500) % 2, 20)
    table = table_of(random.normal(leak * truth, 1), truth, np.repeat(np.arange(1500).astype(str), 20))
    pooled = privacy.patient(table, k)
    alone, patiently = (metrics.auc(one["truth"].to_numpy() == 1, one["score"].to_numpy()) for one in (table, pooled))
    assert len(pooled) == len(table) // k
    assert alone == pytest.approx(norm.cdf(leak / math.sqrt(2)), abs=0.015)  # .584
    assert patiently == pytest.approx(norm.cdf(math.sqrt(k) * leak / math.sqrt(2)), abs=0.03)  # .682, .829


def test_pooling_worked_by_hand() -> None:
    speaker = np.array(["a"] * 5 + ["b"] * 2 + ["c"])
    truth = np.array([1] * 5 + [0] * 3)
    score = np.array([1.0, 1, 1, 1, 1, -3, 1, 0.5])
    table = pd.concat([table_of(score, truth, speaker), table_of(-score, truth, speaker, "y")])
    pooled = privacy.patient(table, k=2)
    by_speaker = pooled[pooled["attacker"] == "x"].groupby("speaker")
    assert by_speaker["k"].apply(list).to_dict() == {"a": [2, 2], "b": [2], "c": [1]}  # one of a's five is left over
    assert by_speaker["score"].apply(list).to_dict() == {"a": [1, 1], "b": [-1], "c": [0.5]}
    assert by_speaker["prediction"].apply(list).to_dict() == {"a": [1, 1], "b": [0], "c": [1]}
    x, y = (pooled[pooled["attacker"] == name].reset_index(drop=True) for name in "xy")
    assert x["row"].tolist() == y["row"].tolist()
    assert x["score"].tolist() == (-y["score"]).tolist()
    assert privacy.patient(table, k=None).query("attacker == 'x'")["k"].tolist() == [5, 2, 1]
    columns = ["attacker", "row", "prediction", "score"]
    alone = privacy.patient(table, k=1).sort_values(columns)[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, table.sort_values(columns)[columns].reset_index(drop=True), check_dtype=False)


def test_the_same_seed_gives_the_same_guesses_and_input_is_untouched() -> None:
    e, gender, speaker = scene(0.5, speakers=12)
    before, state = e.copy(), repr(np.random.get_state())  # noqa: NPY002
    every = np.arange(len(e))
    first, second = (privacy.crossfit(e, gender, speaker, every, families=PLAIN, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.guesses, second.guesses)
    assert privacy.null(first, e, gender, speaker, shuffles=3) == privacy.null(second, e, gender, speaker, shuffles=3)
    assert np.array_equal(e, before)
    assert repr(np.random.get_state()) == state  # noqa: NPY002
    pd.testing.assert_frame_equal(patient(first.guesses, 5, 1), patient(second.guesses, 5, 1))


def test_the_order_of_the_rows_does_not_matter() -> None:
    e, gender, speaker = scene(0.5, speakers=12)
    order = np.random.default_rng(0).permutation(len(e))
    straight = privacy.crossfit(e, gender, speaker, np.arange(len(e)), families=PLAIN).best
    mixed = privacy.crossfit(e[order], gender[order], speaker[order], np.arange(len(e)), families=PLAIN).best
    mixed = mixed.assign(row=order[mixed["row"]])
    one, other = (table.set_index("row").sort_index()["score"] for table in (straight, mixed))
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)


def test_rows_of_unknown_gender_are_left_out_and_one_tested_gender_has_no_uar() -> None:
    e, gender, speaker = scene(1)
    gender[rows(speaker, 10, 12)] = -1
    found = privacy.privacy(e, gender, speaker, rows(speaker, 0, 11), rows(speaker, 11, 14), PLAIN)
    assert set(found.guesses["speaker"]) == {"12", "13"}
    assert not np.isin(speaker[found.sides[0].own], "10").any()
    women = np.flatnonzero((gender == 0) & np.isin(speaker, ["14", "16"]))
    assert math.isnan(uar(privacy.privacy(e, gender, speaker, rows(speaker, 0, 10), women, PLAIN).best))


@pytest.mark.parametrize(("shuffles", "confidence"), [(39, 0.95), (19, 0.9), (199, 0.9)])
def test_limits_hold_one_more_value_as_often_as_they_say(shuffles: int, confidence: float) -> None:
    random, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        low, high = Null(tuple(random.normal(size=shuffles))).limits(confidence)
        inside += low <= random.normal() <= high
    assert inside / 1000 == pytest.approx(confidence, abs=0.03)


def test_the_null_of_a_mean_is_the_mean_of_the_nulls_and_is_narrower() -> None:
    random = np.random.default_rng(0)
    nulls = [Null(tuple(random.normal(0.5, 0.1, 200))) for _ in range(5)]
    together = Null.mean(nulls)
    width = [high - low for low, high in (one.limits() for one in (nulls[0], together))]
    assert width[0] / width[1] == pytest.approx(math.sqrt(5), rel=0.3)
    low, high = together.limits()
    assert together.privacy_limits() == (1 - high, 1 - low)


@pytest.mark.slow
def test_a_null_without_tuning_is_as_wide_as_one_with() -> None:
    e, gender, speaker = scene(0, speakers=12)
    every, tuned = np.arange(len(e)), []
    found = privacy.crossfit(e, gender, speaker, every, families=("svm-rbf",))
    quick = privacy.null(found, e, gender, speaker, shuffles=40)[1]
    for seed in range(15):
        mixed = np.random.default_rng(seed).permutation(np.arange(12) % 2)[speaker.astype(int)]
        tuned.append(uar(privacy.crossfit(e, mixed, speaker, every, families=("svm-rbf",), seed=seed).best))
    assert np.std(quick.uar) > 0.6 * np.std(tuned)
    assert np.mean(quick.uar) == pytest.approx(np.mean(tuned), abs=0.08)


def test_what_cannot_be_attacked_is_refused() -> None:
    e, gender, speaker = scene(1)
    own, test = rows(speaker, 0, 10), rows(speaker, 10, 20)
    broken = e.copy()
    broken[3, 0] = np.nan
    with pytest.raises(AttackError, match="speaker 09 is learnt from and tested, expected one of it: use crossfit or"):
        privacy.privacy(e, gender, speaker, own, rows(speaker, 9, 20))
    with pytest.raises(AttackError, match="a row is learnt from and tested"):
        privacy.closed(e, gender, speaker, own, own[:5])
    with pytest.raises(AttackError, match="attackers oracle, expected some of logistic, svm-rbf"):
        privacy.privacy(e, gender, speaker, own, test, ["oracle"])
    with pytest.raises(AttackError, match="attackers none, expected some of logistic"):
        privacy.crossfit(e, gender, speaker, own, families=[])
    with pytest.raises(AttackError, match="239 embeddings, 240 secrets, 240 speakers, expected one a row"):
        privacy.privacy(e[1:], gender, speaker, own, test)
    with pytest.raises(AttackError, match="an embedding is not finite"):
        privacy.privacy(broken, gender, speaker, own, test)
    with pytest.raises(AttackError, match="120 and 0 rows of known secret to learn from and to test, expected some"):
        privacy.privacy(e, gender, speaker, own, test[:0])
    with pytest.raises(AttackError, match="expected at least two speakers for each value"):
        privacy.privacy(e, gender, speaker, own[:36], test)
    with pytest.raises(AttackError, match="k of 0 utterances, expected 1 or more"):
        privacy.patient(table_of(np.ones(2), np.ones(2, np.intp), np.array(["a", "b"])), 0)
    found = privacy.closed(e, gender, speaker, own[::2], own[1::2], PLAIN)
    with pytest.raises(AttackError, match="a closed set, expected one value a speaker: chance is"):
        privacy.null(found, e, gender, speaker)
