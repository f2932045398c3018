"""The audit log cannot be changed, and a change by force is noticed."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sordino.errors import StorageError
from sordino.server.rights import audit
from sordino.server.store import Store

STATEMENTS = (
    "UPDATE audit_event SET time = 0",
    "UPDATE audit_event SET time = 0 WHERE number = 2",
    "DELETE FROM audit_event WHERE number = 3",
    "DELETE FROM audit_event",
)


def write(store: Store, number: int = 3) -> None:
    for position in range(number):
        with store.transaction() as session:
            audit.record(session, store.now(), "test", audit.Action.PAUSE, details={"n": position})


def drop_triggers(store: Store) -> None:
    with store.transaction() as session:
        if store.engine.dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER ALL"))
            return
        for name in ("update", "delete", "replace"):
            session.execute(text(f"DROP TRIGGER audit_event_{name}"))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_entries_cannot_be_changed(store: Store, statement: str) -> None:
    write(store)
    with pytest.raises(DBAPIError, match="append-only"), store.transaction() as session:
        session.execute(text(statement))
    with store.snapshot() as session:
        assert audit.verify(session).number == 3


def test_entries_cannot_be_replaced_or_truncated(store: Store) -> None:
    write(store)
    statement = (
        "TRUNCATE audit_event"
        if store.engine.dialect.name == "postgresql"
        else "INSERT OR REPLACE INTO audit_event SELECT number, 0, actor, action, study_id, "
        "participant_id, details, digest FROM audit_event"
    )
    with pytest.raises(DBAPIError, match="append-only"), store.transaction() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("statement", STATEMENTS[1:3])
def test_a_forced_change_is_noticed(store: Store, statement: str) -> None:
    write(store)
    with store.reading() as session:
        known = audit.head(session)
    drop_triggers(store)
    with store.transaction() as session:
        session.execute(text(statement))
    with (
        pytest.raises(StorageError, match="of the audit log was changed"),
        store.snapshot() as session,
    ):
        audit.verify(session, known)


def test_a_shortened_log_is_noticed_with_a_receipt(store: Store) -> None:
    write(store)
    with store.reading() as session:
        known = audit.head(session)
    drop_triggers(store)
    with store.transaction() as session:
        session.execute(text("DELETE FROM audit_event WHERE number > 1"))
    with store.snapshot() as session:
        assert audit.verify(session).number == 1  # a chain alone cannot know its end
        with pytest.raises(StorageError, match="entry 2"):
            audit.verify(session, known)


def test_writers_at_once_keep_one_chain(store: Store) -> None:
    threads = [threading.Thread(target=write, args=(store, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.snapshot() as session:
        assert audit.verify(session).number == 20


def test_details_are_bounded(store: Store) -> None:
    with pytest.raises(StorageError, match="2000"), store.transaction() as session:
        audit.record(session, 0, "test", audit.Action.PAUSE, details={"text": "x" * 3000})
