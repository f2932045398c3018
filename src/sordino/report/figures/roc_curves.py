"""ROC curves as SVG: the whole curve, and the part with low false-positive rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.report.figures.drawing import (
    DASHES,
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


CORNER: Final = 1e-3
"""The lowest false-positive rate of the axis."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""False-positive and true-positive rates (`sordino.metrics.roc_curve`)."""


def roc(panels: Mapping[str, Mapping[str, Curve]]) -> str:
    """ROC curves as SVG: one row per secret, with a linear axis on the left and a logarithmic axis
    of false-positive rates on the right.

    `panels` maps secret to release to curve. The grey line is chance. The
    reference (`drawing.REFERENCES`) is dashed.
    """
    styles = release_styles([*dict.fromkeys(name for lines in panels.values() for name in lines)])
    with appearance():
        figure, axes = canvas((7.1, 3.1 * len(panels) + 0.3), len(panels), 2)
        for row, (title, lines) in zip(axes, panels.items(), strict=True):
            for axis, logarithmic in zip(row, (False, True), strict=True):
                _panel(axis, lines, styles, logarithmic)
            row[0].set(title=title, ylabel="true-positive rate")
        for axis in axes[-1]:
            axis.set_xlabel("false-positive rate")
        handles = [
            handle(name, color=colour, ls=_dashes(name)) for name, (colour, _) in styles.items()
        ]
        figure.legend(
            handles=[*handles, handle("chance", color=PALE, ls="-", lw=1.4)],
            loc="outside upper left",
            ncols=len(styles) + 1,
        )
        return svg(figure, "ROC curves")


def _dashes(release: str) -> Any:
    return DASHES if release in REFERENCES else "-"


def _panel(
    axis: Axes,
    lines: Mapping[str, Curve],
    styles: Mapping[str, tuple[str, str]],
    logarithmic: bool,
) -> None:
    grid = np.geomspace(CORNER, 1, 200) if logarithmic else np.array([0.0, 1.0])
    axis.plot(grid, grid, color=PALE, lw=1.4)
    for name, (false, true) in lines.items():
        colour, dashes = styles[name][0], _dashes(name)
        axis.step(false, true, where="post", color=colour, lw=1.3, ls=dashes)
    if logarithmic:
        axis.set(xscale="log", xlim=(CORNER, 1), ylim=(0, 1.01))
        # matplotlib labels powers with formulas, which would appear as source text here
        decades = 10.0 ** np.arange(np.ceil(np.log10(CORNER)), 1)
        axis.set_xticks(decades, [f"{decade:g}" for decade in decades])
    else:
        axis.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
