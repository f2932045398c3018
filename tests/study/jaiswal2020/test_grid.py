"""The paper's grid is searched on validation speakers, and its choice is used and shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sordino.errors import StudyError
from sordino.study import jaiswal2020
from sordino.study.jaiswal2020.grid import PAPER, choose_points, parse_grid, points
from sordino.study.jaiswal2020.variants import JaiswalOptions
from tests.study.synthetic_corpus import corpus

ROW: dict[str, Any] = {"features": "audio", "task": "activation", "draw": 0}


def test_the_papers_grid_has_96_sizes_and_four_lambdas() -> None:
    assert len(points(PAPER, "general")) == 96
    assert len(points(PAPER, "private")) == 384


@pytest.mark.parametrize(
    "text", ["kernels=48", "kernels=", "depth=2", "kernels=32,x", "", "kernels=nan"]
)
def test_other_axes_and_values_are_refused(text: str) -> None:
    with pytest.raises(StudyError, match="expected paper, or some of"):
        parse_grid([text])


def test_values_of_an_axis_add_up() -> None:
    assert parse_grid(["kernels=32", "kernels=64,32"]) == {"kernels": (32.0, 64.0)}


def test_a_training_that_diverged_is_not_chosen() -> None:
    figures = {"uar": [math.nan, 0.4], "gender": [math.nan, 0.9], "point": [0, 1]}
    table = pd.DataFrame(figures).assign(release="general", **ROW)
    assert choose_points(table)["point"].tolist() == [1]
    with pytest.raises(StudyError, match="every training of the grid diverged"):
        choose_points(table.iloc[:1])


def test_no_point_at_chance_is_said_and_the_nearest_is_chosen() -> None:
    figures = {"uar": [0.7, 0.5], "gender": [0.9, 0.3], "point": [0, 1]}
    (chosen,) = choose_points(pd.DataFrame(figures).assign(release="private", **ROW)).to_dict(
        "records"
    )
    assert (chosen["point"], chosen["at_chance"]) == (1, False)


def test_utility_alone_chooses_without_an_adversary() -> None:
    figures = {"uar": [0.7, 0.5], "gender": [0.9, 0.5], "point": [0, 1]}
    (chosen,) = choose_points(pd.DataFrame(figures).assign(release="general", **ROW)).to_dict(
        "records"
    )
    assert (chosen["point"], chosen["at_chance"]) == (0, None)


def test_a_section_without_a_grid_is_refused(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=3, words=False)
    options = JaiswalOptions(grid=parse_grid(["reversal=0.3,1"]))
    with pytest.raises(StudyError, match="--grid with sections that have none, expected some"):
        jaiswal2020.reproduce(few, tmp_path / "out", options=options, only=("drawn",), cache=None)


@pytest.mark.slow
def test_networks_have_the_chosen_sizes(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=6)
    options = JaiswalOptions(
        normalise="corpus",
        epochs=1,
        families=("linear",),
        shuffles=1,
        selections=1,
        grid=parse_grid(["gru_layers=3", "reversal=0.3,1"]),
    )
    out = tmp_path / "out"
    jaiswal2020.reproduce(few, out, options=options, only=("audio-activation",), cache=None, jobs=1)
    grid = pd.read_csv(out / "grid.csv")
    assert grid.groupby("release").size().to_dict() == {"general": 5, "private": 10, "private+": 5}
    record = json.loads((out / "run.json").read_text())
    chosen = {row["draw"]: row["reversal"] for row in record["grid"] if row["release"] == "private"}
    for draw in range(5):
        (network,) = record["units"][f"audio-activation-private-{draw}"]["networks"]
        assert network["config"]["shape"]["gru_layers"] == 3
        assert network["config"]["reversal"] == chosen[draw]
    assert "The choice of the grid" in (out / "report.html").read_text()
