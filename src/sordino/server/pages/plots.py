"""Where the marks of a trend stand. `templates/trend.svg` draws them: text stays text, colours come
from the style of the page, and a year takes a millisecond (matplotlib needs 70 to 100).
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sordino.server.pages.views import ShownPeriod, ShownTrend

_DAY: Final = datetime.timedelta(1)
SHARE_LEVELS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_POINTS: Final = 70
"""Periods above which points would hide one another, and only line and band are drawn."""


@dataclass(frozen=True)
class Frame:
    """The area of a plot in units of the SVG."""

    name: str
    width: float
    height: float
    left: float = 54
    right: float = 10
    top: float = 12
    bottom: float = 30

    def x(self, position: float) -> float:
        """The place of a position from 0 to 1."""
        return round(self.left + position * (self.width - self.left - self.right), 1)

    def y(self, share: float) -> float:
        """The height of a share from 0 to 1."""
        return round(self.top + (1 - share) * (self.height - self.top - self.bottom), 1)


WIDE: Final = Frame("wide", 720, 260)
NARROW: Final = Frame("narrow", 350, 240)
"""For phones: the same units are as large there as those of `WIDE` on a desk."""


@dataclass(frozen=True)
class Mark:
    """A value with its limits at one place."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class TrendPlot:
    """The marks of a trend in a frame."""

    frame: Frame
    levels: Sequence[tuple[float, str]]
    dates: Sequence[tuple[float, str]]
    bands: Sequence[str]
    """Corners of the area between the limits, as SVG writes points."""
    lines: Sequence[str]
    marks: Sequence[Mark]
    single: Sequence[Mark]
    """Periods between two without an estimate."""
    unknown: Sequence[tuple[float, float]]
    """Left end and width of times without an estimate."""
    changes: Sequence[float]


def trend_plot(trend: ShownTrend, frame: Frame) -> TrendPlot:
    """The plot of a trend. Raises `ValueError` for a trend without periods."""
    if not trend.periods:
        raise ValueError("a trend without periods, expected at least one: show a sentence instead")
    first, last = trend.periods[0].first, trend.periods[-1].last
    span = (last - first).days + 1

    def at(day: datetime.date, part: float = 0.0) -> float:
        return frame.x(((day - first).days + part) / span)

    def mark(period: ShownPeriod) -> Mark:
        middle = ((period.last - period.first).days + 1) / 2
        levels = (frame.y(value or 0.0) for value in (period.share, period.low, period.high))
        return Mark(at(period.first, middle), *levels)

    runs = [
        (known, list(group))
        for known, group in itertools.groupby(_with_gaps(trend.periods), _is_known)
    ]
    known = [list(map(mark, group)) for is_known, group in runs if is_known]
    points = [mark(p) for p in trend.periods if p.share is not None and p.releases]
    return TrendPlot(
        frame,
        [(frame.y(level), f"{100 * level:.0f} %") for level in SHARE_LEVELS],
        [(at(day), label) for day, label in date_labels(first, last, frame.width)],
        [_area(run) for run in known if len(run) > 1],
        [" ".join(f"{m.x},{m.y}" for m in run) for run in known if len(run) > 1],
        points if len(points) <= MOST_POINTS else [],
        [run[0] for run in known if len(run) == 1],
        [
            (at(group[0].first), round(at(group[-1].last, 1.0) - at(group[0].first), 1))
            for is_known, group in runs
            if not is_known
        ],
        [at(day) for day in trend.changes if first <= day <= last],
    )


def _is_known(period: ShownPeriod) -> bool:
    return period.share is not None


def _with_gaps(periods: Sequence[ShownPeriod]) -> Iterator[ShownPeriod]:
    """The periods, and one without an estimate in each time between two."""
    for before, after in itertools.pairwise(periods):
        yield before
        gap = ShownPeriod(before.last + _DAY, after.first - _DAY, 0)
        if gap.first <= gap.last:
            yield gap
    yield periods[-1]


def date_labels(
    first: datetime.date, last: datetime.date, width: float
) -> Iterator[tuple[datetime.date, str]]:
    """At most one date per 80 units: first days of months, or days where the time is short."""
    most = max(2, int(width / 80))
    days = (last - first).days + 1
    if days <= 62:
        step = -(-days // most)
        for number in range(0, days, step):
            day = first + datetime.timedelta(number)
            if (last - day).days >= step / 2 or number == 0:
                yield day, f"{day.day} {day:%b}"
        return
    months = [day for n in range(days) if (day := first + datetime.timedelta(n)).day == 1]
    step = -(-len(months) // most)
    for day in months[::step]:
        yield day, f"{day:%b %Y}" if day.month == 1 and width > 400 else f"{day:%b}"


def _area(run: Sequence[Mark]) -> str:
    corners = [(m.x, m.high) for m in run] + [(m.x, m.low) for m in reversed(run)]
    return " ".join(f"{x},{y}" for x, y in corners)
