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


def test_inputs_reach_the_audit_as_single_words(action: dict[str, Any], tmp_path: Path) -> None:
    """`sordino` is a program here that prints its words, and the inputs are hostile."""
    step = action["runs"]["steps"][-1]
    program = tmp_path / "sordino"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    values = {name: str(value.get("default", "")) for name, value in action["inputs"].items()}
    values |= {"table": "-my $(touch x).csv", "secret": "gender\nage; id\n", "reference": "a b"}
    names = {key: re.sub(r"\W|inputs\.", "", text) for key, text in step["env"].items()}
    inputs = {re.sub(r"\W", "", name): value for name, value in values.items()}
    environment = {key: inputs[name] for key, name in names.items()}
    output = tmp_path / "output"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env=environment | {"PATH": path, "GITHUB_OUTPUT": str(output)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.splitlines()
    assert words[0] == "audit"
    assert words[-2:] == ["--", "-my $(touch x).csv"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--secret"] == [
        "gender",
        "age; id",
    ]
    assert words[words.index("--reference") + 1] == "a b"
    assert words[words.index("--fail-on") + 1] == "leak"
    assert not (tmp_path / "x").exists()
    assert "sarif=sordino-audit/audit.sarif" in output.read_text()


def test_every_option_of_the_action_exists(
    action: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["audit", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    script = action["runs"]["steps"][-1]["run"]
    assert set(re.findall(r"(?<=[ (])--[a-z-]+", script)) <= known
