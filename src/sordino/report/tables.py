"""Tables of a report: rows of cells, with all numbers in one format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sordino.attack.vectors.estimates import grade
from sordino.report.estimate_table import Estimate

CANNOT_TELL: Final = "cannot tell"
"""The text in place of an interval if there are too few speakers."""


class Cell(NamedTuple):
    """One cell of a table. Its kind decides its format."""

    text: str
    """The text, with marks of a page such as `**`."""
    kind: str = "number"
    """`name`, `number`, `paper`, `difference`, `interval`, `chance`, `reference` or `gap`."""


@dataclass(frozen=True)
class Table:
    """Rows of cells under heads. A head is a text and the number of columns that it spans."""

    caption: str
    heads: Sequence[Sequence[tuple[str, int]]]
    groups: Sequence[Sequence[Sequence[Cell]]]
    """Groups of rows; a line separates them."""
    note: str = ""
    kind = "table"


def number(value: float) -> str:
    """A number with two digits after the point; a dash for NaN.

    >>> number(0.8449), number(-0.001), number(float("nan"))
    ('0.84', '0.00', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def signed(value: float) -> str:
    """A difference with its sign.

    >>> signed(0.091), signed(-0.25), signed(0.004)
    ('+0.09', '−0.25', '0.00')
    """
    text = number(value)
    return text if text in ("0.00", "–") or value < 0 else f"+{text}"


def p_value(p: float) -> str:
    """A p-value with three digits after the point.

    >>> p_value(0.0123), p_value(0.00001)
    ('0.012', '< 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def limits(estimate: Estimate) -> str:
    """The 95 % interval, or "cannot tell" if there is none.

    >>> limits(Estimate(0.5, 0.4, 0.62)), limits(Estimate(0.5))
    ('[0.40, 0.62]', 'cannot tell')
    """
    if math.isnan(estimate.value):
        return "–"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return CANNOT_TELL
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def graded(estimate: Estimate, answer: str) -> str:
    """An estimate with its interval, and with its grade (`attack.vectors.estimates.grade`) if the
    answer of the test is a leak: otherwise the size may be chance.

    >>> estimate = Estimate(0.57, 0.53, 0.61, 240, 24, 0.5)
    >>> graded(estimate, "leak"), graded(estimate, "cannot tell")
    ('0.57 [0.53, 0.61]: weak', '0.57 [0.53, 0.61]')
    >>> graded(Estimate(0.57, chance=0.5), "leak")
    '0.57: cannot tell'
    """
    interval = limits(estimate)
    figure = f"{number(estimate.value)}{':' if interval == CANNOT_TELL else ''} {interval}"
    if interval == CANNOT_TELL or answer != "leak":
        return figure
    return f"{figure}: {grade(estimate.value, estimate.low, estimate.chance, answer)}"


def with_interval(estimate: Estimate) -> tuple[Cell, Cell]:
    """Two cells: the value of an estimate and its interval."""
    return Cell(number(estimate.value)), Cell(limits(estimate), "interval")


def chance(estimate: Estimate) -> Cell:
    """The cell with the chance level of an estimate."""
    return Cell(number(estimate.chance), "chance")


def beside(paper: float, ours: Estimate) -> tuple[Cell, Cell, Cell, Cell]:
    """Four cells: published value, our value, difference and interval.

    `paper` is NaN if there is no published value; its cells are then empty.
    """
    published = not math.isnan(paper)
    return (
        Cell(f"{paper:.3f}" if published else "", "paper"),
        Cell(number(ours.value)),
        Cell(signed(ours.value - paper) if published else "", "difference"),
        Cell(limits(ours), "interval"),
    )
