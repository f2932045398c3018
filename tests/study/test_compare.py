"""All releases compared, on synthetic vectors."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from sordino.attack.attackers import estimators
from sordino.release import FITTERS as FAMILIES
from sordino.report import COLUMNS
from sordino.study import POLICIES, Fitters, compare
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL, Made

TEMPLATES = Path(__file__).parents[2] / "docs" / "templates"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("compare"), speakers=40, takes=1)


@pytest.fixture(scope="module")
def out(given: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    options = replace(SMALL, releases=("none", "drawn"), families=("linear",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        compare.compare(
            given.corpus,
            folder,
            features=str(given.vectors),
            options=options,
            policies=POLICIES[:1],
            fitters=FITTERS,
            cache=None,
            jobs=1,
            latex=True,
        )
    return folder


def test_the_files_of_a_comparison(out: Path) -> None:
    assert sorted(path.name for path in out.iterdir()) == [
        "estimates.csv",
        "figure.svg",
        "report.html",
        "run.json",
        "table.tex",
        "units",
    ]
    assert json.loads((out / "run.json").read_text())["config"]["study"] == "compare"


def test_estimates_have_every_release_and_the_bounds_of_drawn(out: Path) -> None:
    estimates = pd.read_csv(out / "estimates.csv", keep_default_na=False)
    assert tuple(estimates.columns) == COLUMNS
    assert set(estimates["release"]) == {"none", "drawn"}
    keys = [
        "release",
        "required",
        "knowledge",
        "attacker",
        "target",
        "metric",
        "group",
        "k",
        "split",
        "condition",
        "corpus",
    ]
    assert not estimates.duplicated(keys).any()
    bounds = estimates[estimates["metric"].str.startswith("bound_")]
    assert set(bounds["release"]) == {"drawn"}
    assert set(bounds["metric"]) == {"bound_auc", "bound_uar", "bound_advantage"}
    assert (bounds["value"].astype(float) <= bounds["high"].astype(float)).all()


def test_drawn_hides_secrets_and_preserves_the_required_emotion(out: Path) -> None:
    estimates = pd.read_csv(out / "estimates.csv", keep_default_na=False)
    headline = estimates[(estimates["split"] == "all") & estimates["attacker"].isin(["best", ""])]

    def value(release: str, metric: str, knowledge: str = "semi-informed") -> float:
        rows = headline[
            (headline["release"] == release)
            & (headline["metric"] == metric)
            & (headline["knowledge"] == knowledge)
        ]
        return float(rows.loc[rows["target"] != "membership", "value"].astype(float).iloc[0])

    assert value("none", "auc") > 0.9
    assert value("drawn", "auc") < 0.65
    assert value("drawn", "distinguish") < 0.7 < value("none", "distinguish")
    assert value("drawn", "utility_auc") > 0.75


def test_the_page_has_the_front_the_table_and_the_bound(out: Path) -> None:
    page = (out / "report.html").read_text()
    for words in (
        "Releases compared",
        "Utility against leakage",
        "Every release",
        "Bounds on every attacker",
        "What ships",
    ):
        assert words in page
    assert (out / "figure.svg").read_text(encoding="utf-8") in page


def test_the_latex_tables_have_the_releases_with_intervals(out: Path) -> None:
    text = (out / "table.tex").read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 5
    row = next(line for line in text.splitlines() if line.startswith("drawn & "))
    assert row.count("[0.") == 5


def test_a_release_of_a_users_own_stands_beside_drawn(
    given: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rounded.py").write_bytes((TEMPLATES / "rounded.py").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "rounded", raising=False)
    monkeypatch.setitem(FAMILIES, "rounded", FAMILIES["none"])  # forgotten afterwards
    options = replace(SMALL, families=("linear",))
    own: dict[str, Any] = {"features": str(given.vectors), "policies": POLICIES[:1], "cache": None}
    own["fitters"] = Fitters()  # created before the release is registered
    releases = ["rounded:RoundedFitter", "leace"]
    estimates = compare.compare(
        given.corpus,
        tmp_path / "out",
        options=options,
        releases=releases,
        jobs=2,
        latex=True,
        **own,
    )
    assert {"none", "rounded", "leace"} == set(estimates["release"])
    assert "rounded" in (tmp_path / "out" / "table.tex").read_text()
    assert "steps of two standard deviations" in (tmp_path / "out" / "report.html").read_text()
    units = {path.name for path in (tmp_path / "out" / "units").iterdir()}
    again = compare.compare(
        given.corpus, tmp_path / "out", options=options, releases=releases, jobs=1, **own
    )
    del sys.modules["rounded"]
    assert again.equals(estimates)
    assert {path.name for path in (tmp_path / "out" / "units").iterdir()} == units


def test_an_attacker_of_a_users_own_is_asked(given: Made, tmp_path: Path) -> None:
    name = estimators.add("tree", DecisionTreeClassifier(max_depth=3))
    try:
        compare.compare(
            given.corpus,
            tmp_path,
            features=str(given.vectors),
            options=replace(SMALL, releases=("none",), families=("linear", name)),
            policies=POLICIES[:1],
            fitters=Fitters(attackers={name: DecisionTreeClassifier(max_depth=3)}),
            cache=None,
            jobs=2,
        )
    finally:
        del estimators.ESTIMATORS[name]
    units = [pd.read_parquet(path) for path in (tmp_path / "units").glob("*.parquet")]
    assert all("tree" in set(unit["attacker"]) for unit in units)
