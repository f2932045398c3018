"""The audit log, receipts of deletions, statistics of groups and what they spent of privacy.

No table here holds a vector, a count or a trend of one user.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from sordino.server.database.tables import IDENTIFIER, Base


class AuditEvent(Base):
    """An entry of the audit log; triggers refuse to change or delete it.

    It refers to no row, so that it outlives them; users stand in it by their random number.
    """

    __tablename__ = "audit_event"

    number: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True, autoincrement=False)
    """From 1, without gaps."""
    time: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    study_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    participant_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    details: Mapped[str] = mapped_column(Text)
    """JSON with sorted keys."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the digest before and this entry."""


class Deletion(Base):
    """The receipt of a deletion. A restored backup deletes these users again."""

    __tablename__ = "deletion"

    participant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    time: Mapped[int] = mapped_column(BigInteger)
    receipt: Mapped[dict[str, Any]] = mapped_column(JSON)


class GroupStatistic(Base):
    """The statistic of a cohort in a closed week, computed once: it cannot be differenced."""

    __tablename__ = "group_statistic"
    __table_args__ = (UniqueConstraint("study_id", "policy", "whole", "cohort", "week"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    policy: Mapped[str] = mapped_column(String(64))
    """`BundlePolicy.digest`."""
    whole: Mapped[bool]
    """Whether it is that of the whole study; `cohort` is empty then."""
    cohort: Mapped[str] = mapped_column(String(64))
    week: Mapped[datetime.date]
    """Its Monday."""
    time: Mapped[int] = mapped_column(BigInteger)
    table: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """None if it is withheld."""
    withheld: Mapped[str] = mapped_column(String(32), default="")
    """Why it is withheld; empty if it is not."""


class GroupMember(Base):
    """A user that a statistic counted."""

    __tablename__ = "group_member"

    statistic_id: Mapped[int] = mapped_column(ForeignKey("group_statistic.id"), primary_key=True)
    participant_id: Mapped[int] = mapped_column(
        ForeignKey("participant.id"), primary_key=True, index=True
    )


class PrivacyBudget(Base):
    """The budget of differential privacy of a study, per user; absent for statistics without."""

    __tablename__ = "privacy_budget"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    epsilon: Mapped[float] = mapped_column(Float)
    """The sum that may be spent on any user."""
    epsilon_per_table: Mapped[float] = mapped_column(Float)
    """Spent on each user by the statistics of one policy in one week, over all cohorts."""


class PrivacySpending(Base):
    """An entry of the ledger: epsilon that a week's statistics spent on every user of a study."""

    __tablename__ = "privacy_spending"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    week: Mapped[datetime.date]
    epsilon: Mapped[float] = mapped_column(Float)
    time: Mapped[int] = mapped_column(BigInteger)
