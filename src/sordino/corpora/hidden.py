"""The secrets of hidden columns: every value of a column or an intersection against all others.

    accent              labels: one secret for each value, or a single one for two values
    weight              numbers: above the median of some rows or not
    age:30,50           ranges of numbers: one secret for each range
    gender*accent       every combination of values

A column of numbers that is constant within most speakers has one value for each speaker, the mean
over their utterances.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.labels import fold, quote, spelling_variants
from sordino.define import GENDERS
from sordino.errors import PolicyError
from sordino.policy import HiddenColumn, Policy, hidden_columns, is_column, number_text
from sordino.progress import listed
from sordino.types import Codes, Rows

MOST_VALUES: Final = 12
"""Values of a column, each with a secret of its own."""

MOST_CROSSED_VALUES: Final = 24
"""Combinations of values of an intersection."""

MOST_NAME: Final = 40
"""Characters of the name of a value."""

MOST_NUMBER_LABELS: Final = 10
"""Labels that are numbers with more distinct values than this are split at their median."""


class ColumnCodes(NamedTuple):
    """The values of a column or an intersection."""

    names: tuple[str, ...]
    """The names of the values in the order of their codes (`value_name`)."""
    codes: Codes
    """The code of each utterance, -1 where unknown, `(utterances,)`."""


def attribute_secrets(table: pd.DataFrame, policy: Policy, rows: Rows) -> dict[str, Codes]:
    """The secrets of the attributes that a policy hides beside gender and speaker, by name: 1, 0 or
    -1 where unknown, `(utterances,)`.

    `age` is older than the median of the speakers of `rows` (`older`). Every value of a column is a
    secret `COLUMN=VALUE`, against all other values; for two values the second one alone. `table` is
    that of a corpus. Raises `PolicyError` as `check_hidden_columns` does.
    """
    _check_titles(policy)
    secrets = {"age": older(table, rows)} if "age" in policy.hide else {}
    for entry in policy.columns:
        names, codes = entry_codes(table, entry, rows)
        for code in range(len(names)) if len(names) > 2 else range(1, len(names)):
            values = np.where(codes < 0, -1, codes == code).astype(np.intp)
            secrets[f"{_title(entry)}={names[code]}"] = values
    return secrets


def check_hidden_columns(table: pd.DataFrame, policies: Sequence[Policy]) -> None:
    """Raise `PolicyError` where policies hide a column that the table of a corpus lacks, one with
    more than 12 values or with two spellings of a value, an intersection with more than 24
    combinations, or two columns of one policy that differ in `_` alone.
    """
    for policy in policies:
        _check_titles(policy)
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
    values = [text if fold(text) else "" for text in map(str.strip, cells.astype(str))]
    labels = sorted({*values} - {""}, key=lambda label: (value_name(label), label))
    if len(labels) > MOST_VALUES:
        raise PolicyError(
            f"hide {entry}: column {name} has {len(labels)} values, expected at most "
            f"{MOST_VALUES}: group them in another column of the manifest"
        )
    order = {label: code for code, label in enumerate(labels)}
    codes = np.array([order.get(value, -1) for value in values], np.intp)
    return ColumnCodes(_names(f"hide {entry}: column {name}", labels, values), codes)


def _names(where: str, labels: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
    """The names of labels. Raises `PolicyError` for labels that look alike or have one name."""
    if problem := spelling_variants(Counter(filter(None, values))):
        raise PolicyError(f"{where}: {problem}")
    names = tuple(map(value_name, labels))
    for (first, name), (second, other) in pairwise(zip(labels, names, strict=True)):
        if name == other:
            raise PolicyError(
                f"{where}: {quote(first)} and {quote(second)} have the name {name}, expected a "
                "name for each value: write one of them with other letters"
            )
    return names


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


def value_name(label: str) -> str:
    """A label as a part of the name of a secret: letters and digits of any language, dots and `_`,
    at most 40 characters.

    Spaces, and dashes inside, become `_`. Signs become their names in Unicode, so that `HIV+` and
    `HIV-` differ. A longer name ends with the start of the SHA-256 of the label.

    >>> value_name("Scottish English"), value_name(" x-vs-neutral "), value_name("C++")
    ('scottish_english', 'x_vs_neutral', 'c_plus_sign_plus_sign')
    """
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    inside = range(1, len(text) - 1)
    parts = [
        "_" if sign in " -" and position in inside else _spelled(sign)
        for position, sign in enumerate(text)
    ]
    name = "_".join(filter(None, "".join(parts).split("_")))
    if len(name) <= MOST_NAME and name:
        return name
    digest = hashlib.sha256(label.strip().encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: MOST_NAME - 9]}_{digest}".strip("_")


def _spelled(sign: str) -> str:
    """A letter, digit, mark, dot or `_` as it is, and the name of any other sign."""
    if sign.isalnum() or sign in "._" or unicodedata.category(sign).startswith("M"):
        return sign
    name = unicodedata.name(sign, f"u{ord(sign):x}").lower()
    return f"_{name.replace(' ', '_').replace('-', '_')}_"


def _title(entry: str) -> str:
    """The columns of an entry, without edges."""
    return "*".join(column.replace(" ", "_") for column, _ in hidden_columns(entry))


def _check_titles(policy: Policy) -> None:
    """Raise `PolicyError` for two columns with one title."""
    columns = {name for entry in policy.columns for name, _ in hidden_columns(entry)}
    titles = Counter(_title(name) for name in columns)
    for title, count in titles.items():
        if count > 1:
            alike = sorted(name for name in columns if _title(name) == title)
            raise PolicyError(
                f"hide has {listed([quote(name) for name in alike])}, whose secrets have one name, "
                "expected columns that differ in more than _: rename one in the manifest"
            )


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
    texts = list(map(number_text, edges))
    between = [f"{low}_to_{high}" for low, high in pairwise(texts)]
    names = (f"under_{texts[0]}", *between, f"{texts[-1]}_or_more")
    codes = np.where(np.isfinite(numbers), np.digitize(numbers, edges), -1).astype(np.intp)
    present = [code for code in range(len(names)) if (codes == code).any()]
    position = np.full(len(names) + 1, -1, np.intp)  # the last is that of unknown values
    position[present] = np.arange(len(present))
    return ColumnCodes(tuple(names[code] for code in present), position[codes])
