"""Labels from tables and manifests: text as in the source, or an error that names the fault.

    column of any kind -> text, one per row -> none is missing -> no label has two spellings

`Female` beside `female`, or `s03` beside `s03 `, would silently be two genders or two speakers and
change a result. Only the user knows the right spelling.
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
from sordino.progress import shorten

MISSING_WORDS: Final = frozenset(
    {"na", "n/a", "nan", "none", "null", "nil", "#n/a", "missing", "unknown", "?", "-"}
)
"""Folded labels that often mean a missing one; they stay as text, with a note."""

_ALIASES: Final[Mapping[str, Callable[[str], str]]] = {
    "gender": define.gender,
    "sex": define.gender,
    "emotion": define.emotion,
}
"""Columns in which a label may have several names: `f` for `female`, `anger` for `angry`."""

_LIKE_LATIN: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u043a\u043c\u0442\u043d\u0432"
    "\u03bf\u03b1\u03c1\u03bd\u03ba\u03b9\u03c4\u0131",
    "aeopcyxijskmthboapvkiti",
)
"""Cyrillic and Greek letters that look like a Latin letter, in lower case."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")


def fold(text: str) -> str:
    """The common form of the spellings of one label: without case and invisible characters, and
    with one form of each number.

    Leading zeros stay: `01` is often another identifier than `1`.

    >>> fold(" Fe\\u200bmale\\u00a0") == fold("FEMALE"), fold("1.0") == fold("1")
    (True, True)
    >>> fold("01") == fold("1")
    False
    """
    wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFKC", "".join(map(_plain, wide)).casefold()).translate(
        _LIKE_LATIN
    )
    words = " ".join(plain.split())
    return _one_number(words) if _NUMBER.fullmatch(words) else words


def quote(label: str) -> str:
    """A label for a message: in quotes, short, and with escapes for invisible and ambiguous
    characters.
    """
    short = shorten(label)
    return (
        ascii(short)
        if not short.replace("…", "").isascii() and fold(short) != short
        else repr(short)
    )


