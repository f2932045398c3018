"""The choice of the columns of a table that are dimensions of its vectors.

The user's options (`--columns`, `--ignore`) have priority. Without them every column of numbers is
a dimension, except labels by name. A column that may be a label, an identifier, a row number or a
time stamp is refused until the user decides: as a dimension it would be a leak that the vectors do
not have.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import exp, lgamma
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.labels import fold, near
from sordino.corpora.table import OPTIONAL, UTTERANCE_COLUMNS
from sordino.errors import FeatureError
from sordino.features.formats.csv_table import decimal_commas
from sordino.features.formats.names import KEY_COLUMNS
from sordino.storage import Location

RESERVED: Final = frozenset((*UTTERANCE_COLUMNS, *OPTIONAL, *KEY_COLUMNS))
"""Names of labels and keys, in lower case: dimensions only on the user's request."""

FEW_VALUES: Final = 20
"""A column of integers with at most so many values may be a label, for any number of rows."""

ORDERED: Final = 8
"""A column that is monotonic over more rows than this may be an order and no measurement."""

MAX_ACCIDENT: Final = 1 / 500
"""A monotonic column is an order if a random order of its rows is monotonic with less than this
probability.
"""

_WHOLE: Final = 2.0**53
_BLOCK: Final = 1 << 14


@dataclass(frozen=True)
class ColumnChoice:
    """The columns of a table that are dimensions, and the columns that are left out."""

    dimensions: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.dimensions)
        text = f"{count:,} dimension{'s' * (count != 1)}: {abbreviate(self.dimensions)}"
        return f"{text}; left out: {abbreviate(self.left_out)}" if self.left_out else text


def abbreviate(names: Sequence[str]) -> str:
    """A short list of names.

    >>> abbreviate(["x0", "x1", "x2", "x3"]), abbreviate(["age", "file"])
    ('x0 … x3', 'age, file')
    >>> abbreviate(list("abcdefghij"))
    'a, b, c … j'
    """
    if len(names) > 2 and _numbered(names):
        return f"{names[0]} … {names[-1]}"
    if len(names) > 8:
        return f"{', '.join(names[:3])} … {names[-1]}"
    return ", ".join(names) or "none"


def choose_columns(
    path: str | Location,
    frame: pd.DataFrame,
    labels: Collection[str],
    ignore: Sequence[str] = (),
    columns: Sequence[str] = (),
    strict: bool = True,
) -> ColumnChoice:
    """The dimensions of a table.

    `labels` are the requested labels, never a dimension. `ignore` and `columns` are names or
    patterns (`x*`) of columns to leave out and of columns to use. A `strict` choice refuses an
    absent column in `ignore`. Raises `FeatureError` for a name or pattern without a column, for
    text among the dimensions, and for columns that may be labels where `columns` does not name
    them.
    """
    names = [str(name) for name in frame.columns]
    ignored = _matched(path, "--ignore", ignore, names, strict)
    _check_named(path, columns, labels, ignored)
    label_arrays = frame.attrs.get("labels", ())
    if columns:
        matches = _matched(path, "--columns", columns, names, True)
        free = {
            name for name in matches if fold(name) not in RESERVED and name not in label_arrays
        } | {*columns}
        dimensions = [
            name
            for name in names
            if name in matches and name in free and name not in {*labels, *ignored}
        ]
    else:
        reserved = {name for name in names if fold(name) in RESERVED}
        dimensions = [
            name for name in names if name not in {*labels, *ignored, *reserved, *label_arrays}
        ]
    check_numbers(path, frame, dimensions)
    warnings = () if columns else _check_likeness(path, frame, dimensions)
    left_out = tuple(
        name
        for name in (*names, *frame.attrs.get("unused", ()))
        if name not in {*dimensions, *labels}
    )
    return ColumnChoice(tuple(dimensions), left_out, warnings)


