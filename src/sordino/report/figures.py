"""Figures as SVG texts: the same input gives the same bytes, and letters are outlines that print
the same anywhere.

Colours are those of Okabe and Ito 2008, told apart by colour-blind readers; every mark also has a
shape of its own.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, cycle, zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.progress import printable
from sordino.report.tables import Estimate, number

with storage.temporary_setting("MPLCONFIGDIR"):  # its list of fonts would stay in the user's home
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

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
"""Colour and shape of each release, in order; the first is the unprotected reference."""

MANY: Final = 5
"""More releases than this have two rows of the legend to themselves."""

_LOOK: Final[Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "sordino",
    "font.size": 8.5,
    "text.parse_math": False,  # a dollar sign in a name is one
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Point:
    """A release in a panel: how much it leaks (across) and how much it keeps (up)."""

    release: str
    leakage: Estimate
    utility: Estimate
    kind: str = "retrains"
    """`retrains` with whiskers, `never saw it` hollow, or `policy`: faint, one required emotion
    alone.
    """


@dataclass(frozen=True)
class Panel:
    """Points of one measure of leakage and one of utility; the axes are named after them."""

    leakage: str
    utility: str
    points: Sequence[Point]


def front(
    panels: Sequence[Sequence[Panel]],
    releases: Sequence[str],
    *,
    reference: str = "none",
    way: Sequence[str] = (),
) -> str:
    """Utility against leakage, as SVG: panels in rows, a point a release with its whiskers; better
    is up and left.

    A hollow mark is what an attacker gets who never saw the release; a dotted line leads from there
    to what one gets who retrains. Dashed lines are the `reference` and chance. Releases along a
    `way` are joined by a line, on which those between its ends are dots.
    """
    rows, columns = len(panels), len(panels[0])
    styles = dict(zip(releases, STYLES * (1 + len(releases) // len(STYLES)), strict=False))
    with look():
        figure, axes = canvas(
            (3.55 * columns, 2.95 * rows + 0.75), rows, columns, sharex="col", sharey="row"
        )
        for (row, column), axis in np.ndenumerate(axes):
            _panel(axis, panels[row][column], styles, reference, way)
            axis.set_xlabel(panels[row][column].leakage if row == rows - 1 else "")
            axis.set_ylabel(panels[row][column].utility if column == 0 else "")
        axes[0, 0].annotate(
            "better",
            (0.03, 0.97),
            (0.06, 0.86),
            xycoords="axes fraction",
            color=GREY,
            va="top",
            arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.8},
        )
        marks, meanings = _legend(styles, way)
        spaced: Any = {"handlelength": 1.5, "columnspacing": 1.1, "handletextpad": 0.5}
        if len(styles) > MANY:  # too many for two rows: what marks mean stands below
            figure.legend(handles=marks, loc="outside upper left", ncols=MANY, **spaced)
            figure.legend(handles=meanings, loc="outside lower left", ncols=MANY, **spaced)
        else:  # legends are filled column by column: a release above, a meaning below
            pairs = [
                (one or handle(" "), other or handle(" "))
                for one, other in zip_longest(marks, meanings)
            ]
            figure.legend(
                handles=[*chain(*pairs)], loc="outside upper left", ncols=len(pairs), **spaced
            )
        return svg(figure, "Utility against leakage")


def _panel(
    axis: Axes,
    panel: Panel,
    styles: dict[str, tuple[str, str]],
    reference: str,
    way: Sequence[str] = (),
) -> None:
    shown = [
        point for point in panel.points if not math.isnan(point.leakage.value + point.utility.value)
    ]
    on_the_way = [
        point
        for name in way
        for point in shown
        if point.release == name and point.kind == "retrains"
    ]
    if on_the_way:
        xs, ys = (
            [getattr(point, of).value for point in on_the_way] for of in ("leakage", "utility")
        )
        axis.plot(xs, ys, "-o", color=GREY, lw=0.9, ms=3, zorder=1)
    shown = [point for point in shown if point.release in styles]
    for point in shown:
        if point.kind == "retrains":
            axis.axvline(point.leakage.chance, color=PALE, lw=1.2, zorder=0)
            if point.release == reference:
                axis.axvline(point.leakage.value, color=INK, lw=0.6, ls=DASHES, zorder=0)
                axis.axhline(point.utility.value, color=INK, lw=0.6, ls=DASHES, zorder=0)
    _chance_of_utility(axis, [point for point in shown if point.kind == "retrains"])
    for point in shown:
        colour, shape = styles[point.release]
        x, y = point.leakage.value, point.utility.value
        if point.kind == "policy":
            axis.plot(x, y, shape, color=colour, ms=3.6, alpha=0.45, mew=0, zorder=1)
        elif point.kind == "retrains":
            axis.errorbar(
                x,
                y,
                _whisker(point.utility),
                _whisker(point.leakage),
                ecolor=colour,
                elinewidth=1.1,
                capsize=2,
                fmt="none",
                zorder=2,
            )
            axis.plot(x, y, shape, color=colour, ms=7.5, mec="white", mew=0.7, zorder=4)
        else:
            ends = [
                other.leakage.value
                for other in shown
                if other.kind == "retrains" and other.release == point.release
            ]
            axis.plot([x, *ends], [y] * (1 + len(ends)), ls=":", color=colour, lw=1, zorder=1)
            axis.plot(x, y, shape, mfc="white", mec=colour, ms=6, mew=1.1, zorder=3)
    axis.set(
        xlim=(0.38, 1.02),
        ylim=(-0.03, 1.05),
        xticks=np.arange(0.4, 1.01, 0.1),
        yticks=np.arange(0, 1.01, 0.2),
    )
    axis.text(
        0.5,
        1.0,
        " chance",
        color=GREY,
        fontsize=7,
        ha="left",
        va="top",
        transform=axis.get_xaxis_transform(),
    )


def _chance_of_utility(axis: Axes, points: Sequence[Point]) -> None:
    """A line across where chance is one level (F1), a dash below each release where each has its
    own (U).
    """
    levels = [point.utility.chance for point in points]
    if levels and max(levels) - min(levels) < 0.005:
        axis.axhline(levels[0], color=PALE, lw=1.2, zorder=0)
    else:
        axis.plot(
            [point.leakage.value for point in points],
            levels,
            "_",
            color=GREY,
            ms=9,
            mew=1.2,
            zorder=0,
        )


def _whisker(estimate: Estimate) -> NDArray[np.floating[Any]]:
    """How far the limits lie from the value, `(2, 1)`: nothing where nobody can tell."""
    arms = np.array([[estimate.value - estimate.low], [estimate.high - estimate.value]])
    return arms.clip(0.0)  # NaN stays NaN: nothing is drawn


def _legend(
    styles: dict[str, tuple[str, str]], way: Sequence[str] = ()
) -> tuple[list[Line2D], list[Line2D]]:
    """The mark of each release, and what marks mean."""
    meanings = [
        handle("attacker retrains", marker="o", color=GREY, ms=7),
        handle("never saw the release", marker="o", color=GREY, ms=6, mfc="white", ls=":"),
        handle("one required emotion", marker="o", color=GREY, ms=3.6, alpha=0.6, mew=0),
        handle("unprotected", color=INK, lw=0.6, ls=DASHES),
        handle("chance", color=PALE, lw=1.4, ls="-"),
        *(
            [handle(f"from {way[0]} to {way[-1]}", marker="o", color=GREY, ms=3, lw=0.9, ls="-")]
            if way
            else []
        ),
    ]
    releases = [
        handle(release, marker=shape, color=colour, ms=7, mec="white", mew=0.7)
        for release, (colour, shape) in styles.items()
    ]
    return releases, meanings


def handle(label: str, **style: Any) -> Line2D:
    return Line2D([], [], **{"ls": "", "label": label, **style})


def dots(panels: dict[str, dict[str, dict[str, Estimate]]]) -> str:
    """AUC of every attacker, as SVG: panels side by side, in each a row a release, in each a mark
    an attacker.

    `panels` is title to release to attacker to estimate. The attacker `best` has whiskers; the
    lines are chance and, dashed, the best attacker on the release `none`.
    """
    releases = list(next(iter(panels.values())))
    marks = _marks(panels)
    with look():
        figure, (axes,) = canvas((7.1, 0.45 * len(releases) + 1.1), 1, len(panels), sharey=True)
        for axis, (title, rows) in zip(axes, panels.items(), strict=True):
            for place, release in enumerate(releases):
                _dot_row(axis, place, rows[release], marks)
            if "none" in rows:
                axis.axvline(rows["none"]["best"].value, color=INK, lw=0.6, ls=DASHES, zorder=0)
            axis.axvline(0.5, color=PALE, lw=0.8, zorder=0)
            axis.set(
                title=title,
                xlabel="AUC (0.5 is chance)",
                xlim=(0.3, 1.02),
                yticks=range(len(releases)),
            )
            axis.set_yticklabels(releases)
            axis.set_ylim(len(releases) - 0.5, -0.5)
        words = {"best": "best who retrains", "risk-model": "never saw the release"}
        handles = [handle(words.get(name, name), **style) for name, style in marks.items()]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=6, columnspacing=1.2, handlelength=1.2
        )
        return svg(figure, "AUC of every attacker")


def _marks(panels: dict[str, dict[str, dict[str, Estimate]]]) -> dict[str, dict[str, Any]]:
    """How each attacker is drawn; those who retrain are filled."""
    names = dict.fromkeys(
        name for rows in panels.values() for found in rows.values() for name in found
    )
    shapes = cycle("so^vDPXh<>")
    known = {
        "best": {"marker": "|", "color": INK, "ms": 13, "mew": 2},
        "risk-model": {"marker": "o", "mfc": "white", "mec": "#D55E00", "ms": 6.5, "mew": 1.2},
    }
    filled = {"color": "#0072B2", "ms": 5, "alpha": 0.75, "mew": 0}
    return {name: known.get(name) or {"marker": next(shapes), **filled} for name in names}


def _dot_row(
    axis: Axes, place: int, found: dict[str, Estimate], marks: dict[str, dict[str, Any]]
) -> None:
    for name, estimate in found.items():
        if not math.isnan(estimate.value):
            if name == "best":
                axis.plot(
                    [estimate.low, estimate.high], [place, place], color=INK, lw=1.1, zorder=1
                )
            axis.plot(
                estimate.value, place, ls="", zorder=3 if name == "best" else 2, **marks[name]
            )


def curves(
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]],
    across: str,
    up: str,
    *,
    logarithmic: bool = False,
) -> str:
    """Estimates over a setting, as SVG: panels side by side, in each a line with whiskers a name.

    `panels` is title to name to (setting, estimate). Chance is the grey line. `logarithmic` for
    settings far apart.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    styles = dict(zip(names, STYLES[1:] * (1 + len(names) // len(STYLES)), strict=False))
    with look():
        figure, (axes,) = canvas(
            (max(7.1, 1.4 + 2.9 * len(panels)), 2.9), 1, len(panels), sharey=True
        )
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, line in lines.items():
                colour, shape = styles[name]
                x, y = [at for at, _ in line], [estimate.value for _, estimate in line]
                axis.plot(x, y, shape, ls="-", color=colour, ms=5.5, lw=1.2, mec="white", mew=0.6)
                for at, estimate in line:
                    axis.plot(
                        [at, at], [estimate.low, estimate.high], color=colour, lw=1, alpha=0.5
                    )
            chances = {estimate.chance for line in lines.values() for _, estimate in line}
            for level in chances:
                axis.axhline(level, color=PALE, lw=1.2, zorder=0)
            axis.set(title=title, xlabel=across, ylim=(0, 1))
            if logarithmic:
                settings = sorted({at for line in lines.values() for at, _ in line})
                axis.set_xscale("log")
                axis.set_xticks(settings, [f"{at:g}" for at in settings])
                axis.minorticks_off()
        axes[0].set_ylabel(up)
        handles = [
            handle(name, marker=styles[name][1], color=styles[name][0], ls="-") for name in names
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=max(1, len(handles)), columnspacing=1.2
        )
        return svg(figure, f"{up} over {across}")


def confusions(
    grid: Sequence[Sequence[NDArray[np.intp]]],
    rows: Sequence[str],
    columns: Sequence[str],
    classes: Sequence[str],
    title: str = "Confusion matrices",
) -> str:
    """Confusion matrices, as SVG: one a place of the grid; shares of each true class, with counts
    below.

    Each matrix is counts, true class by predicted class. A true class without utterances is left
    blank.
    """
    with look():
        figure, axes = canvas(
            (1.72 * len(columns) + 0.6, 1.72 * len(rows) + 0.5), len(rows), len(columns)
        )
        for (row, column), axis in np.ndenumerate(axes):
            _matrix(axis, grid[row][column])
            axis.set_xticks(range(len(classes)), classes if row == len(rows) - 1 else [])
            axis.set_yticks(
                range(len(classes)), classes if column == 0 else [], rotation=90, va="center"
            )
            axis.set_title(columns[column] if row == 0 else "", loc="center")
            if column == 0:
                axis.set_ylabel(rows[row], fontweight="bold")
        figure.supxlabel("called by the risk model", fontsize=8.5)
        return svg(figure, title)


def _matrix(axis: Axes, counts: NDArray[np.intp]) -> None:
    size = len(counts)
    axis.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axis.tick_params(length=0, labelsize=7)
    axis.spines[:].set_visible(False)
    for (true, called), count in np.ndenumerate(counts):
        total = counts[true].sum()
        share = count / total if total else 0.0
        shade = tuple(
            1 - share * (1 - channel) for channel in (0.03, 0.27, 0.45)
        )  # white to dark blue
        axis.add_patch(
            Rectangle((called - 0.5, true - 0.5), 1, 1, facecolor=shade, edgecolor=PALE, lw=0.5)
        )
        colour = "white" if share > 0.55 else INK
        axis.text(
            called,
            true - 0.08,
            number(share) if total else "–",
            ha="center",
            va="center",
            color=colour,
            fontsize=8,
        )
        axis.text(
            called, true + 0.25, f"{count}", ha="center", va="center", color=colour, fontsize=5.8
        )


def canvas(
    size: tuple[float, float], rows: int, columns: int, **shared: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure of so many inches and its axes, `(rows, columns)`, to be drawn on within `look`."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


@contextmanager
def look() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever settings the user has."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_LOOK)
        yield


def svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element without date, declaration or outside reference, its identifiers
    its own.
    """
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = buffer.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    own = re.sub(r"[^a-z]+", "-", title.lower())
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", text)
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{html.escape(printable(title))}" ', 1
    )
