"""CSV tables of vectors, read in parallel: numbers as numbers, labels as text without changes."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import textfile
from sordino.corpora import separators
from sordino.corpora.labels import fold
from sordino.errors import FeatureError

EXPECTED: Final = "a CSV table with one row an utterance"
TEXT_COLUMNS: Final = ("file", "utterance")
"""Columns that are always text."""

_BLOCK: Final = 1 << 22
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def read_csv(path: Path, text: Collection[str]) -> pd.DataFrame:
    """The columns of a CSV table: those of `text` as text, others as numbers where all cells are
    numbers.

    Separators may be commas, tabs, semicolons or bars. Raises `FeatureError` for other files.
    """
    import pyarrow as arrow
    from pyarrow import csv as reader

    with path.open("rb") as file:
        textfile.check_text(path, file.read(textfile.HEAD_BYTES), EXPECTED, FeatureError)
    separator, names, lines = _header(path)
    as_text = {name: arrow.string() for name in names if name in text or fold(name) in TEXT_COLUMNS}
    options = reader.ConvertOptions(column_types=as_text, strings_can_be_null=False)
    layout = reader.ParseOptions(delimiter=separator, newlines_in_values=True)
    block = max(_BLOCK, 64 * sum(map(len, names)))
    try:
        reading = reader.ReadOptions(
            column_names=names, skip_rows_after_names=lines, block_size=block
        )
        table = reader.read_csv(path, reading, layout, options)
    except arrow.ArrowInvalid as error:
        raise FeatureError(_reason(path, str(error), len(names), separator)) from error
    _check_quotes(path)
    frame = pd.DataFrame(
        {name: _values(column) for name, column in zip(names, table.columns, strict=True)}
    )
    frame.attrs["separated"] = "" if separator == "," else separators.SEPARATORS[separator]
    return frame


def decimal_commas(column: NDArray[Any]) -> bool:
    """Whether a column of text holds numbers with decimal commas.

    >>> decimal_commas(np.array(["0,25", "-1,5"], dtype=object))
    True
    """
    return all(
        isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip())
        for cell in column[:100].tolist()
    )


def _header(path: Path) -> tuple[str, list[str], int]:
    """The separator, the names of the columns, and the number of rows before the first data row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator, cells, header_row = separators.find_header(file.read(separators.WIDEST))
    except UnicodeDecodeError as error:
        raise FeatureError(textfile.not_utf8(path, path.read_bytes(), EXPECTED)) from error
    except csv.Error as error:
        raise FeatureError(
            f"{path}: not a readable .csv table, {error}, expected {EXPECTED}: write it anew"
        ) from error
    if not cells:
        raise FeatureError(
            f"{path}: not a readable .csv table, it is empty, expected {EXPECTED}: write it anew"
        )
    names = [cell.strip() or f"Unnamed: {index}" for index, cell in enumerate(cells)]
    if not all(map(str.isprintable, names)):
        raise FeatureError(
            f"{path}: a column's name has characters that cannot be shown, expected text: rename it"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        extra = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise FeatureError(
            f"{path}: column `{twice[0]}`{extra} is there twice, expected once: rename one"
        )
    return separator, names, header_row + 1


def _reason(path: Path, message: str, width: int, separator: str) -> str:
    """The message for a refused table, without its cells, which may contain names of people."""
    cells = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if cells:
        where = f" in row {cells[1]}" if cells[1] else ""
        return (
            f"{path}: {cells[3]} cells{where}, expected {width} as in the header, separated by "
            f"{separators.SEPARATORS[separator]}: put text that has the separator in double quotes"
        )
    if "UTF8" in message:
        return textfile.not_utf8(path, path.read_bytes(), EXPECTED)
    if "straddl" in message:
        return (
            f"{path}: no rows below the header, or a row without an end, expected one an "
            "utterance: write it anew"
        )
    return f"{path}: not a readable .csv table with one row an utterance: write it anew"


def _check_quotes(path: Path) -> None:
    """Raise for an odd number of double quotes: a cell would contain the rows below it."""
    with path.open("rb") as file:
        count = sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b""))
    if count % 2:
        raise FeatureError(
            f"{path}: a double quote is not closed, expected pairs of them: "
            'write "" for one in a cell'
        )


def _values(column: Any) -> NDArray[Any] | pd.Series:
    from pyarrow import types

    if types.is_string(column.type):
        return pd.Series(np.array(column.to_pylist(), dtype=object), dtype=object)
    if types.is_null(column.type):
        return pd.Series(np.full(len(column), None, dtype=object), dtype=object)
    if types.is_integer(column.type) and column.null_count:
        column = column.cast("float64")
    plain = types.is_floating(column.type) or types.is_integer(column.type)
    values: NDArray[Any] | pd.Series = column.to_numpy() if plain else column.to_pandas()
    return values
