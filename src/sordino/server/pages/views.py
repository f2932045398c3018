"""What pages show, as frozen values. Shares are from 0 to 1, times in seconds since 1970 (UTC)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ShownPeriod:
    """A day or a week of a trend. Without an estimate `share`, `low` and `high` are None."""

    first: datetime.date
    last: datetime.date
    releases: int
    share: float | None = None
    low: float | None = None
    """95 % limits."""
    high: float | None = None


@dataclass(frozen=True)
class ShownTrend:
    """The share of an emotion among the utterances of a user, by day or by week."""

    emotion: str
    """The required emotion of the policy."""
    policy: str
    periods: Sequence[ShownPeriod]
    """Those with releases, in the order of time."""
    changes: Sequence[datetime.date] = ()
    """First days of periods from which the share differs from before."""
    cannot_tell: str = ""
    """Why no share can be estimated; empty if it can."""
    identifier: str = "trend"
    """Unique on its page, of letters, digits and hyphens."""


@dataclass(frozen=True)
class DeviceRow:
    """A device of a user."""

    number: int
    name: str
    created: int
    releases: int
    last_day: datetime.date | None
    state: str
    """In use, expired or revoked."""


@dataclass(frozen=True)
class BundleLine:
    """A bundle and policy under which releases are stored."""

    bundle: str
    """Its name, digest and date (`bundle_label`)."""
    policy: str
    releases: int
    first: datetime.date | None
    last: datetime.date | None


@dataclass(frozen=True)
class ConsentRow:
    """The newest decision of a user about a purpose and a policy; version 0 is none yet."""

    purpose: str
    policy: str
    digest: str
    version: int
    is_consent: bool
    time: int | None


@dataclass(frozen=True)
class StoredData:
    """Everything that is stored about a user, as counts."""

    releases: int
    days: int
    first: datetime.date | None
    last: datetime.date | None
    retention_days: int
    paused: bool
    study: str = ""
    devices: Sequence[DeviceRow] = ()
    bundles: Sequence[BundleLine] = ()
    consents: Sequence[ConsentRow] = ()


@dataclass(frozen=True)
class Limit:
    """What an attacker infers from a released vector, from the card of a bundle."""

    secret: str
    kind: str
    """`bound`: no attacker exceeds `high`; `measured`: of the attackers that were tried."""
    high: float
    """Upper limit of the AUC, in [0.5, 1]."""
    speakers: int | None = None


@dataclass(frozen=True)
class PolicyLimits:
    """What is hidden and what is not, under one policy of a bundle."""

    policy: str
    required: str
    limits: Sequence[Limit] = field(default_factory=tuple)
    bundle: str = ""
    """Its name, digest and date (`bundle_label`)."""
    left_out: int = 0
    """The number of further limits, none worse than the lowest here or the one of its title."""


@dataclass(frozen=True)
class CohortRow:
    """The participants of a cohort together."""

    name: str
    participants: int
    active: int
    devices: int
    days: int
    """Days with releases, summed over participants."""
    missing: float | None
    """Share of days without."""


@dataclass(frozen=True)
class GroupRow:
    """A statistic of a cohort in a week; without `users` it is withheld."""

    policy: str
    cohort: str
    first: datetime.date
    last: datetime.date
    users: int | None
    share: float | None = None
    low: float | None = None
    high: float | None = None
    epsilon: float | None = None
    """Of differential privacy, where the study asks for it."""
    reason: str = ""


@dataclass(frozen=True)
class HealthCheck:
    """One line of the health of a server."""

    name: str
    state: str
    is_good: bool
    detail: str = ""


@dataclass(frozen=True)
class StudyLine:
    """A study as its operator sees it: counts only."""

    name: str
    participants: int
    devices: int
    releases: int
    retention_days: int
    epsilon_spent: float | None = None
    epsilon_limit: float | None = None
