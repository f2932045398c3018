"""A table for an audit: which columns are vectors, which are labels, and which reference belongs to
it.
"""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sordino.errors import FeatureError, SordinoError, StorageError
from sordino.features.labelled import Labelled, check_classes, read_labelled, read_reference

ROWS = 48
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4))
NAMES = ["speaker", "gender"]
SPEAKER = np.repeat([f"{place:02d}" for place in range(8)], 6)
GENDER = np.repeat(["female", "male"] * 4, 6)


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"x{place}" for place in range(4)]).assign(
        speaker=SPEAKER, gender=GENDER, **more
    )


def save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        dims = [name for name in map(str, table) if name[0] == "x"]
        text = {
            name: table[name].to_numpy(
                str if table[name].dtype == object or table[name].dtype == "str" else None
            )
            for name in map(str, table)
            if name not in dims
        }
        arrays: dict[str, Any] = {
            f"{name}s" if name == "file" else name: values for name, values in text.items()
        }
        np.savez(path, x=table[dims].to_numpy(), names=np.array(dims), **arrays)
    return path


def read(path: Path, names: list[str] = NAMES, **options: Any) -> Labelled:
    return read_labelled(path, names, **options)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_every_kind_of_table_gives_the_same(tmp_path: Path, kind: str) -> None:
    table = read(
        save(
            frame(age=np.arange(ROWS)[::-1], file=[f"{row}.wav" for row in range(ROWS)]),
            tmp_path / f"t.{kind}",
        )
    )
    np.testing.assert_array_equal(table.x, X)
    assert list(table.labels["speaker"]) == list(SPEAKER)
    assert str(table.chosen) == "4 dimensions: x0 … x3; left out: age, file"


@pytest.mark.parametrize(
    "label", ["NA", "nan", "None", "null", "007", "1e5", "TRUE", " a b", 'say "x"', "a\nb", "é"]
)
def test_labels_of_a_csv_are_read_as_written(tmp_path: Path, label: str) -> None:
    table = read(
        save(frame(mood=np.where(np.arange(ROWS) % 2, label, "other")), tmp_path / "t.csv"),
        [*NAMES, "mood"],
    )
    assert set(table.labels["mood"]) == {label, "other"}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=2, max_size=6)
)
def test_any_labels_come_back_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    mood = [values[row % len(values)] for row in range(ROWS)]
    frame(mood=mood).to_csv(path, index=False)
    with contextlib.suppress(FeatureError):
        assert read(path, [*NAMES, "mood"]).labels["mood"].tolist() == mood


