"""The reference of a table: the same rows in the same order, with the same dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.errors import FeatureError
from sordino.features.labelled import Labelled, read_reference
from tests.features.synthetic_tables import (
    COUNTS,
    ROWS,
    X,
    frame,
    read,
    save,
)


def reference(tmp_path: Path, original: pd.DataFrame, **columns: Any) -> Labelled:
    table = read(save(frame(**columns), tmp_path / "t.parquet"))
    return read_reference(save(original, tmp_path / "r.csv"), table)


FILES = [f"data/{row:03d}.wav" for row in range(ROWS)]


def test_a_reference_in_the_same_order_is_read(tmp_path: Path) -> None:
    moved = frame(file=[f"elsewhere\\{file}" for file in FILES])
    original = reference(tmp_path, moved, file=FILES)
    np.testing.assert_array_equal(original.x, X)
    assert original.warnings == ()


@pytest.mark.parametrize("column", ["file", "utterance", "speaker", "gender", "start"])
def test_a_reference_in_another_order_is_refused(tmp_path: Path, column: str) -> None:
    keys = {
        "file": FILES,
        "utterance": [f"u{row:02d}" for row in range(ROWS)],
        "start": np.arange(ROWS) / 7,
    }
    columns = {column: keys[column]} if column in keys else {}
    turned = frame(**columns).iloc[::-1].reset_index(drop=True)
    names = [name for name in map(str, turned) if name == column or name[0] == "x"]
    with pytest.raises(
        FeatureError,
        match=f"column `{column}` differs .* in row 1 .the same labels in another order",
    ):
        reference(tmp_path, turned[names], **columns)


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
    assert read_reference(path, table, columns=["x*"]).choice.dimensions == (
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
