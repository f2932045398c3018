"""The separator of a text table: a comma, a tab, a semicolon or a bar, inferred from its header."""

from __future__ import annotations

import csv
import io
from typing import Final

SEPARATORS: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
"""Candidates; the separator of a table is the one that splits its header into most columns."""

_HINTS: Final = frozenset({"sep=", *(f"sep={separator}".strip() for separator in SEPARATORS)})

WIDEST: Final = 1 << 22
"""Characters of a text in which the header is searched."""


def find_header(text: str, strict: bool = False) -> tuple[str, list[str], int]:
    """The separator of a table, the cells of its header, and the position of the header among the
    rows, empty ones included.

    Raises `csv.Error` for an unreadable header, and for one that two separators split into equally
    many cells.

    >>> find_header("speaker;x0;x1")
    (';', ['speaker', 'x0', 'x1'], 0)
    """
    start = text[:WIDEST]
    split = {separator: _first_row(start, separator, strict) for separator in SEPARATORS}
    widths = {separator: len(cells) for separator, (cells, _) in split.items()}
    columns = max(widths.values())
    best = [separator for separator, width in widths.items() if width == columns]
    if columns > 1 and len(best) > 1:
        names = " or ".join(SEPARATORS[separator] for separator in best)
        raise csv.Error(f"its header is split by {names} into {columns} columns each")
    separator = best[0]
    return separator, *split[separator]


def is_hint(cells: list[str]) -> bool:
    """Whether a row is the line `sep=;` that a spreadsheet writes before the header, whatever the
    separator.

    >>> is_hint(["sep=", ""]), is_hint(["sep=;"]), is_hint(["sep=", "x0"])
    (True, True, False)
    """
    return (
        cells[:1] != []
        and cells[0].strip().lower() in _HINTS
        and not any(map(str.strip, cells[1:]))
    )


def _first_row(text: str, separator: str, strict: bool) -> tuple[list[str], int]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    for position, cells in enumerate(rows):
        if any(map(str.strip, cells)) and not (position == 0 and is_hint(cells)):
            return cells, position
    return [], 0
