"""Estimated shares of users over days, with their error and with what one vector reveals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sordino.report.estimate_table import Estimate
from sordino.report.figures.drawing import (
    GREY,
    INK,
    PALE,
    STYLES,
    appearance,
    canvas,
    handle,
    rectangle,
    svg,
)

if TYPE_CHECKING:
    from sordino.report.figures.drawing import Axes


Series = Mapping[str, NDArray[np.floating]]
"""`day`, `truth`, `estimate`, `low` and `high` of one user, `(days,)` each."""

ErrorCurve = Sequence[tuple[float, Estimate]]
"""Pairs of utterances a day and an estimate."""


def share_trends(
    users: Mapping[str, Series], errors: Mapping[str, ErrorCurve], reveals: Mapping[str, Estimate]
) -> str:
    """Shares of an emotion over days as SVG, one panel per user, at most two; below them the error
    over the utterances a day, one line per name, the last without data, and the AUC of each secret
    with its upper limit. The first secret is the required emotion.
    """
    blue, orange = STYLES[1][0], STYLES[2][0]
    with appearance():
        figure, axes = canvas((7.1, 5.0), 2, 2)
        for axis in axes[0][len(users) :]:
            axis.set_visible(False)
        for axis, (title, user) in zip(axes[0], users.items(), strict=False):
            _user(axis, title, user, blue)
        axes[0][0].set_ylabel("share of utterances")
        _errors(axes[1][0], errors)
        _reveals(axes[1][1], reveals, orange)
        handles = [
            handle("true share", color=INK, ls="-", lw=1.2),
            handle("estimate from released vectors", color=blue, ls="-", marker="o", ms=3.5),
            rectangle((0, 0), 1, 1, fc=blue, alpha=0.2, label="its 95 % interval"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.4)
        return svg(figure, "share of an emotion over days")


def _user(axis: Axes, title: str, user: Series, colour: str) -> None:
    day = user["day"]
    axis.fill_between(day, user["low"], user["high"], color=colour, alpha=0.2, lw=0)
    axis.plot(day, user["estimate"], "o-", color=colour, ms=3.5, lw=1.2, mec="white", mew=0.4)
    axis.plot(day, user["truth"], color=INK, lw=1.2)
    axis.set(title=title, xlabel="day", ylim=(0, 1))
    axis.set_xticks(day[::2])


def _errors(axis: Axes, errors: Mapping[str, ErrorCurve]) -> None:
    styles = [STYLES[1], STYLES[0], *STYLES[2 : len(errors) - 1], (GREY, "")]
    for number, (name, curve) in enumerate(errors.items()):
        colour, shape = styles[number]
        x = np.arange(len(curve)) + 0.08 * (number - 1)
        axis.plot(
            x, [item.value for _, item in curve], f"{shape}-", color=colour, ms=5, lw=1, label=name
        )
        for position, (_, item) in zip(x, curve, strict=True):
            axis.plot([position, position], [item.low, item.high], color=colour, lw=1, alpha=0.5)
    ticks = [f"{setting:g}" for setting, _ in next(iter(errors.values()))]
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set(title="Error of the share", xlabel="utterances a day", ylabel="mean absolute error")
    top = max(item.high for curve in errors.values() for _, item in curve)
    axis.set_ylim(0, 1.5 * top if np.isfinite(top) else None)
    axis.legend(
        loc="upper right", fontsize=7.5, ncols=len(errors), columnspacing=1, handletextpad=0.4
    )


def _reveals(axis: Axes, reveals: Mapping[str, Estimate], colour: str) -> None:
    for row, item in enumerate(reveals.values()):
        required = row == 0
        mark = STYLES[1][0] if required else colour
        axis.plot([item.value, item.high], [row, row], color=mark, lw=1.1)
        axis.plot(item.value, row, "o", color=mark, ms=5.5, mec="white", mew=0.6)
    axis.axvline(0.5, color=PALE, lw=1.2, zorder=0)
    axis.set_yticks(range(len(reveals)), list(reveals))
    axis.set_ylim(len(reveals) - 0.5, -0.5)
    axis.set(title="Most that one vector reveals", xlabel="AUC of any attacker", xlim=(0.45, 1.02))
