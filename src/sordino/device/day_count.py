"""The day that a budget counts, and how a clock moves it: a pure rule, without files.

A count is a `day`, the vectors `spent` on it, and `used`, the last of the days whose budgets were
given. The two dates are the same as long as the clock is plausible. A clock that leaps more than
`LEAP` days (to year 9999, say) may be wrong, so it begins a new day but uses up one day alone:

    the clock shows        the count
    the same day           goes on
    a later day            begins a new day; of a leap one day is used, else every day that passed
    a day up to `used`     goes on: a clock set back gives nothing again
    a day between `used`   begins a new day: the leap is taken back
    and `day`

So a leap and its return cost one day. Every new day moves `used` on by one day or more: in all, no
more budgets are given than days between the first and the last one used. A user who sets the clock
ahead day by day spends days to come in advance, and pays with silence once the clock is right.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

LEAP: Final = 366
"""Days that a clock may advance at once and be believed: a device may lie in a drawer for a year.
"""

_PLAUSIBLE: Final = (date(2020, 1, 1), date(2100, 1, 1))
"""A clock before the first date has not been set yet; one from the second date on is wrong."""


@dataclass(frozen=True, order=True)
class DayCount:
    """Vectors `spent` on a `day`. The larger of two counts is the later one, or the one with more
    spent.
    """

    used: date
    spent: int
    day: date

    def on(self, clock: date) -> DayCount:
        """The count that holds when the clock shows this day."""
        if self.spent < 0:  # the first count
            return DayCount(clock if clock < _PLAUSIBLE[1] else _PLAUSIBLE[0], 0, clock)
        if clock > self.day:
            return DayCount(self._used_until(clock), 0, clock)
        if clock > self.used and clock != self.day:
            return DayCount(clock, 0, clock)
        return self

    def _used_until(self, clock: date) -> date:
        """The last day that is used when the clock has moved on to a later day."""
        if self.day < _PLAUSIBLE[0] <= clock < _PLAUSIBLE[1]:
            return clock  # the clock was set for the first time
        passed = (clock - self.day).days
        return self.used + timedelta(passed if passed <= LEAP else 1)

    def and_more(self, vectors: int) -> DayCount:
        """The same with more vectors spent."""
        return DayCount(self.used, self.spent + vectors, self.day)

    @property
    def text(self) -> str:
        """One line: day, count, the days used where they differ, and a checksum that tells damage,
        not malice.
        """
        used = "" if self.used == self.day else f" {self.used}"
        content = f"{self.day} {self.spent}{used}"
        return f"{content} {hashlib.sha256(content.encode()).hexdigest()}\n"


def parsed(text: str) -> DayCount:
    """The count of a line that `DayCount.text` wrote, byte for byte. Raises `ValueError` for any
    other.

    >>> parsed(DayCount(date(2026, 1, 1), 3, date(2026, 1, 1)).text).spent
    3
    """
    day, spent, *rest = text.split(" ")
    used = rest[0] if len(rest) == 2 else day
    count = DayCount(date.fromisoformat(used), int(spent), date.fromisoformat(day))
    if text != count.text or count.spent < 0:
        raise ValueError("damaged")
    return count


NOTHING: Final = DayCount(date.min, -1, date.min)
"""What a device has counted before its first vector."""
