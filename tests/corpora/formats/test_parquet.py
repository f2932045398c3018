"""Parquet tables with sounds: unpacked by row number, and refused where damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from sordino import corpora
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds


def tables(folder: Path, audio: list[Any] | None = None, **columns: list[Any]) -> Path:
    """A data set with a ClassLabel, as `datasets` writes it."""
    recordings = sounds(folder.parent / "sounds")
    content = {
        "audio": audio
        or [{"bytes": (recordings / row[0]).read_bytes(), "path": f"../{row[0]}"} for row in ROWS],
        "speaker_id": [row[1] for row in ROWS],
        "gender": [row[2] for row in ROWS],
        "label": [["happy", "neutral", "sad"].index(row[3]) for row in ROWS],
        "nested": [[1]] * 4,
    }
    names = {"label": {"names": ["happy", "neutral", "sad"], "_type": "ClassLabel"}}
    description = json.dumps({"info": {"features": names}})
    table = pa.table({key: value for key, value in (content | columns).items() if value})
    table = table.replace_schema_metadata({"huggingface": description})
    (folder / "data").mkdir(parents=True)
    parquet.write_table(table, folder / "data" / "train-00000-of-00001.parquet", row_group_size=2)
    return folder


def test_sounds_are_unpacked_and_classes_named(tmp_path: Path) -> None:
    corpus = corpora.load("parquet", tables(tmp_path / "voices"))
    assert corpus.name == "voices"
    assert [row[1:] for row in labels(corpus)] == [row[1:] for row in ROWS]
    files = [Path(file) for file in corpus.table["file"]]
    assert {file.parent for file in files} == {tmp_path / "voices" / "unpacked-sounds"}
    assert files[3].name == "train-00000-of-00001-0000003.wav"
    assert files[3].read_bytes() == (tmp_path / "sounds" / "b2.wav").read_bytes()


def test_unpacked_sounds_stay_and_changed_ones_return(tmp_path: Path) -> None:
    folder = tables(tmp_path / "voices")
    first, second, *_ = corpora.load("parquet", folder, sounds=tmp_path / "out").table["file"]
    Path(second).write_bytes(b"another sound")
    before = Path(first).stat().st_mtime_ns
    corpus = corpora.load("parquet", folder, sounds=tmp_path / "out")
    assert Path(first).stat().st_mtime_ns == before
    assert [row[1:] for row in labels(corpus)] == [row[1:] for row in ROWS]
    assert Path(second).read_bytes() == (tmp_path / "sounds" / "a2.wav").read_bytes()


@pytest.mark.parametrize(
    ("audio", "columns", "match"),
    [
        ([{"bytes": b"", "path": "/etc/passwd"}] * 4, {}, "0 bytes of sound, expected 1 to"),
        ([{"path": "a.wav"}] * 4, {}, "a column `audio` without bytes"),
        (["a.wav"] * 4, {}, "no column of sounds"),
        (None, {"speaker_id": []}, "no column speaker or speaker_id or spk"),
        (None, {"gender": [["f"]] * 4}, "column 'gender' is nested"),
        (None, {"label": [-1, 0, 1, 2]}, None),
    ],
)
def test_a_table_without_its_columns_is_refused(
    audio: list[Any] | None, columns: dict[str, list[Any]], match: str | None, tmp_path: Path
) -> None:
    folder = tables(tmp_path / "voices", audio, **columns)
    if match is None:  # -1 is a missing class
        assert corpora.load("parquet", folder).table["emotion"][0] == "other"
        return
    with pytest.raises(CorpusError, match=match):
        corpora.load("parquet", folder)


@pytest.mark.parametrize("damage", [slice(0, 40), slice(None, -9), slice(0, 0)])
def test_a_damaged_table_is_refused(damage: slice, tmp_path: Path) -> None:
    path = tables(tmp_path / "voices") / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(CorpusError, match="no readable table"):
        corpora.load("parquet", path)


def test_a_damaged_row_group_is_refused(tmp_path: Path) -> None:
    path = tables(tmp_path / "voices") / "data" / "train-00000-of-00001.parquet"
    content = bytearray(path.read_bytes())
    content[60:2000] = bytes(1940)
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"of 4 rows could be read, expected all|bytes of sound"):
        corpora.load("parquet", path)
