"""Trends of a user as pages show them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.database.tables import BundlePolicy, BundleRow, Participant
from sordino.server.pages.plots import NARROW, WIDE, TrendPlot, trend_plot
from sordino.server.pages.views import ShownPeriod, ShownTrend
from sordino.server.store import Store
from sordino.server.trends.user import Step, UserTrend, user_trend

LONGEST_BY_DAY = 31
"""Days that a page shows one by one; a longer time is shown by week."""

Plotted = tuple[ShownTrend, TrendPlot | None, TrendPlot | None]


def plotted(trends: Sequence[ShownTrend]) -> list[Plotted]:
    """Trends with their plots, wide and narrow; None without an estimate."""
    return [
        (item, trend_plot(item, WIDE), trend_plot(item, NARROW))
        if item.periods and not item.cannot_tell
        else (item, None, None)
        for item in trends
    ]


def user_trends(
    session: Session,
    store: Store,
    user: Participant,
    days: int,
    permits: Callable[[str], bool] = lambda _digest: True,
) -> list[ShownTrend]:
    """The trends of a user over the last days, one for each policy with releases in this time.

    `permits` says of the digest of a policy whether its trend is shown.
    """
    last = datetime.datetime.fromtimestamp(store.now(), datetime.UTC).date()
    first = last - datetime.timedelta(days - 1)
    step = Step.DAY if days <= LONGEST_BY_DAY else Step.WEEK
    policies = policies_with_decisions(session, user.study_id)
    trends = [
        (policies[digest], user_trend(session, store, user, digest, first, last, step))
        for digest in policies
        if permits(digest)
    ]
    return [_view(name, item) for name, item in trends if item.periods]


def policies_with_decisions(session: Session, study_id: int) -> dict[str, str]:
    """The policies of a study that have trends: digest to the name in the newest bundle."""
    rows = session.execute(
        select(BundlePolicy.digest, BundlePolicy.name)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study_id, BundlePolicy.bins.is_not(None))
        .order_by(BundlePolicy.id)
    )
    return {row.digest: row.name for row in rows}


def _view(name: str, item: UserTrend) -> ShownTrend:
    return ShownTrend(
        emotion=item.required,
        policy=name,
        periods=[
            ShownPeriod(row.first, row.last, row.releases, row.share, row.low, row.high)
            for row in item.periods
        ],
        changes=item.changes,
        cannot_tell=item.cannot_tell,
        identifier=f"trend-{item.policy[:12]}",
    )
