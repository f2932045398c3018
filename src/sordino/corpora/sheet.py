"""A CSV file as rows that know their number, so that an error can say where to look."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sordino import textfile
from sordino.corpora import separators
from sordino.corpora.labels import fold
from sordino.corpora.separators import is_hint
from sordino.errors import CorpusError

Row = dict[str, str]
"""Column name in lower case to the cell, without surrounding space."""


class Sheet(list[tuple[int, Row]]):
    """The rows of a table with their numbers."""

    separated: str = ""
    """How its cells are separated, for an error; empty for commas."""


def read(path: Path, required: Sequence[str]) -> Sheet:
    """The rows of a CSV file with their numbers as a spreadsheet shows them (the header is row 1).

    UTF-8 with or without a byte-order mark; separated by commas, tabs, semicolons or bars, as the
    header is; names of columns are read without regard to case; rows without any content are passed
    over.

    Raises `CorpusError` when the file is a folder, absent, empty, not UTF-8 or not CSV, when a
    required column is missing or one is there twice, and when a row has more or fewer cells than
    the header.
    """
    text = textfile.read(path, "a CSV table", CorpusError)
    separator, rows = _numbered(path, text)
    header = [
        fold(name) for name in next((cells for _, cells in rows if any(map(str.strip, cells))), [])
    ]
    if not any(header):
        raise CorpusError(
            f"{path}: empty, expected a header with the columns {', '.join(required)}: fill it in"
        )
    missing = [name for name in required if name not in header]
    if missing:
        told = "; its cells may be separated by spaces, expected commas" if len(header) == 1 else ""
        raise CorpusError(
            f"{path}: no column {', '.join(missing)} among {', '.join(header)}{told}: add or "
            "rename it"
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise CorpusError(
            f"{path}: column {', '.join(twice)} is there twice, expected once: rename one"
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


def number(place: str, row: Row, column: str, empty: float = math.nan) -> float:
    """The finite number in a cell, or `empty` where the cell is; `place` says in an error where the
    row stands.

    >>> number("m.csv, row 2", {"age": "31", "valence": ""}, "age"), number("m.csv, row 2", {"valence": ""}, "valence")
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
        remedy = "write a decimal point" if re.fullmatch(r"[+-]?\d+,\d+", cell) else "mend it"
        raise CorpusError(
            f"{place}: {column} {cell!r}, expected a number or an empty cell: {remedy}"
        )
    return value


def _numbered(path: Path, text: str) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """What separates the cells of a table, as its header tells, and its rows, each with its number."""
    try:
        separator, _, _ = separators.header(text)
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
