"""Vectors of a study in a temporary file are those in memory, and leave no file behind."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import FeatureError, StorageError
from sordino.features import PreprocessFitter, read_vectors
from sordino.features.large import (
    SPACE_TOLERANCE,
    fit_space,
    mapped,
    scale_vectors,
    select_rows,
)
from sordino.features.large import table as table_module

ROWS, DIMS = 700, 12


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files; each table is read in blocks."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(table_module, "LARGEST_WHOLE", 0)
    monkeypatch.setattr(table_module.open_vectors, "__defaults__", ((), None, 0))
    monkeypatch.setattr(mapped, "_BLOCK", 128)
    return folder


def vectors() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(3, 2, (ROWS, DIMS)).astype(np.float32)


def corpus(rows: NDArray[np.intp]) -> Corpus:
    files = [f"{row}.wav" for row in rows]
    return table.make("rows", pd.DataFrame({"file": files, "speaker": "s"}))


def written(folder: Path, x: NDArray[np.floating]) -> Path:
    frame = pd.DataFrame(x, columns=[f"x{number}" for number in range(x.shape[1])])
    frame.insert(0, "file", [f"{row}.wav" for row in range(len(x))])
    frame.to_parquet(folder / "x.parquet")
    return folder / "x.parquet"


def test_a_study_reads_a_large_table_into_a_file(tmp_path: Path, files: Path) -> None:
    rows = np.random.default_rng(1).permutation(ROWS)[:300]
    x = read_vectors(written(tmp_path, vectors()), corpus(rows))
    assert isinstance(x, np.memmap)
    np.testing.assert_array_equal(x, vectors()[rows])
    (file,) = files.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_is_removed_with_its_array(tmp_path: Path, files: Path) -> None:
    read_vectors(written(tmp_path, vectors()), corpus(np.arange(ROWS)))
    gc.collect()
    assert not [*files.iterdir()]


def test_numbers_beyond_32_bits_are_refused(tmp_path: Path, files: Path) -> None:
    x = vectors().astype(np.float64)
    x[5, 5] = 1e300
    with pytest.raises(FeatureError, match="numbers beyond those of 32 bits"):
        read_vectors(written(tmp_path, x), corpus(np.arange(ROWS)))
    assert not [*files.iterdir()]


def test_rows_and_scaled_space_of_a_file_are_those_in_memory(tmp_path: Path) -> None:
    x = read_vectors(written(tmp_path, vectors()), corpus(np.arange(ROWS)))
    rows, fitter = np.arange(3, ROWS, 3), PreprocessFitter("zscore", 5)
    assert select_rows(x, np.arange(ROWS)) is x
    selected = select_rows(x, rows)
    assert isinstance(selected, np.memmap)
    np.testing.assert_array_equal(selected, select_rows(vectors(), rows))
    space, exact = (fit_space(fitter, values, rows) for values in (x, vectors()))
    z, expected = scale_vectors(space, x), scale_vectors(exact, vectors())
    assert isinstance(z, np.memmap)
    assert np.abs(z - expected).max() < SPACE_TOLERANCE * np.abs(expected).max()


def test_a_full_disk_is_an_error_of_storage(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(StorageError, match=r"No space left on device, .*set TMPDIR"):
        read_vectors(written(tmp_path, vectors()), corpus(np.arange(ROWS)))
    assert not [*files.iterdir()]
