"""Tables of vectors with labels for an audit, and their references.

table       columns -> dimensions -> x; labels -> text, or numbers where they are continuous
reference   the same choice of dimensions; common labels must agree row by row
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora import labels
from sordino.corpora.labels import fold, near, quote
from sordino.corpora.table import NUMBERS
from sordino.errors import FeatureError
from sordino.features.dimensions import RESERVED, ColumnChoice, abbreviate, choose_columns
from sordino.features.large import LARGEST_WHOLE, BlockTable, MemoryTable, VectorRows, open_vectors
from sordino.features.tables import distinct_ends
from sordino.storage import Location

CLASSES: Final = 10
"""Numeric labels with at most so many values are classes, others a continuous secret."""


@dataclass(frozen=True)
class Labelled:
    """The vectors and labels of a table."""

    path: Location
    x: NDArray[np.float64] | VectorRows
    """`(rows, dims)`; of a table in blocks, rows that are read on request."""
    labels: pd.DataFrame
    """One column a label: text without changes, or numbers where it is continuous."""
    choice: ColumnChoice
    metadata: pd.DataFrame
    """The columns that are no dimension, labels included, without changes; of a table in blocks,
    those with the name of a label or a key.
    """
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)


def read_labelled(
    path: str | Location,
    names: Sequence[str],
    *,
    ignore: Sequence[str] = (),
    columns: Sequence[str] = (),
    continuous: Sequence[str] = (),
    array_labels: Location | None = None,
    largest: int = LARGEST_WHOLE,
) -> Labelled:
    """The vectors and labels of a table; `names` are the columns of labels, for `columns` and
    `ignore` see `choose_columns`, and for `array_labels`, the table of the labels of an array, and
    `largest`, the bytes of a table that is read whole, `sordino.features.large`.

    Labels are text without changes. Labels in `continuous` are numbers, and so are the numeric
    columns of a corpus (age, valence, ...) with more than ten values. Raises `FeatureError` for an
    absent label, a label with missing values or with two spellings, for more than ten numbers in a
    column that is not continuous, and for the errors of `choose_columns`; `StorageError` for an
    unreadable file.
    """
    path = storage.location(path)
    unlabelled = [name for name in continuous if name not in names]
    if unlabelled:
        raise FeatureError(
            f"--continuous {unlabelled[0]}: not among the labels ({', '.join(names)}): add it"
        )
    text = {*names, *ignore, *RESERVED} - {"start", "end"}
    table = open_vectors(path, text, array_labels, largest)
    frame = table.sample
    for name in names:
        if name not in frame.columns:
            unused = " as one array a row" if name in frame.attrs.get("unused", ()) else ""
            raise FeatureError(
                f"{path}: no column `{name}`{unused}{near(name, frame.columns)}, expected one of "
                f"the table's ({abbreviate([*map(str, frame.columns)])}): {_step_without(name)}"
            )
    choice = choose_columns(path, frame, names, ignore, columns)
    metadata = _metadata(table, names, choice)
    read = {name: _label(path, name, metadata[name], name in continuous) for name in names}
    messages = [
        line
        for name in names
        if read[name].dtype == object
        for line in labels.doubts(name, set(read[name]))
    ]
    if separated := frame.attrs.get("separated"):
        messages.append(f"{path.name} is separated by {separated}, not by commas, and was read so.")
    x = table.vectors(choice.dimensions)
    labelled = pd.DataFrame(
        {name: pd.Series(values, dtype=values.dtype) for name, values in read.items()}
    )
    return Labelled(path, x, labelled, choice, metadata, (*choice.warnings, *messages))


def _metadata(
    table: MemoryTable | BlockTable, names: Sequence[str], choice: ColumnChoice
) -> pd.DataFrame:
    """The columns that are no dimension; of a table in blocks, labels and keys."""
    dimensions = set(choice.dimensions)
    others = [str(name) for name in table.sample.columns if name not in dimensions]
    if isinstance(table, BlockTable):
        others = [name for name in others if name in names or fold(name) in RESERVED]
    return table.cells(others)


def _step_without(name: str) -> str:
    """The next step where a table lacks a label."""
    step = "name the column of speakers with --speaker" if name == "speaker" else "name another"
    extracted = "; a table of `sordino extract` has labels only with --labels"
    return step + (extracted if name in RESERVED else "")


def read_reference(
    path: str | Location,
    table: Labelled,
    *,
    ignore: Sequence[str] = (),
    columns: Sequence[str] = (),
    largest: int = LARGEST_WHOLE,
) -> Labelled:
    """The unprotected vectors of the rows of a table, with the same choice of dimensions.

    Common labels and keys must agree row by row. Raises `FeatureError` for another number of rows,
    and for the first row that differs; warns where the tables have no common column.
    """
    path = storage.location(path)
    apart = [str(name) for name in table.metadata.columns]
    text = {*apart, *ignore, *RESERVED} - {"start", "end"}
    reference = open_vectors(path, text, largest=largest)
    if len(reference) != len(table):
        raise FeatureError(
            f"{path}: {len(reference)} rows, expected the {len(table)} of {table.path}, in their "
            "order: write it anew"
        )
    frame = reference.sample
    here = [name for name in apart if name in frame.columns]
    choice = choose_columns(path, frame, here, ignore, columns, strict=False)
    metadata = reference.cells(here)
    warnings = _agree(path, metadata, table, here)
    return Labelled(
        path,
        reference.vectors(choice.dimensions),
        frame[[]],
        choice,
        metadata,
        (*choice.warnings, *warnings),
    )


def _label(path: Location, name: str, column: pd.Series, continuous: bool) -> NDArray[Any]:
    """One column of labels as text, or as numbers where it is continuous."""
    title = f"{path}: column `{name}`"
    written = labels.require_texts(title, column, FeatureError, column=name)
    values = set(written.tolist())
    numbers = {value: _number(value) for value in values}
    words = [value for value in values if math.isnan(numbers[value])]
    if continuous and words:
        raise FeatureError(
            f"{title}: {quote(min(words))} is no number, expected numbers alone where it is "
            "continuous: correct it, or leave out --continuous"
        )
    numeric = len(values) > CLASSES and not words
    if continuous or (numeric and fold(name) in NUMBERS):
        return np.array([numbers[value] for value in written.tolist()])
    return written


def check_classes(table: Labelled, names: Sequence[str]) -> None:
    """Raise for a secret of many numbers that may be classes or measurements."""
    for name in names:
        values = table.labels[name]
        if values.dtype == object:
            distinct = set(values)
            if len(distinct) > CLASSES and not any(
                math.isnan(_number(value)) for value in distinct
            ):
                raise FeatureError(
                    f"{table.path}: column `{name}` has {len(distinct):,} different numbers, "
                    f"expected at most {CLASSES} classes: use --continuous {name}, or write "
                    "classes as words (c1, c2)"
                )


def _number(text: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _agree(path: Location, frame: pd.DataFrame, table: Labelled, names: Sequence[str]) -> list[str]:
    """Raise for the first row that differs in a common column; a warning without common columns."""
    if not names:
        return [
            f"{path.name} shares no label and no `file` with {table.path.name}: whether their rows "
            "are the same utterances was not checked."
        ]
    keys = []
    for name in names:
        ours, theirs = _comparable(name, table.metadata[name]), _comparable(name, frame[name])
        if fold(name) == "file" and ours != theirs:
            ours, theirs = _ends(ours, theirs)
        differs = next(
            (row for row, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]),
            None,
        )
        if differs is not None:
            order = (
                "the same labels in another order"
                if sorted(ours) == sorted(theirs)
                else "another label"
            )
            raise FeatureError(
                f"{path}: column `{name}` differs from that of {table.path} in row {differs + 1} "
                f"({order}), expected the same rows in the same order: sort both alike"
            )
        keys.append(ours)
    if len(set(zip(*keys, strict=True))) < len(frame):
        return [
            f"{abbreviate(names)} agree in {path.name} row by row but do not identify every row: "
            "with `file` or `utterance` in both tables the order is checked completely."
        ]
    return []


def _comparable(name: str, column: pd.Series) -> list[str]:
    """The cells of a column as text: times to the millisecond, numbers, other text."""
    if pd.api.types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds()
    if fold(name) in ("start", "end"):
        try:
            column = (
                pd.to_timedelta(column).dt.total_seconds() if column.dtype == object else column
            )
        except ValueError:
            return [str(cell) for cell in column.tolist()]
        return [f"{float(cell):.3f}" for cell in column.tolist()]
    if pd.api.types.infer_dtype(column, skipna=False) == "string":
        return column.tolist()
    written, missing = labels.texts(f"column `{name}`", column, FeatureError)
    numbers = pd.api.types.is_float_dtype(column)
    return [
        "" if absent else cell.removesuffix(".0") if numbers else cell
        for cell, absent in zip(written.tolist(), missing.tolist(), strict=True)
    ]


def _ends(ours: list[str], theirs: list[str]) -> tuple[list[str], list[str]]:
    """The paths of two tables without their common folders: the fewest last parts that identify all
    files.
    """
    split = [
        [PurePosixPath(file.replace("\\", "/")).parts for file in files] for files in (ours, theirs)
    ]
    deepest = max(len(parts) for files in split for parts in files)
    depth = next(
        (depth for depth in range(1, deepest) if all(map(distinct_ends, split, (depth, depth)))),
        deepest,
    )
    first, second = (["/".join(parts[-depth:]) for parts in files] for files in split)
    return first, second
