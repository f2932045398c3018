"""The secrets of hidden columns: every value of a column or an intersection against all others.

    accent              labels: one secret for each value, or a single one for two values
    weight              numbers: above the median of some rows or not
    age:30,50           ranges of numbers: one secret for each range
    gender*accent       every combination of values

A column of numbers that is constant within most speakers has one value for each speaker, the mean
over their utterances.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.define import GENDERS
from sordino.errors import PolicyError
from sordino.policy import HiddenColumn, Policy, hidden_columns, is_column
from sordino.progress import listed
from sordino.types import Codes, Rows

MOST_VALUES: Final = 12
"""Values of a column, each with a secret of its own."""

MOST_CROSSED_VALUES: Final = 24
"""Combinations of values of an intersection."""

MOST_NUMBER_LABELS: Final = 10
"""Labels that are numbers with more distinct values than this are split at their median."""


class ColumnCodes(NamedTuple):
    """The values of a column or an intersection."""

    names: tuple[str, ...]
    """The values in the order of their codes: letters, digits, dots and `_`."""
    codes: Codes
    """The code of each utterance, -1 where unknown, `(utterances,)`."""


def attribute_secrets(table: pd.DataFrame, policy: Policy, rows: Rows) -> dict[str, Codes]:
    """The secrets of the attributes that a policy hides beside gender and speaker, by name: 1, 0 or
    -1 where unknown, `(utterances,)`.

    `age` is older than the median of the speakers of `rows` (`older`). Every value of a column is a
    secret `COLUMN=VALUE`, against all other values; for two values the second one alone. `table` is
    that of a corpus. Raises `PolicyError` as `check_hidden_columns` does.
    """
    secrets = {"age": older(table, rows)} if "age" in policy.hide else {}
    for entry in policy.columns:
        names, codes = entry_codes(table, entry, rows)
        for code in range(len(names)) if len(names) > 2 else range(1, len(names)):
            values = np.where(codes < 0, -1, codes == code).astype(np.intp)
            secrets[f"{_title(entry)}={names[code]}"] = values
    return secrets


def check_hidden_columns(table: pd.DataFrame, policies: Sequence[Policy]) -> None:
    """Raise `PolicyError` where policies hide a column that the table of a corpus lacks, one with
    more than 12 values, or an intersection with more than 24 combinations.
    """
    for policy in policies:
        for entry in policy.columns:
            entry_codes(table, entry, np.arange(len(table)))


def unlabelled_entries(table: pd.DataFrame, policy: Policy) -> list[str]:
    """The hidden columns with fewer than two values, which give no secret."""
    rows = np.arange(len(table))
    return [entry for entry in policy.columns if len(entry_codes(table, entry, rows).names) < 2]


def entry_codes(table: pd.DataFrame, entry: str, rows: Rows) -> ColumnCodes:
    """The values of an entry of `hide`; medians are those of `rows`.

    Raises `PolicyError` as `check_hidden_columns` does.
    """
    parts = [_column_codes(table, entry, column, rows) for column in hidden_columns(entry)]
    names, codes = parts[0]
    for further in parts[1:]:
        names = tuple(f"{left}*{right}" for left in names for right in further.names)
        both = (codes >= 0) & (further.codes >= 0)
        codes = np.where(both, codes * len(further.names) + further.codes, -1)
    if len(names) > MOST_CROSSED_VALUES:
        raise PolicyError(
            f"hide {entry}: {len(names)} combinations of values, expected at most "
            f"{MOST_CROSSED_VALUES}: hide fewer columns together, or group their values"
        )
    return ColumnCodes(names, codes)


def older(table: pd.DataFrame, rows: Rows) -> Codes:
    """1 for speakers older than the median of those in `rows`, 0 for others, -1 where unknown,
    `(utterances,)`.

    The age of a speaker is the mean over their utterances. Where no speaker is older than the
    median, those of the median age count as older.
    """
    if "age" not in table.columns:
        return np.full(len(table), -1, np.intp)
    speaker = table["speaker"].to_numpy(dtype=str)
    age = table.groupby("speaker")["age"].transform("mean").to_numpy()
    return _above_median(age, rows[np.unique(speaker[rows], return_index=True)[1]])


def _above_median(values: NDArray[np.float64], units: Rows) -> Codes:
    """1 above the median of the rows `units`, 0 for others, -1 where unknown."""
    finite = values[units][np.isfinite(values[units])]
    if not len(finite):
        return np.full(len(values), -1, np.intp)
    median = np.median(finite)
    above = values > median if (finite > median).any() else values >= median
    codes: Codes = np.where(np.isfinite(values), above.astype(np.intp), -1)
    return codes


def _column_codes(table: pd.DataFrame, entry: str, column: HiddenColumn, rows: Rows) -> ColumnCodes:
    name, edges = column
    if name == "gender":
        if edges:
            raise PolicyError(f"hide {entry}: gender has no numbers, expected no edges")
        order = {str(gender): code for code, gender in enumerate(GENDERS)}
        codes = np.array([order.get(label, -1) for label in table["gender"]], np.intp)
        return ColumnCodes(tuple(order), codes)
    if name not in table.columns and name != "age":
        raise PolicyError(
            f"hide {entry}: no column {name}, expected one of the corpus, which has "
            f"{listed(columns_with_labels(table)) or 'none'}: correct the spelling, or add the "
            "column to the manifest"
        )
    cells = table[name] if name in table.columns else pd.Series(np.nan, index=table.index)
    numbers = _numbers(cells, bool(edges))
    if numbers is not None:
        return _number_codes(numbers, edges, table["speaker"].to_numpy(dtype=str), rows)
    if edges:
        raise PolicyError(
            f"hide {entry}: column {name} has labels that are no numbers, expected numbers for "
            "edges: leave the edges out"
        )
    values = cells.map(value_name)
    names = tuple(sorted(set(values) - {""}))
    if len(names) > MOST_VALUES:
        raise PolicyError(
            f"hide {entry}: column {name} has {len(names)} values, expected at most {MOST_VALUES}: "
            "group them in another column of the manifest"
        )
    order = {value: code for code, value in enumerate(names)}
    return ColumnCodes(names, np.array([order.get(value, -1) for value in values], np.intp))


def columns_with_labels(table: pd.DataFrame) -> list[str]:
    """The columns of a corpus that `hide` may name and that have a label."""
    columns = []
    for name in map(str, table.columns):
        if not is_column(name):
            continue
        cells = table[name]
        known = cells.notna() if pd.api.types.is_numeric_dtype(cells) else cells != ""
        if known.any():
            columns.append(name)
    return columns


def value_name(label: object) -> str:
    """A label as a part of the name of a secret: letters and digits of any language, dots and `_`.

    >>> value_name("Scottish English"), value_name(" x-vs-neutral "), value_name("")
    ('scottish_english', 'x_vs_neutral', '')
    """
    text = unicodedata.normalize("NFKC", str(label)).casefold()
    return re.sub(r"[^\w.]+", "_", text)[:40].strip("_")


def _title(entry: str) -> str:
    """The columns of an entry, without edges."""
    return "*".join(column.replace(" ", "_") for column, _ in hidden_columns(entry))


def _numbers(cells: pd.Series, wanted: bool) -> NDArray[np.float64] | None:
    """Cells as numbers, NaN where empty; None for labels. Text with few distinct numbers has
    numbers only where they are wanted.
    """
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype=float)
    text = cells.astype(str).str.strip()
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce").to_numpy(dtype=float)
    filled = (text != "").to_numpy()
    if not filled.any() or not np.isfinite(numbers[filled]).all():
        return None
    return numbers if wanted or len(np.unique(numbers[filled])) > MOST_NUMBER_LABELS else None


def _number_codes(
    numbers: NDArray[np.float64], edges: Sequence[float], speaker: NDArray[np.str_], rows: Rows
) -> ColumnCodes:
    groups = pd.Series(numbers).groupby(speaker)
    within = float((groups.nunique() > 1).mean()) > 0.5
    if not within:
        numbers = groups.transform("mean").to_numpy()
    if not edges:
        units = rows if within else rows[np.unique(speaker[rows], return_index=True)[1]]
        codes = _above_median(numbers, units)
        return ColumnCodes(("up_to_median", "above_median") if (codes >= 0).any() else (), codes)
    texts = [f"{edge:g}" for edge in edges]
    between = [f"{low}_to_{high}" for low, high in pairwise(texts)]
    names = (f"under_{texts[0]}", *between, f"{texts[-1]}_or_more")
    codes = np.where(np.isfinite(numbers), np.digitize(numbers, edges), -1).astype(np.intp)
    present = [code for code in range(len(names)) if (codes == code).any()]
    position = np.full(len(names) + 1, -1, np.intp)  # the last is that of unknown values
    position[present] = np.arange(len(present))
    return ColumnCodes(tuple(names[code] for code in present), position[codes])
