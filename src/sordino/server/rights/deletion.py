"""Deletion of a user: every row, the key, and the statistics that counted them, with a receipt.

    rows deleted, statistics withdrawn, receipt signed   one transaction of the database
    key destroyed                                        after it, in the store of keys

A crash in between leaves a receipt in the database, and a restored backup of the database leaves a
mark in the store of keys: `reconcile` finishes both when the server starts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sordino.server.access.server_key import ServerKey
from sordino.server.database.keys import forget_log
from sordino.server.database.rights_tables import Deletion
from sordino.server.database.tables import Device, Participant, StudyRow
from sordino.server.groups.statistics import withdraw
from sordino.server.rights import audit, receipt
from sordino.server.rights.personal_data import rows_of
from sordino.server.store import Store

RESTORE: Final = "restore"
"""The actor of deletions that are repeated after a backup was restored."""

_LOG: Final = logging.getLogger(__name__)


def delete_user(
    store: Store, key: ServerKey, participant_id: int, actor: str
) -> dict[str, Any] | None:
    """The receipt of the deletion of a user; None where no such user is stored.

    Raises nothing that leaves a part deleted. A request that is repeated deletes nothing further.
    """
    with store.transaction() as session:
        content = _delete(session, store, key, participant_id, actor)
    if content is not None:
        store.keys.destroy(participant_id, store.now())
        forget_log(store.engine)
    return content


def _delete(
    session: Session, store: Store, key: ServerKey, participant_id: int, actor: str
) -> dict[str, Any] | None:
    user = _locked(session, participant_id)
    if user is None:
        return None
    withdrawn = withdraw(session, participant_id)
    counts: dict[str, int] = {}
    for table, belongs in reversed(rows_of(participant_id).items()):
        result = session.execute(delete(table).where(belongs))
        counts[table.name] = result.rowcount  # type: ignore[attr-defined]
    now = store.now()
    counts = dict(sorted((name, count) for name, count in counts.items() if count))
    head = audit.record(
        session,
        now,
        actor,
        audit.Action.DELETE,
        study_id=user.study_id,
        participant_id=participant_id,
        details={"deleted": counts, "statistics_withdrawn": withdrawn},
    )
    content = receipt.sign_receipt(
        {
            "study": session.scalar(select(StudyRow.name).where(StudyRow.id == user.study_id)),
            "participant": str(participant_id),
            "time": datetime.fromtimestamp(now, UTC).isoformat(),
            "deleted": counts,
            "statistics_withdrawn": withdrawn,
            "key": "destroyed",
            "log": {"number": head.number, "digest": head.digest.hex()},
        },
        key,
    )
    session.merge(
        Deletion(participant_id=participant_id, study_id=user.study_id, time=now, receipt=content)
    )
    return content


def _locked(session: Session, participant_id: int) -> Participant | None:
    """The user, locked against ingest. It locks the user first, in the order of ingest."""
    user = session.scalar(
        select(Participant).where(Participant.id == participant_id).with_for_update()
    )
    session.execute(
        select(Device.id)
        .where(Device.participant_id == participant_id)
        .order_by(Device.id)
        .with_for_update()
    ).all()
    if user is not None:
        session.expunge(user)  # its row is deleted by a statement, not by the session
    return user


@dataclass(frozen=True)
class Reconciliation:
    """What the store of keys and the database disagreed about."""

    users_deleted: int
    """Users of a restored database that had been deleted."""
    keys_destroyed: int
    """Keys of deleted users, after a crash or from a restored store of keys."""
    users_without_key: int
    """Users that can no longer be read: the store of keys is older than the database."""


def reconcile(store: Store, key: ServerKey) -> Reconciliation:
    """Delete again what a restored backup brought back, and finish interrupted deletions."""
    destroyed, existing = store.keys.destroyed(), store.keys.existing()
    with store.reading() as session:
        users = frozenset(session.scalars(select(Participant.id)))
        receipts = frozenset(session.scalars(select(Deletion.participant_id)))
    deleted = destroyed | receipts
    for participant_id in sorted(users & deleted):
        delete_user(store, key, participant_id, RESTORE)
    for participant_id in sorted((existing & receipts) | (receipts - destroyed)):
        store.keys.destroy(participant_id, store.now())
    outcome = Reconciliation(
        len(users & deleted), len(existing & receipts), len(users - existing - deleted)
    )
    if outcome.users_without_key:
        _LOG.error(
            "users without a key: %d, expected none: restore the store of keys of the same time",
            outcome.users_without_key,
        )
    return outcome
