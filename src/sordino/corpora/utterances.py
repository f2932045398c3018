"""Rows of any table as the utterances of a corpus: parsed, checked, sorted.

cells of a row -> canonical labels -> no duplicate, no label in two spellings -> a `Corpus`
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import labels, sheet, table
from sordino.corpora.copies import COLUMN as COPY
from sordino.corpora.dimensions import EDGES, SENTIMENT
from sordino.corpora.sheet import Row
from sordino.corpora.table import OPTIONAL, UTTERANCE_COLUMNS, Corpus
from sordino.errors import CorpusError
from sordino.policy import is_column
from sordino.storage import LONGEST_NAME

RATINGS: Final = ("activation", "valence")
LABELS: Final = ("speaker", "emotion", "corpus", "session", "intensity")
"""Columns in which no label may have two spellings; `table.make` checks the genders."""
CUT: Final = ("file", "start", "end")
"""The columns that identify an utterance: no two rows have the same values."""
MOST_FURTHER: Final = 64
"""Columns of labels beside those of every corpus that are read; later ones are ignored."""
MAX_LISTED: Final = 10
"""Absent recordings that an error lists."""

UtteranceRow = dict[str, str | float]
"""The columns of one row, with canonical labels."""


def utterance(where: str, file: str, row: Row, name: str) -> UtteranceRow:
    """One row with canonical labels; `where` names the row in an error.

    - `file`: the path of the recording.
    - `row`: the cells `speaker`, `gender`, `emotion`, and optional ones of a manifest.
    - `name`: the corpus of a row that names none.

    Raises `CorpusError` for a row without file or speaker, a name of a corpus that cannot be used,
    an invalid number, an end before its start, a rating outside of its scale, and an unknown
    sentiment.
    """
    for column, value in (("file", file), ("speaker", row["speaker"])):
        if not value:
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
    labelled: UtteranceRow = {
        "file": file,
        "start": start,
        "end": end,
        "speaker": row["speaker"],
        "gender": row["gender"],
        "emotion": define.emotion(row["emotion"]),
        "corpus": corpus,
    }
    labelled |= {column: row.get(column, "") for column in ("transcript", "intensity", "session")}
    labelled |= {
        column: sheet.parse_number(where, row, column)
        for column in ("age", *RATINGS)
        if column in row
    }
    if any(column in row for column in RATINGS):
        labelled["scale"] = _scale(where, row)
    if "sentiment" in row:
        labelled["sentiment"] = _sentiment(where, row["sentiment"])
    return labelled | {column: row[column] for column in further_columns(row)}


def _sentiment(where: str, label: str) -> str:
    """The sentiment of a text in lower case; empty if unknown."""
    sentiment = label.lower()
    if sentiment and sentiment not in SENTIMENT:
        raise CorpusError(
            f"{where}: sentiment {labels.quote(label)}, expected {', '.join(SENTIMENT)} or an "
            "empty cell: correct it, or rename the column"
        )
    return sentiment


def further_columns(names: Iterable[str]) -> list[str]:
    """The names of columns of labels that a policy may hide, beside those of every corpus; at most
    `MOST_FURTHER`.
    """
    known = {*UTTERANCE_COLUMNS, *OPTIONAL, COPY}
    further = [name for name in names if name not in known and is_column(name)]
    return further[:MOST_FURTHER]


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


def corpus_of(
    where: str, folder: Path, rows: Mapping[str, UtteranceRow], keep_absent: bool = False
) -> Corpus:
    """The corpus of these rows, sorted by file and start; `where` names their table in an error.

    The keys of `rows` name them in an error, such as `row 2`. `folder` is that of the recordings.
    Several names of corpora are joined by `+`. With `keep_absent`, rows of absent recordings stay.

    Raises `CorpusError` for no rows, absent recordings (one error counts them all), a duplicate
    part of a recording, a label with two spellings, and a speaker with two genders.
    """
    if not rows:
        raise CorpusError(
            f"{where}: no rows below the header, expected one an utterance: fill it in"
        )
    frame = pd.DataFrame(list(rows.values()), index=list(rows))
    absent = {
        place: str(row["file"])
        for place, row in (() if keep_absent else rows.items())
        if not os.path.isfile(str(row["file"]))  # noqa: PTH113 (Path.is_file raises for some texts)
    }
    if absent:
        raise CorpusError(_absent(where, folder, absent, len(rows)))
    duplicate = frame.index[frame.duplicated(list(CUT))]
    if len(duplicate):
        raise CorpusError(
            f"{where}, {duplicate[0]}: an earlier row has the same file, start and end: remove one "
            "of them"
        )
    for column in LABELS:
        canonical = tuple(define.EMOTIONS) if column == "emotion" else ()
        labels.require_texts(
            f"{where}: column {column}",
            frame[column],
            CorpusError,
            canonical=canonical,
            missing=True,
        )
    frame = frame.sort_values(list(CUT))
    further = further_columns(map(str, frame.columns))
    return table.make("+".join(dict.fromkeys(frame["corpus"])), frame, further)


def _absent(where: str, folder: Path, files: Mapping[str, str], rows: int) -> str:
    """The error for absent recordings: the first ten by row and path, and a count of all."""
    prefix = f"{folder}{os.sep}"
    examples = ", ".join(
        f"{place} ({labels.quote(file.removeprefix(prefix))})"
        for place, file in list(files.items())[:MAX_LISTED]
    )
    suffix = f" and {len(files) - MAX_LISTED:,} more" if len(files) > MAX_LISTED else ""
    return (
        f"{where}: {len(files):,} of {rows:,} rows name no such recording under {folder}: "
        f"{examples}{suffix}: correct the column `file` or add the recordings"
    )
