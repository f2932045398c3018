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
