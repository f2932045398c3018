"""A CSV file as numbered rows, so that an error can name the row."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sordino import textfile
from sordino.corpora import separators
from sordino.corpora.labels import fold, quote
from sordino.corpora.separators import is_hint
from sordino.errors import CorpusError
from sordino.progress import listed

Row = dict[str, str]
"""Column name in lower case to the cell, without surrounding space."""


class Sheet(list[tuple[int, Row]]):
    """The rows of a table with their numbers."""

    separated: str = ""
    """The separator of the cells, for an error; empty for commas."""


def read(path: Path, required: Sequence[str]) -> Sheet:
    """The rows of a CSV file, numbered as in a spreadsheet (the header is row 1).

    The text is UTF-8 with or without a byte-order mark. Its header decides the separator: commas,
    tabs, semicolons or bars. Column names are case-insensitive. Empty rows are skipped.

    Raises `CorpusError` for a file that is a folder, absent, empty, not UTF-8 or not CSV, for a
    missing or duplicate column, and for a row with another number of cells than the header.
    """
    text = textfile.read(path, "a CSV table", CorpusError)
    separator, rows = _numbered_rows(path, text)
    header = [
        fold(name) for name in next((cells for _, cells in rows if any(map(str.strip, cells))), [])
    ]
    if not any(header):
        raise CorpusError(
            f"{path}: empty, expected a header with the columns {', '.join(required)}: fill it in"
        )
    missing = [name for name in required if name not in header]
    if missing:
        hint = "; its cells may be separated by spaces, expected commas" if len(header) == 1 else ""
        raise CorpusError(
            f"{path}: no column {', '.join(missing)} among {listed(header)}{hint}: add or rename it"
        )
    duplicate = sorted({name for name in header if name and header.count(name) > 1})
    if duplicate:
        raise CorpusError(
            f"{path}: column {listed(duplicate)} is there twice, expected once: rename one"
        )
    table = Sheet(
        (number, _row(path, number, header, cells))
        for number, cells in rows
        if any(map(str.strip, cells))
    )
    table.separated = (
        "" if separator == "," else f" (separated by {separators.SEPARATORS[separator]})"
    )
    return table


def parse_number(where: str, row: Row, column: str, empty: float = math.nan) -> float:
    """The finite number in a cell, or `empty` for an empty cell; `where` names the row in an error.

    >>> row = {"age": "31", "valence": ""}
    >>> parse_number("m.csv, row 2", row, "age"), parse_number("m.csv, row 2", row, "valence")
    (31.0, nan)
    """
    cell = row.get(column, "")
    if not cell:
        return empty
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        remedy = "write a decimal point" if re.fullmatch(r"[+-]?\d+,\d+", cell) else "correct it"
        raise CorpusError(
            f"{where}: {column} {quote(cell)}, expected a number or an empty cell: {remedy}"
        )
    return value


def _numbered_rows(path: Path, text: str) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The separator of a table, from its header, and its rows with their numbers."""
    try:
        separator, _, _ = separators.find_header(text)
    except csv.Error as error:
        raise CorpusError(
            f"{path}: not a readable CSV table ({error}): save it again as 'CSV UTF-8'"
        ) from error
    return separator, _rows(path, text, separator)


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        yield from (
            (number, cells)
            for number, cells in enumerate(rows, 1)
            if number > 1 or not is_hint(cells)
        )
    except csv.Error as error:
        raise CorpusError(
            f"{path}: not a readable CSV table ({error}): save it again as 'CSV UTF-8'"
        ) from error


def _row(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise CorpusError(
            f"{path}, row {number}: {len(cells)} cells, expected {len(header)} as in the header: "
            "put text that has the separator in double quotes"
        )
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
