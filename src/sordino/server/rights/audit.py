"""The audit log: every use of a user's data, in a chain of digests.

    digest_0 = 32 zero bytes        digest_n = SHA-256(digest_(n-1) || entry_n)

Triggers of the database refuse to change or delete an entry. An attacker who removes the triggers
cannot change an entry without changing all later digests, of which users hold some in receipts.
The log holds no vector, count or trend, no name and no address.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from sordino.errors import StorageError
from sordino.server.database.rights_tables import AuditEvent

START: Final = bytes(32)
"""The digest before the first entry."""

_LOCK: Final = 0x736F7265  # of writers of the log on PostgreSQL; SQLite has one writer at a time
_LONGEST: Final = 2000  # characters of the details
_RECOVERIES: Final = 10
_PART: Final = 1000  # entries that are read together


class Action(StrEnum):
    """What the log records."""

    CONSENT = "consent"
    PAUSE = "pause"
    RESUME = "resume"
    EXPORT = "export"
    DELETE = "delete"
    RETENTION = "retention"
    TREND = "trend"
    COHORT = "cohort"
    STATISTIC = "statistic"
    BUDGET = "budget"
    RESTORE = "restore"
    STUDY = "study"
    BUNDLE = "bundle"
    PARTICIPANT = "participant"
    DEVICE = "device"
    ACCOUNT = "account"


class Head(NamedTuple):
    """The end of the log."""

    number: int
    """The number of the last event."""
    digest: bytes
    """The hash of the chain up to it."""


def record(
    session: Session,
    time: int,
    actor: str,
    action: Action,
    *,
    study_id: int | None = None,
    participant_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> Head:
    """Append an entry, and return the new end of the log.

    - `time`: UTC, seconds since 1970, as the clock says; the order is that of the numbers.
    - `actor`: `Principal.name`, or the name of a command.
    - `details`: JSON of up to 2,000 characters, without contents.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = head(session)
    content = json.dumps(dict(details or {}), sort_keys=True, allow_nan=False)
    if len(content) > _LONGEST:
        raise StorageError(
            f"details of {len(content)} characters, expected up to {_LONGEST}: record a summary"
        )
    event = AuditEvent(
        number=last.number + 1,
        time=time,
        actor=actor[:64],
        action=str(action),
        study_id=study_id,
        participant_id=participant_id,
        details=content,
    )
    event.digest = _digest(last.digest, event)
    session.add(event)
    session.flush()
    return Head(event.number, event.digest)


def head(session: Session) -> Head:
    """The end of the log; number 0 for an empty one."""
    row = session.execute(
        select(AuditEvent.number, AuditEvent.digest).order_by(AuditEvent.number.desc()).limit(1)
    ).first()
    return Head(*row) if row else Head(0, START)


def recoveries(session: Session, participant_id: int, since: int) -> list[int]:
    """Times at which a link for a new password of a user was made or used, the newest first."""
    return list(
        session.scalars(
            select(AuditEvent.time)
            .where(
                AuditEvent.participant_id == participant_id,
                AuditEvent.action == str(Action.ACCOUNT),
                AuditEvent.time >= since,
                AuditEvent.details.in_(
                    json.dumps({"change": change}) for change in ("recovery", "recovered")
                ),
            )
            .order_by(AuditEvent.number.desc())
            .limit(_RECOVERIES)
        )
    )


def verify(session: Session, known: Head | None = None) -> Head:
    """The end of the log after a check of every entry.

    - `known`: an earlier end, of a receipt: the log must contain it, so a shortened one is noticed.

    Raises `StorageError` with the number of the first entry that was changed or is missing. Where a
    restoration may be the cause, the message says so.
    """
    digest, number, forked = START, 0, False
    restored: int | None = None
    statement = select(AuditEvent).order_by(AuditEvent.number)
    with session.scalars(statement.execution_options(yield_per=_PART)) as events:
        for event in events:
            number += 1
            digest = _digest(digest, event)
            if event.number != number or event.digest != digest:
                raise _broken(number)
            if known is not None and known.number == number:
                forked = known.digest != digest
            restored = number if event.action == Action.RESTORE else restored
            session.expunge(event)
    if known and (forked or known.number > number):
        raise _other_end(min(known.number, number + 1), restored)
    return Head(number, digest)


def _broken(number: int) -> StorageError:
    return StorageError(
        f"entry {number} of the audit log was changed or is missing, expected an unbroken chain: "
        "compare with a backup, and treat it as an incident"
    )


def _other_end(number: int, restored: int | None) -> StorageError:
    """An unbroken log that does not hold the end of a receipt; `restored` is its last entry of a
    restoration.
    """
    cause = (
        "compare with a backup, and treat it as an incident"
        if restored is None
        else f"entry {restored} records a restoration, which explains it if the receipt is older "
        "than that entry; treat it as an incident otherwise"
    )
    return StorageError(
        f"entry {number} of the audit log was changed or is missing, expected a log with the "
        f"end that the receipt names: {cause}"
    )


def _digest(previous: bytes, event: AuditEvent) -> bytes:
    content = [
        event.number,
        event.time,
        event.actor,
        event.action,
        event.study_id,
        event.participant_id,
        event.details,
    ]
    return hashlib.sha256(previous + json.dumps(content).encode()).digest()


def count(session: Session) -> int:
    """Entries of the log."""
    return session.scalar(select(func.count()).select_from(AuditEvent)) or 0
