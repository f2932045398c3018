"""Likelihood ratios between the networks of one draw: their shadows, their rows, their control."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import membership
from sordino.study.jaiswal2020.estimates import measure_embeddings
from sordino.study.jaiswal2020.likelihood import (
    LIKELIHOOD_QUESTIONS,
    MemberNetwork,
    likelihood_guesses,
)

ROWS = 10
SPEAKER = np.repeat([f"{number:02d}" for number in range(60)], ROWS)
FOLD = (np.arange(len(SPEAKER)) // ROWS % 5).astype(np.intp)
TEST = np.flatnonzero(FOLD == 4)
VOICE = np.random.default_rng(0).normal(0, 3, 60).repeat(ROWS)


def network(selection: int, memory: float) -> MemberNetwork:
    """A network that is more confident in the rows of its members, and twice as much in those that
    trained it.
    """
    plan = membership.plan(SPEAKER, FOLD, selection // 2, complement=selection % 2 == 1)
    random = np.random.default_rng(selection)
    values = VOICE + random.normal(0, 1, len(SPEAKER)) + memory * plan.member
    values[plan.added] += memory
    return MemberNetwork(selection, plan, np.zeros((len(SPEAKER), 2), np.float32), values)


def without() -> NDArray[np.float64]:
    return VOICE + np.random.default_rng(99).normal(0, 1, len(SPEAKER))


def areas(selections: int, memory: float) -> dict[str, float]:
    networks = [network(selection, memory) for selection in range(selections)]
    guesses = [
        (question, metrics.auc(table["truth"].to_numpy() == 1, table["score"].to_numpy()))
        for question, _, table in likelihood_guesses(networks, without(), TEST)
    ]
    mean = pd.DataFrame(guesses, columns=["question", "auc"]).groupby("question")["auc"].mean()
    return {str(question): float(area) for question, area in mean.items()}


@pytest.mark.parametrize("selections", [2, 4])
def test_members_are_found_and_the_control_is_one_half(selections: int) -> None:
    found = areas(selections, memory=0.7)
    assert found["likelihood"] > 0.65
    assert found["likelihood-training"] > found["likelihood"]
    assert found["likelihood-control"] == pytest.approx(0.5, abs=0.15)
    assert areas(selections, memory=0.0)["likelihood"] == pytest.approx(0.5, abs=0.15)


def test_two_selections_have_a_control_of_exactly_one_half() -> None:
    assert areas(2, memory=0.7)["likelihood-control"] == pytest.approx(0.5, abs=1e-9)


def test_the_complement_is_no_shadow() -> None:
    networks = [network(selection, 0.7) for selection in (0, 1)]
    alone, beside = (
        next(table for *_, table in likelihood_guesses(group, without(), TEST))
        for group in (networks[:1], networks)
    )
    pd.testing.assert_frame_equal(alone, beside)


def test_rates_need_enough_speakers_that_are_no_members() -> None:
    networks = [network(selection, 0.7) for selection in (0, 1)]
    tables = [
        table.assign(asked=question, draw=f"0 selection {selection}")
        for question, selection, table in likelihood_guesses(networks, without(), TEST)
    ]
    names = {"features": "audio", "task": "activation", "release": "general", "condition": ""}
    guesses = pd.concat(tables, ignore_index=True).assign(**names)
    speakers = pd.DataFrame({"speaker": SPEAKER, "gender": FOLD % 2})
    estimates = measure_embeddings(guesses, {}, speakers, "planted", 0)
    measured = set(estimates["metric"])
    assert measured == {"auc", "tpr@fpr=0.1"}  # 12 speakers, and 1 % needs 100
    rate = estimates[estimates["metric"] == "tpr@fpr=0.1"].set_index("condition")
    assert set(guesses["asked"]) == set(LIKELIHOOD_QUESTIONS)
    assert rate["value"].to_dict()["likelihood ratio, training recordings"] > 0.3
    assert (rate["chance"] == 0.1).all()
