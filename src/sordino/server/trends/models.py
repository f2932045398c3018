"""Answers of the routes of trends: their contract."""

from __future__ import annotations

import datetime

from pydantic import BaseModel, ConfigDict

from sordino.server.trends.user import Step


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class TrendPeriod(_Answer):
    """A day or a week with releases; without an estimate share and limits are null."""

    first: datetime.date
    last: datetime.date
    releases: int
    share: float | None
    low: float | None
    """95 % limits."""
    high: float | None


class TrendAnswer(_Answer):
    """The share of an emotion among the utterances of a user."""

    policy: str
    required: str
    step: Step
    periods: list[TrendPeriod]
    changes: list[datetime.date]
    """First days of periods from which the share differs from before."""
    cannot_tell: str
    """Why there is no estimate; empty if there is one."""


class UserRow(_Answer):
    """A user as researchers see them."""

    pseudonym: str
    cohort: str
    paused: bool
    stores: bool
    shares_trend: bool
    devices: int
    days: int
    missing_days: int
    last_day: datetime.date | None


class DriftRow(_Answer):
    """A mean pass rate, and the limits of what the card of the bundle explains."""

    policy: str
    name: str
    cohort: str | None
    """Null for all users."""
    users: int
    observed: float | None
    low: float | None
    high: float | None
    is_alarm: bool
    note: str


class CohortAnswer(_Answer):
    """The table of a study."""

    first: datetime.date
    last: datetime.date
    is_alarm: bool
    users: list[UserRow]
    drifts: list[DriftRow]
