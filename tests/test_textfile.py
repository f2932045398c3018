"""A text file is read, or refused with the name of what it is."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from sordino import policy, textfile
from sordino.errors import CorpusError, PolicyError

TEXT = "file,speaker\nJörg.wav,anna\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_is_read_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "m.csv").write_bytes(TEXT.encode(encoding))
    assert textfile.read(tmp_path / "m.csv", "a table", CorpusError) == TEXT


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TEXT.encode("utf-16"), "UTF-16 text"),
        (TEXT.encode("utf-16-le"), "UTF-16 text"),
        (TEXT.encode("utf-16-be"), "UTF-16 text"),
        (TEXT.encode("utf-32"), "UTF-32 text"),
        (TEXT.encode("cp1252"), r"not UTF-8 text \(byte 0xf6 in line 2; perhaps Windows-1252\)"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
            "a git-lfs pointer",
        ),
        (gzip.compress(TEXT.encode(), mtime=0), "a gzip archive"),
        (b"PK\x03\x04rest", "a ZIP archive or a spreadsheet"),
        (b"PAR1rest", "a Parquet table"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"x" * 2000, "over 1,000 bytes"),
    ],
)
def test_anything_else_is_named_in_one_line(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=f"m.csv: {kind}, expected a table: ") as caught:
        textfile.read(tmp_path / "m.csv", "a table", CorpusError, limit=1000)
    assert "\n" not in str(caught.value)


def test_folders_pipes_and_nothing_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in (
        (tmp_path, "a folder"),
        (tmp_path / "no", "no such file"),
        (tmp_path / "pipe", "not a regular"),
    ):
        with pytest.raises(CorpusError, match=kind):
            textfile.read(path, "a table", CorpusError)


def test_a_policy_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_bytes(b'\xef\xbb\xbfrequired = "sad"\r\nsensitive = ["angry"]\r\n')
    assert policy.read(tmp_path / "p.toml").required == "sad"


def test_a_folder_as_a_policy_has_its_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        PolicyError, match=r"not a readable TOML file \(a folder, expected a TOML file"
    ):
        policy.read(tmp_path)
