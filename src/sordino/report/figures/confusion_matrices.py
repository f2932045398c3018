"""Confusion matrices as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sordino.report.figures.drawing import (
    INK,
    PALE,
    appearance,
    canvas,
    rectangle,
    svg,
)
from sordino.report.tables import number

if TYPE_CHECKING:
    from sordino.report.figures.drawing import Axes


def confusions(
    grid: Sequence[Sequence[NDArray[np.intp]]],
    rows: Sequence[str],
    columns: Sequence[str],
    classes: Sequence[str],
    title: str = "Confusion matrices",
) -> str:
    """A grid of confusion matrices as SVG: shares of each true class, with counts below them.

    Each matrix holds counts, (true class, predicted class). A true class without utterances is
    blank.
    """
    with appearance():
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
        figure.supxlabel("predicted by the risk model", fontsize=8.5)
        return svg(figure, title)


def _matrix(axis: Axes, counts: NDArray[np.intp]) -> None:
    size = len(counts)
    axis.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axis.tick_params(length=0, labelsize=7)
    axis.spines[:].set_visible(False)
    for (true, predicted), count in np.ndenumerate(counts):
        total = counts[true].sum()
        share = count / total if total else 0.0
        shade = tuple(
            1 - share * (1 - channel) for channel in (0.03, 0.27, 0.45)
        )  # white to dark blue
        axis.add_patch(
            rectangle((predicted - 0.5, true - 0.5), 1, 1, facecolor=shade, edgecolor=PALE, lw=0.5)
        )
        colour = "white" if share > 0.55 else INK
        axis.text(
            predicted,
            true - 0.08,
            number(share) if total else "–",
            ha="center",
            va="center",
            color=colour,
            fontsize=8,
        )
        axis.text(
            predicted, true + 0.25, f"{count}", ha="center", va="center", color=colour, fontsize=5.8
        )
