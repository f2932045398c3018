"""Recordings in Parquet tables, in the layout of Hugging Face, as hostile input.

    audio       struct of `bytes` (a whole file of sound) and `path` (its name; never opened)
    emotion     text, a number, or a number of a ClassLabel, which is replaced by its name
    ...         further columns of labels

Rows are decoded one after the other. Parquet decodes by pages, and a writer may put all sounds of a
row group into one page. Therefore memory follows the row groups, which have a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sordino import textfile
from sordino.corpora.formats import sound_tables
from sordino.errors import FeatureError
from sordino.features.shards.rows import (
    Needed,
    SoundBytes,
    SoundRow,
    check_columns,
    check_size,
    file_text,
    label_text,
    sizes,
)


@dataclass(frozen=True)
class ParquetRows:
    """The utterances of Parquet tables, in the order of the tables and of their rows."""

    paths: tuple[Path, ...]

    @property
    def identity(self) -> dict[str, object]:
        """The paths and sizes of the tables."""
        return {"parquet": sizes(self.paths)}

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the first readable table does not have."""
        for path in self.paths if labels else ():
            try:
                with path.open("rb") as stream:
                    names = sound_tables.open_table(stream).schema_arrow.names
            except Exception:  # parsers of damaged files raise any exception; `rows` lists the file
                continue
            check_columns(str(path), labels, [name for name in names if name != sound_tables.AUDIO])
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
        textfile.regular(path, sound_tables.SOUND_TABLE, FeatureError)
        stream = path.open("rb")
    except (OSError, FeatureError) as error:
        yield SoundRow(str(path), None, f"cannot be read ({error}): check the path")
        return
    with stream:
        try:
            table = sound_tables.open_table(stream)
            problem = sound_tables.problem_of(table, labels)
        except Exception:  # parsers of damaged files raise any exception
            problem = f"no readable table, expected {sound_tables.SOUND_TABLE}: copy it anew"
        if problem:
            yield SoundRow(str(path), None, problem)
            return
        classes = sound_tables.class_names(table.schema_arrow)
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


def _group_rows(
    path: Path, table: Any, group: int, labels: Sequence[str], classes: dict[str, list[str]]
) -> Iterator[SoundRow]:
    """The rows of a row group up to its first damaged row."""
    for number, row in enumerate(sound_tables.group_rows(table, group, labels)):
        yield _row(path, f"group-{group}-row-{number}", row, labels, classes)


def _row(
    path: Path,
    default: str,
    row: dict[str, Any],
    labels: Sequence[str],
    classes: dict[str, list[str]],
) -> SoundRow:
    """An utterance for a worker."""
    sound = row[sound_tables.AUDIO] or {}
    file = file_text(str(path), str(sound.get("path") or default))
    content = sound.get("bytes")
    if content is None:
        reason = "a path without bytes, expected the sound itself: store it in the table"
        return SoundRow(file, None, reason)
    if problem := check_size(len(content)):
        return SoundRow(file, None, problem)
    texts = tuple(
        label_text(sound_tables.label_of(row[name], classes.get(name, []))) for name in labels
    )
    return SoundRow(file, SoundBytes(content, file), "", texts, held_bytes=len(content))
