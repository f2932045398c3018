"""Memorised speakers are found by their unused samples; the mean of the control is one half."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from sordino import metrics
from sordino.attack import RetrainResult, membership, pool_scores
from sordino.attack.membership import MembershipPlan
from sordino.errors import AttackError
from sordino.types import Rows
from tests.attack.synthetic_voices import people

ROWS = 10
FAMILY = ("linear",)


def corpus(
    speakers: int = 25, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.str_], Rows, Rows]:
    """Embeddings with voices, their speakers, five folds of as many speakers, and genders."""
    e, speaker, _ = people(speakers, ROWS, seed, voice=0.5)
    number = speaker.astype(int)
    return e, speaker, (number % 5).astype(np.intp), (number // 5 % 2).astype(np.intp)


def mi(result: RetrainResult) -> float:
    return metrics.membership(result.best["truth"].to_numpy(), result.best["prediction"].to_numpy())


def plans(count: int, speakers: int = 25) -> list[MembershipPlan]:
    _, speaker, fold, gender = corpus(speakers)
    return [membership.plan(speaker, fold, seed, stratum=gender) for seed in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_is_the_papers(seed: int) -> None:
    _, speaker, fold, gender = corpus()
    plan = membership.plan(speaker, fold, seed, stratum=gender)
    assert plan.training.tolist() == np.flatnonzero(fold < 3).tolist()
    assert set(fold[plan.added]) == {3, 4}
    assert set(speaker[plan.added]) == set(plan.selected)
    in_fourth, in_fifth = ([name for name in plan.selected if int(name) % 5 == k] for k in (3, 4))
    assert len(in_fourth) == 2
    assert len(in_fifth) in (2, 3)
    for name in plan.selected:
        assert len(plan.added[speaker[plan.added] == name]) == ROWS / 2
    # the attacker is trained on D1, on unused samples of selected speakers of fold 4, and on the
    # other speakers of fold 4
    attacker_rows = np.concatenate([plan.learn, plan.validation])
    fourth = np.setdiff1d(np.flatnonzero(fold == 3), plan.added)
    assert sorted(attacker_rows) == sorted([*plan.training, *fourth])
    # one speaker of each label is reserved for validation
    assert plan.validation_unit == "speaker"
    assert not set(speaker[plan.validation]) & set(speaker[plan.learn])
    validation_speakers = np.unique(speaker[plan.validation])
    assert sorted(plan.member[speaker == name][0] for name in validation_speakers) == [0, 1]
    # it is measured on unused samples of fold 5, half of each speaker's
    assert set(fold[plan.test]) == {4}
    assert not np.intersect1d(plan.test, plan.added).size
    assert np.unique(speaker[plan.test], return_counts=True)[1].tolist() == [ROWS / 2] * 5
    # members are the speakers of the training
    assert plan.member.tolist() == [
        name in plan.selected or number < 3 for name, number in zip(speaker, fold, strict=True)
    ]


def test_speakers_are_selected_evenly_over_seeds_and_genders() -> None:
    _, speaker, fold, gender = corpus(40)
    selections = [
        membership.plan(speaker, fold, seed, stratum=gender).selected for seed in range(200)
    ]
    for name in np.unique(speaker[fold >= 3]):
        assert np.mean([name in selected for selected in selections]) == pytest.approx(
            0.5, abs=0.12
        )
    for selected in selections:
        assert (
            np.unique(gender[np.isin(speaker, selected)], return_counts=True)[1].tolist()
            == [4 * ROWS] * 2
        )


@pytest.mark.slow
def test_memorised_speakers_are_found_and_the_control_is_half() -> None:
    e, *_ = corpus()
    values, pooled, control = [], [], []
    for seed, plan in enumerate(plans(40)):
        members = e + 3 * plan.member[:, None] * np.eye(6, dtype=np.float32)[0]
        attack = membership.attack(members, plan, FAMILY, seed)
        values.append(mi(attack))
        speakers = pool_scores(attack.best, k=None)
        pooled.append(
            metrics.membership(speakers["truth"].to_numpy(), speakers["prediction"].to_numpy())
        )
        trained = np.isin(np.arange(len(e)), plan.training)
        without = e + 3 * trained[:, None] * np.eye(6, dtype=np.float32)[0]
        control.append(mi(membership.attack(without, plan, FAMILY, seed)))
    assert np.mean(values) > 0.8
    assert np.mean(pooled) > np.mean(values)
    assert abs(np.mean(control) - 0.5) < 3 * np.std(control) / np.sqrt(40)
    assert 0.02 < np.std(control) < 0.2  # it varies around one half


@pytest.mark.parametrize("seed", range(3))
def test_the_complement_swaps_the_members_of_the_fifth_fold(seed: int) -> None:
    _, speaker, fold, gender = corpus()
    first, second = (
        membership.plan(speaker, fold, seed, stratum=gender, complement=swap)
        for swap in (False, True)
    )
    fifth = fold[first.test[0]] == fold
    assert (first.member[fifth] != second.member[fifth]).all()
    assert (first.member[~fifth] == second.member[~fifth]).all()
    for name in ("training", "learn", "validation", "test"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()


def test_a_selection_and_its_complement_have_a_control_of_half() -> None:
    e, speaker, fold, gender = corpus(seed=3)
    loud = (e + np.repeat(np.random.default_rng(0).normal(0, 3, (25, 6)), ROWS, axis=0)).astype(
        np.float32
    )
    for seed in range(5):
        pair = [
            membership.plan(speaker, fold, seed, stratum=gender, complement=swap)
            for swap in (False, True)
        ]
        single = [mi(membership.attack(loud, plan, FAMILY)) for plan in pair]
        assert np.mean(single) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.slow
def test_the_control_averages_half_for_distinct_voices() -> None:
    e, *_ = corpus(seed=3)
    loud = np.repeat(np.random.default_rng(0).normal(0, 3, (25, 6)), ROWS, axis=0)
    control = [
        mi(membership.attack((e + loud).astype(np.float32), plan, FAMILY)) for plan in plans(100)
    ]
    assert np.std(control) > 0.1  # in one selection any value is possible
    assert abs(np.mean(control) - 0.5) < 3 * np.std(control) / np.sqrt(100)


def test_memory_of_training_samples_is_not_membership() -> None:
    e, *_ = corpus()
    values = []
    for plan in plans(30):
        trained = np.isin(np.arange(len(e)), np.concatenate([plan.training, plan.added]))
        marked = e + 4 * trained[:, None] * np.eye(6, dtype=np.float32)[0]
        values.append(mi(membership.attack(marked, plan, FAMILY)))
    assert np.mean(values) == pytest.approx(0.5, abs=0.05)


def test_unequal_numbers_of_members_do_not_bias_the_attacker() -> None:
    e, *_ = corpus()
    answers = []
    for plan in plans(20):
        assert np.mean(plan.member[plan.learn]) > 0.85
        members = e + plan.member[:, None] * np.eye(6, dtype=np.float32)[0]
        best = membership.attack(members, plan, FAMILY).best
        answers.append([np.mean(best["prediction"][best["truth"] == label]) for label in (0, 1)])
    said_yes_of_others, said_yes_of_members = np.mean(answers, axis=0)
    assert said_yes_of_others < 0.5 < said_yes_of_members


def test_other_rows_of_the_fifth_fold_do_not_change_scores() -> None:
    e, _, fold, _ = corpus()
    plan = plans(1)[0]
    changed = e.copy()
    changed[np.setdiff1d(np.flatnonzero(fold == 4), plan.test[::2])] = 9
    first, second = (membership.attack(x, plan).guesses for x in (e, changed))
    mask = first["row"].isin(plan.test[::2]).to_numpy()
    np.testing.assert_allclose(first["score"][mask], second["score"][mask], rtol=1e-9)


def test_validation_rows_select_the_attacker_without_training() -> None:
    e, *_ = corpus()
    plan = plans(1)[0]
    changed = e.copy()
    changed[plan.validation] += (
        np.random.default_rng(0).normal(0, 9, (len(plan.validation), 6)).astype(np.float32)
    )
    first, second = (membership.attack(x, plan, FAMILY) for x in (e, changed))
    assert first.quality != second.quality
    order, changed_order = (
        np.argsort(result.best["score"].to_numpy()) for result in (first, second)
    )
    assert order.tolist() == changed_order.tolist()  # the threshold moves, the order does not


def test_two_speakers_in_fold_four_validate_by_utterance() -> None:
    e, speaker, fold, _ = corpus(10)
    plan = membership.plan(speaker, fold, seed=1)
    assert plan.validation_unit == "utterance"
    assert sorted(plan.member[plan.validation]) == [
        0,
        0,
        0,
        1,
        1,
    ]  # a third of ten, and of the five unused
    assert set(plan.member[plan.learn]) == {0, 1}
    assert not np.intersect1d(plan.validation, plan.learn).size
    assert set(membership.attack(e, plan, FAMILY).guesses["speaker"]) == {"04", "09"}


def test_single_utterances_and_rows_without_fold_take_no_part() -> None:
    _, speaker, fold, _ = corpus(30)
    lonely = np.flatnonzero(speaker == "04")[1:]
    fold[lonely], fold[speaker == "00"] = -1, -1
    speaker[lonely] = "99"
    plan = membership.plan(speaker, fold)
    everything = np.concatenate([plan.training, plan.added, plan.learn, plan.validation, plan.test])
    assert not np.isin(speaker[everything], ["00", "04", "99"]).any()


def test_a_plan_depends_on_the_seed_and_not_on_row_order() -> None:
    _, speaker, fold, gender = corpus()
    order = np.random.default_rng(0).permutation(len(speaker))
    first, repeat = (membership.plan(speaker, fold, 5, stratum=gender) for _ in range(2))
    mixed = membership.plan(speaker[order], fold[order], 5, stratum=gender[order])
    assert first.selected == repeat.selected == mixed.selected
    assert first.test.tolist() == repeat.test.tolist()
    assert {int(fold[row]) for row in first.test} == {4}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_that_joins_the_training_is_as_asked(share: float) -> None:
    _, speaker, fold, _ = corpus()
    plan = membership.plan(speaker, fold, share=share)
    assert set(np.unique(speaker[plan.added], return_counts=True)[1]) == {share * ROWS}
    assert set(np.unique(speaker[plan.test], return_counts=True)[1]) == {ROWS - share * ROWS}


def test_what_cannot_be_planned_or_attacked_is_refused() -> None:
    e, speaker, fold, _ = corpus()
    with pytest.raises(
        AttackError, match="a share of 1 joins the training, expected between 0 and 1"
    ):
        membership.plan(speaker, fold, share=1)
    with pytest.raises(
        AttackError, match=r"fold 4 has 1 speaker\(s\) with two utterances beside 150 rows of D1"
    ):
        membership.plan(speaker, np.where((fold == 4) & (speaker != "04"), -1, fold))
    with pytest.raises(
        AttackError, match="a speaker is in two folds, expected speaker-independent folds"
    ):
        membership.plan(speaker, np.where(np.arange(len(fold)) == 3, 4, fold))
    with pytest.raises(AttackError, match="attackers oracle, expected some of linear"):
        membership.attack(e, membership.plan(speaker, fold), ["oracle"])
    with pytest.raises(AttackError, match="a vector is not finite"):
        membership.attack(np.full_like(e, np.nan), membership.plan(speaker, fold))


def confidences(
    networks: int, memory: float, seed: int = 0, speakers: int = 40
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean confidence of speakers under networks, half of which were trained with each: voices
    differ far more than memory adds, and networks differ in general confidence.
    """
    random = np.random.default_rng(seed)
    member = np.array([random.permutation(speakers) < speakers // 2 for _ in range(networks // 2)])
    member = np.concatenate([member, ~member])
    voice, network = random.normal(0, 3, speakers), random.normal(0, 2, (networks, 1))
    noise = random.normal(0, 0.5, member.shape)
    return voice + network + memory * member + noise, member


def ratio_auc(memory: float, shadows: int, seed: int = 0) -> float:
    values, member = confidences(2 + shadows, memory, seed)
    others = np.delete(np.arange(len(values)), [0, len(values) // 2])  # without the complement
    score = membership.likelihood_ratio(values[0], values[others], member[others])
    return metrics.auc(member[0], score)


def test_memory_is_found_behind_differences_of_voices() -> None:
    values, member = confidences(20, memory=1.5)
    assert metrics.auc(member[0], values[0]) < 0.75  # the loss alone
    assert ratio_auc(1.5, shadows=18) > 0.95
    one = np.array([1])  # a shadow without any candidate
    score = membership.likelihood_ratio(
        values[0], (values - 1.5 * member)[one], np.zeros((1, 40), bool)
    )
    assert metrics.auc(member[0], score) > 0.9


def test_without_memory_the_ratio_is_at_chance() -> None:
    assert np.mean([ratio_auc(0.0, 6, seed) for seed in range(20)]) == pytest.approx(0.5, abs=0.04)


def test_the_ratio_is_that_of_two_gaussians() -> None:
    member = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool)
    shadows = np.random.default_rng(0).normal(size=(4, 3))
    target = np.array([0.3, -1.0, 0.7])
    centred = shadows - shadows.mean(axis=1, keepdims=True)
    means = [[centred[member[:, u] == side, u].mean() for u in range(3)] for side in (True, False)]
    residual = centred - np.where(member, *means)
    spread = np.sqrt((residual**2).sum() / (12 - 6))
    expected = [
        norm.logpdf(t, m_in, spread) - norm.logpdf(t, m_out, spread)
        for t, m_in, m_out in zip(target - target.mean(), *means, strict=True)
    ]
    np.testing.assert_allclose(membership.likelihood_ratio(target, shadows, member), expected)
    louder = membership.likelihood_ratio(target + 5, shadows + np.arange(4)[:, None], member)
    np.testing.assert_allclose(louder, expected)


def test_without_shadows_the_ratio_is_the_order_of_confidence() -> None:
    target = np.array([0.2, 3.0, -1.0])
    score = membership.likelihood_ratio(target, np.empty((0, 3)), np.empty((0, 3), bool))
    assert score.argsort().tolist() == target.argsort().tolist()


def test_shadows_of_other_speakers_are_refused() -> None:
    with pytest.raises(AttackError, match=r"expected twice \(networks, 3\): align the speakers"):
        membership.likelihood_ratio(np.zeros(3), np.zeros((2, 4)), np.zeros((2, 4), bool))
    with pytest.raises(AttackError, match="not finite, expected numbers"):
        membership.likelihood_ratio(np.full(3, np.nan), np.zeros((1, 3)), np.zeros((1, 3), bool))
