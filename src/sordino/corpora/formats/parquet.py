"""Parquet tables with sounds of Hugging Face `datasets` (`data/train-00000-of-00001.parquet`).

The sounds are unpacked into `unpacked-sounds` beside the tables, or into the folder `sounds`. Their
names come from the number of the row, and never from the table. A file that is there with the same
content stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sordino import storage, textfile
from sordino.corpora.formats import sound_tables
from sordino.corpora.formats.foreign_rows import ALIASES, ForeignRow, Reading, corpus_name
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

UNPACKED: Final = "unpacked-sounds"
_MOST_TABLES: Final = 10_000

_SUFFIXES: Final = (
    (b"RIFF", ".wav"),
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"FORM", ".aiff"),
    (b"ID3", ".mp3"),
    (b"\xff\xfb", ".mp3"),
)


def load(path: Path, reading: Reading) -> Corpus:
    """The corpus of a Parquet table, or of the tables in a folder or in `data` of it.

    Raises `CorpusError` for a table that is damaged or has no sounds, a sound that is missing or
    too large, and as `Reading` does; `StorageError` where sounds cannot be written.
    """
    tables = _tables(path)
    home = path if path.is_dir() else path.parent
    target = reading.sounds or home / UNPACKED
    rows = (row for table in tables for row in _rows(table, target, reading))
    plain = Reading(reading.columns, None, reading.keep_absent)
    return plain.corpus(str(path), target, rows, corpus_name(home))


def _tables(path: Path) -> list[Path]:
    if not path.is_dir():
        return [textfile.regular(path, sound_tables.SOUND_TABLE, CorpusError)]
    with storage.as_storage_error(path):
        tables = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    if not 0 < len(tables) <= _MOST_TABLES:
        raise CorpusError(
            f"{path}: {len(tables)} Parquet tables in it and in its folder data, expected 1 to "
            f"{_MOST_TABLES:,}: choose the folder of a data set"
        )
    return tables


def _rows(path: Path, target: Path, reading: Reading) -> Iterator[ForeignRow]:
    """The rows of a table, with their sounds unpacked."""
    with storage.as_storage_error(path), path.open("rb") as stream:
        try:
            table = sound_tables.open_table(stream)
            labels = _labels(str(path), table.schema_arrow.names, reading)
            problem = sound_tables.problem_of(table, labels)
        except CorpusError:
            raise
        except Exception as error:  # parsers of damaged files raise any exception
            raise CorpusError(
                f"{path}: no readable table, expected {sound_tables.SOUND_TABLE}: copy it anew"
            ) from error
        if problem:
            raise CorpusError(f"{path}: {problem}")
        classes = sound_tables.class_names(table.schema_arrow)
        number = 0
        for group in range(table.num_row_groups):
            for row in sound_tables.group_rows(table, group, labels):
                place = f"{path.name}, row {number}"
                file = _unpacked(f"{path}, row {number}", target, f"{path.stem}-{number:07d}", row)
                cells = {
                    name: sound_tables.label_of(row[name], classes.get(name, [])) for name in labels
                }
                yield ForeignRow(place, file, cells)
                number += 1
        if number != table.metadata.num_rows:
            raise CorpusError(
                f"{path}: {number:,} of {table.metadata.num_rows:,} rows could be read, expected "
                "all: it is damaged, copy it anew"
            )


def _labels(where: str, names: list[str], reading: Reading) -> list[str]:
    """The columns of a table that are read."""
    sources = [reading.source_of(where, standard, names) for standard in ALIASES]
    return list(dict.fromkeys(name for name in sources if name))


def _unpacked(where: str, target: Path, stem: str, row: dict[str, Any]) -> str:
    """The name of the file with the sound of a row in the folder `target`."""
    content = (row[sound_tables.AUDIO] or {}).get("bytes")
    if not content or len(content) > sound_tables.LARGEST_TABLE_SOUND:
        raise CorpusError(
            f"{where}: {len(content or b''):,} bytes of sound, expected 1 to "
            f"{sound_tables.LARGEST_TABLE_SOUND:,}: store the sound in the table, or "
            "leave the row out"
        )
    suffix = next((end for start, end in _SUFFIXES if content.startswith(start)), ".sound")
    path = storage.folder(target) / f"{stem}{suffix}"
    if not path.is_file() or storage.read_regular(path, len(content) + 1) != content:
        storage.write(path, content)
    return path.name
