"""Trends of a user as pages show them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.errors import SordinoError
from sordino.metrics.prevalence import Rates
from sordino.metrics.trend import trend
from sordino.server.database.tables import Bundle, BundlePolicy, Participant
from sordino.server.pages.plots import NARROW, WIDE, TrendPlot, trend_plot
from sordino.server.pages.views import Period, Trend
from sordino.server.store import Store
from sordino.server.trends.counts import UserCounts, daily_counts, date_of, day_number

LONGEST_BY_DAY: Final = 31
"""Days that are shown one by one; longer times are shown by week."""

Plotted = tuple[Trend, TrendPlot | None, TrendPlot | None]


def plotted(trends: Sequence[Trend]) -> list[Plotted]:
    """Trends with their plots, wide and narrow; None without an estimate."""
    return [
        (
            item,
            *(
                (trend_plot(item, WIDE), trend_plot(item, NARROW))
                if has_plot(item)
                else (None, None)
            ),
        )
        for item in trends
    ]


def has_plot(item: Trend) -> bool:
    """Whether a trend has an estimate to draw."""
    return not item.cannot_tell and bool(item.periods)


def user_trends(session: Session, store: Store, user: Participant, days: int) -> list[Trend]:
    """The trends of a user over the last days, one for each policy with stored releases."""
    today = datetime.datetime.fromtimestamp(store.now(), datetime.UTC).date()
    first = today - datetime.timedelta(days - 1)
    rows = session.execute(
        select(BundlePolicy, Bundle)
        .join(Bundle, Bundle.id == BundlePolicy.bundle_id)
        .where(Bundle.study_id == user.study_id, BundlePolicy.bins.is_not(None))
        .order_by(BundlePolicy.id)
    ).all()
    step = 1 if days <= LONGEST_BY_DAY else 7
    counts = daily_counts(session, store, [user.id], [p.id for p, _ in rows], first, today)
    if user.id not in counts:
        return []
    digests = dict.fromkeys(policy.digest for policy, _ in rows)
    trends = []
    for number, digest in enumerate(digests):
        versions = {
            policy.id: (policy, bundle) for policy, bundle in rows if policy.digest == digest
        }
        item = _trend(counts[user.id], versions, today, step, f"trend-{number}")
        if item is not None:
            trends.append(item)
    return trends


def _trend(
    counts: UserCounts,
    versions: dict[int, tuple[BundlePolicy, Bundle]],
    today: datetime.date,
    step: int,
    identifier: str,
) -> Trend | None:
    """The trend of one policy in steps of days that end today; None without a release."""
    rows = np.isin(counts.bundle_policy_id, list(versions))
    if not rows.any():
        return None
    back = (day_number(today) - counts.day[rows]) // step
    passes, total, used = counts.flagged[rows], counts.total[rows], counts.bundle_policy_id[rows]
    numbers = np.arange(back.max(), -1, -1)
    flagged = np.array([passes[back == number].sum() for number in numbers])
    totals = np.array([total[back == number].sum() for number in numbers])
    newest = versions[int(used[-1])][0]
    shown = {"emotion": newest.required, "policy": newest.name, "identifier": identifier}
    try:
        rates = [_rates(versions, used[back == number]) for number in numbers]
        known = [rate for rate in rates if rate is not None]
        filled = [rate or known[0] for rate in rates]
        result = trend(np.arange(len(numbers)), flagged, totals, filled)
    except SordinoError:
        return Trend(periods=(), cannot_tell="the bundle has no pass rates", **shown)
    ends = [day_number(today) - int(number) * step for number in numbers]
    periods = [
        Period(
            date_of(end - step + 1),
            date_of(end),
            int(count),
            *(None if math.isnan(value) else float(value) for value in (share, low, high)),
        )
        for end, count, share, low, high in zip(
            ends, totals, result.share, result.low, result.high, strict=True
        )
    ]
    changes = [periods[number].first for number in result.change_points]
    return Trend(periods=periods, changes=changes, cannot_tell=result.cannot_tell, **shown)


def _rates(versions: dict[int, tuple[BundlePolicy, Bundle]], used: np.ndarray) -> Rates | None:
    """The rates of the bundle of a period; None without releases. Raises `SordinoError`."""
    if not len(used):
        return None
    policy, bundle = versions[int(used[-1])]
    audit = bundle.card.get("audit")
    return Rates.from_card(audit.get(policy.name) if isinstance(audit, dict) else None)
