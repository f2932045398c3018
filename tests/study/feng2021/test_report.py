"""The study's page and the paper's numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from sordino.define import ROLES
from sordino.report import Estimates, Page, measure, pooled
from sordino.report.tables import Table
from sordino.study.feng2021 import report
from sordino.study.feng2021.tables import FengTables, table_four, table_three
from tests.report import synthetic_predictions
from tests.report.test_release_page import BalanceParser, outside, words

RUN: dict[str, Any] = {
    "config": {
        "study": "feng2021",
        "corpus": "ravdess+emodb",
        "dims": 6373,
        "options": {"seed": 0, "measured_on": "test"},
    },
    "config_hash": "0123456789ab",
    "versions": {"python": "3.11.7", "sordino": "0.1.0"},
    "identical_recordings": [[3, 4]],
    "parts": [
        {
            "draw": 0,
            "risk": ["ravdess/Xanthippe00"],
            "test": ["ravdess/Xanthippe01"],
            "disjoint": True,
        }
    ],
    "test_parts_disjoint": True,
}


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return synthetic_predictions.study()


@pytest.fixture(scope="module")
def estimates(predictions: pd.DataFrame) -> pd.DataFrame:
    return measure(predictions, study="feng2021", features="IS13")


@pytest.fixture(scope="module")
def page(predictions: pd.DataFrame, estimates: pd.DataFrame) -> Page:
    return report.page(
        predictions, estimates, RUN, ["This corpus is synthetic: it says nothing about people."]
    )


@pytest.fixture(scope="module")
def look(predictions: pd.DataFrame, estimates: pd.DataFrame) -> Estimates:
    return Estimates(estimates, pooled(predictions))


@pytest.fixture(scope="module")
def html(page: Page) -> str:
    return page.html


def test_published_cells_are_those_of_the_papers_tables() -> None:
    table = FengTables().table
    assert list(table.columns) == [
        "table",
        "model",
        "required",
        "release",
        "metric",
        "group",
        "value",
    ]
    assert not table.duplicated(["table", "model", "release", "metric", "group"]).any()
    assert table.groupby("table").size().to_dict() == {"III": 3 * 3 * 5, "IV": 3 * 2 * 3}
    assert table["value"].between(0, 1).all()


@pytest.mark.parametrize(
    ("metric", "release", "required", "group", "percent"),
    [
        ("f1", "none", "happy", "neutral", 55.8),
        ("f1", "none", "sad", "sensitive", 78.5),
        ("f1", "none", "angry", "required", 69.5),
        ("f1", "rae", "happy", "sensitive", 12.8),
        ("f1", "rae", "angry", "required", 66.7),
        ("unchanged", "rae", "happy", "required", 60.9),
        ("unchanged", "rae", "sad", "neutral", 81.0),
        ("f1", "rae-grl", "sad", "required", 58.4),
        ("unchanged", "rae-grl", "sad", "required", 84.2),
        ("unchanged", "rae-grl", "angry", "sensitive", 13.1),
        ("leakage", "none", "happy", "", 70.0),
        ("leakage", "rae", "sad", "", 56.0),
        ("privacy", "rae-grl", "angry", "", 43.4),
        ("privacy", "none", "angry", "", 30.5),
    ],
)
def test_a_published_cell(
    metric: str, release: str, required: str, group: str, percent: float
) -> None:
    assert FengTables()(metric, release, required, group) == pytest.approx(percent / 100)


def test_the_papers_mean_is_over_its_three_models() -> None:
    assert FengTables()("f1", "none", group="required") == pytest.approx((44.7 + 64.8 + 69.5) / 300)
    assert np.isnan(FengTables()("f1", "rae-grl+", "sad", "required"))


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for group in table.groups for row in group]


def test_table_three_has_paper_ours_difference_and_interval(look: Estimates) -> None:
    table = table_three(look, FengTables(), "sad")
    row = next(row for row in texts(table) if row[1] == "rae (without GRL)")
    ours = look("f1", "rae", "sad", "neutral")
    difference = f"{ours.value - 0.43:+.2f}".replace("-", "−")
    interval = f"[{ours.low:.2f}, {ours.high:.2f}]"
    expected = [
        "rae (without GRL)",
        "0.430",
        f"{ours.value:.2f}",
        difference,
        interval,
        f"{ours.chance:.2f}",
    ]
    assert row[1:7] == expected
    assert [row[0] for row in texts(table) if row[0]] == [str(role) for role in ROLES]
    assert (
        len({len(row) for row in texts(table)})
        == 1
        == len({sum(span for _, span in head) for head in table.heads})
    )


def test_every_row_of_a_table_fits_its_heads(page: Page) -> None:
    tables = [
        block for section in page.sections for block in section.blocks if isinstance(block, Table)
    ]
    assert len(tables) == 12
    for table in tables:
        widths = {sum(span for _, span in head) for head in table.heads} | {
            len(row) for row in texts(table)
        }
        assert len(widths) == 1, table.caption


def test_table_four_folds_p_above_a_half(look: Estimates) -> None:
    rows = [row for row in texts(table_four(look, FengTables())) if row[-2] != "–"]
    assert len(rows) == 16
    assert all(float(row[-2]) <= 0.5 for row in rows)


def test_the_page_says_what_an_attacker_who_retrains_gets(
    html: str, predictions: pd.DataFrame
) -> None:
    text = words(html)
    best = predictions[(predictions["knowledge"] == "semi-informed") & predictions["best"]]
    for release in ("rae", "rae-grl", "rae-grl+"):
        auc = {}
        for name in (release, "none"):
            rows = best[(best["target"] == "sensitive-vs-neutral") & (best["release"] == name)]
            units = rows.groupby(["required", "draw"])
            auc[name] = np.mean([roc_auc_score(unit["truth"], unit["score"]) for _, unit in units])
        sentence = (
            r"The retrained attacker distinguishes sensitive from neutral utterances with AUC "
            rf"{auc[release]:.2f} \[0\.\d\d, \d\.\d\d\] \(original features "
            rf"{auc['none']:.2f}; chance 0\.50\)\."
        )
        assert len(re.findall(sentence, text)) == 1


def test_the_page_says_what_the_ignorant_attacker_gets(
    html: str, predictions: pd.DataFrame
) -> None:
    rows = predictions[(predictions["target"] == "emotion") & (predictions["release"] == "rae-grl")]
    units = rows.groupby(["required", "draw"])
    value = np.mean(
        [
            f1_score(unit["truth"], unit["prediction"], labels=[2], average=None)[0]
            for _, unit in units
        ]
    )
    assert f"recognises sensitive utterances with F1 {value:.2f} [" in words(html)


def test_the_verdict_comes_first_and_notices_before_it(html: str) -> None:
    text = words(html)
    order = (
        "This corpus is synthetic",
        ">Verdict<",
        ">Utility against leakage<",
        "Table III",
        "Table IV",
        "Fig. 3",
        ">Each corpus alone<",
        ">Every attacker<",
        ">Glossary<",
        ">How it was run<",
    )
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert '<p class="notice">This corpus is synthetic' in html


def test_the_page_names_corpora_but_no_speaker(html: str) -> None:
    assert "ravdess and emodb" in html
    assert "Xanthippe" not in html


def test_the_page_needs_nothing_from_outside(html: str) -> None:
    assert outside(html) == []
    assert BalanceParser(html).open == []
    names = re.findall(r'\bid="([^"]+)"', html)
    assert len(names) == len(set(names))


def test_the_same_input_gives_the_same_bytes(
    predictions: pd.DataFrame, estimates: pd.DataFrame, page: Page, tmp_path: Path
) -> None:
    page.write(tmp_path)
    again = report.page(predictions, estimates, RUN, page.notices)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == again.html
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8") == again.files["figure.svg"]
    assert again.files["figure.svg"] in again.html


def test_too_few_speakers_are_reported_in_words() -> None:
    few = synthetic_predictions.study(speakers=3, draws=1, corpora=("one",), required=("sad",))
    text = words(report.page(few, measure(few), {}).html)
    assert "There are too few speakers." in text
    assert not re.search(r"\bnan\b", text)
    assert ">Each corpus alone<" not in text


def test_a_study_without_the_reference_has_a_page() -> None:
    some = synthetic_predictions.study(releases=("rae",), required=("sad",), corpora=("one",))
    text = words(report.page(some, measure(some), {}).html)
    assert "(original features" not in text
    assert "The retrained attacker distinguishes sensitive from neutral" in text


def test_the_page_marks_figures_of_validation_speakers(
    predictions: pd.DataFrame, estimates: pd.DataFrame
) -> None:
    run = {"config": {"options": {"measured_on": "validation"}}}
    some = predictions["required"] == "sad"
    page = report.page(predictions[some], estimates[estimates["required"] == "sad"], run)
    assert page.notices == [
        "Measured on the validation speakers of the transform, not on test speakers."
    ]
