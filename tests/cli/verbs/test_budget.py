"""`sordino budget`: what was released today, and a day given back with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sordino import cli
from sordino.device import DailyBudget, Reason


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["budget", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


def test_a_spent_budget_is_shown_and_given_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, today = tmp_path / "budget", lambda: datetime.now(UTC).date()
    assert DailyBudget(path, today).spend(3, 3) is None
    status, out, _ = run(capsys, "show", path)
    assert (status, "3 released on" in out) == (0, True)
    assert (out.count(str(today())), "are spent" in out) == (1, False)  # the day once
    status, out, _ = run(capsys, "reset", path, "--reason", "a test", "--json", "-")
    assert (status, json.loads(out)["log"]) == (0, f"{path}.resets")
    assert DailyBudget(path, today).spend(3) is None
    assert json.loads(run(capsys, "show", path, "--json", "-")[1])["released_today"] == 1


def test_a_file_that_releases_nothing_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file, expected a budget" in run(capsys, "show", tmp_path / "budget")[2]
    (tmp_path / "budget").write_text("2026-01-01 2\n")
    status, _, errors = run(capsys, "show", tmp_path / "budget")
    assert (status, "reset it with a reason" in errors) == (2, True)
    assert run(capsys, "reset", tmp_path / "budget")[0] == 2
    assert run(capsys, "reset", tmp_path / "budget", "--reason", "damaged")[0] == 0
    assert (
        DailyBudget(tmp_path / "budget", lambda: datetime.now(UTC).date()).spend(0)
        is Reason.BUDGET_SPENT
    )
