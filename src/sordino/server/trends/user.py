"""The trend of a user: the share of the required emotion, by day or by week.

A policy may have several bundles, one after another. The releases of a period count with the rates
of the bundle that has most of them, so that shares before and after a new bundle compare.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.metrics.trend import Trend, trend
from sordino.server.database.tables import BundlePolicy, BundleRow, Participant
from sordino.server.errors import absent
from sordino.server.store import Store
from sordino.server.trends.counts import (
    UserCounts,
    daily_counts,
    date_of,
    policy_rows,
)
from sordino.server.trends.rates import NO_RATES, rates_of

LONGEST_DAYS: Final = 1096
"""Days of one trend: three years."""
LONGEST_BY_DAY: Final = 92
"""Days that are estimated one by one, unless asked for; a longer time is estimated by week."""

_THURSDAY: Final = 3  # weeks of ISO 8601 begin on Monday; 1970-01-01 was a Thursday


class Step(StrEnum):
    """The length of a period."""

    DAY = "day"
    WEEK = "week"

    @property
    def days(self) -> int:
        """Its number of days."""
        return 1 if self is Step.DAY else 7


@dataclass(frozen=True)
class UserPeriod:
    """A day or a week with releases. Without an estimate, share and limits are None."""

    first: datetime.date
    last: datetime.date
    releases: int
    bundle_policy_id: int
    """The bundle with most releases of the period."""
    share: float | None = None
    low: float | None = None
    """95 % limits."""
    high: float | None = None


@dataclass(frozen=True)
class UserTrend:
    """The trend of a user under one policy."""

    policy: str
    required: str
    """The emotion."""
    step: Step
    periods: Sequence[UserPeriod] = ()
    changes: Sequence[datetime.date] = ()
    """First days of periods from which the share differs from before."""
    cannot_tell: str = ""
    """Why there is no estimate; empty if there is one."""


def default_step(first: datetime.date, last: datetime.date) -> Step:
    """Days for up to `LONGEST_BY_DAY` days, else weeks."""
    return Step.DAY if (last - first).days < LONGEST_BY_DAY else Step.WEEK


def newest_policy(session: Session, study_id: int) -> str:
    """The digest of the newest policy of a study with decisions. Raises `Problem` 404."""
    digest = session.scalar(
        select(BundlePolicy.digest)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study_id, BundlePolicy.bins.is_not(None))
        .order_by(BundlePolicy.bundle_id.desc(), BundlePolicy.id)
        .limit(1)
    )
    if digest is None:
        raise absent("policy with decisions")
    return digest


def user_trend(
    session: Session,
    store: Store,
    user: Participant,
    policy: str,
    first: datetime.date,
    last: datetime.date,
    step: Step | None = None,
) -> UserTrend:
    """The trend of a user from the first day to the last.

    - `policy`: `BundlePolicy.digest`. Raises `Problem` 404 for one without bins in the study.
    """
    policies = policy_rows(session, user.study_id, policy)
    if not policies:
        raise absent("policy with decisions")
    counts = daily_counts(session, store, [user.id], [row.id for row in policies], first, last)
    return trend_of(counts.get(user.id), policies, step or default_step(first, last))


def trend_of(counts: UserCounts | None, policies: Sequence[BundlePolicy], step: Step) -> UserTrend:
    """The trend of a user's counts under one policy, the rows of which in bundles are given."""
    newest = policies[-1]
    shown = UserTrend(newest.digest, newest.required, step)
    if counts is None:
        return replace(shown, cannot_tell="no releases in this time")
    numbers, flagged, total, periods = _periods(counts, step)
    rates = rates_of(policies)
    known = np.array([period.bundle_policy_id in rates for period in periods])
    if not known.any():
        return replace(shown, periods=periods, cannot_tell=NO_RATES)
    result = trend(
        numbers[known],
        flagged[known],
        total[known],
        [rates[period.bundle_policy_id] for period in periods if period.bundle_policy_id in rates],
    )
    return replace(
        shown,
        periods=_with_estimates(periods, known.tolist(), result),
        changes=[_first_day(number, step) for number in result.change_points],
        cannot_tell=result.cannot_tell,
    )


def _periods(
    counts: UserCounts, step: Step
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[UserPeriod]]:
    """Numbers of the periods with releases, passes and releases of the bundle with most of them,
    `(periods,)` each, and the periods.
    """
    number = _number(counts.day, step)
    numbers = np.unique(number)
    flagged, total = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
    periods = []
    for position, value in enumerate(numbers.tolist()):
        rows = number == value
        bundles, index = np.unique(counts.bundle_policy_id[rows], return_inverse=True)
        releases = np.bincount(index, counts.total[rows]).astype(np.int64)
        most = int(releases.argmax())
        flagged[position] = counts.flagged[rows][index == most].sum()
        total[position] = releases[most]
        start = _first_day(value, step)
        end = start + datetime.timedelta(days=step.days - 1)
        periods.append(UserPeriod(start, end, int(releases.sum()), int(bundles[most])))
    return numbers, flagged, total, periods


def _number(day: np.ndarray, step: Step) -> np.ndarray:
    return day if step is Step.DAY else (day + _THURSDAY) // 7


def _first_day(number: int, step: Step) -> datetime.date:
    return date_of(number if step is Step.DAY else number * 7 - _THURSDAY)


def _with_estimates(
    periods: Sequence[UserPeriod], known: Sequence[bool], result: Trend
) -> list[UserPeriod]:
    estimates = iter(zip(result.share, result.low, result.high, strict=True))
    filled = []
    for period, has_rates in zip(periods, known, strict=True):
        share, low, high = map(_number_or_none, next(estimates)) if has_rates else (None,) * 3
        filled.append(replace(period, share=share, low=low, high=high))
    return filled


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
