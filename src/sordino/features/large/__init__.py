"""Tables of vectors that are larger than the memory, and fits that read them in blocks."""

from __future__ import annotations

from sordino.features.large.mapped import SPACE_TOLERANCE, fit_blocks, map_scaled, map_vectors
from sordino.features.large.table import (
    LARGEST_WHOLE,
    BlockTable,
    MemoryTable,
    VectorRows,
    open_vectors,
)
from sordino.features.large.temporary import fit_space, read_mapped, scale_vectors, select_rows

__all__ = [
    "LARGEST_WHOLE",
    "SPACE_TOLERANCE",
    "BlockTable",
    "MemoryTable",
    "VectorRows",
    "fit_blocks",
    "fit_space",
    "map_scaled",
    "map_vectors",
    "open_vectors",
    "read_mapped",
    "scale_vectors",
    "select_rows",
]
