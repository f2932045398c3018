"""Memorised speakers are found by their unused samples; without them in training the figure
averages one half.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import Retrained, membership, patient
from sordino.attack.membership import Plan
from sordino.errors import AttackError
from tests.attack.synthetic_voices import people

Rows = NDArray[np.intp]
ROWS = 10
FAMILY = ("linear",)


def corpus(
    speakers: int = 25, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.str_], Rows, Rows]:
    """Embeddings with voices, their speakers, five folds of as many speakers, and genders."""
    e, speaker, _ = people(speakers, ROWS, seed, voice=0.5)
    number = speaker.astype(int)
    return e, speaker, (number % 5).astype(np.intp), (number // 5 % 2).astype(np.intp)


def mi(found: Retrained) -> float:
    return metrics.membership(found.best["truth"].to_numpy(), found.best["prediction"].to_numpy())


def plans(count: int, speakers: int = 25) -> list[Plan]:
    _, speaker, fold, gender = corpus(speakers)
    return [membership.plan(speaker, fold, seed, stratum=gender) for seed in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_is_the_papers(seed: int) -> None:
    _, speaker, fold, gender = corpus()
    plan = membership.plan(speaker, fold, seed, stratum=gender)
    assert plan.training.tolist() == np.flatnonzero(fold < 3).tolist()
    assert set(fold[plan.added]) == {3, 4}
    assert set(speaker[plan.added]) == set(plan.selected)
    in_fourth, in_fifth = ([one for one in plan.selected if int(one) % 5 == k] for k in (3, 4))
    assert len(in_fourth) == 2
    assert len(in_fifth) in (2, 3)
    for one in plan.selected:
        assert len(plan.added[speaker[plan.added] == one]) == ROWS / 2
    # the attacker learns from D1, from unused samples of the selected of fold 4, and from the
    # others of fold 4
    known = np.concatenate([plan.learn, plan.validation])
    fourth = np.setdiff1d(np.flatnonzero(fold == 3), plan.added)
    assert sorted(known) == sorted([*plan.training, *fourth])
    # one speaker of each label is kept for validation, whole
    assert plan.kept == "speaker"
    assert not set(speaker[plan.validation]) & set(speaker[plan.learn])
    kept = np.unique(speaker[plan.validation])
    assert sorted(plan.member[speaker == one][0] for one in kept) == [0, 1]
    # it is measured on samples of fold 5 that nobody used, half of each speaker's
    assert set(fold[plan.test]) == {4}
    assert not np.intersect1d(plan.test, plan.added).size
    assert np.unique(speaker[plan.test], return_counts=True)[1].tolist() == [ROWS / 2] * 5
    # and a member is who is in the training
    assert plan.member.tolist() == [
        one in plan.selected or number < 3 for one, number in zip(speaker, fold, strict=True)
    ]


def test_everyone_is_selected_half_of_the_time_and_genders_evenly() -> None:
    _, speaker, fold, gender = corpus(40)
    every = [membership.plan(speaker, fold, seed, stratum=gender).selected for seed in range(200)]
    for one in np.unique(speaker[fold >= 3]):
        assert np.mean([one in selected for selected in every]) == pytest.approx(0.5, abs=0.12)
    for selected in every:
        assert (
            np.unique(gender[np.isin(speaker, selected)], return_counts=True)[1].tolist()
            == [4 * ROWS] * 2
        )


def test_memorised_speakers_are_found_and_those_left_out_of_the_training_average_one_half() -> None:
    e, *_ = corpus()
    found, pooled, control = [], [], []
    for seed, plan in enumerate(plans(40)):
        members = e + 3 * plan.member[:, None] * np.eye(6, dtype=np.float32)[0]
        attack = membership.attack(members, plan, FAMILY, seed)
        found.append(mi(attack))
        speakers = patient(attack.best, k=None)
        pooled.append(
            metrics.membership(speakers["truth"].to_numpy(), speakers["prediction"].to_numpy())
        )
        trained = np.isin(np.arange(len(e)), plan.training)
        without = e + 3 * trained[:, None] * np.eye(6, dtype=np.float32)[0]
        control.append(mi(membership.attack(without, plan, FAMILY, seed)))
    assert np.mean(found) > 0.8
    assert np.mean(pooled) > np.mean(found)
    assert abs(np.mean(control) - 0.5) < 3 * np.std(control) / np.sqrt(40)
    assert 0.02 < np.std(control) < 0.2  # it says something, and is wrong as often as right


@pytest.mark.parametrize("seed", range(3))
def test_in_the_complement_the_others_are_members_and_all_else_is_the_same(seed: int) -> None:
    _, speaker, fold, gender = corpus()
    one, other = (
        membership.plan(speaker, fold, seed, stratum=gender, complement=there)
        for there in (False, True)
    )
    fifth = fold[one.test[0]] == fold
    assert (one.member[fifth] != other.member[fifth]).all()
    assert (one.member[~fifth] == other.member[~fifth]).all()
    for name in ("training", "learn", "validation", "test"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_the_control_of_a_selection_and_its_complement_is_one_half_however_unlike_the_voices() -> (
    None
):
    e, speaker, fold, gender = corpus(seed=3)
    loud = (e + np.repeat(np.random.default_rng(0).normal(0, 3, (25, 6)), ROWS, axis=0)).astype(
        np.float32
    )
    for seed in range(5):
        both = [
            membership.plan(speaker, fold, seed, stratum=gender, complement=there)
            for there in (False, True)
        ]
        alone = [mi(membership.attack(loud, plan, FAMILY)) for plan in both]
        assert np.mean(alone) == pytest.approx(0.5, abs=1e-12)


def test_the_control_averages_one_half_for_an_attacker_who_tells_voices_apart() -> None:
    e, *_ = corpus(seed=3)
    loud = np.repeat(np.random.default_rng(0).normal(0, 3, (25, 6)), ROWS, axis=0)
    control = [
        mi(membership.attack((e + loud).astype(np.float32), plan, FAMILY)) for plan in plans(100)
    ]
    assert np.std(control) > 0.1  # in one selection it may say anything
    assert abs(np.mean(control) - 0.5) < 3 * np.std(control) / np.sqrt(100)


def test_memory_of_the_very_samples_that_were_trained_on_is_not_membership_of_the_speaker() -> None:
    e, *_ = corpus()
    found = []
    for plan in plans(30):
        used = np.isin(np.arange(len(e)), np.concatenate([plan.training, plan.added]))
        marked = e + 4 * used[:, None] * np.eye(6, dtype=np.float32)[0]
        found.append(mi(membership.attack(marked, plan, FAMILY)))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_labels_are_balanced_though_those_known_to_be_in_outnumber_the_others() -> None:
    e, *_ = corpus()
    answers = []
    for plan in plans(20):
        assert np.mean(plan.member[plan.learn]) > 0.85
        members = e + plan.member[:, None] * np.eye(6, dtype=np.float32)[0]
        best = membership.attack(members, plan, FAMILY).best
        answers.append([np.mean(best["prediction"][best["truth"] == label]) for label in (0, 1)])
    said_yes_of_others, said_yes_of_members = np.mean(answers, axis=0)
    assert said_yes_of_others < 0.5 < said_yes_of_members


def test_nobody_of_the_fifth_fold_and_nothing_kept_moves_the_attacker() -> None:
    e, _, fold, _ = corpus()
    plan = plans(1)[0]
    changed = e.copy()
    changed[np.setdiff1d(np.flatnonzero(fold == 4), plan.test[::2])] = 9
    one, other = (membership.attack(x, plan).guesses for x in (e, changed))
    kept = one["row"].isin(plan.test[::2]).to_numpy()
    assert one["score"][kept].tolist() == other["score"][kept].tolist()


def test_what_is_kept_for_validation_chooses_the_attacker_and_is_not_learnt_from() -> None:
    e, *_ = corpus()
    plan = plans(1)[0]
    changed = e.copy()
    changed[plan.validation] += (
        np.random.default_rng(0).normal(0, 9, (len(plan.validation), 6)).astype(np.float32)
    )
    first, second = (membership.attack(x, plan, FAMILY) for x in (e, changed))
    assert first.quality != second.quality
    one, other = (np.argsort(found.best["score"].to_numpy()) for found in (first, second))
    assert one.tolist() == other.tolist()  # the threshold moves, the order does not


def test_two_speakers_in_the_fourth_fold_are_too_few_to_keep_one_so_utterances_are_kept() -> None:
    e, speaker, fold, _ = corpus(10)
    plan = membership.plan(speaker, fold, seed=1)
    assert plan.kept == "utterance"
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


def test_a_speaker_with_one_utterance_and_rows_of_no_fold_take_no_part() -> None:
    _, speaker, fold, _ = corpus(30)
    lonely = np.flatnonzero(speaker == "04")[1:]
    fold[lonely], fold[speaker == "00"] = -1, -1
    speaker[lonely] = "99"
    plan = membership.plan(speaker, fold)
    everything = np.concatenate([plan.training, plan.added, plan.learn, plan.validation, plan.test])
    assert not np.isin(speaker[everything], ["00", "04", "99"]).any()


def test_the_same_seed_gives_the_same_plan_whatever_the_order_of_the_rows() -> None:
    _, speaker, fold, gender = corpus()
    order = np.random.default_rng(0).permutation(len(speaker))
    one, again = (membership.plan(speaker, fold, 5, stratum=gender) for _ in range(2))
    mixed = membership.plan(speaker[order], fold[order], 5, stratum=gender[order])
    assert one.selected == again.selected == mixed.selected
    assert one.test.tolist() == again.test.tolist()
    assert {int(fold[row]) for row in one.test} == {4}


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
