"""Recordings in Parquet tables, in the layout of Hugging Face, as hostile input.

    audio       struct of `bytes` (a whole file of sound) and `path` (its name; never opened)
    emotion     text, a number, or a number of a ClassLabel, which is replaced by its name
    ...         further columns of labels

Rows are decoded one after the other. Parquet decodes by pages, and a writer may put all sounds of a
row group into one page. Therefore memory follows the row groups, which have a limit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from sordino import storage, textfile
from sordino.errors import FeatureError
from sordino.features.shards.rows import (
    Needed,
    SoundBytes,
    SoundRow,
    check_columns,
    check_size,
    file_text,
    label_text,
)

AUDIO: Final = "audio"
"""The column of sounds."""

MOST_TABLE_ROWS: Final = 1 << 20
"""Rows of one table of sounds."""

LARGEST_ROW_GROUP: Final = 1 << 30
"""Bytes of the sounds and labels of one row group, decompressed."""

LARGEST_FOOTER: Final = 32 << 20
"""Bytes of the description of a table at its end."""

BUFFER_BYTES: Final = 1 << 20
"""Bytes that are read from the disk at once."""

_EXPECTED: Final = "a Parquet table with a column `audio` of bytes and path"


@dataclass(frozen=True)
class ParquetRows:
    """The utterances of Parquet tables, in the order of the tables and of their rows."""

    paths: tuple[Path, ...]

    @property
    def identity(self) -> dict[str, object]:
        """The paths and sizes of the tables."""
        sizes = []
        for path in self.paths:
            with storage.as_storage_error(path):
                sizes.append([str(path), path.stat().st_size])
        return {"parquet": sizes}

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the first readable table does not have."""
        for path in self.paths if labels else ():
            try:
                with path.open("rb") as stream:
                    names = _open(stream).schema_arrow.names
            except Exception:  # parsers of damaged files raise any exception; `rows` lists the file
                continue
            check_columns(str(path), labels, [name for name in names if name != AUDIO])
            return

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        """Each utterance; rows of a damaged part have a problem."""
        start = 0
        for path in self.paths:
            for position, row in enumerate(_table_rows(path, labels, needed, start), start):
                start = position + 1
                yield row if needed(position) else None


def _table_rows(
    path: Path, labels: Sequence[str], needed: Needed, start: int
) -> Iterator[SoundRow | None]:
    """The rows of one table, the first at the position `start`."""
    try:
        textfile.regular(path, _EXPECTED, FeatureError)
        stream = path.open("rb")
    except (OSError, FeatureError) as error:
        yield SoundRow(str(path), None, f"cannot be read ({error}): check the path")
        return
    with stream:
        try:
            table = _open(stream)
            problem = _problem(table, labels)
        except Exception:  # parsers of damaged files raise any exception
            problem = f"no readable table, expected {_EXPECTED}: copy it anew"
        if problem:
            yield SoundRow(str(path), None, problem)
            return
        classes = _class_names(table.schema_arrow)
        first = 0
        for group in range(table.num_row_groups):
            count = max(0, int(table.metadata.row_group(group).num_rows))
            flags = [needed(start + first + index) for index in range(count)]
            reader = _group_rows(path, table, group, labels, classes) if any(flags) else iter(())
            for index, flag in enumerate(flags):
                row = next(reader, None)
                damaged = f"row {first + index}: damaged or cut short: write the table anew"
                yield (row or SoundRow(str(path), None, damaged)) if flag else None
            first += count


def _open(stream: BinaryIO) -> Any:
    """The table in an open file, decoded by pages. Raises any exception for a damaged file."""
    from pyarrow import parquet

    stream.seek(-8, os.SEEK_END)
    if int.from_bytes(stream.read(4), "little") > LARGEST_FOOTER:
        raise ValueError("too large a footer")
    stream.seek(0)
    return parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)


def _problem(table: Any, labels: Sequence[str]) -> str:
    """Why a table is not read, empty where it is."""
    from pyarrow import types

    schema, head = table.schema_arrow, table.metadata
    if schema.names.count(AUDIO) != 1 or not types.is_struct(schema.field(AUDIO).type):
        return f"no column of sounds, expected {_EXPECTED}: name it so"
    parts = {part.name: part.type for part in schema.field(AUDIO).type}
    binary = (types.is_binary, types.is_large_binary)
    if "bytes" not in parts or not any(test(parts["bytes"]) for test in binary):
        return f"a column `audio` without bytes, expected {_EXPECTED}: store the sounds in it"
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


def _class_names(schema: Any) -> dict[str, list[str]]:
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


def _group_rows(
    path: Path, table: Any, group: int, labels: Sequence[str], classes: dict[str, list[str]]
) -> Iterator[SoundRow]:
    """The rows of a row group up to its first damaged row."""
    batches = table.iter_batches(
        batch_size=1, row_groups=[group], columns=[AUDIO, *labels], use_threads=False
    )
    number = 0
    while True:
        try:
            batch = next(batches)
            values = batch.to_pylist()
        except Exception:  # as above; at the end too
            return
        for row in values:
            yield _row(path, f"group-{group}-row-{number}", row, labels, classes)
            number += 1


def _row(
    path: Path,
    default: str,
    row: dict[str, Any],
    labels: Sequence[str],
    classes: dict[str, list[str]],
) -> SoundRow:
    """An utterance for a worker."""
    sound = row[AUDIO] or {}
    file = file_text(str(path), str(sound.get("path") or default))
    content = sound.get("bytes")
    if content is None:
        reason = "a path without bytes, expected the sound itself: store it in the table"
        return SoundRow(file, None, reason)
    if problem := check_size(len(content)):
        return SoundRow(file, None, problem)
    texts = tuple(_label(row[name], classes.get(name, [])) for name in labels)
    return SoundRow(file, SoundBytes(content, file), "", texts, held_bytes=len(content))


def _label(value: Any, names: Sequence[str]) -> str | None:
    """A label as text; the number of a class is replaced by its name, and -1 is missing."""
    if names and isinstance(value, int) and not isinstance(value, bool):
        return label_text(names[value]) if 0 <= value < len(names) else None
    return label_text(value)
