"""A comparison shows the cost of each further bin, and resolves the rest of a corpus."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sordino.policy import REST, Policy
from sordino.study import compare
from sordino.study.bin_costs import policies_by_bins
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL

POLICY = Policy(("sad", "happy"), REST, hide=("gender", "hand"))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def handed(rows: pd.DataFrame) -> pd.DataFrame:
        number = pd.factorize(rows["speaker"])[0]
        return rows.assign(hand=["left" if n // 2 % 2 else "right" for n in number])

    made = synthetic_study.study(
        tmp_path_factory.mktemp("bins"), speakers=30, takes=1, relabel=handed
    )
    folder = tmp_path_factory.mktemp("out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        compare.compare(
            made.corpus,
            folder,
            features=str(made.vectors),
            options=replace(SMALL, releases=("none", "drawn"), families=("linear",)),
            policies=[POLICY],
            fitters=FITTERS,
            cache=None,
            jobs=1,
        )
    return folder


@pytest.mark.slow
def test_every_number_of_bins_has_utility_leakage_and_bounds(out: Path) -> None:
    costs = pd.read_csv(out / "bins.csv", keep_default_na=False)
    assert set(costs["condition"]) == {"sad+happy"}
    for required in ("sad", "sad+happy"):
        rows = costs[costs["required"] == required]
        assert {"f1", "unchanged", "utility_auc", "distinguish", "auc", "bound_auc"} <= {
            *rows["metric"]
        }
    page = (out / "report.html").read_text()
    assert "Several required emotions" in page
    assert "Every required emotion" in page


@pytest.mark.slow
def test_figures_name_each_required_emotion_and_column(out: Path) -> None:
    estimates = pd.read_csv(out / "estimates.csv", keep_default_na=False)
    f1 = estimates[(estimates["metric"] == "f1") & (estimates["release"] == "drawn")]
    assert {"sad", "happy", "required"} <= {*f1["group"]}
    assert {"hand=right", "sad-vs-rest", "happy-vs-rest"} <= {*estimates["target"]}
    bounds = estimates[estimates["metric"] == "bound_auc"]
    assert {"", "neutral", "required", "sad", "happy", "sensitive"} == {
        *bounds.loc[bounds["target"] == "hand=right", "group"]
    }
    record = json.loads((out / "run.json").read_text())
    assert "angry" in json.dumps(record["config"])  # in the place of "rest"


def test_fewer_bins_hide_the_last_required_emotions() -> None:
    policy = Policy(("sad", "happy", "fearful"), ("angry",))
    parts = policies_by_bins(policy)
    assert [part.required_name for part in parts] == ["sad", "sad+happy", "sad+happy+fearful"]
    assert parts[0].sensitive == ("happy", "fearful", "angry")
    assert parts[-1] == policy
    assert {frozenset(part.emotions) for part in parts} == {frozenset(policy.emotions)}
