"""The tables of devices, consent and releases. Times are UTC, in seconds since 1970.

    study 1--n participant 1--n device 1--n batch 1--n release
    study 1--n bundle 1--n bundle_policy      participant 1--n consent, 1--n daily_count

A payload is encrypted with the key of its participant (`sordino.server.database.keys`), so that
destroying the key also deletes the copies in backups. No column tells how often a device withheld.
"""

from __future__ import annotations

import datetime
import secrets
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

IDENTIFIER = BigInteger().with_variant(Integer, "sqlite")
"""Row numbers; SQLite numbers rows itself only in a column of type INTEGER."""


class Purpose(StrEnum):
    """The purposes that a user consents to, each for a policy."""

    STORAGE = "storage"
    """Releases are stored, and the user sees their own trend; without it nothing is accepted."""
    RESEARCH = "research"
    """Researchers of the study see the trend under the pseudonym."""
    GROUP = "group"
    """The user counts in group statistics."""


def random_identifier() -> int:
    """A number of 62 random bits: it is never used twice, also after an old backup is restored."""
    return secrets.randbits(62)


class Base(DeclarativeBase):
    """Every table; constraints have names, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class StudyRow(Base):
    """A tenant: no row of one study is visible from another."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created: Mapped[int] = mapped_column(BigInteger)
    retention_days: Mapped[int] = mapped_column(default=365)
    smallest_group: Mapped[int] = mapped_column(default=10)
    """Users that a group statistic needs, at least 10."""


class Participant(Base):
    """A user of a study under a pseudonym."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("study_id", "pseudonym"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True, default=random_identifier)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    pseudonym: Mapped[str] = mapped_column(String(64))
    created: Mapped[int] = mapped_column(BigInteger)
    paused: Mapped[bool] = mapped_column(default=False)
    cohort: Mapped[str] = mapped_column(String(64), default="")


class Device(Base):
    """A device of a user, or a gateway that sends for one. Its token is stored as SHA-256."""

    __tablename__ = "device"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), index=True)
    name: Mapped[str] = mapped_column(String(64), default="")
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int | None] = mapped_column(BigInteger)
    revoked: Mapped[int | None] = mapped_column(BigInteger)
    last_number: Mapped[int] = mapped_column(BigInteger, default=0)
    """The largest number of a stored release of the device; a batch must lie above it."""
    last_day: Mapped[datetime.date | None]


class SigningKey(Base):
    """The Ed25519 key of a runtime or gateway that signs batches of continuous vectors."""

    __tablename__ = "signing_key"
    __table_args__ = (UniqueConstraint("study_id", "key_id"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    key_id: Mapped[str] = mapped_column(String(64))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    created: Mapped[int] = mapped_column(BigInteger)
    revoked: Mapped[int | None] = mapped_column(BigInteger)


class BundleRow(Base):
    """A registered bundle: only its releases are stored."""

    __tablename__ = "bundle"
    __table_args__ = (UniqueConstraint("study_id", "digest"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of manifest.json."""
    name: Mapped[str] = mapped_column(String(100))
    created: Mapped[int] = mapped_column(BigInteger)
    retired: Mapped[int | None] = mapped_column(BigInteger)
    card: Mapped[dict[str, Any]] = mapped_column(JSON)


class BundlePolicy(Base):
    """One policy of a bundle, and all that ingest and trends need of it."""

    __tablename__ = "bundle_policy"
    __table_args__ = (UniqueConstraint("bundle_id", "name"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    bundle_id: Mapped[int] = mapped_column(ForeignKey("bundle.id"))
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    """The hash of the policy: consent is given to it, and bundles of one policy share it."""
    required: Mapped[str] = mapped_column(String(64))
    family: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    prototypes: Mapped[bytes | None] = mapped_column(LargeBinary)
    """float32 rows `(n, width)` of a family that releases prototypes; None for continuous ones."""
    bins: Mapped[bytes | None] = mapped_column(LargeBinary)
    """int64, the bin of each prototype `(n,)`."""
    rates: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """`rates` of the card: hit and false pass rates over speakers; None in older bundles."""


class Consent(Base):
    """One decision of a user about a purpose and a policy. The newest version counts."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("participant_id", "purpose", "policy", "version"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(64))
    """A `Purpose`."""
    policy: Mapped[str] = mapped_column(String(64))
    """`BundlePolicy.digest`."""
    version: Mapped[int]
    given: Mapped[bool]
    time: Mapped[int] = mapped_column(BigInteger)


class BatchRow(Base):
    """An accepted batch, so that a repeated request has the same answer."""

    __tablename__ = "batch"
    __table_args__ = (UniqueConstraint("device_id", "idempotency_key"),)

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    idempotency_key: Mapped[str] = mapped_column(String(64))
    body_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    """A MAC of the body under the key of the participant (`Cipher.mac`): a plain hash would let
    everyone test which prototypes a small batch held.
    """
    stored: Mapped[int]
    last_number: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[datetime.date] = mapped_column(index=True)
    """The day of the releases, for retention."""


class ReleaseRow(Base):
    """One released vector. PostgreSQL keeps each month in a partition of its own."""

    __tablename__ = "release"
    __table_args__ = (
        Index("ix_release_participant_day", "participant_id", "day"),
        {"postgresql_partition_by": "RANGE (day)"},
    )

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"))
    bundle_policy_id: Mapped[int] = mapped_column(ForeignKey("bundle_policy.id"))
    format: Mapped[int]
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    """The index of the prototype or the vector, encrypted (`sordino.server.database.payloads`)."""


class DailyCount(Base):
    """Releases of a user in a day by bin, encrypted; made again from `release` after a deletion."""

    __tablename__ = "daily_count"

    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), primary_key=True)
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    bundle_policy_id: Mapped[int] = mapped_column(ForeignKey("bundle_policy.id"), primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
