"""A Parquet table of sounds is read row by row; a damaged part costs no other row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from sordino.corpora.formats import sound_tables
from sordino.errors import FeatureError
from sordino.features.shards import ParquetRows
from tests.features.shards.stored_sounds import audio_column, rows_of, wav, write_table

LABELS = ("speaker", "emotion")


def test_rows_have_sounds_and_the_names_of_classes(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [wav(row) for row in range(5)])
    rows = rows_of(ParquetRows((path, path)), LABELS)
    assert [row.file for row in rows[:5]] == [f"{path}/{row}.wav" for row in range(5)]
    assert [row.labels for row in rows[:4]] == [
        ("s0", None),
        ("s1", "sad"),
        ("s0", "angry"),
        ("s1", "neutral"),
    ]
    assert rows[5:] == rows[:5]
    assert rows[0].sound is not None
    assert rows[0].sound.read(16000).shape == (3200,)


def test_rows_that_are_not_needed_are_counted_alone(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [wav(row) for row in range(10)])
    source = ParquetRows((path, path))
    every = list(source.rows(LABELS, lambda _: True))
    some = list(source.rows(LABELS, lambda row: row >= 9))
    assert some == [None] * 9 + every[9:]


def test_absent_and_large_sounds_have_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.features.shards.rows.LARGEST_STORED", 8000)
    path = write_table(tmp_path / "a.parquet", [wav(0), None, b"", wav(1, 0.5)])
    rows = rows_of(ParquetRows((path,)))
    assert [row.sound is None for row in rows] == [False, True, False, True]
    assert rows[1].problem.startswith("a path without bytes")
    assert "expected at most 8,000" in rows[3].problem


def test_a_damaged_row_group_costs_no_other_group(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [wav(row) for row in range(10)])
    group = parquet.read_metadata(path).row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = group.dictionary_page_offset or group.data_page_offset
    content[start : start + 2000] = b"\xff" * 2000
    path.write_bytes(content)
    rows = rows_of(ParquetRows((path,)))
    assert [row.sound is None for row in rows] == [False] * 4 + [True] * 4 + [False] * 2
    assert rows[4].problem.startswith("row 4: damaged or cut short")


OTHER = {
    "no column": pa.table({"sound": [b"x"]}),
    "no struct": pa.table({"audio": [b"x"]}),
    "no bytes": pa.table({"audio": [{"path": "a.wav"}]}),
    "two columns": pa.Table.from_arrays([audio_column([b"x"])] * 2, ["audio", "audio"]),
    "text bytes": pa.table({"audio": [{"bytes": "x", "path": "a.wav"}]}),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_table_of_another_layout_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(OTHER[name], path)
    (row,) = rows_of(ParquetRows((path,)))
    assert row.sound is None
    assert "expected a Parquet table with a column `audio` of bytes and path" in row.problem


def test_a_cut_table_and_another_file_are_named(tmp_path: Path) -> None:
    whole = write_table(tmp_path / "b.parquet", [wav(0)])
    (tmp_path / "a.parquet").write_bytes(whole.read_bytes()[:-20])
    rows = rows_of(ParquetRows((tmp_path / "a.parquet", tmp_path / "absent.parquet", whole)))
    assert [row.sound is None for row in rows] == [True, True, False]


def test_the_bounds_of_a_table_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_table(tmp_path / "a.parquet", [wav(0)] * 8)
    with monkeypatch.context() as smaller:
        smaller.setattr(sound_tables, "LARGEST_ROW_GROUP", 1000)
        (row,) = rows_of(ParquetRows((path,)))
        assert "smaller row groups" in row.problem
    monkeypatch.setattr(sound_tables, "MOST_TABLE_ROWS", 7)
    (row,) = rows_of(ParquetRows((path,)))
    assert row.problem == "8 rows, expected at most 7: split the table"


def test_absent_labels_are_refused_before_the_run(tmp_path: Path) -> None:
    source = ParquetRows((write_table(tmp_path / "a.parquet", [wav(0)]),))
    source.check_labels(LABELS)
    with pytest.raises(FeatureError, match=r"'mood' is no label of .* speaker, emotion, sep"):
        source.check_labels(["mood"])


def test_a_repeated_sound_is_decoded_one_at_a_time(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [bytes(1 << 18)] * 100, group=100)
    assert path.stat().st_size < 1 << 18
    before = pa.total_allocated_bytes()
    rows = ParquetRows((path,)).rows((), lambda _: True)
    for _ in range(20):
        assert next(rows) is not None
        assert pa.total_allocated_bytes() - before < 4 << 20
