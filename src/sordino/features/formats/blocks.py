"""A table in blocks: some rows of some columns at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pandas as pd

BLOCK_CELLS: Final = 1 << 20
"""Cells of a block, 8 MB as doubles."""

MOST_BLOCK_ROWS: Final = 1 << 16
"""Rows of a block of few columns."""


class TableBlock(NamedTuple):
    """Consecutive rows of some columns."""

    start: int
    """The position of the first row in the table."""
    frame: pd.DataFrame
    """The columns of these rows."""


@dataclass(frozen=True)
class TableBlocks:
    """A table that is read in blocks, as often as needed."""

    names: tuple[str, ...]
    """All columns in their order."""
    rows: int
    read: Callable[[Sequence[str]], Iterator[TableBlock]]
    """The blocks of some columns. Blocks of the same rows may follow each other, each with other
    columns; those of one column are in the order of the rows.
    """
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """Further properties, as in the frame of the whole table."""


def block_rows(columns: int) -> int:
    """The number of rows of a block of so many columns.

    >>> block_rows(4), block_rows(384)
    (65536, 2730)
    """
    return max(1, min(MOST_BLOCK_ROWS, BLOCK_CELLS // max(columns, 1)))
