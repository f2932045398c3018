"""What stands in the repository beside the code."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SCRIPTS = ("install", "test", "check", "build", "docs", "demo", "fuzz", "lock", "lowest", "pins")
MACHINE_PATH = re.compile(r"(?<![\w.~$})-])/(?:home|root|Users|work|opt|tmp/\w+)/\w")
TEXT = {".py", ".md", ".toml", ".txt", ".csv", ".html", ".css", ".svg", ".cfg", ".json", ""}


def texts() -> Iterator[Path]:
    """Every text file that the repository holds."""
    folders = ("src", "tests", "docs", "scripts", "benchmarks", "fuzz", ".ci")
    places = [*ROOT.iterdir(), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    for path in places:
        if (
            path.is_file()
            and path.suffix in TEXT
            and "egg-info" not in str(path)
            and path.name != ".git"
        ):
            yield path


def pins() -> dict[str, str]:
    """The version that the locks hold each package at."""
    text = "".join(lock.read_text() for lock in ROOT.glob("constraints*.txt"))
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==([^ ;]+)", text, re.MULTILINE)
    }


def project() -> dict[str, list[str]]:
    """The extras of the project; what it always needs is under an empty name."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def test_a_machine_path_is_recognised() -> None:
    assert MACHINE_PATH.search("open('" + "/" + "home/somebody/x')")
    assert not MACHINE_PATH.search("https://example.org/home/somebody, $HOME/work/x, ../work/x")


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    paths = {
        str(path.relative_to(ROOT)): MACHINE_PATH.findall(path.read_text(encoding="utf-8"))
        for path in texts()
    }
    assert {path: hits for path, hits in paths.items() if hits} == {}


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run"])
def test_a_script_is_bash_and_can_be_called(name: str) -> None:
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_stops_at_the_first_failure(name: str) -> None:
    assert "\nset -euo pipefail\n" in (ROOT / "scripts" / name).read_text()


def test_install_without_a_fitting_python_says_so_in_one_line(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "env"):
        tool_path = subprocess.run(
            ["bash", "-c", f"type -P {tool}"], capture_output=True, text=True, check=True
        ).stdout
        (tmp_path / tool).symlink_to(tool_path.strip())
    done = subprocess.run(
        [ROOT / "scripts" / "install"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(r"Python found: none, expected 3\.11 or newer .*\n", done.stderr)


@pytest.mark.parametrize("extra", sorted(project()))
def test_every_dependency_is_pinned_within_its_range(extra: str) -> None:
    pinned = pins()
    for text in project()[extra]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_what_the_dependencies_need_is_pinned_too() -> None:
    pinned = pins()
    for name in pinned:
        try:
            needs = map(Requirement, metadata.requires(name) or [])
        except metadata.PackageNotFoundError:
            continue
        wanted = {
            canonicalize_name(need.name)
            for need in needs
            if not need.marker or need.marker.evaluate()
        }
        assert wanted <= set(pinned), f"{name} needs what constraints.txt does not pin"