def check_numbers(path: str | Location, frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise for columns without numbers, with one message for each kind."""
    if not names:
        raise FeatureError(
            f"{path}: no column of numbers, expected one a dimension: check what wrote the table"
        )
    unnamed = [name for name in names if name.startswith("Unnamed: ")]
    if unnamed:
        raise FeatureError(
            f"{path}: column `{unnamed[0]}` is a label or has no name, expected a name for each: "
            "name it or leave it out"
        )
    text = [name for name in names if not pd.api.types.is_numeric_dtype(frame[name])]
    if text:
        extra = f" (and {len(text) - 1} more)" if len(text) > 1 else ""
        raise FeatureError(
            f"{path}: column `{text[0]}`{extra} is not of numbers, {_why_text(frame[text[0]])}"
        )
    for name in names:
        if frame[name].dtype.kind == "c":
            raise FeatureError(
                f"{path}: column `{name}` is of complex numbers, expected real ones: save their "
                "parts"
            )


def matrix(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """The values of some columns, `(rows, columns)`; missing values are NaN."""
    x = np.empty((len(frame), len(names)))
    for column, name in enumerate(names):
        x[:, column] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return x


def _matched(
    path: str | Location, option: str, patterns: Sequence[str], names: Sequence[str], strict: bool
) -> list[str]:
    """The columns that match names or patterns."""
    available, matches = set(names), dict[str, None]()
    for pattern in patterns:
        matched = (
            [pattern]
            if pattern in available
            else [column for column in names if fnmatchcase(column, pattern)]
        )
        if not matched and strict:
            raise FeatureError(
                f"{path}: {option} {pattern}: no such column{near(pattern, names)}, expected one "
                f"of the table's ({abbreviate(names)}): correct it"
            )
        matches.update(dict.fromkeys(matched))
    return list(matches)


def _check_named(
    path: str | Location, columns: Sequence[str], labels: Collection[str], ignored: Collection[str]
) -> None:
    """Raise for a name in `--columns` that is a label or ignored."""
    for name in columns:
        if name in labels or name in ignored:
            kind = "a label" if name in labels else "ignored"
            raise FeatureError(
                f"{path}: --columns {name}: it is {kind} too, expected one or the other: drop one"
            )


def _why_text(column: pd.Series) -> str:
    cells = column.to_numpy(dtype=object)
    sample = [cell for cell in cells[:1000].tolist() if cell is not None and cell == cell]
    if not sample:
        return "it is empty, expected vectors alone: leave it out with --ignore"
    if all(
        isinstance(cell, str) and cell.strip()[:1] + cell.strip()[-1:] == "[]" for cell in sample
    ):
        return (
            "it holds whole vectors written as text, expected one column a dimension: save it as "
            "Parquet lists, or spread it"
        )
    if decimal_commas(np.array(sample, dtype=object)):
        return "its numbers have decimal commas, expected decimal points: save it with points"
    numbers = [
        row
        for row, cell in enumerate(cells.tolist())
        if isinstance(cell, str) and not _is_number(cell)
    ]
    if isinstance(sample[0], str) and 0 < len(numbers) <= len(cells) // 10:
        return (
            f"row {numbers[0] + 1} holds text, expected vectors alone: correct the cell, or leave "
            "the column out with --ignore"
        )
    return "expected vectors alone: leave it out with --ignore"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_likeness(
    path: str | Location, frame: pd.DataFrame, names: Sequence[str]
) -> tuple[str, ...]:
    """Raise for columns that may be no dimension; warn of columns with few different values."""
    likeness = {name: Likeness.of(frame[name]) for name in names}
    varied = [name for name in names if likeness[name].values > 1]
    coded = len(varied) > 1 and all(
        likeness[name].integral for name in varied
    )  # vectors of integers
    reasons = {name: likeness[name].reason(len(frame), coded) for name in varied}
    refused = [name for name in varied if reasons[name]]
    if refused:
        extra = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        remaining = [name for name in names if name not in refused] or names
        columns = pattern(remaining)
        example = remaining[0] if columns == "*" else columns
        raise FeatureError(
            f"{path}: column `{refused[0]}`{extra} {reasons[refused[0]]}: a label, an identifier "
            f"or an order would look like a leak; leave it out with --ignore '{refused[0]}', or, "
            "if it is a dimension, name all dimensions, as in "
            f"--columns '{example}' --columns '{refused[0]}'"
        )
    coarse = [name for name in varied if likeness[name].values <= FEW_VALUES // 2]
    if coarse and 2 * len(coarse) < len(varied) and len(frame) > 10 * FEW_VALUES:
        return (
            f"{abbreviate(coarse)}: few different numbers among dimensions of many; leave it out "
            "with --ignore where it is a label.",
        )
    return ()


@dataclass(frozen=True)
class Likeness:
    """Signs that a column of numbers is a label or an order."""

    values: int
    """The number of different values."""
    integral: bool
    boolean: bool
    monotonic: bool

    @classmethod
    def of(cls, column: pd.Series) -> Likeness:
        """The signs of one column; missing values do not count."""
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        integral = bool(len(numbers)) and _all_whole(numbers)
        counts = np.unique(numbers, return_counts=True)[1]
        steps = np.diff(numbers)
        monotonic = (
            len(numbers) > ORDERED
            and bool((steps >= 0).all() or (steps <= 0).all())
            and _accident(counts) < MAX_ACCIDENT
        )
        return cls(len(counts), integral, pd.api.types.is_bool_dtype(column), monotonic)

    def reason(self, rows: int, coded: bool) -> str:
        """The reason to refuse a column, or an empty text; `coded` vectors consist of integers."""
        if self.boolean:
            return "holds truth values"
        if self.monotonic:
            return "never falls, or never rises, from row to row (row numbers or time stamps)"
        if self.integral and (self.values <= max(FEW_VALUES, rows // 2)):
            return f"holds whole numbers, {self.values:,} different ones in {rows:,} rows"
        if self.integral and not coded:
            return "holds whole numbers alone, among dimensions that do not"
        return ""


def _accident(counts: NDArray[np.intp]) -> float:
    """The probability that a random order of values, each repeated `counts` times, is monotonic.

    It is 2 · ∏ counts! / n!. A value that fills most of a column, such as the 0 of a rectified
    dimension, is no sign of an order: it counts no more often than the second most frequent.

    >>> round(_accident(np.array([3, 3, 3])), 4), round(_accident(np.array([20, 1, 1])), 2)
    (0.0012, 0.33)
    """
    repeats = np.sort(counts)
    repeats[-1:] = repeats[-2:-1] if len(repeats) > 1 else 1
    orders = lgamma(repeats.sum() + 1) - sum(lgamma(count + 1) for count in repeats if count > 1)
    return 2 * exp(-orders)


def pattern(names: Sequence[str]) -> str:
    """A pattern that matches all names: their common start, and a star.

    >>> pattern(["x0", "x1", "x10"]), pattern(["f0", "g1"])
    ('x*', '*')
    """
    first, last = min(names), max(names)
    start = next(
        (
            position
            for position, letter in enumerate(first)
            if letter != last[position : position + 1]
        ),
        len(first),
    )
    return f"{first[:start].rstrip('0123456789')}*"


def _all_whole(numbers: NDArray[Any]) -> bool:
    for start in range(0, len(numbers), _BLOCK):  # the first block decides for most columns
        block = numbers[start : start + _BLOCK]
        if not ((block == np.floor(block)) & (np.abs(block) < _WHOLE)).all():
            return False
    return True


def _numbered(names: Iterable[str]) -> bool:
    """Whether names differ only in a number that counts up."""
    split = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in names]
    if not all(split):
        return False
    parts = [(match[1], match[3], int(match[2])) for match in split if match]
    start = parts[0][2]
    return all(part == (*parts[0][:2], start + offset) for offset, part in enumerate(parts))
