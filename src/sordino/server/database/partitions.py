"""Partitions of `release` on PostgreSQL, one a month. SQLite has one table.

A month is created before its first release is stored, together with the month after it, so that the
first batch of a new month waits for nothing.
"""

from __future__ import annotations

import datetime
import threading
from typing import Final

from sqlalchemy import Engine, text

_LOCK_NUMBER: Final = 0x70617274  # one process at a time creates partitions


class Partitions:
    """The partitions of a database; those that exist are remembered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._months: set[datetime.date] = set()
        self._lock = threading.Lock()

    def ensure(self, day: datetime.date) -> None:
        """Create the partition of a day and of the next month, where they are missing."""
        month = day.replace(day=1)
        if month in self._months or self._engine.dialect.name != "postgresql":
            return
        with self._lock, self._engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
            for first in (month, next_month(month)):
                connection.execute(
                    text(
                        f"CREATE TABLE IF NOT EXISTS {partition_name(first)} PARTITION OF release "
                        f"FOR VALUES FROM ('{first}') TO ('{next_month(first)}')"
                    )
                )
        self._months.add(month)


def partition_name(month: datetime.date) -> str:
    """The table of a month.

    >>> partition_name(datetime.date(2026, 11, 1))
    'release_2026_11'
    """
    return f"release_{month:%Y_%m}"


def next_month(first: datetime.date) -> datetime.date:
    """The first day of the month after a first day.

    >>> next_month(datetime.date(2026, 12, 1))
    datetime.date(2027, 1, 1)
    """
    return (first + datetime.timedelta(days=31)).replace(day=1)