def texts(
    name: str, values: ArrayLike, error: type[SordinoError]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The labels of a column as text, `(n,)`, and the mask of missing ones (None, NaN, or only
    spaces).

    Numbers, truth values, dates and categories become text as in Python; bytes are read as UTF-8.
    Raises `error` for several kinds in one column, for any other kind, and for anything but one
    label per row.
    """
    cells = _one_per_row(name, values, error)
    missing = np.asarray(pd.isna(cells), dtype=bool)
    kinds = Counter(map(_kind, cells[~missing].tolist()))
    if len(kinds) > 1:
        counted = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
        raise error(
            f"{name}: labels of several kinds ({counted}), expected one kind: save all of them as "
            "text"
        )
    kind = next(iter(kinds), "text")
    if kind not in _TEXT:
        raise error(
            f"{name}: holds {kind}, expected text or numbers, one a row: save one label a row as "
            "text"
        )
    text_of_row = np.full(len(cells), "", dtype=object)
    codes, unique = pd.factorize(_hashable(cells[~missing], kind))
    try:
        unique_texts = np.array([_TEXT[kind](value) for value in unique], dtype=object)
    except UnicodeDecodeError as decoding:
        raise error(
            f"{name}: holds bytes that are not UTF-8 text, expected text: decode them first"
        ) from decoding
    if len(unique_texts):
        text_of_row[~missing] = unique_texts[codes]
    empty = {
        text
        for text in unique_texts.tolist()
        if not (text.isascii() and text.strip().isprintable() and text.strip()) and not fold(text)
    }
    return text_of_row, missing | np.isin(text_of_row, list(empty)) if empty else missing


def require_texts(
    name: str,
    values: ArrayLike,
    error: type[SordinoError],
    *,
    column: str = "",
    canonical: Iterable[str] = (),
    missing: bool = False,
) -> NDArray[np.object_]:
    """The labels of a column as text, `(n,)`, in their original spelling.

    - `name`: names the column in an error.
    - `column`: the name of the column, where its labels may have aliases.
    - `canonical`: names of which a label must not be another spelling.
    - `missing`: whether missing labels are allowed; they become empty.

    Raises `error` as `texts` does, for missing labels, and for a label with two spellings.
    """
    written, absent = texts(name, values, error)
    if absent.any():
        if not missing:
            raise error(
                f"{name}: {int(absent.sum()):,} of {len(absent):,} labels are missing, the first "
                f"in row {int(np.flatnonzero(absent)[0]) + 1}, expected one a row: fill them in, "
                "or leave these rows out"
            )
        written[absent] = ""
    counts = Counter(written[~absent].tolist())
    problem = spelling_variants(counts, column=column, canonical=canonical)
    if problem:
        raise error(f"{name}: {problem}")
    return written


def spelling_variants(
    counts: Mapping[str, int], *, column: str = "", canonical: Iterable[str] = ()
) -> str | None:
    """The sentence for labels with two spellings, or `None`.

    >>> spelling_variants({"Female": 3, "female": 9}).partition(" look")[0]
    "'Female' (3 rows) and 'female' (9 rows)"
    """
    alias = _ALIASES.get(fold(column), _no_alias)
    groups: dict[str, list[str]] = {}
    for label in counts:
        folded = fold(label)
        groups.setdefault(alias(folded) or folded, []).append(label)
    for label in dict.fromkeys(canonical):
        spellings = groups.get(fold(label), [])
        if spellings and label not in spellings:
            spellings.append(label)
    doubled = [spellings for spellings in groups.values() if len(spellings) > 1]
    if not doubled:
        return None
    examples = " and ".join(
        f"{quote(label)} ({counts.get(label, 0):,} rows)" for label in doubled[0][:3]
    )
    suffix = f" (and {len(doubled) - 1} more such labels)" if len(doubled) > 1 else ""
    return f"{examples} look like one label in two spellings{suffix}, expected one: choose one"


def doubts(name: str, labels: Iterable[str]) -> list[str]:
    """Sentences on labels that are used as they are, but may have another meaning for the user.

    >>> doubts("speaker", ["01", "1"])
    ["speaker: '01' and '1' are two labels; leading zeros count."]
    """
    present = set(labels)
    unknown = sorted(label for label in present if fold(label) in MISSING_WORDS)
    zeros = sorted(
        label for label in present if label.lstrip("0") != label and label.lstrip("0") in present
    )
    sentences = []
    if unknown:
        names = ", ".join(map(quote, unknown[:3]))
        sentences.append(
            f"{name}: {names} is kept as a label of its own; leave such rows out where it means "
            "that the label is missing."
        )
    if zeros:
        bare = zeros[0].lstrip("0")
        sentences.append(
            f"{name}: {quote(zeros[0])} and {quote(bare)} are two labels; leading zeros count."
        )
    return sentences


def near(name: str, names: Iterable[str]) -> str:
    """The names that are similar to a misspelt one, as the end of a sentence; empty without any.

    >>> near("gender-code", ["gender_code", "x0"])
    ' (near: gender_code)'
    """
    import difflib

    candidates = list(map(str, names))
    folded = [candidate for candidate in candidates if fold(candidate) == fold(name)]
    close = folded or difflib.get_close_matches(name, candidates[:5000], n=3, cutoff=0.7)
    return f" (near: {', '.join(close)})" if close else ""


def _no_alias(_: str) -> str:
    return ""


def _plain(character: str) -> str:
    """A character in plain form: controls and formats become empty, dashes and digits become
    ASCII.
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
    integer, _, fraction = mantissa.lstrip("+").partition(".")
    fraction = fraction.rstrip("0")
    return f"{integer or '0'}.{fraction}" if fraction else integer or "0"


def _one_per_row(name: str, values: ArrayLike, error: type[SordinoError]) -> NDArray[np.object_]:
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
            f"{name}: labels of shape {cells.shape}, expected one a row: save one label a row"
        )
    return cells


def _objects(rows: list[Any]) -> NDArray[np.object_]:
    cells = np.empty(len(rows), dtype=object)
    for row, value in enumerate(rows):
        cells[row] = value
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
    """Cells that are equal only if their spelling is: 1 and 1.0 are equal numbers with two
    spellings.
    """
    if kind != "numbers" or len(set(map(type, cells.tolist()))) == 1:
        return cells
    return np.array([_number(value) for value in cells.tolist()], dtype=object)


def _number(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str) else str(plain)


_TEXT: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": lambda value: str.__str__(value),
    "bytes": lambda value: value.decode("utf-8"),
    "truth values": lambda value: str(bool(value)),
    "numbers": _number,
    "dates": str,
    "paths": os.fspath,
}
