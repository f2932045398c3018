"""Labels from outside, of tables and manifests alike: text as it was written, or refused by name.

    column of any kind -> text, one a row -> none is missing -> no label is spelt in two ways

`Female` beside `female`, or `s03` beside `s03 `, would be two people or two genders, and change a
verdict without a word. Which spelling is meant is the user's to say.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from numbers import Number
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sordino import define
from sordino.errors import SordinoError

MISSING_WORDS: Final = frozenset(
    {"na", "n/a", "nan", "none", "null", "nil", "#n/a", "missing", "unknown", "?", "-"}
)
"""Folded labels that often mean a missing one; they are kept as text, and told."""

_ALIASES: Final[Mapping[str, Callable[[str], str]]] = {
    "gender": define.gender,
    "sex": define.gender,
    "emotion": define.emotion,
}
"""Columns of which some labels have several names: `f` beside `female`, `anger` beside `angry`."""

_LIKE_LATIN: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u043a\u043c\u0442\u043d\u0432"
    "\u03bf\u03b1\u03c1\u03bd\u03ba\u03b9\u03c4\u0131",
    "aeopcyxijskmthboapvkiti",
)
"""Cyrillic and Greek letters that look like a Latin one, in lower case."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
_SHOWN: Final = 40
"""Characters of a label in a message."""


def fold(text: str) -> str:
    """What two spellings of one label have in common: no case, no marks that cannot be seen, one
    form of a number.

    Leading zeros count: `01` is often an identifier, and another one than `1`.

    >>> fold(" Fe\\u200bmale\\u00a0") == fold("FEMALE"), fold("1.0") == fold("1"), fold("01") == fold("1")
    (True, True, False)
    """
    wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFKC", "".join(map(_plain, wide)).casefold()).translate(
        _LIKE_LATIN
    )
    words = " ".join(plain.split())
    return _one_number(words) if _NUMBER.fullmatch(words) else words


def shown(label: str) -> str:
    """A label for a message: in quotes, short, and with escapes for what cannot be seen or told
    apart.
    """
    short = label if len(label) <= _SHOWN else label[: _SHOWN - 1] + "…"
    return (
        ascii(short)
        if not short.replace("…", "").isascii() and fold(short) != short
        else repr(short)
    )


