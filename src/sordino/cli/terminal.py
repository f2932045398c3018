"""A console that prints text from files without control characters and markup, and whole tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rich import console
from rich.segment import Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from sordino.progress import printable

WIDEST: Final = 1000
"""Characters per line that a table may need."""


class Console(console.Console):
    """A console that escapes all control characters except line breaks.

    A table is whole at any width: a file or pipe has lines as long as it needs. In a terminal that
    is narrower than the longest words of its columns, each row is a list.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print objects as rich does, and a table alone as above."""
        if len(objects) == 1 and isinstance(objects[0], Table):
            table = objects[0]
            free = self.options.update(max_width=WIDEST)
            width = self.measure(table, options=free)
            if not self.file.isatty():
                self.width = max(self.width, width.maximum)
            if width.minimum > self.width:
                objects = ("\n".join(table_lines(table)),)
                options = {"soft_wrap": True, "markup": False, "highlight": False}
            elif not self.file.isatty():
                objects = (self._without_padding(table, **options),)
        super().print(*objects, **options)

    def _without_padding(self, table: Table, **options: Any) -> SegmentLines:
        """The lines of a table without blanks at their ends."""
        settings = self.options.update(
            markup=options.get("markup"), highlight=options.get("highlight")
        )
        lines = self.render_lines(table, settings, pad=False)
        for line in lines:
            while line and not line[-1].text.rstrip(" "):
                line.pop()
            if line:
                line[-1] = Segment(line[-1].text.rstrip(" "), line[-1].style)
        return SegmentLines(lines, new_lines=True)

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


def table_lines(table: Table) -> list[str]:
    """A table as lines, one for each cell with the name of its column, and an empty one between
    rows. An empty cell has none.

    >>> table = Table("release", "F1", title="Figures")
    >>> table.add_row("drawn", "0.85")
    >>> table_lines(table)
    ['Figures', '', 'release: drawn', '  F1: 0.85']
    """
    names = [" ".join(f"{column.header}".split()) for column in table.columns]
    lines = [] if table.title is None else [f"{table.title}"]
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        row = [" ".join(f"{cell}".split()) for cell in cells]
        filled = [
            f"{name}: {cell}".removeprefix(": ")
            for name, cell in zip(names, row, strict=True)
            if cell
        ]
        lines += ["", *filled[:1], *(f"  {text}" for text in filled[1:])]
    return [*lines, *([] if table.caption is None else ["", f"{table.caption}"])]


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
