"""What stands in the repository beside the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("[a-z]*") if path.name != "words")
"""The Bash scripts; `words` is Python."""
MACHINE_PATH = re.compile(r"(?<![\w.~$})-])/(?:home|root|Users|work|opt|tmp/\w+)/\w")
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".csv",
    ".html",
    ".css",
    ".svg",
    ".cfg",
    ".json",
    ".mjs",
    ".ts",
    "",
}
BUILT = {"node_modules", "dist"}
"""Folders of the port that the repository does not hold."""


def texts() -> Iterator[Path]:
    """Every text file that the repository holds."""
    folders = ("src", "tests", "docs", "scripts", "benchmarks", "fuzz", "ports", ".ci")
    places = [*ROOT.iterdir(), *(path for folder in folders for path in files(ROOT / folder))]
    for path in places:
        if (
            path.is_file()
            and path.suffix in TEXT
            and "egg-info" not in str(path)
            and path.name != ".git"
        ):
            yield path


def files(folder: Path) -> Iterator[Path]:
    """The files below a folder, without those that are built."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in BUILT]
        yield from (Path(parent) / name for name in names)


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


def test_install_empties_no_environment_behind_a_link(tmp_path: Path) -> None:
    checkout, other = tmp_path / "checkout", tmp_path / "other"
    (checkout / "scripts").mkdir(parents=True)
    other.mkdir()
    (other / "installed").write_text("the stamp of another checkout")
    (checkout / ".venv").symlink_to(other)
    for name in ("pyproject.toml", "constraints.txt", "scripts/install"):
        shutil.copy(ROOT / name, checkout / name)
    done = subprocess.run(
        [checkout / "scripts" / "install"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(".venv is a link, expected a folder")
    assert [path.name for path in other.iterdir()] == ["installed"]


def test_the_name_of_a_test_has_at_most_60_characters() -> None:
    names = [
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    ]
    assert len(names) > 1000
    assert [name for name in names if len(name) > 60] == []


def test_a_line_of_code_has_at_most_100_characters() -> None:
    folders = ("src", "tests", "benchmarks", "fuzz", "scripts", "ports")
    lines = {
        f"{path.relative_to(ROOT)}:{number}": len(line)
        for path in texts()
        if path.relative_to(ROOT).parts[0] in folders and path.suffix in (".py", ".mjs", ".ts", "")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    }
    assert {line: length for line, length in lines.items() if length > 100} == {}


@pytest.mark.parametrize("extra", sorted(project()))
def test_every_dependency_is_pinned_within_its_range(extra: str) -> None:
    pinned = pins()
    for text in project()[extra]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_what_the_dependencies_need_is_pinned_too() -> None:
    pinned = pins()
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    data_alone = {entry["name"] for entry in tools["uv"]["dependency-metadata"]}  # no code runs
    for name in set(pinned) - data_alone:
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
