"""The day that a budget counts, and its change with the clock: a pure rule, without files.

A count is a `day`, the vectors `spent` on it, and `last_day`, the last day with a budget. The two
dates are the same as long as the clock is plausible. A clock that leaps more than `LEAP` days (to
year 9999, for example) may be wrong, so it begins a new day but uses one day only:

    day of the clock           count
    the same day               continues
    a later day                begins a new day; a leap uses one day, other steps every day passed
    a day up to `last_day`     continues: a clock that is set back gives no budget again
    between `last_day`, `day`  begins a new day: the leap is reversed

A leap and its return therefore cost one day. Every new day advances `last_day` by one day or more:
no more budgets are given than there are days between the first day and `last_day`. A user who sets
the clock ahead day by day spends future days, and nothing is released until the clock catches up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

LEAP: Final = 366
"""The largest plausible advance of a clock at once, in days: a device may be off for a year."""

_PLAUSIBLE: Final = (date(2020, 1, 1), date(2100, 1, 1))
"""A clock before the first date has not been set yet; one from the second date on is wrong."""


@dataclass(frozen=True, order=True)
class DayCount:
    """Vectors `spent` on a `day`. Counts are ordered by `last_day`, then by `spent`."""

    last_day: date
    spent: int
    day: date

    def on(self, clock: date) -> DayCount:
        """The count on the day of the clock."""
        if self.spent < 0:  # the first count
            return DayCount(clock if clock < _PLAUSIBLE[1] else _PLAUSIBLE[0], 0, clock)
        if clock > self.day:
            return DayCount(self._last_day_until(clock), 0, clock)
        if clock > self.last_day and clock != self.day:
            return DayCount(clock, 0, clock)
        return self

    def _last_day_until(self, clock: date) -> date:
        """The last day with a budget when the clock has advanced to a later day."""
        if self.day < _PLAUSIBLE[0] <= clock < _PLAUSIBLE[1]:
            return clock  # the clock was set for the first time
        passed = (clock - self.day).days
        return self.last_day + timedelta(passed if passed <= LEAP else 1)

    def plus(self, vectors: int) -> DayCount:
        """The same count with further vectors spent."""
        return DayCount(self.last_day, self.spent + vectors, self.day)

    @property
    def text(self) -> str:
        """One line: day, count, last day if it differs, and a checksum against damage (an attacker
        can compute it).
        """
        last_day = "" if self.last_day == self.day else f" {self.last_day}"
        content = f"{self.day} {self.spent}{last_day}"
        return f"{content} {hashlib.sha256(content.encode()).hexdigest()}\n"


def parse_count(text: str) -> DayCount:
    """The count of a line that `DayCount.text` wrote, byte for byte. Raises `ValueError` for any
    other line.

    >>> parse_count(DayCount(date(2026, 1, 1), 3, date(2026, 1, 1)).text).spent
    3
    """
    day, spent, *last_fields = text.split(" ")
    last_day = last_fields[0] if len(last_fields) == 2 else day
    count = DayCount(date.fromisoformat(last_day), int(spent), date.fromisoformat(day))
    if text != count.text or count.spent < 0:
        raise ValueError("damaged")
    return count


NO_COUNT: Final = DayCount(date.min, -1, date.min)
"""The count of a device before its first vector."""
