"""A method of a user's own is found by its name, and nothing else is imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sordino import plugins
from sordino.errors import PluginError, ReleaseError
from sordino.release import FITTERS, Family, register, resolve

TEMPLATES = Path(__file__).parents[1] / "docs" / "templates"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the template; its modules and families are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rounded.py").write_bytes((TEMPLATES / "rounded.py").read_bytes())
    modules, families = set(sys.modules), dict(FITTERS)
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    FITTERS.clear()
    FITTERS.update(families)


def test_a_reference_gives_the_class_of_that_module() -> None:
    assert plugins.load("releases", "rounded:RoundedFitter").__name__ == "RoundedFitter"


def test_the_search_path_is_as_before() -> None:
    before = list(sys.path)
    plugins.load("releases", "rounded:RoundedFitter")
    assert sys.path == before


def test_only_the_named_module_is_imported(folder: Path) -> None:
    (folder / "beside.py").write_text("raise SystemExit('imported')")
    plugins.load("releases", "rounded:RoundedFitter")
    assert "beside" not in sys.modules


def test_a_file_does_not_stand_in_for_an_installed_package(folder: Path) -> None:
    (folder / "rich.py").write_text("raise SystemExit('imported')")
    assert plugins.load("releases", "rich.table:Table").__name__ == "Table"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("rounded:Absent", "has no Absent"),
        ("absent:Fitter", "importing absent failed with ModuleNotFoundError"),
        ("../rounded:Fitter", "expected MODULE:NAME"),
        ("rounded:", "expected MODULE:NAME"),
        ("rounded:a b", "expected MODULE:NAME"),
        (":Fitter", "expected MODULE:NAME"),
        ("broken:Fitter", "importing broken failed with ZeroDivisionError"),
        ("absent", "an entry point of sordino.releases"),
    ],
)
def test_a_wrong_reference_is_refused(folder: Path, reference: str, message: str) -> None:
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(PluginError, match=message):
        plugins.load("releases", reference)


def test_the_source_changes_with_the_file(folder: Path) -> None:
    fitter = plugins.load("releases", "rounded:RoundedFitter")
    before = plugins.source(fitter)
    with (folder / "rounded.py").open("a") as file:
        file.write("# changed\n")
    assert len(before) == 64
    assert plugins.source(fitter) != before
    assert plugins.source(Path) != ""
    assert plugins.source(resolve("drawn").fitter) == ""


def test_an_entry_point_is_found_and_not_imported_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "site" / "mine-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[sordino.releases]\nmine = mine:Fitter\n")
    (folder / "site" / "mine.py").write_text("class Fitter:\n    name = 'mine'\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    assert "mine" in plugins.names("releases")
    assert "mine" not in sys.modules
    assert resolve("mine").name == "mine"


def test_a_fitter_is_registered_under_its_name() -> None:
    family = resolve("rounded:RoundedFitter")
    assert (family.name, FITTERS["rounded"]) == ("rounded", family)
    assert family.description == "each dimension rounded to steps of two standard deviations"


def test_the_name_of_a_release_of_sordino_is_refused() -> None:
    with pytest.raises(ReleaseError, match="'drawn' is one of sordino's, expected a new name"):
        register(Family("drawn", "", FITTERS["none"].fitter, FITTERS["none"].restore))


@pytest.mark.parametrize("reference", ["json:loads", "json:decoder", "sordino:__version__"])
def test_an_object_that_is_no_fitter_is_refused(reference: str) -> None:
    with pytest.raises(
        (ReleaseError, PluginError), match="expected a fitter's class with a `name`"
    ):
        resolve(reference)
