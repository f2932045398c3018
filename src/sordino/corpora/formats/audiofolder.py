"""A folder of recordings with `metadata.csv` or `metadata.jsonl`, as Hugging Face `datasets` reads
it (`load_dataset("audiofolder", data_dir=...)`).

    train/metadata.csv      file_name,speaker,gender,emotion,...
    train/a.wav             file_name is relative to its metadata file

The tables may be in the folder or up to two folders below it. `write` writes the same format.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sordino import storage
from sordino.corpora import sheet
from sordino.corpora.checks.licences import licences
from sordino.corpora.formats import copies, json_lines
from sordino.corpora.formats.foreign_rows import (
    ForeignRow,
    Reading,
    corpus_name,
    require_folder,
    text_of,
)
from sordino.corpora.table import NUMBERS, Corpus, plain_labels
from sordino.errors import CorpusError

_FILE: Final = "file_name"
TABLES: Final = ("metadata.csv", "metadata.jsonl")
_MOST_TABLES: Final = 1000

_EXPECTED: Final = "metadata.csv or metadata.jsonl with a column file_name"
_WRITTEN: Final = ("speaker", "gender", "emotion", "intensity", "transcript", "corpus", "session")


def load(folder: Path, reading: Reading) -> Corpus:
    """The corpus in a folder with metadata.

    Raises `CorpusError` for a folder without metadata, for both files in one folder, and as
    `Reading` does.
    """
    tables = _tables(folder)
    return reading.corpus(
        str(folder),
        folder,
        (row for table in tables for row in _rows(folder, table)),
        corpus_name(folder),
    )


def _tables(folder: Path) -> list[Path]:
    with storage.as_storage_error(require_folder(folder, _EXPECTED)):
        tables = sorted(
            path
            for name in TABLES
            for depth in ("", "*/", "*/*/")
            for path in folder.glob(depth + name)
            if not path.is_symlink()
        )
    if not tables or len(tables) > _MOST_TABLES:
        raise CorpusError(
            f"{folder}: {len(tables)} tables, expected {_EXPECTED}, which names speaker, gender "
            "and emotion (the name of a folder is no label of a speaker): add it"
        )
    folders = [table.parent for table in tables]
    if len(set(folders)) != len(folders):
        raise CorpusError(f"{folder}: both {' and '.join(TABLES)}, expected one: remove one")
    return tables


def _rows(folder: Path, table: Path) -> Iterator[ForeignRow]:
    prefix = table.parent.relative_to(folder)
    name = table.relative_to(folder).as_posix()
    rows: Iterator[tuple[str, dict[str, Any]]]
    if table.suffix == ".csv":
        cells = sheet.read(table, (_FILE,))
        rows = ((f"row {number}", dict(row)) for number, row in cells)
    else:
        rows = json_lines.objects(table, _EXPECTED)
    for place, row in rows:
        where = f"{name}, {place}"
        file = text_of(where, _FILE, row.get(_FILE))
        if not file:
            raise CorpusError(f"{table}, {place}: no {_FILE}, expected one: fill it in")
        below = file if "://" in file else os.path.join(prefix, file)  # noqa: PTH118
        yield ForeignRow(where, below, row)


def write(corpus: Corpus, folder: Path) -> Path:
    """Write a corpus as an audiofolder with copies of its recordings; the folder.

    Parts of a longer recording are cut out and stored as files of their own. `README.md` has the
    licences that sordino knows. `load` reads the same labels and sounds.

    Raises `CorpusError` for a folder that has a file, and for rows of text; `AudioError` and
    `StorageError` as the recordings do.
    """
    sounds = copies.write(corpus, folder)
    lines = []
    for file, row in zip(sounds, plain_labels(corpus.table).to_dict("records"), strict=True):
        line: dict[str, Any] = {_FILE: file} | {name: row[name] for name in _WRITTEN}
        line |= {name: row[name] for name in NUMBERS if name in row and not math.isnan(row[name])}
        lines.append(json.dumps(line, ensure_ascii=False))
    storage.write(folder / TABLES[1], "\n".join(lines) + "\n")
    terms = licences(sorted(set(corpus.table["corpus"])))
    rows = [f"- {name}: {licence}" for name, licence in terms.items()]
    card = ["---", "license: other", "---", "", "# Licences of the recordings", "", *rows]
    storage.write(folder / "README.md", "\n".join(card) + "\n")
    return folder
