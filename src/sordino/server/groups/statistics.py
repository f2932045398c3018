"""Statistics of groups: the mean share of passes of a cohort in a closed week.

Each is computed once and stored, so that asking again, or after a user joined, shows nothing new.
Three rules stand against differencing:

- A cohort needs `smallest_group` users (10 or more) with enough releases, and each counts once.
- The whole study is shown only if the users outside of the cohorts shown are none or that many.
- A deletion withdraws the statistics that counted the user for good. No statistic of that week is
  computed again: beside one that was shown before, it would show the share of the user.

Where a study has a privacy budget, sums carry noise (`private_sums`), and the ledger ends them.
Otherwise shares are rounded to `DECIMALS`, so that a sum does not reveal its fractions.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sordino.server.database.rights_tables import (
    GroupMember,
    GroupStatistic,
    PrivacyBudget,
    PrivacySpending,
)
from sordino.server.database.tables import BundlePolicy, BundleRow, DailyCount, Purpose, StudyRow
from sordino.server.days import utc_day
from sordino.server.groups.private_sums import PrivateSum, private_sum
from sordino.server.rights import audit
from sordino.server.rights.consent import users_consenting
from sordino.server.store import Store
from sordino.server.trends.counts import daily_counts, policy_rows, study_users

SMALLEST_GROUP: Final = 10
FEWEST_RELEASES: Final = 5
"""Releases in a week without which a user does not count."""
GRACE_DAYS: Final = 7
"""Days after its end until a week is closed, for devices that were offline."""
MOST_WEEKS: Final = 26
"""Weeks back that are still computed."""
DECIMALS: Final = 2
DAY: Final = datetime.timedelta(days=1)
WEEK: Final = 7 * DAY
ACTOR: Final = "upkeep"

FEW, COMPLEMENT, BUDGET, DELETED = "few-users", "complement", "budget", "deletion"
"""Why a statistic is withheld."""


@dataclass(frozen=True)
class _Contribution:
    """What a user adds to a week."""

    participant_id: int
    cohort: str
    share: float
    """In [0, 1]: a user with many releases counts as one with few."""


def compute_statistics(store: Store, study_id: int) -> int:
    """Compute the statistics of all closed weeks that are not stored. It returns their number."""
    with store.reading() as session:
        due = _due(session, study_id, closed_weeks(store.now()))
    number = 0
    for policy, week in sorted(due):
        with store.transaction() as session:
            number += _compute_week(session, store, study_id, policy, week)
    return number


def _due(
    session: Session, study_id: int, weeks: Sequence[datetime.date]
) -> set[tuple[str, datetime.date]]:
    """Policies and weeks with releases and no statistic; a withdrawn one is a statistic."""
    days = session.execute(
        select(BundlePolicy.digest, DailyCount.day)
        .join(BundlePolicy, BundlePolicy.id == DailyCount.bundle_policy_id)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(
            BundleRow.study_id == study_id,
            BundlePolicy.bins.is_not(None),
            DailyCount.day.between(weeks[0], weeks[-1] + WEEK - DAY),
        )
        .distinct()
    )
    stored = {(row.policy, row.week) for row in statistics_of(session, study_id)}
    return {(policy, day - DAY * day.weekday()) for policy, day in days} - stored


def closed_weeks(now: int) -> list[datetime.date]:
    """The Mondays of the closed weeks that are computed at a time, in ascending order."""
    today = utc_day(now)
    last = today - GRACE_DAYS * DAY - WEEK
    monday = last - last.weekday() * DAY
    return [monday - WEEK * back for back in reversed(range(MOST_WEEKS))]


def withdraw(session: Session, participant_id: int) -> int:
    """Withdraw the statistics that counted a user for good, before the user is deleted."""
    counted = session.scalars(
        select(GroupMember.statistic_id).where(GroupMember.participant_id == participant_id)
    ).all()
    if counted:
        session.execute(
            update(GroupStatistic)
            .where(GroupStatistic.id.in_(counted))
            .values(table=None, withheld=DELETED)
        )
    return len(counted)


def _compute_week(
    session: Session, store: Store, study_id: int, policy: str, week: datetime.date
) -> int:
    study = session.scalars(
        select(StudyRow).where(StudyRow.id == study_id).with_for_update(key_share=True)
    ).one()
    smallest = max(study.smallest_group, SMALLEST_GROUP)
    stored = session.scalar(
        select(GroupStatistic.id)
        .where(
            GroupStatistic.study_id == study_id,
            GroupStatistic.policy == policy,
            GroupStatistic.week == week,
        )
        .limit(1)
    )
    users = [] if stored else _contributions(session, store, study_id, policy, week)
    if not users:
        return 0
    budget = session.get(PrivacyBudget, study_id)
    rows = (
        _exact(session, study, policy, week, users, smallest, store.now())
        if budget is None
        else _private(session, study, policy, week, users, smallest, store.now(), budget)
    )
    audit.record(
        session,
        store.now(),
        ACTOR,
        audit.Action.STATISTIC,
        study_id=study_id,
        details={"policy": policy, "week": week.isoformat(), "tables": len(rows)},
    )
    return len(rows)


def _contributions(
    session: Session, store: Store, study_id: int, policy: str, week: datetime.date
) -> list[_Contribution]:
    """The users of a week who consented."""
    consenting = users_consenting(session, study_id, Purpose.GROUP, policy)
    rows = [row.id for row in policy_rows(session, study_id, policy)]
    sunday = week + WEEK - DAY
    counts = daily_counts(session, store, consenting, rows, week, sunday)
    cohorts = {user.id: user.cohort for user in study_users(session, study_id)}
    return [
        _Contribution(user, cohorts[user], min(max(days.flagged.sum() / total, 0.0), 1.0))
        for user, days in sorted(counts.items())
        if (total := int(days.total.sum())) >= FEWEST_RELEASES
    ]


def _by_cohort(users: Sequence[_Contribution]) -> dict[str, list[_Contribution]]:
    cohorts: dict[str, list[_Contribution]] = {}
    for user in users:
        cohorts.setdefault(user.cohort, []).append(user)
    return dict(sorted(cohorts.items()))


def _exact(
    session: Session,
    study: StudyRow,
    policy: str,
    week: datetime.date,
    users: Sequence[_Contribution],
    smallest: int,
    now: int,
) -> list[GroupStatistic]:
    """Store the statistics without noise."""
    cohorts = _by_cohort(users)
    if len(cohorts) == 1:
        cohorts = {}
    outside = sum(len(group) for group in cohorts.values() if len(group) < smallest)
    reason = FEW if len(users) < smallest else COMPLEMENT if 0 < outside < smallest else ""
    groups = [
        (False, name, group, FEW if len(group) < smallest else "")
        for name, group in cohorts.items()
    ]
    rows = []
    for whole, cohort, group, withheld in [*groups, (True, "", list(users), reason)]:
        row = GroupStatistic(
            study_id=study.id,
            policy=policy,
            week=week,
            whole=whole,
            cohort=cohort,
            time=now,
            table=None if withheld else exact_table(group),
            withheld=withheld,
        )
        session.add(row)
        session.flush()
        if not withheld:
            _count_members(session, row, group)
        rows.append(row)
    return rows


def exact_table(group: Sequence[_Contribution]) -> dict[str, Any]:
    """Users, the mean share of passes, and its standard error over users."""
    shares = np.array([user.share for user in group])
    return {
        "users": len(shares),
        "passes": round(float(shares.mean()), DECIMALS),
        "standard_error": round(float(shares.std(ddof=1) / np.sqrt(len(shares))), DECIMALS),
        "epsilon": None,
    }


def _count_members(session: Session, row: GroupStatistic, group: Sequence[_Contribution]) -> None:
    session.add_all(
        GroupMember(statistic_id=row.id, participant_id=user.participant_id) for user in group
    )
    session.flush()


def _private(
    session: Session,
    study: StudyRow,
    policy: str,
    week: datetime.date,
    users: Sequence[_Contribution],
    smallest: int,
    now: int,
    budget: PrivacyBudget,
) -> list[GroupStatistic]:
    """Store statistics with noise. A user is in one cohort, so cohorts do not add up."""
    enough = spent(session, study.id) + budget.epsilon_per_table <= budget.epsilon + 1e-9
    cohorts = _by_cohort(users)
    sums: Mapping[str, PrivateSum] = {}
    if enough:
        session.add(
            PrivacySpending(
                study_id=study.id, week=week, epsilon=budget.epsilon_per_table, time=now
            )
        )
        sums = {
            name: private_sum([user.share for user in group], budget.epsilon_per_table)
            for name, group in cohorts.items()
        }
    rows = []
    groups = [(False, name, len(group)) for name, group in cohorts.items()]
    for whole, cohort, size in [*(groups if len(groups) > 1 else []), (True, "", len(users))]:
        withheld = FEW if size < smallest else "" if enough else BUDGET
        table = None
        if not withheld:
            total = sum(sums.values(), PrivateSum.zero()) if whole else sums[cohort]
            table = total.table(budget.epsilon_per_table)
        row = GroupStatistic(
            study_id=study.id,
            policy=policy,
            week=week,
            whole=whole,
            cohort=cohort,
            time=now,
            table=table,
            withheld=withheld,
        )
        session.add(row)
        rows.append(row)
    session.flush()
    return rows


def spent(session: Session, study_id: int) -> float:
    """The epsilon that the statistics of a study spent on every user."""
    return (
        session.scalar(
            select(func.sum(PrivacySpending.epsilon)).where(PrivacySpending.study_id == study_id)
        )
        or 0.0
    )


def statistics_of(session: Session, study_id: int) -> Sequence[GroupStatistic]:
    """The stored statistics of a study, the newest week first."""
    return session.scalars(
        select(GroupStatistic)
        .where(GroupStatistic.study_id == study_id)
        .order_by(
            GroupStatistic.week.desc(),
            GroupStatistic.policy,
            GroupStatistic.whole.desc(),
            GroupStatistic.cohort,
        )
    ).all()


def set_budget(session: Session, study_id: int, epsilon: float, epsilon_per_table: float) -> None:
    """Give a study a privacy budget, or change it. The ledger stays."""
    session.execute(delete(PrivacyBudget).where(PrivacyBudget.study_id == study_id))
    session.add(
        PrivacyBudget(study_id=study_id, epsilon=epsilon, epsilon_per_table=epsilon_per_table)
    )
    session.flush()
