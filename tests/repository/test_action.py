"""The GitHub Action `action.yml`: its schema, and the command that it runs."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sordino import cli

ACTION = Path(__file__).parents[2] / "action.yml"


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    content: dict[str, Any] = pytest.importorskip("yaml").safe_load(ACTION.read_text())
    return content


def test_the_action_fits_the_schema_of_github() -> None:
    tool = Path(sys.executable).parent / "check-jsonschema"
    command = [str(tool), "--builtin-schema", "vendor.github-actions", str(ACTION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def run_audit(
    action: dict[str, Any], folder: Path, inputs: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """The last step of the action, where `sordino` is a program that prints its words."""
    step = action["runs"]["steps"][-1]
    program = folder / "sordino"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    values = {name: str(value.get("default", "")) for name, value in action["inputs"].items()}
    values = {re.sub(r"\W", "", name): value for name, value in (values | inputs).items()}
    names = {key: re.sub(r"\W|inputs\.", "", text) for key, text in step["env"].items()}
    environment = {key: values[name] for key, name in names.items()}
    environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment["GITHUB_OUTPUT"] = str(folder / "output")
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_inputs_reach_the_audit_as_single_words(action: dict[str, Any], tmp_path: Path) -> None:
    hostile = {"table": "-my $(touch x).csv", "secret": "gender\nage; id\n", "reference": "a b"}
    done = run_audit(action, tmp_path, hostile)
    words = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert words[0] == "audit"
    assert words[-2:] == ["--", "-my $(touch x).csv"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--secret"] == [
        "gender",
        "age; id",
    ]
    assert words[words.index("--reference") + 1] == "a b"
    assert words[words.index("--fail-on") + 1] == "leak"
    assert not (tmp_path / "x").exists()
    assert "sarif=sordino-audit/audit.sarif" in (tmp_path / "output").read_text()


@pytest.mark.parametrize("out", ["run\nreport=x", "run\r"])
def test_no_input_adds_an_output(action: dict[str, Any], tmp_path: Path, out: str) -> None:
    done = run_audit(action, tmp_path, {"table": "a.csv", "secret": "gender", "out": out})
    assert done.returncode == 2
    assert "expected the name of a folder" in done.stdout
    assert not (tmp_path / "output").exists()


def test_every_option_of_the_action_exists(
    action: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["audit", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    script = action["runs"]["steps"][-1]["run"]
    assert set(re.findall(r"(?<=[ (])--[a-z-]+", script)) <= known
