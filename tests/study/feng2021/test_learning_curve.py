"""Learning curves: nested subsets of the fitting parties, trends, and files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.split import Part, Parts
from sordino.errors import SplitError
from sordino.study import POLICIES, feng2021
from sordino.study.feng2021.curve_report import curve_rows, page
from sordino.study.feng2021.learning_curve import (
    FITTING_SHARES,
    LearningCurves,
    measure_curves,
    subset,
)
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL

LABEL = np.array(["angry female", "angry male", "sad female", "sad male"] * 100)
PARTS = Parts(
    Part(np.arange(0, 120), np.arange(120, 160)),
    Part(np.arange(160, 280), np.arange(280, 320)),
    np.arange(320, 400),
)
UTTERANCES = [50.0, 100.0, 200.0, 400.0, 800.0]


def test_subsets_of_one_draw_are_nested() -> None:
    previous = subset(PARTS, LABEL, FITTING_SHARES[0], seed=1)
    for share in FITTING_SHARES[1:]:
        parts = subset(PARTS, LABEL, share, seed=1)
        assert set(previous.risk.rows) < set(parts.risk.rows)
        assert set(previous.transform.train) < set(parts.transform.train)
        previous = parts
    assert (previous.risk.train == PARTS.risk.train).all()


def test_a_subset_changes_neither_test_nor_party() -> None:
    parts = subset(PARTS, LABEL, 0.25, seed=0)
    assert (parts.test == PARTS.test).all()
    assert set(parts.risk.train) < set(PARTS.risk.train)
    assert set(parts.risk.validation) < set(PARTS.risk.validation)
    assert len(parts.transform.rows) == len(PARTS.transform.rows) / 4


def test_the_smallest_subset_has_every_emotion_and_gender() -> None:
    parts = subset(PARTS, LABEL, 0.001, seed=0)
    for rows in (parts.risk.train, parts.transform.validation):
        assert sorted(LABEL[rows]) == sorted(set(LABEL))


@pytest.mark.parametrize("share", [0.0, 1.5, math.nan])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(SplitError, match=r"expected more than 0 and at most 1: choose"):
        subset(PARTS, LABEL, share, seed=0)


def predictions(kept: list[float], speakers: int = 12, takes: int = 40) -> pd.DataFrame:
    """Predictions after a release that keeps a share of the required ones at each size."""
    random, tables = np.random.default_rng(0), []
    speaker = np.repeat(np.arange(speakers), takes)
    required = np.tile(np.arange(takes) % 2, speakers)
    for size, share in enumerate(kept):
        after = required * (random.random(len(required)) < share)
        table = pd.DataFrame({"truth": required, "before": required, "prediction": after})
        tables.append(table.assign(share=size + 1, row=np.arange(len(table))))
    rows = pd.concat(tables, ignore_index=True)
    names = {"release": "rae", "required": "sad", "knowledge": "ignorant", "target": "emotion"}
    rows = rows.assign(**names, attacker="", corpus="made", best=True, k=1, draw=0, score=np.nan)
    people = np.tile(speaker, len(kept))
    return rows.assign(speaker=people.astype(str), gender=people % 2)


def predicted(kept: list[float]) -> LearningCurves:
    """The curves of such a release."""
    return measure_curves(predictions(kept), UTTERANCES)


def test_a_flat_curve_justifies_no_extrapolation() -> None:
    curve = predicted([0.5] * 5)["unchanged", "rae"]
    assert curve.doubling.low < 0 < curve.doubling.high
    assert math.isnan(curve.at_paper.value)
    assert "not justified" in page({"IS13": {("unchanged", "rae"): curve}}, "made").html


def test_a_size_without_a_prediction_has_no_trend() -> None:
    rows = predictions([0.5] * 5)
    rows.loc[rows["share"] == 1, "before"] = 0  # the smallest risk model predicts nothing
    curves = measure_curves(rows, UTTERANCES)
    curve = curves["unchanged", "rae"]
    assert math.isnan(curve.points[0][1].value)
    assert math.isnan(curve.doubling.value)
    assert math.isnan(curve.at_paper.value)
    assert curve.points[1][1].value == pytest.approx(0.5, abs=0.1)
    assert "not justified" in page({"IS13": curves}, "made").html


def test_a_growing_curve_is_extrapolated() -> None:
    law = [0.9 - 2.5 * n**-0.5 for n in UTTERANCES]
    curve = predicted(law)["unchanged", "rae"]
    assert curve.doubling.low > 0
    assert curve.at_paper.low < 0.9 - 2.5 * 4025**-0.5 < curve.at_paper.high
    assert curve.points[-1][1].value == pytest.approx(law[-1], abs=0.06)
    assert 0.57 < curve.paper < 0.84


def test_a_curve_resumes_and_has_every_point(tmp_path: Path) -> None:
    made = synthetic_study.study(tmp_path, takes=2)
    options = replace(SMALL, releases=("none", "rae"))

    def run() -> pd.DataFrame:
        found = feng2021.learning_curves(
            made.corpus,
            tmp_path / "out",
            [feng2021.Setting(str(made.vectors), "none")],
            options=options,
            policies=POLICIES[:1],
            fitters=FITTERS,
            shares=(0.5, 1.0),
            max_draws=1,
            cache=None,
            jobs=1,
            latex=True,
        )
        return curve_rows(found)

    rows = run()
    units = sorted((tmp_path / "out" / "vectors").rglob("*.parquet"))
    times = [unit.stat().st_mtime_ns for unit in units]
    pd.testing.assert_frame_equal(run(), rows)
    assert [unit.stat().st_mtime_ns for unit in units] == times
    points = rows[rows["power_law"] == 0].groupby(["metric", "release"])["utterances"].nunique()
    assert points.to_dict() == {("f1", "none"): 2, ("f1", "rae"): 2, ("unchanged", "rae"): 2}
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [
        "curves.csv",
        "figure.svg",
        "report.html",
        "run.json",
        "table.tex",
        "vectors",
    ]
