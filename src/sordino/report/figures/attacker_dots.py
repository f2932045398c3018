"""The AUC of every attacker as a figure."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING, Any

from sordino.report.estimate_table import Estimate
from sordino.report.figures.drawing import (
    DASHES,
    INK,
    PALE,
    REFERENCES,
    appearance,
    canvas,
    handle,
    release_styles,
    svg,
)

if TYPE_CHECKING:
    from sordino.report.figures.drawing import Axes


def dots(panels: dict[str, dict[str, dict[str, Estimate]]]) -> str:
    """AUC of every attacker as SVG: panels side by side, with one row per release and one mark per
    attacker.

    `panels` maps title to release to attacker to estimate. The attacker `best` has whiskers. The
    solid line is chance; the dashed line is the best attacker on the reference
    (`drawing.REFERENCES`). Colours are those of the releases, shapes those of attackers.
    """
    releases = list(next(iter(panels.values())))
    marks, colours = _marks(panels), release_styles(releases)
    with appearance():
        figure, (axes,) = canvas((7.1, 0.45 * len(releases) + 1.1), 1, len(panels), sharey=True)
        for axis, (title, rows) in zip(axes, panels.items(), strict=True):
            for row, release in enumerate(releases):
                _dot_row(axis, row, rows[release], marks, colours[release][0])
            for reference in (name for name in REFERENCES if name in rows):
                level = rows[reference]["best"].value
                axis.axvline(level, color=INK, lw=0.6, ls=DASHES, zorder=0)
            axis.axvline(0.5, color=PALE, lw=0.8, zorder=0)
            axis.set(
                title=title,
                xlabel="AUC (chance 0.5)",
                xlim=(0.3, 1.02),
                yticks=range(len(releases)),
            )
            axis.set_yticklabels(releases)
            axis.set_ylim(len(releases) - 0.5, -0.5)
        words = {"best": "best retrained attacker", "risk-model": "ignorant attacker"}
        handles = [
            handle(words.get(name, name), **_inked(style, INK)) for name, style in marks.items()
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=6, columnspacing=1.2, handlelength=1.2
        )
        return svg(figure, "AUC of every attacker")


def _marks(panels: dict[str, dict[str, dict[str, Estimate]]]) -> dict[str, dict[str, Any]]:
    """The style of each attacker; marks of retrained attackers are filled."""
    names = dict.fromkeys(
        name for rows in panels.values() for estimates in rows.values() for name in estimates
    )
    shapes = cycle("so^vDPXh<>")
    fixed = {
        "best": {"marker": "|", "ms": 13, "mew": 2},
        "risk-model": {"marker": "o", "mfc": "white", "ms": 6.5, "mew": 1.2},
    }
    filled = {"ms": 5, "alpha": 0.75, "mew": 0}
    return {name: fixed.get(name) or {"marker": next(shapes), **filled} for name in names}


def _inked(style: dict[str, Any], colour: str) -> dict[str, Any]:
    """A style in a colour: the edge of a hollow mark, all of any other."""
    return {**style, "mec" if "mfc" in style else "color": colour}


def _dot_row(
    axis: Axes,
    row: int,
    estimates: dict[str, Estimate],
    marks: dict[str, dict[str, Any]],
    colour: str,
) -> None:
    for name, estimate in estimates.items():
        if not math.isnan(estimate.value):
            if name == "best":
                axis.plot([estimate.low, estimate.high], [row, row], color=colour, lw=1.1, zorder=1)
            style = _inked(marks[name], colour)
            axis.plot(estimate.value, row, ls="", zorder=3 if name == "best" else 2, **style)
