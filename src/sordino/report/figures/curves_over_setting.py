"""Estimates over a setting as a figure."""

from __future__ import annotations

from collections.abc import Sequence

from sordino.report.estimate_table import Estimate
from sordino.report.figures.drawing import (
    PALE,
    appearance,
    canvas,
    handle,
    release_styles,
    svg,
)


def curves(
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]],
    across: str,
    up: str,
    *,
    logarithmic: bool = False,
    ticks: Sequence[str] = (),
    releases: Sequence[str] = (),
) -> str:
    """Estimates over a setting as SVG: panels side by side, with one line per name.

    `panels` maps title to name to pairs of setting and estimate. `across` and `up` label the axes.
    The grey line is chance. Choose `logarithmic` for settings of different magnitude. `ticks` are
    the names of the settings 0, 1, ...: names are no scale, so their marks are not connected.
    `releases` are all releases of the page, for the same colours in each of its figures.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    styles = release_styles(releases or names)
    with appearance():
        figure, (axes,) = canvas(
            (max(7.1, 1.4 + 2.9 * len(panels)), 2.9), 1, len(panels), sharey=True
        )
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, line in lines.items():
                colour, shape = styles[name]
                x, y = [setting for setting, _ in line], [estimate.value for _, estimate in line]
                connection = "" if ticks else "-"
                axis.plot(
                    x, y, shape, ls=connection, color=colour, ms=5.5, lw=1.2, mec="white", mew=0.6
                )
                for setting, estimate in line:
                    axis.plot(
                        [setting, setting],
                        [estimate.low, estimate.high],
                        color=colour,
                        lw=1,
                        alpha=0.5,
                    )
            chances = {estimate.chance for line in lines.values() for _, estimate in line}
            for level in chances:
                axis.axhline(level, color=PALE, lw=1.2, zorder=0)
            axis.set(title=title, xlabel=across, ylim=(0, 1))
            if ticks:
                axis.set_xticks(range(len(ticks)), ticks, rotation=40, ha="right")
            if logarithmic:
                settings = sorted({x for line in lines.values() for x, _ in line})
                axis.set_xscale("log")
                axis.set_xticks(settings, [f"{x:g}" for x in settings])
                axis.minorticks_off()
        axes[0].set_ylabel(up)
        handles = [
            handle(
                name,
                marker=styles[name][1],
                color=styles[name][0],
                ls="" if ticks else "-",
            )
            for name in names
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=max(1, len(handles)), columnspacing=1.2
        )
        return svg(figure, f"{up} over {across}")
