"""Any other recordings: a CSV table with one row an utterance.

    file,speaker,gender,emotion
    recordings/a.wav,anna,f,anger
    recordings/b.wav,ben,m,neutral

Columns that must be there: `file` (relative to the table), `speaker`, `gender`, `emotion`. Where known: `start` and
`end` (seconds), `corpus`, `transcript`, `intensity`, `age` (years), `activation` and `valence` with `scale` (means over
listeners, and the points of their Likert scale: 5, 7 or 9; without it they have no level), and `session` for speakers
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
from sordino.corpora.dimensions import EDGES
from sordino.corpora.sheet import Row
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

NAME: Final = "manifest"
REQUIRED: Final = ("file", "speaker", "gender", "emotion")
RATINGS: Final = ("activation", "valence")
CUT: Final = ("file", "start", "end")
"""What makes an utterance: no two rows may share it."""


def load(path: Path, name: str = NAME) -> Corpus:
    """The corpus of a CSV table, its rows sorted by file and start, whatever their order in the table.

    Labels go through `define.emotion` and `define.gender`: `anger`, `Angry` and `W` are one emotion; a gender that is
    empty or other is kept as an empty text. The corpus is called what its column `corpus` says (several joined by `+`,
    in alphabetical order), else `name`.

    Raises `CorpusError`, with the number of the row where there is one, for a missing column, a row without file or
    speaker, a recording that does not exist, a number that is none, an end before its start, a rating outside of its
    scale, one cut of a recording that is listed twice, and a speaker with two genders.
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
    frame = frame.sort_values(list(CUT))
    return table.make("+".join(dict.fromkeys(frame["corpus"])), frame)


def _utterance(path: Path, number: int, row: Row, name: str) -> dict[str, str | float]:
    """One row with its labels made canonical."""
    place = f"{path}, row {number}"
    for column in ("file", "speaker"):
        if not row[column]:
            raise CorpusError(f"{place}: no {column}, expected one in every row: fill it in")
    corpus = row.get("corpus") or name
    if set(corpus) & set("/+"):
        raise CorpusError(f"{place}: corpus {corpus!r} has a / or +, expected neither (they join names): rename it")
    start = sheet.number(place, row, "start", empty=0.0)
    end = sheet.number(place, row, "end")
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
    found |= {column: sheet.number(place, row, column) for column in ("age", *RATINGS) if column in row}
    if any(column in row for column in RATINGS):
        found["scale"] = _scale(place, row)
    return found


def _scale(place: str, row: Row) -> float:
    """The points of the scale of the row's ratings, NaN where it does not say: only who needs a level asks for them."""
    scale = sheet.number(place, row, "scale")
    if math.isnan(scale):
        return scale
    if scale not in EDGES:
        known = ", ".join(map(str, sorted(EDGES)))
        raise CorpusError(f"{place}: scale {scale:g}, expected one of {known} points: convert the ratings to one")
    for column in RATINGS:
        rating = sheet.number(place, row, column, empty=1.0)
        if not 1 <= rating <= scale:
            raise CorpusError(f"{place}: {column} {rating:g}, expected 1 to {scale:g}, its scale: mend one of them")
    return scale


def _recording(place: str, folder: Path, cell: str) -> str:
    """The path of a recording that exists; the error leaves its name out, which may be a person's."""
    file = Path(os.path.normpath(folder / cell))  # one spelling of a path, so that a file listed twice is seen
    if not os.path.isfile(file):  # noqa: PTH113 (Path.is_file raises where the text cannot be a path)
        raise CorpusError(f"{place}: no such recording under {folder}: mend the column `file` or add the recording")
    return str(file)
