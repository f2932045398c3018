"""Text for a terminal: a progress bar or lines with the time left, and printable text."""

from __future__ import annotations

import sys
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Final, TypeVar

Item = TypeVar("Item")

QUOTED: Final = 80
"""The largest number of characters of a value that a message quotes."""

MOST_LISTED: Final = 20
"""The largest number of names in a message."""

NOTE: Final[ContextVar[Callable[[], str] | None]] = ContextVar("note", default=None)
"""The text at the end of every progress bar, such as the number of workers; none by default."""

NO_PROGRESS: Final = ContextVar("quiet", default=False)
"""Whether no progress is printed."""

LINE_SECONDS: Final = 5.0
"""The least time between two lines of progress, and before the first one: short work has none."""

MOST_LINES: Final = 50
"""Lines for many short units. Fewer units have a line each."""

SILENT_SECONDS: Final = 30.0
"""The longest time without a line, where a unit ended."""

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


def announce(line: str) -> None:
    """Print the work that begins as a line on standard error, unless `NO_PROGRESS`."""
    if not NO_PROGRESS.get():
        print(printable(line), file=sys.stderr, flush=True)


def track(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """The same items, with their progress on standard error: a bar on a terminal, lines elsewhere
    (`LINE_SECONDS`), none if `NO_PROGRESS`.

    `title` is the text beside the bar, `total` the number of items.

    >>> sum(track([1, 2, 3], "adding", 3))
    6
    """
    if NO_PROGRESS.get():
        yield from items
    elif sys.stderr.isatty():
        yield from _bar(items, title, total)
    else:
        yield from _lines(items, title, total)


def progress_line(title: str, done: int, total: int, seconds: float) -> str:
    """The progress of work in words; `seconds` is the time since its start.

    >>> progress_line("units", 3, 12, 30.0), progress_line("units", 12, 12, 119.6)
    ('units: 3 of 12, 0:01:30 left', 'units: 12 of 12, took 0:02:00')
    """
    left = seconds * (total - done) / done
    end = f"{timedelta(seconds=round(left))} left" if done < total else ""
    end = end or f"took {timedelta(seconds=round(seconds))}"
    return f"{printable(title)}: {done:,} of {total:,}, {end}"


def _lines(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """The items, with lines as the constants say, and one at the end if there was any."""
    note = NOTE.get() or str
    start = printed = time.monotonic()
    due, step = 1, max(1, total // MOST_LINES)
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        silent = now - printed
        if (
            (silent >= LINE_SECONDS and done >= due)
            or silent >= SILENT_SECONDS
            or (done == total and printed > start)
        ):
            printed, due = now, done + step
            text = f"{progress_line(title, done, total, now - start)} {note()}".rstrip()
            print(text, file=sys.stderr, flush=True)


def _bar(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
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
