"""The table of a study: missing days, devices, and the drift of pass rates against the card.

Days are of every user; decisions are read only of users who let researchers see their trend.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sordino.server.database.tables import (
    BundlePolicy,
    BundleRow,
    DailyCount,
    Device,
    Participant,
    Purpose,
)
from sordino.server.days import utc_day
from sordino.server.rights.consent import users_consenting
from sordino.server.store import Store
from sordino.server.trends.counts import UserCounts, daily_counts, policy_rows, study_users
from sordino.server.trends.drift import Drift, drift
from sordino.server.trends.rates import rates_of

FEWEST_RELEASES: Final = 5
"""Releases without which the pass rate of a user does not count."""


@dataclass(frozen=True)
class CohortUser:
    """A user as researchers see them: no trend."""

    pseudonym: str
    cohort: str
    paused: bool
    stores: bool
    """Whether they consent that releases are stored, under one policy or more."""
    shares_trend: bool
    """Whether they let researchers see the trend, under one policy or more."""
    devices: int
    """Devices in use."""
    days: int
    """Days with releases."""
    missing_days: int
    """Days without, of those of the table since the user was added."""
    last_day: datetime.date | None


@dataclass(frozen=True)
class CohortTable:
    """The users of a study by pseudonym, and the pass rates by policy, bundle and cohort."""

    first: datetime.date
    last: datetime.date
    users: Sequence[CohortUser]
    drifts: Sequence[Drift]

    @property
    def is_alarm(self) -> bool:
        """Whether a pass rate differs from what the card explains."""
        return any(row.is_alarm for row in self.drifts)


def cohort_table(
    session: Session, store: Store, study_id: int, first: datetime.date, last: datetime.date
) -> CohortTable:
    """The table of a study from the first day to the last."""
    users = study_users(session, study_id)
    policies = _policies(session, study_id)
    return CohortTable(
        first,
        last,
        _users(session, study_id, users, policies, first, last),
        _drifts(session, store, study_id, users, policies, first, last),
    )


def _policies(session: Session, study_id: int) -> list[str]:
    """The digests of the policies of a study."""
    return sorted(
        session.scalars(
            select(BundlePolicy.digest)
            .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
            .where(BundleRow.study_id == study_id)
            .distinct()
        )
    )


def _users(
    session: Session,
    study_id: int,
    users: Sequence[Participant],
    policies: Sequence[str],
    first: datetime.date,
    last: datetime.date,
) -> list[CohortUser]:
    consents = {
        purpose: frozenset().union(
            *(users_consenting(session, study_id, purpose, policy) for policy in policies)
        )
        for purpose in (Purpose.STORAGE, Purpose.RESEARCH)
    }
    of_study = Participant.study_id == study_id
    devices = {
        row[0]: row[1]
        for row in session.execute(
            select(Device.participant_id, func.count())
            .join(Participant)
            .where(of_study, Device.revoked.is_(None))
            .group_by(Device.participant_id)
        )
    }
    days = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(
                DailyCount.participant_id,
                func.count(DailyCount.day.distinct()),
                func.max(DailyCount.day),
            )
            .join(Participant)
            .where(of_study, DailyCount.day.between(first, last))
            .group_by(DailyCount.participant_id)
        )
    }
    rows = []
    for user in users:
        number, last_day = days.get(user.id, (0, None))
        added = utc_day(user.created)
        expected = (last - max(first, added)).days + 1
        rows.append(
            CohortUser(
                user.pseudonym,
                user.cohort,
                user.paused,
                user.id in consents[Purpose.STORAGE],
                user.id in consents[Purpose.RESEARCH],
                devices.get(user.id, 0),
                number,
                max(expected - number, 0),
                last_day,
            )
        )
    return rows


def _drifts(
    session: Session,
    store: Store,
    study_id: int,
    users: Sequence[Participant],
    policies: Sequence[str],
    first: datetime.date,
    last: datetime.date,
) -> list[Drift]:
    """The pass rates of each bundle of each policy, of all users and by cohort."""
    cohorts = {user.id: user.cohort for user in users}
    drifts: list[Drift] = []
    for policy in policies:
        rows = policy_rows(session, study_id, policy)
        consenting = users_consenting(session, study_id, Purpose.RESEARCH, policy)
        counts = daily_counts(session, store, consenting, [row.id for row in rows], first, last)
        rates = rates_of(rows)
        for row in rows:
            shares = _shares(counts, row.id)
            groups: dict[str | None, list[float]] = {None: list(shares.values())}
            for user, share in shares.items():
                groups.setdefault(cohorts[user], []).append(share)
            if len(groups) == 2:  # one cohort is everyone
                groups = {None: groups[None]}
            drifts += [
                drift(row, cohort, values, rates.get(row.id)) for cohort, values in groups.items()
            ]
    return drifts


def _shares(counts: Mapping[int, UserCounts], bundle_policy_id: int) -> dict[int, float]:
    """The share of passes of each user with enough releases of a bundle."""
    shares = {}
    for user, days in counts.items():
        rows = days.bundle_policy_id == bundle_policy_id
        total = int(np.sum(days.total[rows]))
        if total >= FEWEST_RELEASES:
            shares[user] = float(np.sum(days.flagged[rows])) / total
    return shares
