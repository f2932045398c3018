"""Each room says in `__all__` what it offers, and each of those says what it is."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "sordino"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
NESTED = sorted(
    ".".join(path.relative_to(PACKAGE).parts[:-1]) for path in PACKAGE.glob("*/*/**/__init__.py")
)
LISTED = [room for room in (*ROOMS, *NESTED) if room != "cli"]


def offered(source: str) -> set[str]:
    """The public names that a room's `__init__` takes from sordino or defines itself."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sordino"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@functools.cache
def explained_constants() -> frozenset[str]:
    """The names of all constants in the package that a text explains on the line below."""
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        body = ast.parse(path.read_text()).body
        for node, below in pairwise(body):
            text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if text and isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
            elif text and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names.add(node.targets[0].id)
    return frozenset(names)


def unexplained_fields() -> Iterator[str]:
    """The fields of named tuples without a text below: the manual would call them aliases."""
    for path in PACKAGE.rglob("*.py"):
        for kind in ast.parse(path.read_text()).body:
            if not isinstance(kind, ast.ClassDef):
                continue
            bases = [ast.unparse(base) for base in kind.bases]
            for node, below in pairwise([*kind.body, ast.Pass()]):
                text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                named = "NamedTuple" in bases and getattr(kind, "name", "_")[0] != "_"
                if named and isinstance(node, ast.AnnAssign) and not text:
                    yield f"{path.name}: {ast.unparse(node)}"


def test_every_field_of_a_named_tuple_is_explained() -> None:
    assert list(unexplained_fields()) == []


def test_every_folder_with_code_is_a_room() -> None:
    folders = {".".join(path.relative_to(PACKAGE).parts[:-1]) for path in PACKAGE.rglob("*.py")}
    revisions = {"server.database.migrations", "server.database.migrations.versions"}  # of alembic
    assert folders - {"", *revisions} == {*ROOMS, *NESTED}


def test_no_room_is_crowded_and_no_file_is_long() -> None:
    root = PACKAGE.parents[1]
    files = [
        path
        for name in ("src/sordino", "tests", "fuzz", "benchmarks")
        for path in (root / name).rglob("*.py")
    ]
    folders = Counter(path.parent.relative_to(root) for path in files)
    assert {str(folder): count for folder, count in folders.items() if count > 16} == {}
    lines = {str(path.relative_to(root)): path.read_text().count("\n") for path in files}
    assert {name: count for name, count in lines.items() if count > 400} == {}


@pytest.mark.parametrize("room", LISTED)
def test_a_room_lists_all_that_it_offers(room: str) -> None:
    module = importlib.import_module(f"sordino.{room}")
    assert module.__doc__
    names = getattr(module, "__all__", [])  # a nested room may offer its modules alone
    assert offered(PACKAGE.joinpath(*room.split("."), "__init__.py").read_text()) <= set(names)
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("room", LISTED)
def test_every_public_name_is_explained(room: str) -> None:
    module = importlib.import_module(f"sordino.{room}")
    constants = explained_constants()
    assert module.__doc__
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            assert (inspect.getdoc(value) or "").strip(), f"sordino.{room}.{name} has no docstring"
        else:
            assert name in constants, f"sordino.{room}.{name} has no text below it that explains it"


def test_the_package_lists_every_room_that_stands() -> None:
    sordino = importlib.import_module("sordino")
    assert set(ROOMS) - {"cli"} <= set(sordino.__all__)
    for room in set(sordino.__all__) & set(ROOMS):
        assert getattr(sordino, room).__name__ == f"sordino.{room}"


def test_an_unknown_attribute_of_the_package_is_an_error() -> None:
    sordino = importlib.import_module("sordino")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sordino.nonsense
