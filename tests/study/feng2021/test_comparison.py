"""One table of feature sets and conditions of the fit, beside the paper's values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sordino.errors import FeatureError
from sordino.report.estimates import headline
from sordino.study import POLICIES, feng2021
from sordino.study.feng2021 import Setting
from sordino.study.feng2021.comparison import page, release_figures, settings_rows
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL, Run


def test_a_table_of_vectors_has_no_conditions(tmp_path: Path) -> None:
    table = str(tmp_path / "mine.parquet")
    settings = feng2021.settings_of(["speech", table], ["none", "standard"])
    assert [str(setting) for setting in settings] == ["speech", "speech-standard", "mine"]


def test_two_tables_of_one_name_are_refused() -> None:
    with pytest.raises(FeatureError, match=r"two tables mine, expected different names: rename"):
        feng2021.settings_of(["a/mine.csv", "b/mine.csv"], ["none"])


def test_unknown_conditions_are_refused() -> None:
    with pytest.raises(FeatureError, match=r"conditions loud, expected some of none, standard: "):
        feng2021.settings_of(["IS13"], ["loud"])


def test_the_table_has_the_figures_of_each_study(two_corpora: Run) -> None:
    rows = settings_rows({Setting("IS13", "none"): release_figures(two_corpora.guesses)})
    table = rows.set_index(["features", "release"])
    assert [*table.index] == [
        ("paper", "none"),
        ("paper", "rae"),
        ("IS13", "none"),
        ("IS13", "rae"),
        ("IS13", "chance"),
    ]
    assert table.loc[("paper", "rae"), "F1 required"] == pytest.approx(0.5, abs=0.1)
    assert table["gender AUC"].isna().to_list() == [True, True, False, False, False]
    gender = headline(
        two_corpora.numbers,
        release="rae",
        metric="auc",
        knowledge="semi-informed",
        target="gender",
    )
    assert table.loc[("IS13", "rae"), "gender AUC"] == pytest.approx(gender["value"].mean())
    assert table.loc[("IS13", "chance"), "gender AUC"] == 0.5


def test_the_page_has_an_interval_for_each_figure(two_corpora: Run) -> None:
    figures = release_figures(two_corpora.guesses)
    html = page({Setting("IS13", "none"): figures}, "zoo+ape").html
    low = figures["rae"]["gender AUC"].low
    assert f"[{low:.2f}" in html
    assert "zoo and ape" in html


def test_each_setting_has_its_own_study(tmp_path: Path) -> None:
    made = synthetic_study.study(tmp_path, takes=1)
    settings = feng2021.settings_of(["mel", str(made.vectors)], ["none"])
    feng2021.compare_settings(
        made.corpus,
        tmp_path / "out",
        settings,
        options=SMALL,
        policies=POLICIES[:1],
        fitters=FITTERS,
        max_draws=1,
        cache=None,
        jobs=1,
    )
    for name in ("mel", "vectors"):
        assert (tmp_path / "out" / name / "report.html").exists()
    joint = pd.read_csv(tmp_path / "out" / "estimates.csv")
    assert set(joint["features"]) == {"mel", "vectors"}
