"""Commands write to a URL what they write to a folder, and no credential anywhere."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import fsspec
import numpy as np
import pytest

from sordino import storage
from sordino.cli import main
from sordino.errors import StorageError
from sordino.features import extract
from sordino.storage import location
from sordino.study import POLICIES, feng2021
from tests.storage.s3_server import ACCESS_KEY, SECRET_KEY, Proxy
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL, Made


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("study"), takes=1)


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as stop:
        main([*arguments])
    return stop.value.code


def contents(url: str) -> dict[str, bytes]:
    """Every object below a URL, by its path."""
    system, path = fsspec.url_to_fs(url)
    system.invalidate_cache()
    return {name.removeprefix(f"{path}/"): system.cat_file(name) for name in system.find(path)}


@pytest.mark.slow
def test_extract_writes_to_s3_as_to_a_folder(
    s3: str, study: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--corpus", f"manifest={study.manifest}", "--features", "mel", "--jobs", "1")
    places = {s3: f"{s3}/cache", str(tmp_path): str(tmp_path / "cache")}
    for out, cache in places.items():
        command = ("extract", *options, "--out", f"{out}/x.npz", "--cache", cache)
        assert run(*command, "--json", f"{out}/x.json") == 0
    stored = contents(s3)
    output = capsys.readouterr()
    assert f"{s3}/x.npz: 80 utterances, 927 numbers each" in output.out
    assert stored["x.npz.run.json"] == (tmp_path / "x.npz.run.json").read_bytes()
    x, expected = (np.load(f"{tmp_path}/x.npz")["x"], extract("mel", study.corpus, places[s3], 1))
    np.testing.assert_array_equal(x, expected)
    assert json.loads(stored["x.json"])["out"] == f"{s3}/x.npz"
    assert len([name for name in stored if name.startswith("cache/features/mel-")]) == 80
    everything = b"".join(stored.values()).decode("latin-1") + output.out + output.err
    assert ACCESS_KEY not in everything
    assert SECRET_KEY not in everything


def test_an_output_in_the_memory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    corpus = ("--corpus", "manifest=m.csv")
    for option in ("--out", "--json"):
        assert run("extract", *corpus, "--out", "x.csv", option, "memory://run/x.csv") == 2
        assert "memory://run/x.csv: lost when the command ends" in capsys.readouterr().err


@pytest.mark.slow
def test_copies_of_an_earlier_table_are_removed(s3: str, study: Made) -> None:
    few = study.corpus.select(np.arange(2))
    rows = few.table.assign(file=few.table["file"].astype(str))
    manifest = study.manifest.with_name("few.csv")
    rows[["file", "speaker", "gender", "emotion"]].to_csv(manifest, index=False)
    options = ("--corpus", f"manifest={manifest}", "--features", "mel", "--jobs", "1")
    command = ("extract", *options, "--out", f"{s3}/x.csv", "--cache", f"{s3}/cache")
    assert run(*command, "--conditions", "standard") == 0
    tables = {name for name in contents(s3) if name.startswith("x.copy-")}
    assert tables
    assert run(*command) == 0
    assert not tables & set(contents(s3))


@pytest.mark.slow
def test_a_study_writes_the_same_bytes_to_s3(
    s3: str, study: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write(f"{s3}/vectors.parquet", study.vectors.read_bytes())

    def reproduce(out: str, features: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few speakers
            feng2021.reproduce(
                study.corpus,
                out,
                features=features,
                options=SMALL,
                policies=POLICIES[:1],
                fitters=FITTERS,
                max_draws=1,
                cache=None,
                jobs=1,
            )

    reproduce(f"{s3}/run", f"{s3}/vectors.parquet")
    stored = contents(f"{s3}/run")
    reproduce(str(tmp_path), str(study.vectors))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).as_posix() for path in files} == set(stored)
    for name in ("estimates.csv", "run.json"):
        assert stored[name] == (tmp_path / name).read_bytes()
    monkeypatch.setattr("sordino.study.units._finish", pytest.fail)
    reproduce(f"{s3}/run", f"{s3}/vectors.parquet")
    assert contents(f"{s3}/run")["estimates.csv"] == stored["estimates.csv"]


@pytest.mark.slow
def test_a_failure_is_a_line_without_credentials(
    s3: str, study: Made, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.switch("cut", 1)
    options = ("--corpus", f"manifest={study.manifest}", "--features", "mel", "--jobs", "1")
    assert run("--debug", "extract", *options, "--out", f"{s3}/x.csv", "--cache", f"{s3}/c") == 2
    error = capsys.readouterr().err
    last = error.strip().splitlines()[-1]
    assert last.startswith(s3)
    assert last.endswith("then repeat the command: it resumes")
    assert ACCESS_KEY not in error
    assert SECRET_KEY not in error


def test_the_synthetic_corpus_needs_a_folder(memory: str) -> None:
    with pytest.raises(StorageError, match="expected a path for synthetic speech"):
        storage.on_this_machine(location(memory) / "synthetic", "synthetic speech")
