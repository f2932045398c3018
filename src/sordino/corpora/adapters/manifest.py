"""Any other recordings: a CSV table with one row per utterance.

    file,speaker,gender,emotion
    recordings/a.wav,anna,f,anger
    recordings/b.wav,ben,m,neutral

Required columns: `file` (relative to the table), `speaker`, `gender`, `emotion`. Optional columns:
`start` and `end` (seconds), `corpus`, `transcript`, `intensity`, `age` (years), `activation`
and `valence` with `scale` (means over listeners, and the points of their Likert scale: 5, 7 or 9;
without it they have no level), and `session` for speakers who are audible in each other's
recordings. Other columns are ignored.
"""

from __future__ import annotations

import functools
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define, textfile
from sordino.corpora import labels, sheet, table
from sordino.corpora.dimensions import EDGES
from sordino.corpora.sheet import Row
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.storage import LONGEST_NAME, LONGEST_PATH

NAME: Final = "manifest"
REQUIRED: Final = ("file", "speaker", "gender", "emotion")
RATINGS: Final = ("activation", "valence")
LABELS: Final = ("speaker", "emotion", "corpus", "session", "intensity")
"""Columns in which no label may have two spellings; `table.make` checks the genders."""
CUT: Final = ("file", "start", "end")
"""The columns that identify an utterance: no two rows have the same values."""
MAX_LISTED: Final = 10
"""Absent recordings that an error lists."""


def load(path: Path, name: str = NAME, keep_absent: bool = False) -> Corpus:
    """The corpus of a CSV table, with rows sorted by file and start.

    Labels are read by `define.emotion` and `define.gender`: `anger`, `Angry` and `W` are one
    emotion. An empty or other gender becomes an empty text, with a note in `Corpus.notes`. The
    column `corpus` names the corpus (several names are joined by `+` in alphabetical order);
    without it the name is `name`. With `keep_absent`, rows of absent recordings stay.

    Raises `CorpusError`, with the number of the row where there is one, for a missing column, a row
    without file or speaker, absent recordings (one error counts them all), an invalid number, an
    end before its start, a rating outside of its scale, a duplicate part of a recording, a label
    with two spellings (`s03`, `S03`), and a speaker with two genders.
    """
    _names.cache_clear()
    table_rows = sheet.read(path, REQUIRED)
    where = f"{path}{table_rows.separated}"
    rows = {
        number: _utterance(f"{where}, row {number}", path, row, name) for number, row in table_rows
    }
    if not rows:
        raise CorpusError(
            f"{path}: no rows below the header, expected one an utterance: fill it in"
        )
    frame = pd.DataFrame(list(rows.values()), index=list(rows))
    absent = (
        []
        if keep_absent
        else [number for number, row in rows.items() if not _is_file(str(row["file"]))]
    )
    if absent:
        cells = dict(table_rows)
        raise CorpusError(
            _absent(
                where, path.parent, {number: cells[number]["file"] for number in absent}, len(rows)
            )
        )
    duplicate = frame.index[frame.duplicated(list(CUT))]
    if len(duplicate):
        raise CorpusError(
            f"{path}, row {duplicate[0]}: an earlier row has the same file, start and end: remove "
            "one "
            "of them"
        )
    for column in LABELS:
        canonical = tuple(define.EMOTIONS) if column == "emotion" else ()
        labels.require_texts(
            f"{path}: column {column}",
            frame[column],
            CorpusError,
            canonical=canonical,
            missing=True,
        )
    frame = frame.sort_values(list(CUT))
    corpus = table.make("+".join(dict.fromkeys(frame["corpus"])), frame)
    if not table_rows.separated:
        return corpus
    separated = table_rows.separated.replace("(", "").replace(")", "")
    note = f"{path.name} is{separated}, not by commas, and was read so"
    return replace(corpus, notes=(note, *corpus.notes))


