"""What is built from the repository, and what it is built with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sordino.signal.encoder import BASE, TINY_EN
from sordino.signal.encoder.weights import WeightPackage
from sordino.signal.waveform import voice_print

ROOT = Path(__file__).parents[2]
LOCKS = ("constraints.txt", "constraints-docs.txt", "constraints-tools.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRA_FILES = re.compile(r"PKG-INFO|setup\.cfg|src/sordino\.egg-info/.*")
"""What setuptools adds to a source archive."""

BUILD = (
    "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
)


def tracked() -> list[str]:
    """The files of the repository that stand in the working tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository: an unpacked source archive")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def built(kind: str, source: Path, out: Path) -> Path:
    out.mkdir()
    subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{kind}", out],
        cwd=source,
        capture_output=True,
        check=True,
    )
    return next(out.iterdir())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of the files that git tracks."""
    folder = tmp_path_factory.mktemp("sdist")
    for name in tracked():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / "source" / name)
    return built("sdist", folder / "source", folder / "dist")


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the source archive."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(archive) as files:
        files.extractall(folder / "source", filter="data")
    return built("wheel", next((folder / "source").iterdir()), folder / "dist")


def test_the_source_archive_holds_the_whole_repository(archive: Path) -> None:
    with tarfile.open(archive) as files:
        names = {member.name.partition("/")[2] for member in files if member.isfile()}
    assert {name for name in names if not EXTRA_FILES.fullmatch(name)} == set(tracked())


def test_scripts_of_the_source_archive_can_be_called(archive: Path) -> None:
    with tarfile.open(archive) as files:
        scripts = [member for member in files if member.isfile() and "/scripts/" in member.name]
    assert scripts
    assert all(member.mode & 0o100 for member in scripts)


def test_the_wheel_holds_the_package_and_its_data(wheel: Path) -> None:
    names = {
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if not name.split("/")[0].endswith(".dist-info")
    }
    assert names == {name.removeprefix("src/") for name in tracked() if name.startswith("src/")}
    assert {"sordino/py.typed", "sordino/report/page.html"} <= names


def test_the_wheel_says_who_and_where(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel)
    metadata = files.read(
        next(name for name in files.namelist() if name.endswith("METADATA"))
    ).decode()
    for line in (
        "Author: The sordino developers",
        "Project-URL: Paper",
        "License-Expression: Apache-2.0",
    ):
        assert line in metadata
    assert "Classifier: Programming Language :: Python :: 3.11" in metadata


def blocks(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each pin of a lock and its hashes."""
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE).replace(
        " \\\n", "\n"
    )
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *remainder = block.splitlines()
        yield Requirement(first), [line.strip() for line in remainder]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    for requirement, hashes in blocks(lock):
        assert re.fullmatch(r"==[^*=]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), (
            requirement
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_a_package_has_one_version(lock: str) -> None:
    names = [canonicalize_name(requirement.name) for requirement, _ in blocks(lock)]
    assert sorted(set(names)) == sorted(names)


def test_the_locks_agree() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for pin, _ in blocks(lock):
            versions.setdefault(canonicalize_name(pin.name), set()).add(str(pin.specifier))
    assert {name: pins for name, pins in versions.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("package", [*BASE.packages, *TINY_EN.packages, voice_print.PACKAGE])
def test_the_weights_of_an_encoder_have_the_pinned_hash(package: WeightPackage) -> None:
    hashes = {f"{pin.name}{pin.specifier}": digests for pin, digests in blocks("constraints.txt")}
    assert f"--hash=sha256:{package.wheel_sha256}" in hashes[package.requirement.lower()]


@pytest.mark.parametrize("name", ["numpy", "onnxruntime", "torch"])
def test_hashes_cover_more_than_one_system(name: str) -> None:
    hashes = next(hashes for pin, hashes in blocks("constraints.txt") if pin.name == name)
    assert len(hashes) > 12  # Linux, macOS and Windows, for several versions of Python


def test_the_build_requirement_is_the_pinned_one() -> None:
    pin = next(pin for pin, _ in blocks("constraints.txt") if pin.name == "setuptools")
    assert PROJECT["build-system"]["requires"] == [f"setuptools{pin.specifier}"]


def test_pins_prints_a_package_and_its_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(
        "# head\na==1 ; sys_platform == 'x' \\\n    --hash=sha256:1\n"
        "ab==2 \\\n    --hash=sha256:2\n"
    )
    script = [ROOT / "scripts" / "pins"]
    only = subprocess.run([*script, "^a$", lock], capture_output=True, text=True, check=True).stdout
    excluded = subprocess.run(
        [*script, "--without", "^a$", lock], capture_output=True, text=True, check=True
    ).stdout
    assert only == "a==1 ; sys_platform == 'x' \\\n    --hash=sha256:1\n"
    assert excluded == "ab==2 \\\n    --hash=sha256:2\n"


def test_security_states_what_is_promised_and_what_is_not() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for heading in (
        "Report a weakness",
        "Supported versions",
        "Attackers",
        "Guarantees",
        "Limits",
    ):
        assert f"## {heading}\n" in text
    assert len(text.splitlines()) <= 120
