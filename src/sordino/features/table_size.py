"""The memory that a table needs to be read, from its header alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

from sordino import memory, storage
from sordino.errors import FeatureError

COPIES: Final = 3
"""Copies of a table at one time: decoded data, columns and one matrix."""

CSV_FACTOR: Final = 2
"""Bytes of memory per byte of a CSV file, where a number of eight digits has nine bytes."""


MOST_UTTERANCES: Final = 1 << 24
"""The limit of rows, ten times the utterances of the largest corpora of speech."""

MOST_COLUMNS: Final = 100_000
"""The limit of columns, with each value of a list counted."""

_NUMBER: Final = 8  # bytes: all numbers become doubles
_OBJECT: Final = 64  # bytes of a small Python object


def check_memory(path: str | Path) -> None:
    """Raise `FeatureError` for a table that needs more memory than is free, or beyond the limits of
    rows and columns.

    An unreadable table passes: its reader raises the error. The text of a Parquet table has no
    size in its header: its reader checks it with `check_bytes` before it decodes the text.
    """
    path = Path(path)
    check_bytes(path, decoded_bytes(path))


def decoded_bytes(path: Path) -> int:
    """Bytes of the numbers of a table after it is decoded; 0 for an unreadable one."""
    with storage.as_storage_error(path):
        if path.is_dir():  # a folder of shards
            return sum(map(_parquet, path.glob("shard-*.parquet")))
        if not path.is_file():
            return 0
        size, suffix = path.stat().st_size, path.suffix.lower()
        if suffix == ".parquet":
            return _parquet(path)
        if suffix == ".npz":
            return _zipped(path)
        return CSV_FACTOR * size


def check_bytes(path: Path, size: int) -> None:
    """Raise `FeatureError` unless a table of `size` bytes fits the free memory."""
    take, free = COPIES * size, memory.free()
    if free is not None and take > free:
        raise FeatureError(
            f"{path}: takes about {memory.gigabytes(take)} of memory to read, "
            f"{memory.gigabytes(free)} may be taken: {_SMALLER}"
        )


def check_shape(path: Path, rows: int, columns: int) -> None:
    """Raise `FeatureError` for more rows or columns than a table of vectors has."""
    if rows > MOST_UTTERANCES or columns > MOST_COLUMNS:
        raise FeatureError(
            f"{path}: {rows:,} rows of {columns:,} columns, expected at most "
            f"{MOST_UTTERANCES:,} of {MOST_COLUMNS:,}: {_SMALLER}"
        )


def no_memory(path: Path) -> FeatureError:
    """The error for a table that exhausts the memory against all estimates."""
    return FeatureError(f"{path}: the memory does not suffice to read it: {_SMALLER}")


def text_bytes(column: Any) -> int:
    """Bytes of a column of text after it is decoded, from its dictionary and indices."""
    from pyarrow import compute

    lengths = (
        compute.sum(compute.binary_length(chunk.dictionary).take(chunk.indices))
        for chunk in column.chunks
    )
    return sum(total.as_py() or 0 for total in lengths)


_SMALLER: Final = "write a table of fewer rows, drawn evenly from all speakers, or of fewer columns"


def _parquet(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            head = parquet.read_metadata(file)
            kinds = [field.type for field in head.schema.to_arrow_schema()]
    except Exception:  # parsers of damaged files raise any exception, and the reader reports it
        return 0
    groups = [head.row_group(group) for group in range(head.num_row_groups)]
    rows = max(int(head.num_rows), sum(int(group.num_rows) for group in groups))
    check_shape(path, rows, head.num_columns)
    pages = sum(int(group.total_byte_size) for group in groups)
    if len(kinds) != head.num_columns:  # fields of several columns, which the reader refuses
        return max(_NUMBER * rows * int(head.num_columns), pages)
    decoded = 0
    for place, kind in enumerate(kinds):
        if pa.types.is_nested(kind):
            values = sum(int(group.column(place).num_values) for group in groups)
            check_shape(path, rows, -(-values // max(rows, 1)))
            decoded += _NUMBER * values
        else:
            decoded += _cell(kind) * rows
    return max(decoded, pages)


def _cell(kind: Any) -> int:
    """Bytes of a decoded value, without its text."""
    from pyarrow import types

    if types.is_fixed_size_binary(kind):
        return _OBJECT + int(kind.byte_width)
    return _OBJECT if types.is_decimal(kind) else _NUMBER


def _zipped(path: Path) -> int:
    try:
        with zipfile.ZipFile(path) as file:
            return sum(member.file_size for member in file.infolist())
    except Exception:  # as above
        return 0
