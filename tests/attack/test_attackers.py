"""An attacker finds what is planted, and finds nothing where nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from sordino import metrics
from sordino.attack import FAMILIES, Attacker, Family, attackers
from sordino.errors import AttackError

NAMES = tuple(FAMILIES)


def people(
    speakers: int, rows: int, seed: int, dims: int = 6, voice: float = 0.5
) -> tuple[NDArray[np.float32], NDArray[np.str_], np.random.Generator]:
    """Vectors in which every speaker has a voice, their speakers, and a generator for more."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(speakers * rows, dims)) + np.repeat(random.normal(0, voice, (speakers, dims)), rows, axis=0)
    return x.astype(np.float32), np.repeat([f"{one:02d}" for one in range(speakers)], rows), random


def attacked(
    family: str, x: NDArray[np.float32], speaker: NDArray[np.str_], secret: NDArray[np.intp], own: int
) -> tuple[Attacker, NDArray[np.bool_]]:
    """An attacker fitted on the first `own` speakers, and the mask of the rows of all others."""
    test = speaker >= f"{own:02d}"
    folds = attackers.grouped_folds(speaker[~test], secret[~test])
    return attackers.fit(family, x[~test], secret[~test], folds), test


@pytest.mark.parametrize("family", NAMES)
def test_a_planted_leak_is_found_on_new_speakers(family: str) -> None:
    x, speaker, _ = people(24, 8, seed=0)
    secret = (np.arange(len(x)) // 8 % 2).astype(np.intp)
    x[:, 2] += np.where(secret == 1, 2, -2)
    attacker, test = attacked(family, x, speaker, secret, own=16)
    assert metrics.auc(secret[test] == 1, attacker.score(x[test])) > 0.95
    assert metrics.uar(secret[test], attacker.predict(x[test])) > 0.85
    assert attacker.validation_auc > 0.95


@pytest.mark.parametrize(("family", "finds"), [("logistic", False), ("svm-rbf", True), ("mlp", True)])
def test_a_leak_in_the_spread_alone_is_found_by_families_that_bend(family: str, finds: bool) -> None:
    x, speaker, random = people(24, 20, seed=1, dims=3, voice=0.0)
    secret = random.integers(0, 2, len(x)).astype(np.intp)
    x[:, :2] *= np.where(secret == 1, 3.0, 0.5)[:, None].astype(np.float32)
    attacker, test = attacked(family, x, speaker, secret, own=16)
    assert (metrics.auc(secret[test] == 1, attacker.score(x[test])) > 0.8) is finds


@pytest.mark.parametrize("family", ["logistic", *(pytest.param(one, marks=pytest.mark.slow) for one in NAMES[1:])])
def test_a_secret_shuffled_over_speakers_gives_chance_inside_the_interval(family: str) -> None:
    missed = []
    for seed in range(4):
        x, speaker, random = people(28, 6, seed)
        secret = np.empty(len(x), np.intp)
        secret[:96] = np.repeat(random.permutation(np.arange(16) % 2), 6)  # both values on either side
        secret[96:] = np.repeat(random.permutation(np.arange(12) % 2), 6)
        attacker, test = attacked(family, x, speaker, secret, own=16)
        truth, score = secret[test] == 1, attacker.score(x[test])
        found = metrics.interval(
            lambda rows, truth=truth, score=score: metrics.auc(truth[rows], score[rows]),  # type: ignore[misc]
            speaker[test],
            stratum=truth,
            group=truth,
        )
        missed.append(not found.low <= 0.5 <= found.high)
    assert sum(missed) <= 1


@pytest.mark.parametrize("family", NAMES)
def test_the_same_seed_gives_the_same_attacker_and_its_input_is_untouched(family: str) -> None:
    x, speaker, _ = people(12, 6, seed=3)
    secret = (np.arange(len(x)) // 6 % 2).astype(np.intp)
    before, state = x.copy(), repr(np.random.get_state())  # noqa: NPY002
    scores = [attacked(family, x, speaker, secret, own=12)[0].score(x) for _ in range(2)]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(x, before)
    assert repr(np.random.get_state()) == state  # noqa: NPY002


@pytest.mark.parametrize("family", NAMES)
def test_scores_rise_with_the_second_value_and_agree_with_the_guess(family: str) -> None:
    x, speaker, _ = people(12, 6, seed=4)
    secret = (np.arange(len(x)) // 6 % 2).astype(np.intp)
    x[:, 0] += 2 * secret
    attacker, _ = attacked(family, x, speaker, secret, own=12)
    score, guess = attacker.score(x), attacker.predict(x)
    assert score.shape == guess.shape == (len(x),)
    assert score[guess == 1].min() > score[guess == 0].max()


def test_a_secret_with_one_value_is_refused() -> None:
    x = np.zeros((4, 2), np.float32)
    with pytest.raises(
        AttackError, match="one value among the attacker's speakers, expected two: nothing can be learnt"
    ):
        attackers.fit("logistic", x, np.ones(4, np.intp), [])


def test_a_new_family_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        FAMILIES, "tree", Family(lambda seed: DecisionTreeClassifier(random_state=seed), {"max_depth": (1, 2)})
    )
    x, speaker, _ = people(12, 6, seed=5)
    secret = (np.arange(len(x)) // 6 % 2).astype(np.intp)
    x[:, 0] += 9 * secret
    attacker, test = attacked("tree", x, speaker, secret, own=8)
    assert attacker.family == "tree"
    assert metrics.auc(secret[test] == 1, attacker.score(x[test])) == 1


def test_the_common_scale_keeps_the_shape_of_distances() -> None:
    x = np.random.default_rng(0).normal(3, [1, 10, 0.1], (200, 3))
    scaled = attackers.Rms().fit_transform(x)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.mean(scaled**2), 1)
    np.testing.assert_allclose(scaled, (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).mean()))
    assert np.array_equal(attackers.Rms().fit_transform(np.ones((4, 2))), np.zeros((4, 2)))


@st.composite
def secrets(draw: st.DrawFn) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Utterances of 4 to 15 speakers, at least two of each value, with a secret that is constant within a speaker."""
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
    folds = attackers.grouped_folds(speaker, secret, seed)
    assert 2 <= len(folds) <= attackers.FOLDS
    for train, validation in folds:
        assert not set(speaker[train]) & set(speaker[validation])
        assert sorted([*train, *validation]) == list(range(len(speaker)))
        assert set(secret[train]) == set(secret[validation]) == {0, 1}
    held = np.concatenate([validation for _, validation in folds])
    assert len(set(held)) == len(held) == len(speaker)


@settings(deadline=None)
@given(secrets(), st.integers(0, 99))
def test_the_order_of_the_rows_moves_no_speaker_to_another_fold(
    given: tuple[NDArray[np.str_], NDArray[np.intp]], seed: int
) -> None:
    speaker, secret = given
    order = np.random.default_rng(seed).permutation(len(speaker))
    straight = attackers.grouped_folds(speaker, secret, seed)
    mixed = attackers.grouped_folds(speaker[order], secret[order], seed)
    for (_, one), (_, other) in zip(straight, mixed, strict=True):
        assert set(one) == set(order[other])


def test_a_secret_within_speakers_is_spread_over_four_folds() -> None:
    speaker, secret = np.repeat([f"{one:02d}" for one in range(10)], 6), np.tile([0, 1], 30)
    assert len(attackers.grouped_folds(speaker, secret)) == 4


@pytest.mark.parametrize(
    ("speaker", "secret"),
    [(["a", "b", "c"], [0, 1, 1]), (["a", "b", "c"], [1, 1, 1]), (["a", "a"], [0, 1])],
    ids=["one woman", "no woman", "one speaker"],
)
def test_too_few_speakers_to_tune_by_speaker_are_refused(speaker: list[str], secret: list[int]) -> None:
    given: Any = np.array(speaker), np.array(secret)
    with pytest.raises(
        AttackError, match=r"\d speaker\(s\) .* expected at least two speakers for each value: add speakers"
    ):
        attackers.grouped_folds(*given)
