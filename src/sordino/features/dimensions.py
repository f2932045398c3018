"""Which columns of a table are dimensions of its vectors, and which only look like some.

Names that the user gives come first (`--columns`, `--ignore`). Without them every column of numbers
is a dimension, but for labels by name; a column that may be a label, an identifier, a row number or
a time stamp is refused until the user decides: taken for a dimension it would be a leak that no
vector has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.labels import fold, near
from sordino.corpora.table import COLUMNS, OPTIONAL
from sordino.errors import FeatureError
from sordino.features.csv_table import decimal_commas
from sordino.features.tables import KEYS

KNOWN: Final = frozenset((*COLUMNS, *OPTIONAL, *KEYS))
"""Names of labels and keys, in lower case: never a dimension unless the user says so."""

FEW: Final = 20
"""A column of whole numbers with no more values than this has few, whatever the number of rows."""

ORDERED: Final = 8
"""A column that never falls, or never rises, over this many rows is an order and no measurement."""

_WHOLE: Final = 2.0**53
_BLOCK: Final = 1 << 14


@dataclass(frozen=True)
class Chosen:
    """Which columns were taken as dimensions, and which were left out."""

    dimensions: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.dimensions)
        taken = f"{count:,} dimension{'s' * (count != 1)}: {listed(self.dimensions)}"
        return f"{taken}; left out: {listed(self.left_out)}" if self.left_out else taken


def listed(names: Sequence[str]) -> str:
    """Names in few words.

    >>> listed(["x0", "x1", "x2", "x3"]), listed(["age", "file"]), listed(list("abcdefghij"))
    ('x0 … x3', 'age, file', 'a, b, c … j')
    """
    if len(names) > 2 and _numbered(names):
        return f"{names[0]} … {names[-1]}"
    if len(names) > 8:
        return f"{', '.join(names[:3])} … {names[-1]}"
    return ", ".join(names) or "none"


def choose(
    path: str | Path,
    frame: pd.DataFrame,
    labels: Collection[str],
    ignore: Sequence[str] = (),
    columns: Sequence[str] = (),
    strict: bool = True,
) -> Chosen:
    """The dimensions of a table.

    `labels` are what the user asks for and never a dimension; `ignore` and `columns` are names or
    patterns (`x*`) of what is left out and of what is taken. A `strict` choice refuses an ignored
    column that is not there. Raises `FeatureError` for a name or pattern without a column, for text
    among the dimensions, and for columns that only look like dimensions where `columns` does not
    name them.
    """
    names = [str(name) for name in frame.columns]
    ignored = _matched(path, "--ignore", ignore, names, strict)
    _check_named(path, columns, labels, ignored)
    held = frame.attrs.get("labels", ())
    if columns:
        asked = _matched(path, "--columns", columns, names, True)
        free = {name for name in asked if fold(name) not in KNOWN and name not in held} | {*columns}
        taken = [
            name
            for name in names
            if name in asked and name in free and name not in {*labels, *ignored}
        ]
    else:
        known = {name for name in names if fold(name) in KNOWN}
        taken = [name for name in names if name not in {*labels, *ignored, *known, *held}]
    check_numbers(path, frame, taken)
    warnings = () if columns else _check_likeness(path, frame, taken)
    rest = tuple(
        name for name in (*names, *frame.attrs.get("unused", ())) if name not in {*taken, *labels}
    )
    return Chosen(tuple(taken), rest, warnings)


def check_numbers(path: str | Path, frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise for columns that hold no numbers, each kind with its own sentence."""
    if not names:
        raise FeatureError(
            f"{path}: no column of numbers, expected one a dimension: check what wrote the table"
        )
    unnamed = [name for name in names if name.startswith("Unnamed: ")]
    if unnamed:
        raise FeatureError(
            f"{path}: column `{unnamed[0]}` is a label or has no name, expected a name for each: "
            "name it"
            " or leave it out"
        )
    text = [name for name in names if not pd.api.types.is_numeric_dtype(frame[name])]
    if text:
        more = f" (and {len(text) - 1} more)" if len(text) > 1 else ""
        raise FeatureError(
            f"{path}: column `{text[0]}`{more} is not of numbers, {_why_text(frame[text[0]])}"
        )
    for name in names:
        if frame[name].dtype.kind == "c":
            raise FeatureError(
                f"{path}: column `{name}` is of complex numbers, expected real ones: save their "
                "parts"
            )


