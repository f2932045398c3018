"""The base of all figures: SVG text with the same bytes for the same input.

Letters are outlines and look the same on every machine. The colours are those of Okabe and Ito
2008, which colour-blind readers can distinguish; every mark also has its own shape.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from sordino import storage
from sordino.progress import printable

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D as Line2D
    from matplotlib.patches import Rectangle

__all__ = [
    "DASHES",
    "GREY",
    "INK",
    "PALE",
    "REFERENCES",
    "STYLES",
    "appearance",
    "canvas",
    "handle",
    "rectangle",
    "release_styles",
    "svg",
]

INK: Final = "#222222"
GREY: Final = "#8a8a8a"
PALE: Final = "#c9c9c9"
DASHES: Final = (0, (4, 3))
STYLES: Final = (
    (INK, "X"),
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "D"),
    ("#CC79A7", "^"),
    ("#56B4E9", "v"),
    ("#8C6D1F", "P"),
    ("#7A4FBF", "h"),
    ("#E69F00", "<"),
)
"""Colour and shape of each release, in order. The first is that of the reference."""

REFERENCES: Final = ("none", "original")
"""The names of the unprotected vectors, the reference."""

_SETTINGS: Final[Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "sordino",
    "font.size": 8.5,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def release_styles(releases: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of each release: the same in all figures that get the same releases.

    >>> release_styles(["drawn", "none"]) == {"drawn": STYLES[1], "none": STYLES[0]}
    True
    """
    others = cycle(STYLES[1:])
    return {name: STYLES[0] if name in REFERENCES else next(others) for name in releases}


@cache
def _matplotlib() -> ModuleType:
    """The library, which loads slowly and which few processes need."""
    with storage.temporary_setting("MPLCONFIGDIR"):  # else its fonts are listed in the user's home
        import matplotlib.figure
        import matplotlib.lines
        import matplotlib.patches
    return matplotlib


def rectangle(*place: Any, **style: Any) -> Rectangle:
    """A rectangle with its corner, width and height."""
    patch: Rectangle = _matplotlib().patches.Rectangle(*place, **style)
    return patch


def handle(label: str, **style: Any) -> Line2D:
    """An entry of a legend."""
    entry: Line2D = _matplotlib().lines.Line2D([], [], **{"ls": "", "label": label, **style})
    return entry


def canvas(
    size: tuple[float, float], rows: int, columns: int, **shared: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure of this size in inches and its axes, `(rows, columns)`; draw within `appearance`."""
    figure = _matplotlib().figure.Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


@contextmanager
def appearance() -> Iterator[None]:
    """The defaults of matplotlib with our settings, independent of the user's settings."""
    matplotlib = _matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element without date, XML declaration or external reference.

    Its identifiers start with the title, so that several figures fit on one page.
    """
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = buffer.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = re.sub(r"[^a-z]+", "-", title.lower())
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{html.escape(printable(title))}" ', 1
    )
