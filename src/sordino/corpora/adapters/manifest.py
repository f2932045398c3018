"""Any other recordings: a CSV table with one row an utterance.

    file,speaker,gender,emotion
    recordings/a.wav,anna,f,anger
    recordings/b.wav,ben,m,neutral

Columns that must be there: `file` (relative to the table), `speaker`, `gender`, `emotion`. Where
known: `start` and `end` (seconds), `corpus`, `transcript`, `intensity`, `age` (years), `activation`
and `valence` with `scale` (means over listeners, and the points of their Likert scale: 5, 7 or 9;
without it they have no level), and `session` for speakers who are heard in each other's recordings.
Other columns are passed over.
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

NAME: Final = "manifest"
REQUIRED: Final = ("file", "speaker", "gender", "emotion")
RATINGS: Final = ("activation", "valence")
LABELS: Final = ("speaker", "emotion", "corpus", "session", "intensity")
"""Columns in which no label may be spelt in two ways; the genders are checked by `table.make`."""
CUT: Final = ("file", "start", "end")
"""What makes an utterance: no two rows may share it."""
SHOWN: Final = 10
"""Absent recordings that an error names."""


def load(path: Path, name: str = NAME, keep_absent: bool = False) -> Corpus:
    """The corpus of a CSV table, its rows sorted by file and start, whatever their order in the
    table.

    Labels go through `define.emotion` and `define.gender`: `anger`, `Angry` and `W` are one
    emotion; a gender that is empty or other is kept as an empty text and told in `Corpus.notes`.
    The corpus is called what its column `corpus` says (several joined by `+`, in alphabetical
    order), else `name`. With `keep_absent`, a row whose recording does not exist is kept with the
    path that it names.

    Raises `CorpusError`, with the number of the row where there is one, for a missing column, a row
    without file or speaker, recordings that do not exist (one error counts them all), a number that
    is none, an end before its start, a rating outside of its scale, one cut of a recording that is
    listed twice, a label that is spelt in two ways (`s03`, `S03`), and a speaker with two genders.
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
    again = frame.index[frame.duplicated(list(CUT))]
    if len(again):
        raise CorpusError(
            f"{path}, row {again[0]}: an earlier row has the same file, start and end: remove one "
            "of them"
        )
    for column in LABELS:
        known = tuple(define.EMOTIONS) if column == "emotion" else ()
        labels.checked(
            f"{path}: column {column}", frame[column], CorpusError, known=known, missing=True
        )
    frame = frame.sort_values(list(CUT))
    corpus = table.make("+".join(dict.fromkeys(frame["corpus"])), frame)
    if not table_rows.separated:
        return corpus
    note = f"{path.name} is{table_rows.separated.replace('(', '').replace(')', '')}, not by commas, and was read so"
    return replace(corpus, notes=(note, *corpus.notes))


def _utterance(place: str, path: Path, row: Row, name: str) -> dict[str, str | float]:
    """One row with its labels made canonical; `place` says in an error where it stands."""
    for column in ("file", "speaker"):
        if not row[column]:
            raise CorpusError(f"{place}: no {column}, expected one in every row: fill it in")
    corpus = row.get("corpus") or name
    if set(corpus) & set("/+"):
        raise CorpusError(
            f"{place}: corpus {corpus!r} has a / or +, expected neither (they join names): rename "
            "it"
        )
    start = sheet.number(place, row, "start", empty=0.0)
    end = sheet.number(place, row, "end")
    if start < 0 or end <= start:
        raise CorpusError(
            f"{place}: start {start:g} s and end {end:g} s, expected 0 <= start < end: mend them"
        )
    found: dict[str, str | float] = {
        "file": _recording(path.parent, row["file"]),
        "start": start,
        "end": end,
        "speaker": row["speaker"],
        "gender": row["gender"],
        "emotion": define.emotion(row["emotion"]),
        "corpus": corpus,
    }
    found |= {column: row.get(column, "") for column in ("transcript", "intensity", "session")}
    found |= {
        column: sheet.number(place, row, column) for column in ("age", *RATINGS) if column in row
    }
    if any(column in row for column in RATINGS):
        found["scale"] = _scale(place, row)
    return found


def _scale(place: str, row: Row) -> float:
    """The points of the scale of the row's ratings, NaN where it does not say: only who needs a
    level asks for them.
    """
    scale = sheet.number(place, row, "scale")
    if math.isnan(scale):
        return scale
    if scale not in EDGES:
        known = ", ".join(map(str, sorted(EDGES)))
        raise CorpusError(
            f"{place}: scale {scale:g}, expected one of {known} points: convert the ratings to one"
        )
    for column in RATINGS:
        rating = sheet.number(place, row, column, empty=1.0)
        if not 1 <= rating <= scale:
            raise CorpusError(
                f"{place}: {column} {rating:g}, expected 1 to {scale:g}, its scale: mend one of "
                "them"
            )
    return scale


def _absent(where: str, folder: Path, cells: Mapping[int, str], rows: int) -> str:
    """The error of recordings that do not exist: the first ten by row and name, and a count of all."""
    named = ", ".join(
        f"row {number} ({labels.shown(cell)})" for number, cell in list(cells.items())[:SHOWN]
    )
    more = f" and {len(cells) - SHOWN:,} more" if len(cells) > SHOWN else ""
    return (
        f"{where}: {len(cells):,} of {rows:,} rows name no such recording under {folder}: "
        f"{named}{more}: "
        "mend the column `file` or add the recordings"
    )


def _is_file(file: str) -> bool:
    return os.path.isfile(file)  # noqa: PTH113 (Path.is_file raises where the text cannot be a path)


def _recording(folder: Path, cell: str) -> str:
    """The path of a recording, in the spelling of the disk where it exists."""
    for spelling in dict.fromkeys((cell, cell.replace("\\", "/"))):
        file = os.path.normpath(
            folder / textfile.home(spelling)
        )  # one spelling of a path: a file twice is seen
        if _is_file(file):
            return file
    file = os.path.normpath(folder / textfile.home(cell.replace("\\", "/")))
    known = _composed(file) if "\0" not in file and len(file) < _LONGEST else None
    return known or file


def _composed(file: str) -> str | None:
    """The file whose path differs in how accents are written alone (an accent may be a character of
    its own).
    """
    path = Path(file)
    known = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        exact = known / part
        named = (
            str(exact)
            if os.path.exists(exact)  # noqa: PTH110
            else _names(str(known)).get(unicodedata.normalize("NFC", part))
        )
        if named is None:
            return None
        known = Path(named)
    return str(known) if known.is_file() else None


@functools.lru_cache(maxsize=64)
def _names(folder: str) -> dict[str, str]:
    """Composed name to path of what stands in a folder; a name that two files share is left out."""
    try:
        paths = [str(path) for path in Path(folder or ".").iterdir()]
    except OSError:
        return {}
    composed = [unicodedata.normalize("NFC", os.path.basename(path)) for path in paths]  # noqa: PTH119
    counts = Counter(composed)
    return {name: path for name, path in zip(composed, paths, strict=True) if counts[name] == 1}


_LONGEST: Final = 4096
"""Characters of a path."""
