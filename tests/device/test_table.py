"""Released tables: private, and with names that tell nothing and that no spreadsheet runs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino import storage
from sordino.device import table
from sordino.features.labelled import read_labelled

VECTORS = np.array([[0.5, 2.25], [3.5, -1.75], [1.25, 0.5], [2.75, 1.5]], np.float32)
FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1"]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_cell_begins_a_formula(tmp_path: Path, text: str) -> None:
    path = table.write(tmp_path / "whole.csv", [text], VECTORS[:1])
    lines = table.GrowingTable(tmp_path / "lines.csv", 2)
    lines.add(text, VECTORS[0])
    for file in (path, tmp_path / "lines.csv"):
        with file.open(newline="", encoding="utf-8") as content:
            assert list(csv.reader(content))[1] == [f"'{text}", "0.5", "2.25"]


def test_plain_names_stay_as_they_are(tmp_path: Path) -> None:
    names = ["a.wav", "-", "über/b.wav", "x=1.wav"]
    path = table.write(tmp_path / "x.csv", names, VECTORS)
    assert pd.read_csv(path)["file"].tolist() == names


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_a_new_table_is_private_and_an_old_one_keeps_its_mode(tmp_path: Path, suffix: str) -> None:
    path = table.write(tmp_path / f"x{suffix}", list("abcd"), VECTORS)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    table.write(path, list("abcd"), VECTORS)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_growing_table_is_private_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    table.GrowingTable(path, 2)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    table.GrowingTable(path, 2).add("a", VECTORS[0])
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_ids_are_a_column_of_their_own_and_no_dimension(tmp_path: Path, suffix: str) -> None:
    rows = table.WholeTable(tmp_path / f"x{suffix}", table.UTTERANCE, by_name=True)
    for name, vector in zip("dbca", VECTORS, strict=True):
        rows.add(name, vector)
    rows.close()
    x = read_labelled(tmp_path / f"x{suffix}", ()).x
    np.testing.assert_array_equal(x, VECTORS[[3, 1, 2, 0]])


def test_an_id_needs_the_key_and_is_one_for_each_row() -> None:
    names = [
        f"Actor_{actor:02d}/03-01-0{emotion}.wav" for actor in range(24) for emotion in range(8)
    ]
    ids, ids_of_another_key = (
        [table.utterance_id(key, name, 0, VECTORS[0]) for name in names] for key in (1, 2)
    )
    assert len({*ids, *ids_of_another_key}) == 2 * len(names)
    assert ids == [table.utterance_id(1, name, 0, VECTORS[0]) for name in names]
    assert table.utterance_id(1, names[0], 1, VECTORS[0]) not in ids
    assert table.utterance_id(1, names[0], 0, VECTORS[1]) not in ids


def test_the_order_of_ids_is_not_that_of_the_recordings() -> None:
    ids = [table.utterance_id(7, f"{number:03d}.wav", number, VECTORS[0]) for number in range(200)]
    places = np.argsort(np.argsort(ids))
    assert abs(np.corrcoef(places, np.arange(200))[0, 1]) < 0.25


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_a_file_name_that_is_no_unicode_is_written(tmp_path: Path, suffix: str) -> None:
    assert table.write(tmp_path / f"x{suffix}", ["a\udcff.wav"], VECTORS[:1]).stat().st_size > 0


def test_cells_of_text_alone_are_changed() -> None:
    assert [storage.cell(text) for text in ("", "sad", "-", "=x")] == ["", "sad", "-", "'=x"]


def test_without_a_row_an_earlier_table_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "released.csv"
    path.write_text("utterance,x0\nmonday,0.0\n")
    table.WholeTable(path).close()
    assert not path.exists()
    table.WholeTable(path).close()
    assert not path.exists()
