"""The trade-off of utility and leakage as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.report.estimate_table import Estimate
from sordino.report.figures.drawing import (
    DASHES,
    GREY,
    INK,
    PALE,
    appearance,
    canvas,
    handle,
    release_styles,
    svg,
)

if TYPE_CHECKING:
    from sordino.report.figures.drawing import Axes, Line2D


LEGEND_COLUMNS: Final = 5
"""Columns of the legend. More releases than this need several rows."""


@dataclass(frozen=True)
class Point:
    """A release in a panel: its leakage (horizontal) and its utility (vertical)."""

    release: str
    leakage: Estimate
    utility: Estimate
    kind: str = "retrained"
    """`retrained`: filled, with whiskers. `ignorant`: hollow. `policy`: faint, the retrained
    attacker under one policy.
    """


@dataclass(frozen=True)
class Panel:
    """Points of one measure of leakage and one of utility, which name the axes."""

    leakage: str
    utility: str
    points: Sequence[Point]


def front(
    panels: Sequence[Sequence[Panel]],
    releases: Sequence[str],
    *,
    reference: str = "none",
    line: Sequence[str] = (),
) -> str:
    """Utility against leakage as SVG: a grid of panels with one point per release.

    Better releases are at the top left. A filled mark is the retrained attacker, a hollow mark the
    ignorant attacker, and a dotted line connects the two. Dashed lines are the `reference`, grey
    lines chance. A line connects the releases in `line`; those between its ends are small dots.
    """
    rows, columns = len(panels), len(panels[0])
    styles = release_styles(releases)
    with appearance():
        figure, axes = canvas(
            (3.55 * columns, 2.95 * rows + 0.75), rows, columns, sharex="col", sharey="row"
        )
        for (row, column), axis in np.ndenumerate(axes):
            _panel(axis, panels[row][column], styles, reference, line)
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
        marks, meanings = _legend(styles, line)
        spaced: Any = {"handlelength": 1.5, "columnspacing": 1.1, "handletextpad": 0.5}
        if len(styles) > LEGEND_COLUMNS:  # too many for two rows: the meanings go below
            figure.legend(handles=marks, loc="outside upper left", ncols=LEGEND_COLUMNS, **spaced)
            figure.legend(
                handles=meanings, loc="outside lower left", ncols=LEGEND_COLUMNS, **spaced
            )
        else:  # columns of a release above a meaning
            pairs = [
                (mark or handle(" "), meaning or handle(" "))
                for mark, meaning in zip_longest(marks, meanings)
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
    line: Sequence[str] = (),
) -> None:
    points = [
        point for point in panel.points if not math.isnan(point.leakage.value + point.utility.value)
    ]
    connected = [
        point
        for name in line
        for point in points
        if point.release == name and point.kind == "retrained"
    ]
    if connected:
        x = [point.leakage.value for point in connected]
        y = [point.utility.value for point in connected]
        axis.plot(x, y, "-o", color=GREY, lw=0.9, ms=3, zorder=1)
    points = [point for point in points if point.release in styles]
    for point in points:
        if point.kind == "retrained":
            axis.axvline(point.leakage.chance, color=PALE, lw=1.2, zorder=0)
            if point.release == reference:
                axis.axvline(point.leakage.value, color=INK, lw=0.6, ls=DASHES, zorder=0)
                axis.axhline(point.utility.value, color=INK, lw=0.6, ls=DASHES, zorder=0)
    _chance_of_utility(axis, [point for point in points if point.kind == "retrained"])
    for point in points:
        _mark(axis, point, points, *styles[point.release])
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


def _mark(axis: Axes, point: Point, points: Sequence[Point], colour: str, shape: str) -> None:
    """The mark of a point, with its whiskers or its line to the retrained attacker."""
    x, y = point.leakage.value, point.utility.value
    if point.kind == "policy":
        axis.plot(x, y, shape, color=colour, ms=3.6, alpha=0.45, mew=0, zorder=1)
    elif point.kind == "retrained":
        whiskers = _whisker(point.utility), _whisker(point.leakage)
        style: Any = {"ecolor": colour, "elinewidth": 1.1, "capsize": 2, "fmt": "none"}
        axis.errorbar(x, y, *whiskers, zorder=2, **style)
        axis.plot(x, y, shape, color=colour, ms=7.5, mec="white", mew=0.7, zorder=4)
    else:
        ends = [
            end.leakage.value
            for end in points
            if end.kind == "retrained" and end.release == point.release
        ]
        axis.plot([x, *ends], [y] * (1 + len(ends)), ls=":", color=colour, lw=1, zorder=1)
        axis.plot(x, y, shape, mfc="white", mec=colour, ms=6, mew=1.1, zorder=3)


def _chance_of_utility(axis: Axes, points: Sequence[Point]) -> None:
    """The chance level: one line if all releases have the same level (F1), else a dash below each
    release (U).
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
    """Distances from the value to its limits, shape (2, 1); NaN without an interval."""
    arms = np.array([[estimate.value - estimate.low], [estimate.high - estimate.value]])
    return arms.clip(0.0)  # NaN stays NaN and is not drawn


def _legend(
    styles: dict[str, tuple[str, str]], line: Sequence[str] = ()
) -> tuple[list[Line2D], list[Line2D]]:
    """The entries of the legend: the mark of each release, and the meaning of the marks."""
    meanings = [
        handle("retrained attacker", marker="o", color=GREY, ms=7),
        handle("ignorant attacker", marker="o", color=GREY, ms=6, mfc="white", ls=":"),
        handle("one required emotion", marker="o", color=GREY, ms=3.6, alpha=0.6, mew=0),
        handle("unprotected", color=INK, lw=0.6, ls=DASHES),
        handle("chance", color=PALE, lw=1.4, ls="-"),
        *(
            [handle(f"from {line[0]} to {line[-1]}", marker="o", color=GREY, ms=3, lw=0.9, ls="-")]
            if line
            else []
        ),
    ]
    releases = [
        handle(release, marker=shape, color=colour, ms=7, mec="white", mew=0.7)
        for release, (colour, shape) in styles.items()
    ]
    return releases, meanings
