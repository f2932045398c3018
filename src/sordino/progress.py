"""Text for a terminal: a progress bar with the remaining time, and printable text."""

from __future__ import annotations

import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

Item = TypeVar("Item")

QUOTED: Final = 80
"""The largest number of characters of a value that a message quotes."""

MOST_LISTED: Final = 20
"""The largest number of names in a message."""

NOTE: Final[ContextVar[Callable[[], str] | None]] = ContextVar("note", default=None)
"""The text at the end of every progress bar, such as the number of workers; none by default."""

_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Invisible letters."""


def printable(text: str) -> str:
    """Text for one line of a terminal or page, with control characters and invisible characters
    escaped.

    These are control characters, line breaks, characters that change the direction of text,
    characters without width, and halves of characters. Letters of all languages and spaces stay.

    >>> print(printable("sad\\x1b[2J\\n\\u202eypp"), printable("größe 幸せ"))
    sad\\x1b[2J\\n\\u202eypp größe 幸せ
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if _is_visible(character) else _escaped(character) for character in text
    )


def shorten(text: str, length: int = QUOTED) -> str:
    """Text for a message: at most `length` characters; an ellipsis stands for the rest.

    >>> shorten("anna"), shorten("anna" * 1000, 8)
    ('anna', 'annaann…')
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def quoted(value: object) -> str:
    """A value for a message, as Python writes it, of at most `QUOTED` characters."""
    return shorten(repr(value))


def listed(names: Sequence[str]) -> str:
    """The first names for a message, and the number of the others.

    >>> listed(["file", "speaker"])
    'file, speaker'
    """
    first = ", ".join(map(shorten, names[:MOST_LISTED]))
    further = len(names) - MOST_LISTED
    return f"{first} and {further:,} more" if further > 0 else first


def _is_visible(character: str) -> bool:
    return (
        character.isprintable() or unicodedata.category(character) == "Zs"
    ) and character not in _BLANK


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@contextmanager
def printable_warnings() -> Iterator[None]:
    """Print a warning as one line, without its source code and without control characters."""
    before = warnings.formatwarning

    def formatted(message: Warning | str, *_: object) -> str:
        return f"warning: {printable(' '.join(str(message).split()))}\n"

    warnings.formatwarning = formatted  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.formatwarning = before


def track(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """The same items, with a progress bar on standard error if that is a terminal.

    `title` is the text beside the bar, `total` the number of items.

    >>> sum(track([1, 2, 3], "adding", 3))
    6
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    note = NOTE.get() or str

    class NoteColumn(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:  # noqa: ARG002
            return Text(note())

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        NoteColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(printable(title), total=total)
        for item in items:
            yield item
            bar.advance(task)
