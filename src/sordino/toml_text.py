"""Foreign TOML text, of policies and floors: refused where its parser would take long or fail.

The parser takes time and memory by the square of the parts of a dotted key, recurses into nested
values, and reads whole numbers of any size. Policies have short keys, flat values, small numbers.
"""

from __future__ import annotations

import re
from typing import Any, Final

MOST_BYTES: Final = 1 << 16
"""The limit of a TOML file in bytes."""

MOST_PARTS: Final = 8
"""The limit of parts in a dotted key or the name of a table."""

DEEPEST: Final = 16
"""The limit of nested lists and tables."""

LARGEST: Final = 1 << 53
"""The limit of a whole number; every float has the same value up to it."""

# Quotes are searched for their ends only so far: else many quotes take the square of their number.
_PART: Final = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.){0,1000}+"|'[^'\n]{0,1000}+')"""
_LONG_KEY: Final = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MOST_PARTS}}}")


def loads(text: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises `ValueError` for other text and beyond the limits above. Text in quotes or a comment that
    looks like a dotted key counts as one: to be sure what is quoted needs the parser itself.

    >>> loads("[drawn]\\nrate = 0.2")
    {'drawn': {'rate': 0.2}}
    """
    import tomllib  # imported here: most commands read no TOML

    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    if _LONG_KEY.search(text):
        raise ValueError(f"a dotted key of more than {MOST_PARTS} parts")
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"more than {DEEPEST} nested lists and tables") from error
    _check_values(content)
    return content


def _check_values(content: dict[str, Any]) -> None:
    """Raise `ValueError` for deep nesting and large numbers."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        if any(type(value) is int and abs(value) > LARGEST for value in level):
            raise ValueError(f"a whole number beyond {LARGEST:,}")
        level = [
            element
            for value in level
            if isinstance(value, dict | list)
            for element in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise ValueError(f"more than {DEEPEST} nested lists and tables")
