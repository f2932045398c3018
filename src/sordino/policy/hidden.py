"""Entries of `hide`: attributes and columns of a corpus, and their intersections.

accent              a column of labels: every value is hidden
age:30,50           a column of numbers in ranges: below 30, 30 to 50, 50 or more
gender*accent       an intersection: every combination of values is hidden
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from sordino.errors import PolicyError
from sordino.progress import quoted

ATTRIBUTES: Final = ("gender", "speaker", "age")
"""Attributes of a speaker that every audit knows; any other entry of `hide` names columns."""

MOST_HIDDEN: Final = 16
"""Entries of `hide`. Every further secret makes the audit longer."""

MOST_CROSSED: Final = 3
"""Columns of an intersection: few speakers have one combination of more."""

MOST_EDGES: Final = 7
"""Edges between the ranges of a column of numbers."""

_COLUMN: Final = re.compile(r"[a-z][a-z0-9_ -]{0,39}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
_NO_ATTRIBUTE: Final = ("file", "start", "end", "emotion", "copy", "scale")
_FORMS: Final = (
    "expected a column, such as accent, a column with edges, such as age:30,50, or columns joined "
    "by *, such as gender*accent: correct it"
)


LEVEL_COLUMN: Final = "emotion at "
"""The start of the columns with the emotion of utterances of one level of activation or valence;
the level follows.
"""


class HiddenColumn(NamedTuple):
    """A column of a corpus, and the edges of its ranges."""

    column: str
    """The name of the column, in lower case."""
    edges: tuple[float, ...] = ()
    """Ascending edges; a value at an edge belongs to the range above it. Empty without ranges."""

    @property
    def entry(self) -> str:
        """The column and its edges, as `hide` has them.

        >>> HiddenColumn("age", (30.0, 50.0)).entry, HiddenColumn("accent").entry
        ('age:30,50', 'accent')
        """
        edges = ",".join(map(number_text, self.edges))
        return f"{self.column}:{edges}" if edges else self.column


def canonical_entries(hide: Iterable[str]) -> tuple[str, ...]:
    """The entries of `hide` in one spelling.

    Raises `PolicyError` for an entry of another form, and for more than 16 entries.

    >>> canonical_entries(["gender", "Gender * Accent", "age: 30, 50"])
    ('gender', 'gender*accent', 'age:30,50')
    """
    entries = tuple(map(_canonical, hide))
    if len(entries) > MOST_HIDDEN:
        raise PolicyError(
            f"hide has {len(entries)} entries, expected at most {MOST_HIDDEN}: remove some"
        )
    return entries


def hidden_columns(entry: str) -> tuple[HiddenColumn, ...]:
    """The columns of an entry: one, or those of an intersection.

    >>> hidden_columns("gender*age:30,50")
    (HiddenColumn(column='gender', edges=()), HiddenColumn(column='age', edges=(30.0, 50.0)))
    """
    columns = tuple(_column(entry, part) for part in entry.split("*"))
    names = [column.column for column in columns]
    if len(names) > MOST_CROSSED or len({*names}) < len(names):
        raise PolicyError(
            f"hide {quoted(entry)}, expected at most {MOST_CROSSED} different columns: remove some"
        )
    if "speaker" in names and entry != "speaker":
        raise PolicyError(
            f"hide {quoted(entry)}: a speaker has one value of each attribute, expected `speaker` "
            "alone: write it as a separate entry"
        )
    if any(column.column == "gender" and column.edges for column in columns):
        raise PolicyError(
            f"hide {quoted(entry)}: gender has no numbers, expected no edges: leave them out"
        )
    return columns


def check_twice(entries: Iterable[str]) -> None:
    """Raise `PolicyError` for two entries of the same columns and edges, in any order."""
    seen: dict[frozenset[HiddenColumn], str] = {}
    for entry in entries:
        columns = frozenset(hidden_columns(entry))
        if columns in seen:
            raise PolicyError(
                f"hide has {quoted(seen[columns])} and {quoted(entry)}, expected each once: remove "
                "one of them"
            )
        seen[columns] = entry


def is_plain(name: str) -> bool:
    """Whether a text has the form of the name of a column: 1 to 40 letters a to z, digits, spaces,
    `-` and `_`, with a letter first.

    >>> is_plain("first language"), is_plain("emotion"), is_plain("a*b"), is_plain("")
    (True, True, False, False)
    """
    return bool(_COLUMN.fullmatch(name))


def number_text(number: float) -> str:
    """The shortest text that reads back to the same number.

    >>> number_text(30.0), number_text(1234567.5), number_text(0.1)
    ('30', '1234567.5', '0.1')
    """
    return repr(float(number)).removesuffix(".0")


def is_column(name: str) -> bool:
    """Whether an entry may name a column of this name.

    >>> is_column("first language"), is_column("emotion"), is_column("a*b")
    (True, False, False)
    """
    return is_plain(name) and name not in _NO_ATTRIBUTE


def _canonical(entry: str) -> str:
    return "*".join(column.entry for column in hidden_columns(entry))


def _column(entry: str, part: str) -> HiddenColumn:
    name, colon, numbers = part.strip().lower().partition(":")
    name = " ".join(name.split())
    if name in _NO_ATTRIBUTE:
        raise PolicyError(
            f"hide {quoted(entry)}: {name} is no attribute, expected another column: emotions have "
            "a role, and the other columns state where an utterance is"
        )
    if not is_plain(name):
        raise PolicyError(f"hide {quoted(entry)}, {_FORMS}")
    return HiddenColumn(name, _edges(entry, numbers) if colon else ())


def _edges(entry: str, numbers: str) -> tuple[float, ...]:
    texts = [text.strip() for text in numbers.split(",", MOST_EDGES)]
    plain = len(texts) <= MOST_EDGES and all(map(_NUMBER.fullmatch, texts))
    edges = tuple(float(text) + 0.0 for text in texts) if plain else ()  # -0.0 + 0.0 is 0.0
    ascending = all(low < high for low, high in pairwise(edges))
    if not edges or not ascending or not all(map(math.isfinite, edges)):
        raise PolicyError(
            f"hide {quoted(entry)}, expected 1 to {MOST_EDGES} ascending edges after the colon, "
            "such as age:30,50: correct them"
        )
    return edges