def texts(
    what: str, values: ArrayLike, error: type[SordinoError]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The labels of a column as text, `(n,)`, and which of them are missing (none, NaN, or nothing
    but space).

    Numbers, truth values, dates and categories are written as Python writes them, bytes are read as
    UTF-8. Raises `error` for several kinds in one column, for any other kind, and for anything but
    one label a row.
    """
    cells = _one_a_row(what, values, error)
    missing = np.asarray(pd.isna(cells), dtype=bool)
    kinds = Counter(map(_kind, cells[~missing].tolist()))
    if len(kinds) > 1:
        counted = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
        raise error(
            f"{what}: labels of several kinds ({counted}), expected one kind: save all of them as text"
        )
    kind = next(iter(kinds), "text")
    if kind not in _WRITTEN:
        raise error(
            f"{what}: holds {kind}, expected text or numbers, one a row: save one label a row as text"
        )
    written = np.full(len(cells), "", dtype=object)
    codes, unique = pd.factorize(_hashable(cells[~missing], kind))
    try:
        names = np.array([_WRITTEN[kind](value) for value in unique], dtype=object)
    except UnicodeDecodeError as wrong:
        raise error(
            f"{what}: holds bytes that are no UTF-8 text, expected text: decode them first"
        ) from wrong
    if len(names):
        written[~missing] = names[codes]
    empty = {
        name
        for name in names.tolist()
        if not (name.isascii() and name.strip().isprintable() and name.strip()) and not fold(name)
    }
    return written, missing | np.isin(written, list(empty)) if empty else missing


def checked(
    what: str,
    values: ArrayLike,
    error: type[SordinoError],
    *,
    column: str = "",
    known: Iterable[str] = (),
    missing: bool = False,
) -> NDArray[np.object_]:
    """The labels of a column as text, `(n,)`, as they were written.

    `what` names the column in an error, `column` is its name where it may have aliases, `known` are
    names that a label must not be a variant of. Raises `error` for what `texts` refuses, for
    missing labels unless `missing` (they become empty), and for a label that is spelt in two ways.
    """
    written, absent = texts(what, values, error)
    if absent.any():
        if not missing:
            raise error(
                f"{what}: {int(absent.sum()):,} of {len(absent):,} labels are missing, the first in row "
                f"{int(np.flatnonzero(absent)[0]) + 1}, expected one a row: fill them in, or leave these rows out"
            )
        written[absent] = ""
    counts = Counter(written[~absent].tolist())
    problem = variants(counts, column=column, known=known)
    if problem:
        raise error(f"{what}: {problem}")
    return written


def variants(
    counts: Mapping[str, int], *, column: str = "", known: Iterable[str] = ()
) -> str | None:
    """The sentence for labels that are spelt in two ways, or `None`.

    >>> variants({"Female": 3, "female": 9})
    "'Female' (3 rows) and 'female' (9 rows) look like one label in two spellings, expected one: choose one"
    """
    same = _ALIASES.get(fold(column), _no_alias)
    groups: dict[str, list[str]] = {}
    for label in counts:
        folded = fold(label)
        groups.setdefault(same(folded) or folded, []).append(label)
    for label in dict.fromkeys(known):
        spellings = groups.get(fold(label), [])
        if spellings and label not in spellings:
            spellings.append(label)
    doubled = [spellings for spellings in groups.values() if len(spellings) > 1]
    if not doubled:
        return None
    told = " and ".join(
        f"{shown(label)} ({counts.get(label, 0):,} rows)" for label in doubled[0][:3]
    )
    more = f" (and {len(doubled) - 1} more such labels)" if len(doubled) > 1 else ""
    return f"{told} look like one label in two spellings{more}, expected one: choose one"


def doubts(what: str, labels: Iterable[str]) -> list[str]:
    """Sentences on labels that are kept as they are and that a user may have meant otherwise.

    >>> doubts("gender", ["female", "NA"])
    ["gender: 'NA' is kept as a label of its own; leave such rows out where it means that the label is missing."]
    """
    present = set(labels)
    unknown = sorted(label for label in present if fold(label) in MISSING_WORDS)
    zeros = sorted(
        label for label in present if label.lstrip("0") != label and label.lstrip("0") in present
    )
    told = []
    if unknown:
        names = ", ".join(map(shown, unknown[:3]))
        told.append(
            f"{what}: {names} is kept as a label of its own; leave such rows out where it means that the "
            "label is missing."
        )
    if zeros:
        bare = zeros[0].lstrip("0")
        told.append(
            f"{what}: {shown(zeros[0])} and {shown(bare)} are two labels; zeros in front count."
        )
    return told


def near(name: str, names: Iterable[str]) -> str:
    """The names that a misspelt one may mean, as the end of a sentence; empty where none is near.

    >>> near("gender-code", ["gender_code", "x0"])
    ' (near: gender_code)'
    """
    import difflib

    known = list(map(str, names))
    folded = [other for other in known if fold(other) == fold(name)]
    close = folded or difflib.get_close_matches(name, known[:5000], n=3, cutoff=0.7)
    return f" (near: {', '.join(close)})" if close else ""


def _no_alias(_: str) -> str:
    return ""


def _plain(character: str) -> str:
    """A character without what cannot be seen: controls and formats fall away, dashes and digits
    become plain.
    """
    if character.isascii():
        return character if character.isprintable() or character.isspace() else ""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return {"Cf": "", "Cc": "", "Pd": "-", "Zs": " ", "Zl": " ", "Zp": " "}.get(category, character)


def _one_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return repr(float(text)).removesuffix(".0")
    whole, _, fraction = mantissa.lstrip("+").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole or '0'}.{fraction}" if fraction else whole or "0"


def _one_a_row(what: str, values: ArrayLike, error: type[SordinoError]) -> NDArray[np.object_]:
    if not isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray | np.ndarray):
        rows = (
            list(values)
            if isinstance(values, Iterable) and not isinstance(values, str | bytes)
            else [values]
        )
        return _objects(rows)
    cells: NDArray[np.object_] = np.asarray(values, dtype=object)
    if cells.ndim > 1 and cells.size == len(cells):
        cells = cells.reshape(-1)
    if cells.ndim != 1:
        raise error(
            f"{what}: labels of shape {cells.shape}, expected one a row: save one label a row"
        )
    return cells


def _objects(rows: list[Any]) -> NDArray[np.object_]:
    cells = np.empty(len(rows), dtype=object)
    for place, value in enumerate(rows):
        cells[place] = value
    return cells


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, bool | np.bool_):
        return "truth values"
    if isinstance(value, Number | np.number) and not isinstance(value, complex):
        return "numbers"
    if isinstance(value, date | time | timedelta | np.datetime64 | np.timedelta64 | pd.Period):
        return "dates"
    if isinstance(value, os.PathLike):
        return "paths"
    return f"{type(value).__name__} objects"


def _hashable(cells: NDArray[np.object_], kind: str) -> NDArray[np.object_]:
    """Cells whose equality is that of what is written: 1 and 1.0 are equal numbers, and two
    spellings.
    """
    if kind != "numbers" or len(set(map(type, cells.tolist()))) == 1:
        return cells
    return np.array([_number(value) for value in cells.tolist()], dtype=object)


def _number(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str) else str(plain)


_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": lambda value: str.__str__(value),
    "bytes": lambda value: value.decode("utf-8"),
    "truth values": lambda value: str(bool(value)),
    "numbers": _number,
    "dates": str,
    "paths": os.fspath,
}
