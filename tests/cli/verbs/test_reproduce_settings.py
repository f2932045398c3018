"""`sordino reproduce feng2021` with several feature sets, and as learning curves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sordino import storage
from sordino.cli.verbs.reproduce import print_curves
from tests.cli.verbs.test_reproduce import call, sordino
from tests.study import synthetic_study
from tests.study.feng2021.test_learning_curve import predicted


@pytest.mark.slow
def test_two_feature_sets_are_in_one_table(tmp_path: Path) -> None:
    made = synthetic_study.study(tmp_path, takes=1, speakers=10)
    other = shutil.copy(made.vectors, tmp_path / "other.parquet")
    result = tmp_path / "result.json"
    words = call(made, tmp_path / "out", "--features", other, "--json", result)
    outcome = sordino(*words, policies=1)
    assert outcome.status == 0
    for name in ("paper", "vectors", "other", "chance"):
        assert f"│ {name}" in outcome.out
    settings = json.loads(result.read_text())["settings"]
    assert [row["features"] for row in settings].count("other") == 5  # four releases and chance
    assert {"F1 required", "U required", "L", "P", "gender AUC"} <= set(settings[0])


def test_curves_are_printed_with_their_trend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = storage.folder(tmp_path)
    curves = {"IS13": predicted([0.5] * 5)}
    print_curves(curves, out, str(tmp_path / "result.json"))
    printed = capsys.readouterr().out
    assert "not justified" in printed
    assert printed.splitlines()[-1] == str(out / "report.html")
    points = json.loads((tmp_path / "result.json").read_text())["points"]
    assert len([point for point in points if point["metric"] == "unchanged"]) == 6
