"""Estimates from the records of units: bounds, and the null of the patient attacker."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure, pooled
from sordino.study.unit_estimates import (
    bound_rows,
    membership_rows,
    membership_table,
    null_rows,
    null_text,
    of_units,
    patient_table,
)
from tests.report import synthetic_predictions

UNITS = {
    f"{required}-{draw}": {
        "patient_null": {"rae": {"20": (0.3 + 0.1 * draw + np.linspace(0, 0.2, 39)).tolist()}},
        "membership": {"rae": {"recording": [0.5, 0.6], "speaker": [0.4, 0.6 + 0.1 * draw]}},
        "bounds": {
            "rae": {
                key: {"tv": 0.1, "tv_high": 0.3, "auc": 0.55, "auc_high": 0.65, "speakers": 9}
                for key in ("gender given neutral", "happy-vs-neutral")
            }
        },
    }
    for required in ("sad", "angry")
    for draw in (0, 1)
}
"""Two draws under two policies; the second draw's null is higher by 0.1."""


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    tables = [
        synthetic_predictions.rows(
            release="rae",
            required=required,
            knowledge="patient",
            attacker="pooled scores",
            target="gender",
            speaker=[f"{number}" for number in range(12)],
            gender=np.arange(12) % 2,
            truth=np.arange(12) % 2,
            prediction=0,
            score=np.arange(12) % 2 * 1.0,
        ).assign(k=20)
        for required in ("sad", "angry")
    ]
    return pd.concat(tables, ignore_index=True)


def test_the_null_is_the_mean_over_draws_and_policies(predictions: pd.DataFrame) -> None:
    rows = null_rows(measure(predictions), UNITS)
    assert rows["required"].tolist() == ["sad", "", "angry"]
    assert set(rows["metric"]) == {"auc_null"}
    np.testing.assert_allclose(rows["value"], 0.45)
    np.testing.assert_allclose(rows["low"], 0.35)
    np.testing.assert_allclose(rows["high"], 0.55)


def test_a_leak_to_a_patient_attacker_lies_above_its_null(predictions: pd.DataFrame) -> None:
    estimates = measure(predictions)
    whole = pd.concat([estimates, null_rows(estimates, UNITS)], ignore_index=True)
    table = patient_table(Estimates(estimates, pooled(predictions)), whole)
    texts = [[cell.text for cell in row] for row in table.groups[0]]
    assert [row[1] for row in texts] == ["sad", "angry", "mean of policies"]
    assert all(row[2] == "1.00" and row[-2:] == ["[0.35, 0.55]", "above"] for row in texts)
    assert null_text(whole, "rae", 20) == "0.35 to 0.55"
    assert null_text(estimates, "rae", 20) == ""


def test_bounds_have_rows_for_every_secret(predictions: pd.DataFrame) -> None:
    estimates = measure(predictions)
    rows = bound_rows(estimates, UNITS)
    assert list(rows.columns) == list(estimates.columns)
    assert set(zip(rows["target"], rows["group"], strict=True)) == {
        ("gender", "neutral"),
        ("happy-vs-neutral", ""),
    }
    assert len(rows) == 2 * 2 * 3


def test_membership_by_what_ships_has_two_rows(predictions: pd.DataFrame) -> None:
    rows = membership_rows(measure(predictions), UNITS)
    assert (rows["attacker"] == "best").all()
    assert set(rows["target"]) == {"membership"}
    assert set(rows["knowledge"]) == {"informed"}
    assert set(rows["group"]) == {""}
    means = rows[rows["required"] == ""].set_index("metric")["value"]
    assert means["membership_recording"] == pytest.approx(0.55)
    assert means["membership"] == pytest.approx((0.4 + 0.6 + 0.4 + 0.7) / 4)
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()
    assert of_units(rows).all()
    texts = [[cell.text for cell in row] for row in membership_table(rows).groups[0]]
    assert [text[:2] for text in texts] == [["prototypes of rae", "0.55"]]


def test_parts_of_the_scaled_space_have_rows_of_their_own(predictions: pd.DataFrame) -> None:
    parts = ("none", "scaling", "components", "drawn+rae-25")
    units = {
        f"{required}-{draw}": {
            "membership": {
                part: {"recording": [0.5, 0.7], "speaker": [0.1 * place, 0.2 + 0.1 * place]}
                for place, part in enumerate(parts)
            }
        }
        for required in ("sad", "angry")
        for draw in (0, 1)
    }
    rows = membership_rows(measure(predictions), units)
    space = rows[(rows["release"] == "none") & (rows["required"] == "")]
    speakers = space[space["metric"] == "membership"].set_index("condition")["value"]
    assert speakers.to_dict() == pytest.approx(
        {"": 0.1, "part=scaling": 0.2, "part=components": 0.3}
    )
    # policies have the same games, which do not count twice: four games of .5, .7, .5, .7
    recording = rows[(rows["metric"] == "membership_recording") & (rows["required"] == "")]
    assert recording["low"].to_numpy() == pytest.approx(
        0.6 - 3.182 * np.sqrt(0.04 / 3) / 2, abs=1e-3
    )
    names = [row[0].text for row in membership_table(rows).groups[0]]
    assert names == [
        "scaling and principal components",
        "scaling alone",
        "principal components alone",
        "prototypes, means, covariance and network of drawn+rae-25",
    ]
