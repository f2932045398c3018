"""Rows of another tool's tables as the utterances of a corpus.

    names of columns -> standard names -> cells as text -> paths inside one folder -> `Corpus`

No label is guessed: a missing column is an error that names the columns there are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sordino.corpora import inside, utterances
from sordino.corpora.labels import fold, quote
from sordino.corpora.sheet import Row
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.policy import is_column
from sordino.progress import listed, printable
from sordino.storage import LONGEST_NAME

MOST_FOREIGN_ROWS: Final = 1 << 20
"""Rows of one corpus in a format of another tool."""

LONGEST_CELL: Final = 1 << 16
"""Characters of a cell."""

LONGEST_FOREIGN_LABEL: Final = 200
"""Characters of a label of a further column."""

REQUIRED: Final = ("speaker", "gender", "emotion")

ALIASES: Final[Mapping[str, Sequence[str]]] = {
    "speaker": ("speaker", "speaker_id", "spk", "spk_id"),
    "gender": ("gender", "sex"),
    "emotion": ("emotion", "emo", "label"),
    "transcript": ("transcript", "transcription", "text", "raw_text", "sentence"),
    **{
        name: (name,)
        for name in (
            *("age", "intensity", "session", "corpus", "start", "end"),
            *("activation", "valence", "scale"),
        )
    },
}
"""Standard column to the names under which it is found, the first one first."""


class ForeignRow(NamedTuple):
    """An utterance as another tool describes it."""

    place: str
    """Its place in the table, such as `line 3`."""
    file: str
    """The path of its recording, relative to the folder of the recordings or absolute."""
    cells: Mapping[str, Any]
    """Name of a column to its value."""


@dataclass(frozen=True)
class Reading:
    """How a corpus in a format of another tool is read."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Standard column to the column of the source, for names beyond `ALIASES`; an empty name
    leaves a column out, so that `gender` is unknown.
    """
    sounds: Path | None = None
    """The folder of the recordings, if the paths lead out of the folder of the table."""
    keep_absent: bool = False
    """Whether rows of absent recordings stay."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.columns) - set(ALIASES))
        if unknown:
            raise CorpusError(
                f"columns {listed(unknown)}: not known, expected some of {', '.join(ALIASES)}: "
                "correct them"
            )

    def corpus(self, where: str, folder: Path, rows: Iterable[ForeignRow], name: str) -> Corpus:
        """The corpus of these rows; `where` names their table in an error.

        - `folder`: that of the recordings, unless `sounds` is another one.
        - `name`: of the corpus, where no column names it.

        Raises `CorpusError` for a missing column, too many rows, a cell that is no single value,
        and a path out of the folder, and as `utterances` does.
        """
        home = self.sounds or folder
        labelled: dict[str, utterances.UtteranceRow] = {}
        for number, row in enumerate(rows):
            if number >= MOST_FOREIGN_ROWS:
                raise CorpusError(
                    f"{where}: over {MOST_FOREIGN_ROWS:,} rows, expected fewer: split the corpus"
                )
            place = f"{where}, {row.place}"
            cells = self._cells(place, row.cells)
            labelled[row.place] = utterances.utterance(
                place, inside.recording(home, row.file, place), cells, name
            )
        return utterances.corpus_of(where, home, labelled, self.keep_absent)

    def _cells(self, place: str, cells: Mapping[str, Any]) -> Row:
        """The cells of a row under standard names, and labels of further columns that a policy may
        hide.
        """
        row: Row = {}
        sources = set()
        for standard in ALIASES:
            column = self.source_of(place, standard, cells)
            row[standard] = text_of(place, standard, cells[column]) if column else ""
            sources.add(column)
        optional = {name for name in ALIASES if name not in REQUIRED and not row[name]}
        standard_cells = {name: cell for name, cell in row.items() if name not in optional}
        others = {name: value for name, value in cells.items() if name not in sources}
        return _further(place, others) | standard_cells

    def source_of(self, place: str, standard: str, available: Iterable[str]) -> str:
        """The column of the source for a standard column; empty where there is none.

        Raises `CorpusError` for a required column that is missing.
        """
        names = tuple(available)
        chosen = self.columns.get(standard)
        if chosen == "":
            if standard in ("speaker", "emotion"):
                raise CorpusError(
                    f"{place}: no column for {standard}, expected one: every utterance needs it"
                )
            return ""
        candidates = (chosen,) if chosen else tuple(ALIASES[standard])
        column = _first(candidates, names)
        if not column and (chosen or standard in REQUIRED):
            remedy = f"name it (`--map {standard}=COLUMN`)" + (
                ", or `--map gender=` where it is unknown" if standard == "gender" else ""
            )
            shown = listed([printable(name) for name in names]) or "none"
            raise CorpusError(
                f"{place}: no column {' or '.join(candidates)} for {standard} among {shown}: "
                f"{remedy}"
            )
        return column


def _further(place: str, cells: Mapping[str, Any]) -> Row:
    """The labels of further columns, under folded names; empty for a value that is no short
    label.
    """
    labels = {}
    for name, value in cells.items():
        folded = fold(str(name))
        if is_column(folded) and folded not in ALIASES:
            number = isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)
            short = number or (isinstance(value, str) and len(value) <= LONGEST_FOREIGN_LABEL)
            labels[folded] = text_of(place, folded, value) if short else ""
    return labels


@functools.lru_cache(maxsize=4096)
def _first(candidates: tuple[str, ...], names: tuple[str, ...]) -> str:
    """The first candidate among the names of a table, in the spelling of the table; empty for none.

    A name in another case counts where none is equal.
    """
    folded = {fold(str(name)): name for name in reversed(names)}
    equal = (candidate for candidate in candidates if candidate in names)
    alike = (folded[fold(candidate)] for candidate in candidates if fold(candidate) in folded)
    return next(equal, next(alike, ""))


def text_of(place: str, column: str, value: Any) -> str:
    """A cell as text, empty where it is missing.

    Raises `CorpusError`, with `place` in front, for a list or another value that is not one label.

    >>> text_of("row 2", "age", 31.0), text_of("row 2", "age", None)
    ('31', '')
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else repr(float(value)).removesuffix(".0")
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 1 << 63 else ""
    if not isinstance(value, str):
        raise CorpusError(
            f"{place}: {column} is a {type(value).__name__}, expected one label or number: leave "
            "the column out or correct it"
        )
    if len(value) > LONGEST_CELL:
        raise CorpusError(
            f"{place}: {column} has {len(value):,} characters, expected at most {LONGEST_CELL:,}: "
            "correct it"
        )
    return value.encode("utf-8", "backslashreplace").decode().strip()


def require_folder(folder: Path, expected: str) -> Path:
    """The folder of a corpus. Raises `CorpusError` where there is none."""
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder, expected {expected} in it: check the path")
    return folder


def corpus_name(folder: Path) -> str:
    """A name for the corpus in a folder: that of the folder.

    Raises `CorpusError` for a folder without a name that a corpus can have.

    >>> corpus_name(Path("data/my corpus"))
    'my corpus'
    """
    name = Path(folder).absolute().name
    if not name or set(name) & set("/+") or len(name) > LONGEST_NAME:
        raise CorpusError(
            f"{folder}: the folder {quote(name)} names the corpus, expected a name without / and "
            "+: rename it"
        )
    return name