def matrix(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """The values of some columns, `(rows, columns)`; what is missing is NaN."""
    x = np.empty((len(frame), len(names)))
    for place, name in enumerate(names):
        x[:, place] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return x


def _matched(
    path: str | Path, option: str, asked: Sequence[str], names: Sequence[str], strict: bool
) -> list[str]:
    """The columns that some names or patterns mean."""
    there, found = set(names), dict[str, None]()
    for name in asked:
        matched = (
            [name] if name in there else [other for other in names if fnmatchcase(other, name)]
        )
        if not matched and strict:
            raise FeatureError(
                f"{path}: {option} {name}: no such column{near(name, names)}, expected one of the "
                "table's "
                f"({listed(names)}): correct it"
            )
        found.update(dict.fromkeys(matched))
    return list(found)


def _check_named(
    path: str | Path, columns: Sequence[str], labels: Collection[str], ignored: Collection[str]
) -> None:
    """Raise for a name in `--columns` that is something else already."""
    for name in columns:
        if name in labels or name in ignored:
            what = "a label" if name in labels else "ignored"
            raise FeatureError(
                f"{path}: --columns {name}: it is {what} too, expected one or the other: drop one"
            )


def _why_text(column: pd.Series) -> str:
    cells = column.to_numpy(dtype=object)
    some = [cell for cell in cells[:1000].tolist() if cell is not None and cell == cell]
    if not some:
        return "it is empty, expected vectors alone: leave it out"
    if all(isinstance(cell, str) and cell.strip()[:1] + cell.strip()[-1:] == "[]" for cell in some):
        return (
            "it holds whole vectors written as text, expected one column a dimension: save it as "
            "Parquet lists, or "
            "spread it"
        )
    if decimal_commas(np.array(some, dtype=object)):
        return "its numbers have decimal commas, expected decimal points: save it with points"
    numbers = [
        place
        for place, cell in enumerate(cells.tolist())
        if isinstance(cell, str) and not _is_number(cell)
    ]
    if isinstance(some[0], str) and 0 < len(numbers) <= len(cells) // 10:
        return f"row {numbers[0] + 1} holds text, expected vectors alone: mend the cell or leave the column out"
    return "expected vectors alone: leave it out"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_likeness(path: str | Path, frame: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Raise for columns that may be no dimension; warnings of those that hold oddly few numbers."""
    likeness = {name: Likeness.of(frame[name]) for name in names}
    varied = [name for name in names if likeness[name].values > 1]
    coded = len(varied) > 1 and all(likeness[name].whole for name in varied)  # vectors of integers
    reasons = {name: likeness[name].reason(len(frame), coded) for name in varied}
    refused = [name for name in varied if reasons[name]]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        rest = [name for name in names if name not in refused] or names
        star = pattern(rest)
        raise FeatureError(
            f"{path}: column `{refused[0]}`{more} {reasons[refused[0]]}: a label, an identifier or "
            "an order would look "
            f"like a leak; leave it out with --ignore '{refused[0]}', or, if it is a dimension, "
            "name all "
            f"dimensions, as in --columns '{rest[0] if star == '*' else star}' --columns "
            f"'{refused[0]}'"
        )
    few = [name for name in varied if likeness[name].values <= FEW // 2]
    if few and 2 * len(few) < len(varied) and len(frame) > 10 * FEW:
        return (
            f"{listed(few)}: few different numbers among dimensions of many; leave it out with "
            "--ignore where it is"
            " a label.",
        )
    return ()


@dataclass(frozen=True)
class Likeness:
    """What makes a column of numbers look like a label or an order."""

    values: int
    """How many different ones there are, 2 where they are more than anybody counts."""
    whole: bool
    truth: bool
    ordered: bool

    @classmethod
    def of(cls, column: pd.Series) -> Likeness:
        """Of one column; values that are missing do not count."""
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        whole = bool(len(numbers)) and _all_whole(numbers)
        steps = np.diff(numbers)
        ordered = len(numbers) > ORDERED and bool((steps >= 0).all() or (steps <= 0).all())
        return cls(len(np.unique(numbers)), whole, pd.api.types.is_bool_dtype(column), ordered)

    def reason(self, rows: int, coded: bool) -> str:
        """Why a column is refused, empty where it is not; `coded` vectors are all of whole numbers."""
        if self.truth:
            return "holds truth values"
        if self.ordered:
            return "never falls, or never rises, from row to row (row numbers or time stamps)"
        if self.whole and (self.values <= max(FEW, rows // 2)):
            return f"holds whole numbers, {self.values:,} different ones in {rows:,} rows"
        if self.whole and not coded:
            return "holds whole numbers alone, among dimensions that do not"
        return ""


def pattern(names: Sequence[str]) -> str:
    """A pattern that matches all names: what they have in common at the start, and a star.

    >>> pattern(["x0", "x1", "x10"]), pattern(["f0", "g1"])
    ('x*', '*')
    """
    first, last = min(names), max(names)
    start = next(
        (place for place, letter in enumerate(first) if letter != last[place : place + 1]),
        len(first),
    )
    return f"{first[:start].rstrip('0123456789')}*"


def _all_whole(numbers: NDArray[Any]) -> bool:
    for start in range(0, len(numbers), _BLOCK):  # most columns are told by the first block
        block = numbers[start : start + _BLOCK]
        if not ((block == np.floor(block)) & (np.abs(block) < _WHOLE)).all():
            return False
    return True


def _numbered(names: Iterable[str]) -> bool:
    """Whether names differ in a number alone, which counts up."""
    split = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in names]
    if not all(split):
        return False
    parts = [(match[1], match[3], int(match[2])) for match in split if match]
    start = parts[0][2]
    return all(part == (*parts[0][:2], start + place) for place, part in enumerate(parts))