COUNTS: dict[str, Any] = {
    "label_id": np.arange(ROWS) % 2,
    "label_float": (np.arange(ROWS) % 3).astype(float),
    "truth": np.arange(ROWS) % 2 == 0,
    "speaker_id": np.arange(ROWS) // 6,
    "index": np.arange(ROWS),
    "backwards": -np.arange(ROWS),
    "permuted": np.random.default_rng(1).permutation(ROWS),
    "stamp": 1.6e9 + np.cumsum(np.random.default_rng(1).uniform(1, 9, ROWS)),
    "shuffled_stamp": np.random.default_rng(1).integers(1_600_000_000, 1_700_000_000, ROWS),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", COUNTS)
def test_an_ambiguous_column_is_refused_until_the_user_decides(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = save(frame(**{name: COUNTS[name]}), tmp_path / f"t.{kind}")
    with pytest.raises(
        FeatureError,
        match=rf"column `{name}` .*--ignore '{name}', or, if .*--columns 'x\*' --columns '{name}'$",
    ):
        read(path)
    assert read(path, ignore=[name]).chosen.dimensions == ("x0", "x1", "x2", "x3")
    assert read(path, columns=["x*"]).chosen.left_out == (name,)
    assert name in read(path, columns=["x*", name]).chosen.dimensions


def test_numbers_beside_the_vectors_of_an_npz_are_no_dimensions(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "t.npz",
        x=X,
        speaker=SPEAKER,
        gender=GENDER[:, None],
        label_id=COUNTS["label_id"],
        note=np.zeros(3),
    )
    assert str(read(tmp_path / "t.npz").chosen) == "4 dimensions: x0 … x3; left out: label_id, note"


def test_constant_and_rounded_dimensions_are_kept(tmp_path: Path) -> None:
    table = frame(x4=0.0, x5=np.maximum(RANDOM.normal(size=ROWS), 0))
    assert len(read(save(table, tmp_path / "t.csv")).chosen.dimensions) == 6


def test_vectors_of_many_whole_numbers_are_kept(tmp_path: Path) -> None:
    table = frame().assign(
        **{f"x{place}": RANDOM.integers(-(10**6), 10**6, ROWS) for place in range(4)}
    )
    assert len(read(save(table, tmp_path / "t.csv")).chosen.dimensions) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": ["gender-code"]}, r"--ignore gender-code: no such column \(near: gender_code"),
        ({"columns": ["y*"]}, r"--columns y\*: no such column"),
        ({"columns": ["gender"]}, "--columns gender: it is a label too"),
        ({"columns": ["x0"], "ignore": ["x0"]}, "--columns x0: it is ignored too"),
        ({"columns": ["note"], "ignore": []}, "column `note` is not of numbers"),
        ({"continuous": ["x0"]}, r"--continuous x0: not among the labels \(speaker, gender\)"),
        ({"continuous": ["gender"]}, "'female' is no number, expected numbers alone"),
        ({"names": [*NAMES, "Age"]}, r"no column `Age` \(near: age\)"),
        (
            {"names": [*NAMES, "missing"]},
            "column `missing`: 24 of 48 labels are missing, the first in row 1",
        ),
        (
            {"names": [*NAMES, "mixed"]},
            "column `mixed`: labels of several kinds|one label in two spellings",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    even = np.arange(ROWS) % 2 == 0
    table = frame(
        gender_code=COUNTS["label_id"],
        note="hm",
        age=np.arange(ROWS),
        missing=np.where(even, "", "a"),
        mixed=np.where(even, "1", "1.0"),
    )
    with pytest.raises(FeatureError, match=message):
        read(
            save(table, tmp_path / "t.csv"),
            **({"ignore": ["gender_code", "note", "missing", "mixed"]} | options),
        )


def test_capitals_do_not_make_a_label_a_dimension(tmp_path: Path) -> None:
    table = frame(AGE=RANDOM.normal(40, 9, ROWS), File=[f"{row}.wav" for row in range(ROWS)])
    assert read(save(table, tmp_path / "t.csv")).chosen.left_out == ("AGE", "file")


def test_many_numbers_are_continuous_only_where_it_is_said(tmp_path: Path) -> None:
    path = save(
        frame(height=RANDOM.normal(170, 9, ROWS), age=RANDOM.integers(20, 90, ROWS)),
        tmp_path / "t.csv",
    )
    table = read(path, [*NAMES, "height", "age"])
    assert table.labels["age"].dtype == float
    with pytest.raises(
        FeatureError, match=r"column `height` has 48 different numbers, .* say --continuous height"
    ):
        check_classes(table, ["gender", "age", "height"])
    check_classes(read(path, [*NAMES, "height"], continuous=["height"]), ["height"])


LISTS: dict[str, Callable[[], pa.Array]] = {
    "lists": lambda: pa.array(X.tolist()),
    "float16 of fixed size": lambda: pa.FixedSizeListArray.from_arrays(
        pa.array(X.astype(np.float16).ravel()), 4
    ),
    "large lists": lambda: pa.array(X.tolist(), pa.large_list(pa.float32())),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_column_of_lists_is_one_column_a_dimension(tmp_path: Path, kind: str) -> None:
    labels = {"speaker": pa.array(SPEAKER).dictionary_encode(), "gender": pa.array(GENDER)}
    parquet.write_table(
        pa.table({**labels, "embedding": LISTS[kind]()}), tmp_path / "t.parquet", row_group_size=11
    )
    table = read(tmp_path / "t.parquet")
    np.testing.assert_allclose(table.x, X, rtol=1e-2, atol=1e-2)
    assert str(
        table.chosen
    ) == "4 dimensions: embedding[0], embedding[1], embedding[2], embedding[3]" or "…" in str(
        table.chosen
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


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_other_separators_are_read_and_told(tmp_path: Path, separator: str) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False, sep=separator, encoding="utf-8-sig")
    table = read(tmp_path / "t.csv")
    np.testing.assert_array_equal(table.x, X)
    assert "t.csv is separated by" in table.warnings[0]


@pytest.mark.parametrize("prefix", ["", "\n\n", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_and_lines_before_the_header_do_no_harm(
    tmp_path: Path, prefix: str, end: str
) -> None:
    text = prefix + frame().to_csv(index=False)
    (tmp_path / "t.csv").write_bytes(text.replace("\n", end).encode())
    np.testing.assert_array_equal(read(tmp_path / "t.csv").x, X)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_precision_is_read(tmp_path: Path, kind: type) -> None:
    np.savez(tmp_path / "t.npz", x=X.astype(kind), speaker=SPEAKER, gender=GENDER)
    np.testing.assert_array_equal(read(tmp_path / "t.npz").x, X.astype(kind))


def reference(tmp_path: Path, original: pd.DataFrame, **more: Any) -> Labelled:
    table = read(save(frame(**more), tmp_path / "t.parquet"))
    return read_reference(save(original, tmp_path / "r.csv"), table)


FILES = [f"data/{row:03d}.wav" for row in range(ROWS)]


def test_a_reference_in_the_same_order_is_read(tmp_path: Path) -> None:
    moved = frame(file=[f"elsewhere\\{file}" for file in FILES])
    original = reference(tmp_path, moved, file=FILES)
    np.testing.assert_array_equal(original.x, X)
    assert original.warnings == ()


@pytest.mark.parametrize("column", ["file", "utterance", "speaker", "gender", "start"])
def test_a_reference_in_another_order_is_refused(tmp_path: Path, column: str) -> None:
    more = {
        "file": FILES,
        "utterance": [f"u{row:02d}" for row in range(ROWS)],
        "start": np.arange(ROWS) / 7,
    }
    own = {column: more[column]} if column in more else {}
    turned = frame(**own).iloc[::-1].reset_index(drop=True)
    kept = [name for name in map(str, turned) if name == column or name[0] == "x"]
    with pytest.raises(
        FeatureError,
        match=f"column `{column}` differs .* in row 1 .the same labels in another order",
    ):
        reference(tmp_path, turned[kept], **own)


def test_the_first_row_that_differs_is_named(tmp_path: Path) -> None:
    original = frame(file=FILES)
    original.loc[[30, 31], "file"] = original.loc[[31, 30], "file"].to_numpy()
    with pytest.raises(FeatureError, match=r"column `file` differs .* in row 31 "):
        reference(tmp_path, original, file=FILES)


def test_a_reference_that_shares_no_column_is_told(tmp_path: Path) -> None:
    (warning,) = reference(tmp_path, frame()[["x0", "x1", "x2", "x3"]]).warnings
    assert "shares no label and no `file` with t.parquet" in warning


def test_a_reference_is_chosen_as_the_table_was(tmp_path: Path) -> None:
    table = read(save(frame(label_id=COUNTS["label_id"]), tmp_path / "t.csv"), columns=["x*"])
    path = save(frame(label_id=COUNTS["label_id"], x9=X[:, 0]), tmp_path / "r.csv")
    assert read_reference(path, table, columns=["x*"]).chosen.dimensions == (
        "x0",
        "x1",
        "x2",
        "x3",
        "x9",
    )
    with pytest.raises(FeatureError, match="column `other` holds whole numbers"):
        read_reference(save(frame(other=COUNTS["label_id"]), tmp_path / "o.csv"), table)


def test_another_number_of_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="3 rows, expected the 48 of"):
        reference(tmp_path, frame()[:3])


def test_an_absent_table_is_an_error_of_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        read(tmp_path / "absent.parquet")


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


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_line_that_names_the_separator_is_no_header(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"sep={separator}\n{frame().to_csv(index=False, sep=separator)}")
    np.testing.assert_allclose(read(path).x, X)


def test_lists_of_text_are_no_labels(tmp_path: Path) -> None:
    path = save(frame(words=[["a", "b"]] * ROWS), tmp_path / "t.parquet")
    with pytest.raises(
        FeatureError, match=r"column `words` holds lists of .*string, expected one label a row"
    ):
        read(path, ["words"])
