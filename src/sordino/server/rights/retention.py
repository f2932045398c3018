"""Deletion of what is older than a study keeps it, in steps that hold the database shortly.

A clock that is set back deletes nothing early. One that jumps ahead would delete everything, so a
run refuses to be more than `LARGEST_GAP_DAYS` after the last one, until an operator confirms.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, tuple_
from sqlalchemy.orm import Session

from sordino.errors import StorageError
from sordino.server.database.keys import forget_log
from sordino.server.database.rights_tables import AuditEvent
from sordino.server.database.tables import Device, Participant, StudyRow
from sordino.server.days import utc_day
from sordino.server.rights import audit
from sordino.server.rights.personal_data import rows_of
from sordino.server.store import Store

LARGEST_GAP_DAYS: Final = 8
DAY_SECONDS: Final = 86_400
ACTOR: Final = "upkeep"

_STEP: Final = 5000  # rows of one transaction


def dated_tables() -> list[Table]:
    """The tables with a day for each row of a user, children before parents."""
    return [table for table in reversed(rows_of(0)) if "day" in table.c]


def delete_expired(store: Store, *, confirmed: bool = False) -> dict[str, int]:
    """Rows deleted by table, of all studies.

    - `confirmed`: whether an operator looked at the clock.

    Raises `StorageError` where the clock is far after the last run.
    """
    now = store.now()
    with store.transaction() as session:
        _check_clock(session, now, confirmed)
        studies = session.execute(select(StudyRow.id, StudyRow.retention_days)).all()
    counts: dict[str, int] = {}
    for study_id, days in studies:
        before = utc_day(now) - datetime.timedelta(days=days)
        expired = {
            table.name: sum(_steps(store, table, study_id, before)) for table in dated_tables()
        }
        with store.transaction() as session:
            audit.record(
                session,
                now,
                ACTOR,
                audit.Action.RETENTION,
                study_id=study_id,
                details={"before": before.isoformat(), "deleted": expired},
            )
        counts = {name: counts.get(name, 0) + number for name, number in expired.items()}
    forget_log(store.engine)
    return counts


def _check_clock(session: Session, now: int, confirmed: bool) -> None:
    """Refuse a clock that is far after the last run, or at the first run after the first study."""
    last = session.scalar(
        select(AuditEvent.time)
        .where(AuditEvent.action == audit.Action.RETENTION)
        .order_by(AuditEvent.number.desc())
        .limit(1)
    ) or session.scalar(select(func.max(StudyRow.created)))
    if last is None or confirmed or now - last <= LARGEST_GAP_DAYS * DAY_SECONDS:
        return
    raise StorageError(
        f"the clock says {utc_day(now)}, the last deletion of expired releases was on "
        f"{utc_day(last)}, expected at most {LARGEST_GAP_DAYS} days between them: check the clock, "
        "then run `sordino store upkeep --clock-is-right`"
    )


def _steps(store: Store, table: Table, study_id: int, before: datetime.date) -> Iterator[int]:
    """Delete the rows of a study before a day, and yield their numbers."""
    key = list(table.primary_key.columns)
    while True:
        with store.transaction() as session:
            rows = session.execute(
                select(*key).where(_expired(table, study_id, before)).limit(_STEP)
            ).all()
            if rows:
                session.execute(delete(table).where(tuple_(*key).in_([tuple(row) for row in rows])))
        yield len(rows)
        if len(rows) < _STEP:
            return


def _expired(table: Table, study_id: int, before: datetime.date) -> ColumnElement[bool]:
    users = select(Participant.id).where(Participant.study_id == study_id)
    if "participant_id" in table.c:
        owner = table.c.participant_id.in_(users)
    else:
        owner = table.c.device_id.in_(select(Device.id).where(Device.participant_id.in_(users)))
    return and_(owner, table.c.day < before)
