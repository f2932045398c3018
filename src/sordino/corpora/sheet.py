"""A CSV file as rows that know their number, so that an error can say where to look."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from sordino.errors import CorpusError
from sordino.storage import told

Row = dict[str, str]
"""Column name in lower case to the cell, without surrounding space."""


def read(path: Path, required: Sequence[str]) -> list[tuple[int, Row]]:
    """The rows of a comma-separated file with their numbers as a spreadsheet shows them (the header is row 1).

    UTF-8 with or without a byte-order mark; names of columns are read without regard to case; rows without any content
    are passed over.

    Raises `CorpusError` when the file is absent, empty, not UTF-8 or not CSV, when a required column is missing or one
    is there twice, and when a row has more or fewer cells than the header.
    """
    rows = _numbered(path)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    if not any(header):
        raise CorpusError(f"{path}: empty, expected a header with the columns {', '.join(required)}: fill it in")
    missing = [name for name in required if name not in header]
    if missing:
        raise CorpusError(f"{path}: no column {', '.join(missing)} among {', '.join(header)}: add or rename it")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise CorpusError(f"{path}: column {', '.join(twice)} is there twice, expected once: rename one")
    return [(number, _row(path, number, header, cells)) for number, cells in rows if any(map(str.strip, cells))]


def number(place: str, row: Row, column: str, empty: float = math.nan) -> float:
    """The finite number in a cell, or `empty` where the cell is; `place` says in an error where the row stands.

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
        raise CorpusError(f"{place}: {column} {cell!r}, expected a number or an empty cell: mend it")
    return value


def _numbered(path: Path) -> Iterator[tuple[int, list[str]]]:
    if not path.is_file():
        raise CorpusError(f"{path}: no such file, expected a CSV table: check the path")
    with told(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 text, expected a CSV table: save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise CorpusError(f"{path}: not a readable CSV table ({error}): save it again as 'CSV UTF-8'") from error


def _row(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise CorpusError(
            f"{path}, row {number}: {len(cells)} cells, expected {len(header)} as in the header: "
            "put text that has commas in double quotes"
        )
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
