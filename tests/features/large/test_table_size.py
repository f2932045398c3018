"""A table is measured before it is decoded: small files of much content are refused."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from sordino import memory
from sordino.corpora import table
from sordino.errors import FeatureError
from sordino.features import read_vectors, table_size
from sordino.features.tables import read_table

MOST = 256 << 20
"""Bytes that a test may take."""


def save(path: Path, columns: dict[str, pa.Array], groups: int = 1) -> Path:
    """A Parquet file with the same rows in each of its groups."""
    rows = pa.table(columns)
    with parquet.ParquetWriter(path, rows.schema, compression="zstd", store_schema=False) as writer:
        for _ in range(groups):
            writer.write_table(rows)
    return path


def repeated_text(path: Path) -> Path:
    """A text of 64 KB in each of 20,000 rows, 1.3 GB, by a dictionary."""
    rows = np.zeros(20_000, np.int32)
    text = pa.DictionaryArray.from_arrays(pa.array(rows), pa.array(["a" * (1 << 16)]))
    return save(path, {"gender": text, "x0": pa.array(np.zeros(20_000))})


def wide_lists(path: Path) -> Path:
    """A list of 60,000 numbers in each of 100 rows, 48 MB as doubles."""
    starts = pa.array(np.arange(101, dtype=np.int32) * 60_000)
    lists = pa.ListArray.from_arrays(starts, pa.array(np.zeros(60_000 * 100, np.float32)))
    return save(path, {"embedding": lists})


def one_list(path: Path) -> Path:
    """A list of a million numbers, which would be a million columns."""
    numbers = pa.array(np.zeros(1 << 20, np.float32))
    lists = pa.ListArray.from_arrays(pa.array([0, 1 << 20], pa.int32()), numbers)
    return save(path, {"embedding": lists})


def many_rows(path: Path) -> Path:
    return save(path, {"x0": pa.array(np.zeros(1 << 22, np.int8))}, groups=5)


def wide_archive(path: Path) -> Path:
    np.savez_compressed(path.with_suffix(".npz"), x=np.zeros((1, 1 << 18), np.int8))
    return path.with_suffix(".npz")


BOMBS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "text": (repeated_text, "takes about .* of memory to read"),
    "lists": (wide_lists, "takes about .* of memory to read"),
    "columns": (one_list, "1,048,576 columns, expected at most"),
    "rows": (many_rows, "20,971,520 rows of 1 columns, expected at most"),
    "columns of an archive": (wide_archive, "262,144 columns, expected at most"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_of_a_large_table_is_refused(
    bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free", lambda: MOST // 2)
    make, message = BOMBS[bomb]
    path = make(tmp_path / "bomb.parquet")
    assert path.stat().st_size < 4 << 20
    corpus = table.make("two", pd.DataFrame({"file": ["a.wav", "b.wav"], "speaker": ["1", "2"]}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FeatureError, match=message):
        read_vectors(path, corpus)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST >> 10


def test_a_table_of_repeated_text_is_read(tmp_path: Path) -> None:
    texts = ["female", None, "male", "", "naïve"] * 3
    encoded = [None if text is None else text.encode() for text in texts]
    columns = {
        "text": pa.array(texts),
        "large": pa.array(texts, pa.large_string()),
        "view": pa.array(texts, pa.string_view()),
        "category": pa.array(texts).dictionary_encode(),
        "bytes": pa.array(encoded, pa.binary()),
        "x0": pa.array(np.arange(15.0)),
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=4)
    frame = read_table(tmp_path / "t.parquet")
    for name in ("text", "large", "view", "category"):
        assert frame[name].tolist() == texts, name
    assert frame["bytes"].tolist() == encoded


def test_a_lack_of_memory_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "t.parquet", {"x0": pa.array(np.zeros(9))})

    def exhausted(path: Path, size: int) -> None:
        raise pa.ArrowMemoryError(f"{path}: malloc of {size} failed")

    monkeypatch.setattr(table_size, "check_memory", Path.stat)
    monkeypatch.setattr(table_size, "check_bytes", exhausted)
    with pytest.raises(FeatureError, match="the memory does not suffice to read it: write"):
        read_table(path)
