"""Any other recordings: a CSV table with one row an utterance.

    file,speaker,gender,emotion
    recordings/a.wav,anna,f,anger
    recordings/b.wav,ben,m,neutral

Columns that must be there: `file` (relative to the table), `speaker`, `gender`, `emotion`. Where known: `start` and
`end` (seconds), `corpus`, `transcript`, `intensity`, `age` (years), `activation`, `valence`, and `session` for speakers
who are heard in each other's recordings. Other columns are passed over.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import sheet, table
from sordino.corpora.sheet import Row
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

NAME: Final = "manifest"
REQUIRED: Final = ("file", "speaker", "gender", "emotion")
CUT: Final = ("file", "start", "end")
"""What makes an utterance: no two rows may share it."""


def load(path: Path, name: str = NAME) -> Corpus:
    """The corpus of a CSV table, its rows sorted by file and start, whatever their order in the table.

    Labels go through `define.emotion` and `define.gender`: `anger`, `Angry` and `W` are one emotion; a gender that is
    empty or other is kept as an empty text. The corpus is called what its column `corpus` says (several joined by `+`,
    in alphabetical order), else `name`.

    Raises `CorpusError`, with the number of the row where there is one, for a missing column, a row without file or
    speaker, a recording that does not exist, a number that is none, an end before its start, one cut of a recording
    that is listed twice, and a speaker with two genders.
    """
    rows = {number: _utterance(path, number, row, name) for number, row in sheet.read(path, REQUIRED)}
    if not rows:
        raise CorpusError(f"{path}: no rows below the header, expected one an utterance: fill it in")
    frame = pd.DataFrame(list(rows.values()), index=list(rows))
    again = frame.index[frame.duplicated(list(CUT))]
    if len(again):
        raise CorpusError(
            f"{path}, row {again[0]}: an earlier row has the same file, start and end: remove one of them"
        )
    return table.make("+".join(sorted(set(frame["corpus"]))), frame.sort_values(list(CUT)))


def _utterance(path: Path, number: int, row: Row, name: str) -> dict[str, str | float]:
    """One row with its labels made canonical."""
    place = f"{path}, row {number}"
    for column in ("file", "speaker"):
        if not row[column]:
            raise CorpusError(f"{place}: no {column}, expected one in every row: fill it in")
    corpus = row.get("corpus") or name
    if set(corpus) & set("/+"):
        raise CorpusError(f"{place}: corpus {corpus!r} has a / or +, expected neither (they join names): rename it")
    start = _number(place, row, "start", empty=0.0)
    end = _number(place, row, "end")
    if start < 0 or end <= start:
        raise CorpusError(f"{place}: start {start:g} s and end {end:g} s, expected 0 <= start < end: mend them")
    found: dict[str, str | float] = {
        "file": _recording(place, path.parent, row["file"]),
        "start": start,
        "end": end,
        "speaker": row["speaker"],
        "gender": define.gender(row["gender"]),
        "emotion": define.emotion(row["emotion"]),
        "corpus": corpus,
    }
    found |= {column: row.get(column, "") for column in ("transcript", "intensity", "session")}
    found |= {column: _number(place, row, column) for column in table.OPTIONAL if column in row}
    return found


def _recording(place: str, folder: Path, cell: str) -> str:
    """The path of a recording that exists; the error leaves its name out, which may be a person's."""
    file = Path(os.path.normpath(folder / cell))  # one spelling of a path, so that a file listed twice is seen
    if not os.path.isfile(file):  # noqa: PTH113 (Path.is_file raises where the text cannot be a path)
        raise CorpusError(f"{place}: no such recording under {folder}: mend the column `file` or add the recording")
    return str(file)


def _number(place: str, row: Row, column: str, empty: float = math.nan) -> float:
    """A finite number, or `empty` where the cell is."""
    cell = row.get(column, "")
    if not cell:
        return empty
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CorpusError(f"{place}: {column} {cell!r}, expected a number or an empty cell: mend it")
    return value
