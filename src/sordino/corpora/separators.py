"""What separates the cells of a text table: a comma, a tab, a semicolon or a bar, told by its
header.
"""

from __future__ import annotations

import csv
import io
from typing import Final

SEPARATORS: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
"""The first that splits the header in most columns is that of the table."""

_HINTS: Final = frozenset({"sep=", *(f"sep={separator}".strip() for separator in SEPARATORS)})

WIDEST: Final = 1 << 22
"""Characters of a text that are looked at for its header."""


def header(text: str, strict: bool = False) -> tuple[str, list[str], int]:
    """The separator of a table, the cells of its header, and its place among the rows; rows without
    content count.

    Raises `csv.Error` for a header that is none, and for one that two separators split in equally
    many cells.

    >>> header("speaker;x0;x1")
    (';', ['speaker', 'x0', 'x1'], 0)
    """
    start = text[:WIDEST]
    split = {separator: _first_row(start, separator, strict) for separator in SEPARATORS}
    widths = {separator: len(cells) for separator, (cells, _) in split.items()}
    most = max(widths.values())
    best = [separator for separator, width in widths.items() if width == most]
    if most > 1 and len(best) > 1:
        names = " or ".join(SEPARATORS[separator] for separator in best)
        raise csv.Error(f"its header is split by {names} into {most} columns alike")
    separator = best[0]
    return separator, *split[separator]


def is_hint(cells: list[str]) -> bool:
    """Whether a row is the line `sep=;` that a spreadsheet wants before the header, however it was
    split.

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
    for place, cells in enumerate(rows):
        if any(map(str.strip, cells)) and not (place == 0 and is_hint(cells)):
            return cells, place
    return [], 0