def _utterance(where: str, path: Path, row: Row, name: str) -> dict[str, str | float]:
    """One row with canonical labels; `where` names the row in an error."""
    for column in ("file", "speaker"):
        if not row[column]:
            raise CorpusError(f"{where}: no {column}, expected one in every row: fill it in")
    corpus = row.get("corpus") or name
    if set(corpus) & set("/+"):
        raise CorpusError(
            f"{where}: corpus {labels.quote(corpus)} has a / or +, expected neither (they join "
            "names): rename it"
        )
    if len(corpus) > LONGEST_NAME:
        raise CorpusError(
            f"{where}: corpus {labels.quote(corpus)} has {len(corpus):,} characters, expected at "
            f"most {LONGEST_NAME}: rename it"
        )
    start = sheet.parse_number(where, row, "start", empty=0.0)
    end = sheet.parse_number(where, row, "end")
    if start < 0 or end <= start:
        raise CorpusError(
            f"{where}: start {start:g} s and end {end:g} s, expected 0 <= start < end: correct them"
        )
    utterance: dict[str, str | float] = {
        "file": _recording(path.parent, row["file"]),
        "start": start,
        "end": end,
        "speaker": row["speaker"],
        "gender": row["gender"],
        "emotion": define.emotion(row["emotion"]),
        "corpus": corpus,
    }
    utterance |= {column: row.get(column, "") for column in ("transcript", "intensity", "session")}
    utterance |= {
        column: sheet.parse_number(where, row, column)
        for column in ("age", *RATINGS)
        if column in row
    }
    if any(column in row for column in RATINGS):
        utterance["scale"] = _scale(where, row)
    return utterance


def _scale(where: str, row: Row) -> float:
    """The points of the scale of the row's ratings; NaN without a scale, which only levels need."""
    scale = sheet.parse_number(where, row, "scale")
    if math.isnan(scale):
        return scale
    if scale not in EDGES:
        scales = ", ".join(map(str, sorted(EDGES)))
        raise CorpusError(
            f"{where}: scale {scale:g}, expected one of {scales} points: convert the ratings to one"
        )
    for column in RATINGS:
        rating = sheet.parse_number(where, row, column, empty=1.0)
        if not 1 <= rating <= scale:
            raise CorpusError(
                f"{where}: {column} {rating:g}, expected 1 to {scale:g}, its scale: correct one "
                "of them"
            )
    return scale


def _absent(where: str, folder: Path, cells: Mapping[int, str], rows: int) -> str:
    """The error for absent recordings: the first ten by row and name, and a count of all."""
    examples = ", ".join(
        f"row {number} ({labels.quote(cell)})" for number, cell in list(cells.items())[:MAX_LISTED]
    )
    suffix = f" and {len(cells) - MAX_LISTED:,} more" if len(cells) > MAX_LISTED else ""
    return (
        f"{where}: {len(cells):,} of {rows:,} rows name no such recording under {folder}: "
        f"{examples}{suffix}: correct the column `file` or add the recordings"
    )


def _is_file(file: str) -> bool:
    # Path.is_file raises where the text cannot be a path.
    return os.path.isfile(file)  # noqa: PTH113


def _recording(folder: Path, cell: str) -> str:
    """The path of a recording; in the spelling of the disk where the file exists."""
    for spelling in dict.fromkeys((cell, cell.replace("\\", "/"))):
        # one spelling per path, so that duplicates are found
        file = os.path.normpath(folder / textfile.home(spelling))
        if _is_file(file):
            return file
    file = os.path.normpath(folder / textfile.home(cell.replace("\\", "/")))
    existing = _composed(file) if "\0" not in file and len(file) < LONGEST_PATH else None
    return existing or file


def _composed(file: str) -> str | None:
    """The file with the same path apart from the Unicode form of accents (composed or not)."""
    path = Path(file)
    current = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        exact = current / part
        spelling = (
            str(exact)
            if os.path.exists(exact)  # noqa: PTH110
            else _names(str(current)).get(unicodedata.normalize("NFC", part))
        )
        if spelling is None:
            return None
        current = Path(spelling)
    return str(current) if current.is_file() else None


@functools.lru_cache(maxsize=64)
def _names(folder: str) -> dict[str, str]:
    """Composed name to path of the files in a folder; a name of two files is left out."""
    try:
        paths = [str(path) for path in Path(folder or ".").iterdir()]
    except OSError:
        return {}
    names = [os.path.basename(path) for path in paths]  # noqa: PTH119
    composed = [unicodedata.normalize("NFC", name) for name in names]
    counts = Counter(composed)
    return {name: path for name, path in zip(composed, paths, strict=True) if counts[name] == 1}
