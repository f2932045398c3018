"""A console that prints text from files without control characters and without markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import console
from rich.segment import Segment
from rich.text import Text

from sordino.progress import printable


class Console(console.Console):
    """A console that escapes all control characters except line breaks."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text with escaped control characters; its width is the width on the terminal."""
        return super().render_str(_lines(text), **options)

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, with escaped control characters."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield Segment(_lines(segment.text), segment.style)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
