"""One function decides if a text is a path or a URL, and no URL holds a credential."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sordino import storage
from sordino.cli import main
from sordino.errors import DependencyError, StorageError
from sordino.signal import feature_sets
from sordino.storage import Remote, location

SECRET = "wJalr/XUtn+FEMI"
WITH_SECRETS = [
    f"s3://AKIA:{SECRET}@bucket/run",
    f"s3://AKIA:12/{SECRET}@bucket/run",
    f"ftp://user:{SECRET}@host/run",
    f"ftp://user:12/{SECRET}@host/run",
    f"https://{SECRET}@host/run.csv",
    f"https://host/run.csv?signature={SECRET}",
    f"s3://bucket/run?key={SECRET}",
    f"abfs://data:{SECRET}@account/run",
    f"simplecache::s3://AKIA:{SECRET}@bucket/run",
    f"zip://run::s3://AKIA:{SECRET}@bucket/run",
    f"s3:///AKIA:{SECRET}@bucket/run",
    f"s3:/AKIA:{SECRET}@bucket/run",
    f"https:/host/run?signature={SECRET}",
    f"s3://AKIA%3A{SECRET}%40bucket/run",
    f"https://user%3A{SECRET}%40host/run",
    f"https://host/run#access_token={SECRET}",
    f"https://host/run;sig={SECRET}",
    f"sftp://host;password={SECRET}",
    f"abfss://user@{SECRET}@account/run",
    f"az://SharedAccessSignature={SECRET}/run",
    f"file://user:{SECRET}@host/run",
    f" s3://AKIA:{SECRET}@bucket/run",
    f"\u200bs3://AKIA:{SECRET}@bucket/run",
    f"s3_x://AKIA:{SECRET}@bucket/run",
    f"jdbc:store://AKIA:{SECRET}@bucket/run",
]


@pytest.mark.parametrize("text", ["runs", "C:/runs", "C:\\runs", "a:b", "s3:/bucket", ""])
def test_text_without_a_scheme_is_a_path(text: str) -> None:
    assert location(text) == Path(text)


@pytest.mark.parametrize(
    "text", ["s3://bucket/run", "S3://bucket/run/", "abfs://data@account/run", "gs://bucket"]
)
def test_a_url_stays_a_url_in_messages(text: str) -> None:
    url = location(text)
    assert isinstance(url, Remote)
    assert str(url) == text.rstrip("/").replace("S3", "s3")


def test_a_url_of_a_file_is_a_path(tmp_path: Path) -> None:
    assert location((tmp_path / "two words").as_uri()) == tmp_path / "two words"
    assert location(f"file://localhost{tmp_path}/a@b?") == tmp_path / "a@b?"


def test_a_file_of_another_machine_is_refused() -> None:
    with pytest.raises(StorageError, match="a file of another machine, expected file:///folder"):
        location("file://host/runs")


@pytest.mark.parametrize("name", ["x.parquet", "x", ".hidden", "x.", "a.b.csv"])
def test_names_of_urls_are_those_of_paths(name: str) -> None:
    url, path = location(f"s3://bucket/folder/{name}"), Path("bucket/folder") / name
    assert (url.name, url.suffix, url.stem) == (path.name, path.suffix, path.stem)
    assert url.with_suffix(".json").name == path.with_suffix(".json").name
    assert str(url.parent / "y") == str(url.with_name("y")) == "s3://bucket/folder/y"


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_a_url_with_a_secret_is_refused_without_it(text: str) -> None:
    with pytest.raises(StorageError, match="expected") as caught:
        location(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_features_with_a_secret_are_refused_without_it(text: str) -> None:
    with pytest.raises(StorageError, match="expected") as caught:
        feature_sets.resolve(text)
    assert SECRET not in str(caught.value)


def test_no_file_of_this_machine_opens_a_url() -> None:
    with pytest.raises(TypeError, match="Remote"):
        os.open(location("s3://bucket/run"), os.O_RDONLY)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["https://host/run", "ftp://host/run", "nonsense://run"])
def test_a_store_that_shows_half_files_is_not_written(url: str) -> None:
    with pytest.raises(StorageError, match="expected abfs, abfss, az, gcs, gs, memory, s3, s3a"):
        storage.write(url, "half")


def test_an_unknown_store_is_not_read() -> None:
    with pytest.raises(StorageError, match="no store is named nonsense, expected"):
        storage.read_regular("nonsense://run", 1)


def test_a_path_that_was_a_url_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="looks like a URL, expected a folder"):
        storage.write(Path("s3://bucket/run.json"), "{}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "--corpus", "manifest=m.csv", "--out", "s3://bucket/x.parquet"],
        ["compare", "--corpus", "manifest=m.csv", "--out", "s3://bucket/run"],
        ["compare", "--corpus", "manifest=m.csv", "--out", "run", "--cache", "s3://bucket/cache"],
        ["audit", "x.csv", "--secret", "gender", "--out", "s3://bucket/run"],
    ],
)
def test_without_the_extra_a_url_is_refused_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    line = capsys.readouterr().err
    assert line.startswith("fsspec is not installed, expected it for s3://bucket/")
    assert 'pip install ".[storage]"' in line
    assert line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "--corpus", "manifest=m.csv", "--policy", "p.toml"],
        ["release", "bundle", "a.wav"],
        ["words", "train", "--corpus", "manifest=m.csv"],
        ["bundle", "key"],
        ["corpus", "check", "manifest", "m.csv"],
    ],
)
def test_a_command_without_urls_refuses_one_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--out", "s3://bucket/x"])
    assert capsys.readouterr().err.startswith("s3://bucket/x: a URL, expected a path for")
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_of_a_store_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(DependencyError, match=r"gs://bucket/run: its package is absent.*gcsfs"):
        storage.folder("gs://bucket/run")
