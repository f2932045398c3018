"""How much memory a table takes to read, from its header alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from sordino import memory, storage
from sordino.errors import FeatureError

COPIES: Final = 3
"""A table is there as it was decoded, as columns, and as one matrix, for a moment all at once."""

TEXT: Final = 2
"""Bytes of memory for each of a CSV file, about: a number of eight digits takes nine there."""


def fits(path: str | Path) -> None:
    """Raise `FeatureError` for a table whose reading would take more memory than there is.

    A table that cannot be read passes: whatever reads it says why.
    """
    path = Path(path)
    take, free = COPIES * _bytes(path), memory.free()
    if free is not None and take > free:
        raise FeatureError(
            f"{path}: takes about {memory.gigabytes(take)} of memory to read, "
            f"{memory.gigabytes(free)} may be taken: "
            "write a table of fewer rows, drawn evenly from all speakers, or of fewer columns"
        )


def _bytes(path: Path) -> int:
    with storage.told(path):
        if not path.is_file():
            return 0
        size, suffix = path.stat().st_size, path.suffix.lower()
        if suffix == ".parquet":
            return _parquet(path)
        if suffix == ".npz":
            return _zipped(path)
        return TEXT * size


def _parquet(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        head = parquet.read_metadata(path)
    except (pa.ArrowException, ValueError):
        return 0
    pages = sum(head.row_group(place).total_byte_size for place in range(head.num_row_groups))
    return max(int(8 * head.num_rows * head.num_columns), int(pages))


def _zipped(path: Path) -> int:
    try:
        with zipfile.ZipFile(path) as file:
            return sum(member.file_size for member in file.infolist())
    except (zipfile.BadZipFile, ValueError):
        return 0
