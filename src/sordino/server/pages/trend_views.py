"""Trends of a user as pages show them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from sordino.define import required_title
from sordino.server.database.tables import BundlePolicy, Participant
from sordino.server.days import utc_day
from sordino.server.pages.plots import NARROW, WIDE, TrendPlot, trend_plot
from sordino.server.pages.stored import policy_names
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
    policies: Mapping[str, str],
) -> list[ShownTrend]:
    """The trends of a user over the last days, one for each of the policies (digest to name) with
    releases in this time.
    """
    last = utc_day(store.now())
    first = last - datetime.timedelta(days - 1)
    step = Step.DAY if days <= LONGEST_BY_DAY else Step.WEEK
    trends = [
        (name, user_trend(session, store, user, digest, first, last, step))
        for digest, name in policies.items()
    ]
    return [_view(name, item) for name, item in trends if item.periods]


def policies_with_decisions(session: Session, study_id: int) -> dict[str, str]:
    """The policies of a study that have trends: digest to the name in the newest bundle."""
    return policy_names(session, study_id, BundlePolicy.bins.is_not(None))


def _view(name: str, item: UserTrend) -> ShownTrend:
    return ShownTrend(
        emotion=required_title(item.required),
        policy=name,
        periods=[
            ShownPeriod(row.first, row.last, row.releases, row.share, row.low, row.high)
            for row in item.periods
        ],
        changes=item.changes,
        cannot_tell=item.cannot_tell,
        identifier=f"trend-{item.policy[:12]}",
    )
