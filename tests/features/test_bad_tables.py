"""A table that cannot be read is refused, with one message for each cause."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sordino.errors import FeatureError, SordinoError, StorageError
from tests.features.synthetic_tables import (
    ROWS,
    SPEAKER,
    X,
    frame,
    read,
    save,
)


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\n")


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "ragged": (
        "t.parquet",
        lambda path: frame(e=[[1.0] * (1 + row % 2) for row in range(ROWS)]).to_parquet(path),
        "column `e` holds lists of several lengths",
    ),
    "vectors as text": (
        "t.csv",
        lambda path: frame(e=[str(row) for row in X]).to_csv(path, index=False),
        "column `e` is not of numbers, it holds whole vectors written as text",
    ),
    "decimal commas": (
        "t.csv",
        lambda path: frame().to_csv(path, index=False, sep=";", decimal=","),
        "column `x0` .* decimal commas, expected decimal points",
    ),
    "one cell of text": (
        "t.csv",
        lambda path: frame(e=["oops", *X[1:, 0]]).to_csv(path, index=False),
        "column `e` is not of numbers, row 1 holds text",
    ),
    "doubled column": (
        "t.csv",
        lambda path: path.write_text("speaker,gender,x0,x0\na,f,1,2\n"),
        "column `x0` is there twice, expected once",
    ),
    "doubled stored column": (
        "t.parquet",
        lambda path: parquet.write_table(pa.table([pa.array([1.0])] * 2, names=["x0", "x0"]), path),
        "column `x0` is there twice",
    ),
    "doubled names": (
        "t.npz",
        lambda path: np.savez(path, x=X, names=np.array(["a", "a", "b", "c"])),
        "column `a` is there twice",
    ),
    "key in two cases": (
        "t.csv",
        lambda path: path.write_text("File,file,x0\na,a,1\n"),
        "column `file` is there twi",
    ),
    "objects": (
        "t.npz",
        lambda path: np.savez(path, x=X, speaker=SPEAKER.astype(object), allow_pickle=True),
        "array `speaker` holds Python objects, which are never unpickled",
    ),
    "no x": (
        "t.npz",
        lambda path: np.savez(path, vectors=X),
        "an array `x` .*, its arrays: vectors",
    ),
    "flat x": ("t.npz", lambda path: np.savez(path, x=X[0]), r"its `x` is float64 of shape \(4,\)"),
    "complex": ("t.npz", lambda path: np.savez(path, x=X * 1j), "its `x` is complex128"),
    "names too few": (
        "t.npz",
        lambda path: np.savez(path, x=X, names=np.array(["a"])),
        "1 names for 4 dimensions",
    ),
    "no rows": (
        "t.csv",
        lambda path: path.write_text("speaker,gender,x0\n"),
        "no rows, expected one an utterance",
    ),
    "no end": ("t.csv", lambda path: path.write_text("speaker,gender,x0"), "no rows"),
    "no rows stored": (
        "t.parquet",
        lambda path: frame()[:0].to_parquet(path),
        "no rows, expected one an utterance",
    ),
    "ragged rows": (
        "t.csv",
        lambda path: path.write_text("speaker,gender,x0\na,f,1\nb,m\n"),
        "2 cells.*, expected 3",
    ),
    "open quote": (
        "t.csv",
        lambda path: path.write_text('speaker,gender,x0\n"a,f,1\nb,m,2\n'),
        "cells|double quote",
    ),
    "two separators": (
        "t.csv",
        lambda path: path.write_text("a,b;c\n1,2;3\n"),
        "split by commas or semicolons",
    ),
    "latin": (
        "t.csv",
        lambda path: path.write_bytes("speaker,x0\nJörg,1\n".encode("cp1252")),
        "not UTF-8 .*line 2",
    ),
    "utf16": (
        "t.csv",
        lambda path: path.write_text("speaker,x0\na,1\n", encoding="utf-16"),
        "UTF-16 text",
    ),
    "pointer": ("t.parquet", pointer, "git-lfs pointer"),
    "pointer of text": ("t.csv", pointer, "git-lfs"),
    "packed": ("t.csv", lambda path: path.write_bytes(gzip.compress(b"a,b\n")), "gzip archive"),
    "folder": ("t.csv", lambda path: path.mkdir(), "a folder, expected a table"),
    "web page": ("t.csv", lambda path: path.write_text("<!DOCTYPE html>"), "a web page"),
    "packed by name": ("t.csv.gz", lambda path: path.touch(), r"suffix \.gz, .*: unpack it first"),
    "pickle": ("t.pkl", lambda path: path.touch(), "a pickle is never read"),
    "unseen name": (
        "t.csv",
        lambda path: path.write_text('speaker,gender,"x\n0"\na,f,1\n'),
        "cannot be shown",
    ),
    "damaged": (
        "t.parquet",
        lambda path: path.write_bytes(b"PAR1\0\0\0\0PAR1"),
        "not a readable .parquet table",
    ),
    "struct": (
        "t.parquet",
        lambda path: frame(e=[{"a": 1}] * ROWS).to_parquet(path),
        "column `e` is not of numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_every_cause_has_its_own_sentence(tmp_path: Path, case: str) -> None:
    name, make, message = BAD[case]
    make(tmp_path / name)
    with pytest.raises(FeatureError, match=message) as caught:
        read(tmp_path / name)
    assert str(caught.value).isprintable()


def test_an_array_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X)
    content = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(content.replace(b"(48, 4)", b"(9**9,)"))
    with pytest.raises(FeatureError, match=r"not a readable \.npz table"):
        read(tmp_path / "t.npz")


def test_an_absent_table_is_an_error_of_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        read(tmp_path / "absent.parquet")


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(
    st.binary(max_size=300)
    | st.text(max_size=100).map(
        lambda tail: b"speaker,gender,x0\n" + tail.encode("utf-8", "ignore")
    )
)
def test_no_bytes_at_all_give_another_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for suffix in ("csv", "parquet", "npz"):
        path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
        path.write_bytes(content)
        try:
            read(path)
        except SordinoError as error:
            message = str(error)
            assert message.isprintable()


def test_lists_of_text_are_no_labels(tmp_path: Path) -> None:
    path = save(frame(words=[["a", "b"]] * ROWS), tmp_path / "t.parquet")
    with pytest.raises(
        FeatureError, match=r"column `words` holds lists of .*string, expected one label a row"
    ):
        read(path, ["words"])
