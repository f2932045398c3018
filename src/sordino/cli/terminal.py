"""What reaches a terminal: text from files has no control characters and no markup by the time that it is printed."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console
from rich.segment import Segment

from sordino.progress import printable


class Console(console.Console):
    """A console that escapes control characters of everything that it prints; line breaks stay."""

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of something to print, as rich makes them, with text that is safe to show."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)
