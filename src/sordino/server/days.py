"""Days in UTC, and those that a batch may name."""

from __future__ import annotations

import datetime
from typing import Final

from sordino.server.errors import Problem

LONGEST_RETENTION: Final = 3660
"""Days; no study keeps releases longer."""

_LATEST_ZONE: Final = datetime.timedelta(hours=14)
"""Kiribati: the first place on Earth where a day begins."""

_TOLERANCE: Final = datetime.timedelta(days=1)


def utc_day(now: int) -> datetime.date:
    """The date in UTC."""
    return _time(now).date()


def check_day(day: datetime.date, now: int, retention_days: int = LONGEST_RETENTION) -> None:
    """Raise `Problem` 422 `invalid` for a day after tomorrow of the earliest time zone, or one that
    retention would delete at once.
    """
    if day > (_time(now) + _LATEST_ZONE + _TOLERANCE).date():
        raise Problem(
            "invalid", 422, "a day in the future, expected that of the releases: set the clock"
        )
    if day <= utc_day(now) - datetime.timedelta(days=retention_days):
        raise Problem(
            "invalid",
            422,
            f"a day before the {retention_days} days that the study keeps: drop the batch",
        )


def _time(now: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now, datetime.UTC)
