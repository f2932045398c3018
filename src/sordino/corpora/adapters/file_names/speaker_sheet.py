"""Genders and ages of speakers from a table that a user puts beside the recordings.

speaker,gender,age
1,female,
2,male,31
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import sheet
from sordino.errors import CorpusError

NAME: Final = "speakers.csv"


def read(path: Path) -> dict[str, dict[str, str | float]]:
    """Speaker to gender and, where the table has the column, age in years.

    Raises `CorpusError` for a table without these columns, a speaker in two rows, and an age that
    is no number.
    """
    speakers: dict[str, dict[str, str | float]] = {}
    for number, row in sheet.read(path, ("speaker", "gender")):
        where = f"{path}, row {number}"
        if row["speaker"] in speakers:
            raise CorpusError(f"{where}: a second row of one speaker, expected one: remove one")
        speakers[row["speaker"]] = {"gender": define.gender(row["gender"])}
        if "age" in row:
            speakers[row["speaker"]]["age"] = sheet.parse_number(where, row, "age")
    return speakers


def with_speakers(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the genders and ages of the table in a folder; the same rows without a table.

    Raises `CorpusError` as `read` does, and for a speaker without a row.
    """
    path = folder / NAME
    if not path.is_file():
        return rows
    speakers = read(path)
    absent = sorted(set(rows["speaker"]) - set(speakers))
    if absent:
        raise CorpusError(
            f"{path}: {len(absent)} speaker(s) of the recordings without a row, expected one each: "
            "add them with an empty gender where it is unknown"
        )
    labels = pd.DataFrame([speakers[speaker] for speaker in rows["speaker"]], index=rows.index)
    return rows.assign(**{column: labels[column] for column in labels.columns})
