"""What reaches a terminal: text from files has no control characters and no markup by the time that
it is printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import console
from rich.segment import Segment
from rich.text import Text

from sordino.progress import printable


class Console(console.Console):
    """A console that escapes control characters of everything that it prints; line breaks stay."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text from a string, whose width is then that of what is shown."""
        return super().render_str(_lines(text), **options)

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of something to print, as rich makes them, with text that is safe to show."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield Segment(_lines(segment.text), segment.style)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
