"""The memory that a table needs to be read, from its header alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from sordino import memory, storage
from sordino.errors import FeatureError

COPIES: Final = 3
"""Copies of a table at one time: decoded data, columns and one matrix."""

CSV_FACTOR: Final = 2
"""Bytes of memory per byte of a CSV file, where a number of eight digits has nine bytes."""


def check_memory(path: str | Path) -> None:
    """Raise `FeatureError` for a table that needs more memory than is free.

    An unreadable table passes: its reader raises the error.
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
    with storage.as_storage_error(path):
        if not path.is_file():
            return 0
        size, suffix = path.stat().st_size, path.suffix.lower()
        if suffix == ".parquet":
            return _parquet(path)
        if suffix == ".npz":
            return _zipped(path)
        return CSV_FACTOR * size


def _parquet(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        head = parquet.read_metadata(path)
    except (pa.ArrowException, ValueError):
        return 0
    pages = sum(head.row_group(group).total_byte_size for group in range(head.num_row_groups))
    return max(int(8 * head.num_rows * head.num_columns), int(pages))


def _zipped(path: Path) -> int:
    try:
        with zipfile.ZipFile(path) as file:
            return sum(member.file_size for member in file.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0
