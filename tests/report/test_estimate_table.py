"""The look-up of estimates: the row with these values, or an error."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from sordino.report import Estimates, headline, measure
from sordino.report.estimate_table import TARGETS, auc_of
from tests.report import synthetic_predictions


@pytest.fixture(scope="module")
def estimates() -> pd.DataFrame:
    return measure(synthetic_predictions.study(releases=("rae",), required=("sad",)))


def test_a_look_up_finds_the_only_row_with_these_values(estimates: pd.DataFrame) -> None:
    row = headline(estimates, release="rae", required="sad", metric="f1", group="neutral")
    table = Estimates(estimates)
    assert table("f1", "rae", "sad", "neutral").value == row["value"].item()
    columns = {"release": "rae", "required": "sad", "metric": "f1", "group": "neutral"}
    assert table.find(**columns, corpus="ravdess+emodb", split="all").value == row["value"].item()
    assert math.isnan(table.find(metric="no such metric").value)


def test_an_ambiguous_look_up_raises(estimates: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"\d+ estimates with metric=f1; expected one"):
        Estimates(estimates).find(metric="f1")


@pytest.mark.parametrize("target", ["gender", "sensitive-vs-neutral", "required-vs-rest"])
def test_the_target_of_an_auc_is_the_inverse_of_its_metric(target: str) -> None:
    assert TARGETS[auc_of(target)] == target


def test_the_worst_emotion_is_the_cell_furthest_from_chance() -> None:
    """Angry women are told from neutral ones, happy utterances and angry men are not."""
    cells = {  # emotion and gender -> scores of neutral and of sensitive utterances
        ("happy", 0): ([0.0, 1.0], [0.0, 1.0]),
        ("happy", 1): ([0.0, 1.0], [0.0, 1.0]),
        ("angry", 0): ([0.0, 0.0], [1.0, 1.0]),
        ("angry", 1): ([0.0, 1.0], [0.0, 1.0]),
    }
    tables = [
        synthetic_predictions.rows(
            speaker=[f"{gender}-{number}"] * 4,
            gender=gender,
            knowledge="semi-informed",
            attacker="linear",
            target=f"{emotion}-vs-neutral",
            truth=[0, 0, 1, 1],
            prediction=0,
            score=[*neutral, *sensitive],
        )
        for (emotion, gender), (neutral, sensitive) in cells.items()
        for number in range(4)
    ]
    table = Estimates(measure(pd.concat(tables, ignore_index=True)))
    name, worst = table.worst_emotion("rae", "sad")
    assert (name, worst.value) == ("angry against neutral, female speakers", 1.0)
    values = {str(cell): estimate.value for cell, estimate in table.emotions("rae").items()}
    assert len(values) == 6
    assert values["angry against neutral"] == 0.75
    assert values["happy against neutral, male speakers"] == 0.5
    assert Estimates(measure(tables[0].assign(target="gender"))).worst_emotion("rae")[0] == ""
