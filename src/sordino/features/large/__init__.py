"""Tables of vectors that are larger than the memory, and fits that read them in blocks."""

from __future__ import annotations

from sordino.features.large.mapped import TOLERANCE, fit_blocks, map_scaled, map_vectors
from sordino.features.large.table import (
    LARGEST_WHOLE,
    BlockedTable,
    VectorRows,
    WholeTable,
    open_table,
)

__all__ = [
    "LARGEST_WHOLE",
    "TOLERANCE",
    "BlockedTable",
    "VectorRows",
    "WholeTable",
    "fit_blocks",
    "map_scaled",
    "map_vectors",
    "open_table",
]
