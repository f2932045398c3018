"""Who may import whom: the table of docs/architecture.md against the syntax tree of every module,
imports inside functions included.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


class Row(NamedTuple):
    """The rooms that a room may import, and the packages that it needs."""

    rooms: set[str]
    packages: set[str]


def rows() -> Iterator[tuple[list[str], Row]]:
    """The rooms of each row of the table, and the row."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for line in page.partition("| room |")[2].partition("\n\n")[0].splitlines()[2:]:
        rooms, _, imported, packages = (
            re.findall(r"`(\w+)`", cell) for cell in line.strip("|").split("|")
        )
        yield rooms, Row(set(imported), set(packages))


def imports(source: str) -> Iterator[str]:
    """Every module or name that a source text imports, as a dotted path."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names
            )


TABLE = {room: row for rooms, row in rows() for room in rooms}
WORDS = set(next(rows())[0])
MODULES = {
    path.relative_to(SOURCE / "sordino"): set(imports(path.read_text()))
    for path in SOURCE.rglob("*.py")
}
ROOMED = sorted(path for path in MODULES if path != Path("__init__.py"))


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def ours(path: Path) -> set[str]:
    """The dotted paths below `sordino` that a module imports."""
    return {name.removeprefix("sordino.") for name in MODULES[path] if name.startswith("sordino.")}


def packages(path: Path) -> set[str]:
    """The packages outside the standard library and sordino that a module imports."""
    return (
        {name.split(".")[0] for name in MODULES[path]} - set(sys.stdlib_module_names) - {"sordino"}
    )


def modules_by_package() -> dict[str, list[Path]]:
    """The modules that import each package, below the command line."""
    names = set().union(*map(packages, ROOMED))
    below = [path for path in ROOMED if room_of(path) != "cli"]
    users = {name: [path for path in below if name in packages(path)] for name in sorted(names)}
    return {name: paths for name, paths in users.items() if paths}


def optional() -> set[str]:
    """The import names of the packages of all extras that are no requirement of sordino."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    optional, required = (
        {re.split(r"[^\w-]", text)[0].lower().replace("_", "-") for text in texts}
        for texts in (extras, project["dependencies"])
    )
    return {
        name
        for name, distributions in packages_distributions().items()
        if {text.lower().replace("_", "-") for text in distributions} & (optional - required)
    }


def test_imports_inside_functions_are_seen() -> None:
    source = (
        "def f():\n    import torch.nn\n    from sordino import cli\n    from .table import make\n"
    )
    assert set(imports(source)) == {"torch.nn", "sordino.cli", ".table.make"}


def test_the_rooms_of_a_row_stand_above_it() -> None:
    above = set(WORDS)
    for names, row in rows():
        assert row.rooms <= above, names
        above |= set(names)


@pytest.mark.parametrize("path", ROOMED, ids=str)
def test_a_module_imports_the_rooms_of_its_row(path: Path) -> None:
    room = room_of(path)
    assert room in TABLE, f"{path} stands in no room of docs/architecture.md"
    assert not [name for name in MODULES[path] if name.startswith(".")], (
        "write imports from the root: sordino.…"
    )
    rooms = {name.split(".")[0] for name in ours(path)} - {room, "__version__"}
    assert rooms <= TABLE[room].rooms | WORDS
    assert packages(path) <= TABLE[room].packages


def test_attack_knows_the_release_protocol_and_no_release() -> None:
    attack = [path for path in ROOMED if room_of(path) == "attack"]
    names = {name for path in attack for name in ours(path) if name.split(".")[0] == "release"}
    assert {".".join(name.split(".")[:2]) for name in names} == {"release.protocol"}


FRAMEWORKS = {"alembic", "fastapi", "pydantic", "sqlalchemy", "starlette"}
"""What the server is made of: routes, the contract, tables and migrations stand in many modules."""


@pytest.mark.parametrize("package", sorted(modules_by_package().keys() - FRAMEWORKS))
def test_a_package_of_one_room_is_imported_in_one_module(package: str) -> None:
    paths = modules_by_package()[package]
    assert len(set(map(room_of, paths))) > 1 or len(paths) == 1


@pytest.mark.parametrize(
    "module", ["sordino", "sordino.cli", "sordino.cli.options", "sordino.policy", "sordino.signal"]
)
def test_a_light_module_loads_no_package_of_an_extra(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {optional()!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_runtime_of_vectors_loads_neither_sound_nor_trust() -> None:
    code = "import sys; from sordino.device import Runtime, read; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    later = ("sordino.signal", "sordino.device.sound", "sordino.device.trust", "numpy.fft")
    assert [name for name in done.stdout.split() if name.startswith(later)] == []
