"""Text for a terminal: a progress bar with the time left, and names from files without control
characters.
"""

from __future__ import annotations

import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

Item = TypeVar("Item")

_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that show nothing."""


def printable(text: str) -> str:
    """Text for one line of a terminal or page: characters that control it, or show nothing, are
    escaped.

    These are control characters and line breaks, those that change the direction of text, those
    without width, and halves of characters. Letters of all languages and spaces stay.

    >>> print(printable("sad\\x1b[2J\\n\\u202eypp"), printable("größe 幸せ"))
    sad\\x1b[2J\\n\\u202eypp größe 幸せ
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _shown(character) else _escaped(character) for character in text)


def _shown(character: str) -> bool:
    return (
        character.isprintable() or unicodedata.category(character) == "Zs"
    ) and character not in _BLANK


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@contextmanager
def printable_warnings() -> Iterator[None]:
    """Show a warning as one line, without the code that it came from and without control
    characters.
    """
    before = warnings.formatwarning

    def formatted(message: Warning | str, *_: object) -> str:
        return f"warning: {printable(' '.join(str(message).split()))}\n"

    warnings.formatwarning = formatted  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.formatwarning = before


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The same items, with a bar on standard error while they pass; no bar when that is no
    terminal.

    >>> sum(track([1, 2, 3], "adding", 3))
    6
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(printable(what), total=total)
        for item in items:
            yield item
            bar.advance(task)
