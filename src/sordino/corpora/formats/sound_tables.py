"""Parquet tables with sounds, as Hugging Face `datasets` writes them: one row an utterance.

    audio (a struct of bytes and path), speaker, emotion, ...

The numbers of a `ClassLabel` stand for the names in the description of the table.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

AUDIO: Final = "audio"
"""The column of sounds."""

SOUND_TABLE: Final = "a Parquet table with a column `audio` of bytes and path"

MOST_TABLE_ROWS: Final = 1 << 20
"""Rows of one table of sounds."""

LARGEST_ROW_GROUP: Final = 1 << 30
"""Bytes of the sounds and labels of one row group, decompressed."""

LARGEST_TABLE_SOUND: Final = 64 << 20
"""Bytes of the largest recording in a table: 35 minutes of 16-bit sound at 16 kHz."""

LARGEST_FOOTER: Final = 32 << 20
"""Bytes of the description of a table at its end."""

BUFFER_BYTES: Final = 1 << 20
"""Bytes that are read from the disk at once."""


def open_table(stream: BinaryIO) -> Any:
    """The table in an open file, decoded by pages. Raises any exception for a damaged file."""
    from pyarrow import parquet

    stream.seek(-8, os.SEEK_END)
    if int.from_bytes(stream.read(4), "little") > LARGEST_FOOTER:
        raise ValueError("too large a footer")
    stream.seek(0)
    return parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)


def stored_text_bytes(content: bytes) -> int:
    """Bytes of all text of a table after it is decoded, from its dictionaries and indices."""
    from pyarrow import BufferReader, compute, parquet, types

    def is_text(kind: Any) -> bool:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
        return any(test(kind) for test in tests)

    schema = parquet.read_schema(BufferReader(content))
    names = [field.name for field in schema if is_text(field.type)]
    table = parquet.ParquetFile(BufferReader(content), read_dictionary=names)
    total = 0
    for column in table.read(columns=names).columns:
        for chunk in column.dictionary_encode().chunks:
            lengths = compute.binary_length(chunk.dictionary).take(chunk.indices)
            total += compute.sum(lengths).as_py() or 0
    return total


def problem_of(table: Any, labels: Sequence[str]) -> str:
    """Why a table is not read, empty where it is."""
    from pyarrow import types

    schema, head = table.schema_arrow, table.metadata
    if schema.names.count(AUDIO) != 1 or not types.is_struct(schema.field(AUDIO).type):
        return f"no column of sounds, expected {SOUND_TABLE}: name it so"
    parts = {part.name: part.type for part in schema.field(AUDIO).type}
    binary = (types.is_binary, types.is_large_binary)
    if "bytes" not in parts or not any(test(parts["bytes"]) for test in binary):
        return f"a column `audio` without bytes, expected {SOUND_TABLE}: store the sounds in it"
    absent = [name for name in labels if schema.names.count(name) != 1]
    if absent:
        return f"no column {absent[0]!r}, expected the labels that were asked for: add it"
    nested = [name for name in labels if types.is_nested(schema.field(name).type)]
    if nested:
        return f"column {nested[0]!r} is nested, expected one label a row: leave it out"
    if head.num_rows > MOST_TABLE_ROWS:
        return f"{head.num_rows:,} rows, expected at most {MOST_TABLE_ROWS:,}: split the table"
    groups = [head.row_group(number) for number in range(head.num_row_groups)]
    if sum(max(0, group.num_rows) for group in groups) > MOST_TABLE_ROWS:
        return f"row groups of over {MOST_TABLE_ROWS:,} rows: split the table"
    largest = max((_group_bytes(group, labels) for group in groups), default=0)
    if largest > LARGEST_ROW_GROUP:
        return (
            f"a row group of {largest:,} bytes, expected at most {LARGEST_ROW_GROUP:,}: write the "
            "table with smaller row groups"
        )
    return ""


def _group_bytes(group: Any, labels: Sequence[str]) -> int:
    """Bytes of the columns of a row group that are read, decompressed."""
    columns = (group.column(number) for number in range(group.num_columns))
    read = {AUDIO, *labels}
    return sum(
        int(column.total_uncompressed_size)
        for column in columns
        if column.path_in_schema.partition(".")[0] in read
    )


def class_names(schema: Any) -> dict[str, list[str]]:
    """The names of the classes of each ClassLabel, by column."""
    try:
        content = json.loads((schema.metadata or {})[b"huggingface"])
        features = content["info"]["features"]
        return {
            str(column): list(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def group_rows(table: Any, group: int, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a row group, one after the other, up to its first damaged row."""
    batches = table.iter_batches(
        batch_size=1, row_groups=[group], columns=[AUDIO, *labels], use_threads=False
    )
    while True:
        try:
            values = next(batches).to_pylist()
        except Exception:  # parsers of damaged files raise any exception; at the end too
            return
        yield from values


def label_of(value: Any, names: Sequence[str]) -> Any:
    """The value of a cell; the number of a class is replaced by its name, and -1 by None."""
    if names and isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else None
    return value
