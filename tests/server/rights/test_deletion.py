"""Deletion is complete, is proved by a receipt, and survives backups."""

from __future__ import annotations

import datetime
import json
import sqlite3
import time
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select, text

from sordino.errors import SignatureError, StorageError
from sordino.server.access.context import Access
from sordino.server.access.principal import Principal, Scope
from sordino.server.access.session import FRESH_SECONDS
from sordino.server.access.token import new_token, token_digest
from sordino.server.database.account_tables import BrowserSession, Invitation, Passkey
from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.rights_tables import Deletion, GroupMember, GroupStatistic
from sordino.server.database.tables import Participant
from sordino.server.errors import Problem
from sordino.server.rights import audit, receipt
from sordino.server.rights.deletion import delete_user, reconcile
from sordino.server.rights.personal_data import KEPT, USER, rows_of
from tests.server.conftest import Clock, Scene, make_user
from tests.server.rights.conftest import DAY, SQLITE, add_releases, open_session, sign_in


def fill(scene: Scene, device_id: int, participant_id: int) -> dict[str, str]:
    """A row of a user in every table that can have one."""
    store = scene.store
    headers = sign_in(store, "user", scene.study.id, participant_id)
    store.partitions.ensure(DAY)
    with store.transaction() as session:
        for name, indices in (("drawn", (0, 1, 5)), ("label", (1,)), ("noise", (7,))):
            add_releases(session, store, device_id, scene.policies[name], indices)
        account = session.scalars(
            text("SELECT max(id) FROM account").columns(TABLES_METADATA.tables["account"].c.id)
        ).one()
        times = {"created": 1, "expires": 2**40}
        session.add_all(
            [
                Passkey(
                    account_id=account,
                    credential_id=participant_id.to_bytes(8, "big"),
                    public_key=b"k",
                    sign_count=0,
                    created=1,
                ),
                BrowserSession(
                    account_id=account,
                    token_sha256=token_digest(new_token()),
                    last_use=1,
                    **times,
                ),
                Invitation(
                    study_id=scene.study.id,
                    participant_id=participant_id,
                    role="user",
                    token_sha256=token_digest(new_token()),
                    **times,
                ),
            ]
        )
        statistic = GroupStatistic(
            study_id=scene.study.id,
            policy=scene.policies["drawn"].digest,
            whole=False,
            cohort=str(participant_id),
            week=DAY,
            time=1,
            table={"users": 10},
        )
        session.add(statistic)
        session.flush()
        session.add(GroupMember(statistic_id=statistic.id, participant_id=participant_id))
    return headers


def rows_left(scene: Scene, participant_id: int) -> dict[str, int]:
    with scene.store.reading() as session:
        return {
            table.name: len(session.execute(select(table).where(belongs)).all())
            for table, belongs in rows_of(participant_id).items()
        }


def test_every_table_that_names_users_is_known() -> None:
    """A new table reaches the user by foreign keys, or stands in the short list of kept ones."""
    known = {table.name for table in rows_of(0)} | KEPT
    for table in TABLES_METADATA.sorted_tables:
        if {"participant_id", "device_id", "account_id"} & set(table.c.keys()):
            assert table.name in known
    assert USER.name in known
    assert len(known) > 10


def test_deletion_leaves_no_row_of_the_user(client: TestClient, scene: Scene) -> None:
    other, other_device, _ = make_user(scene.store, scene.study, scene.policies, "p2")
    headers = fill(scene, scene.device_id, scene.participant.id)
    fill(scene, other_device, other.id)
    browser = open_session(scene.store, scene.participant.id)
    before = rows_left(scene, scene.participant.id)
    assert min(before.values()) > 0  # every table had one, so the test covers it
    neighbour = rows_left(scene, other.id)

    answer = client.delete("/v1/participants/me", headers=browser)
    assert answer.status_code == 200, answer.text
    assert max(rows_left(scene, scene.participant.id).values()) == 0
    assert rows_left(scene, other.id) == neighbour
    assert answer.json()["deleted"] == dict(sorted(before.items()))
    assert client.get("/v1/participants/me/log", headers=headers).status_code == 401
    assert client.get("/v1/device", headers=scene.headers).status_code == 401
    with pytest.raises(StorageError, match="was deleted"):
        scene.store.keys.cipher(scene.participant.id)
    with scene.store.reading() as session:
        withdrawn = session.scalars(
            select(GroupStatistic).where(GroupStatistic.cohort == str(scene.participant.id))
        ).one()
    assert (withdrawn.table, withdrawn.withheld) == (None, "deletion")


@SQLITE
def test_receipt_is_verified_and_bound_to_the_log(client: TestClient, scene: Scene) -> None:
    fill(scene, scene.device_id, scene.participant.id)
    browser = open_session(scene.store, scene.participant.id)
    content = client.delete("/v1/participants/p1", headers=browser).json()
    public = bytes.fromhex(client.get("/v1/receipt-key").json()["public_key"])
    receipt.verify_receipt(json.loads(json.dumps(content)), public)
    assert "p1" not in json.dumps({key: content[key] for key in content if key != "signature"})
    known = receipt.log_end(content)
    with scene.store.snapshot() as session:
        assert audit.verify(session, known).number >= known.number
    changes: list[dict[str, Any]] = [{"deleted": {}}, {"participant": "1"}, {"time": ""}]
    for change in [*changes, {"further": 1}]:
        with pytest.raises(SignatureError, match="another signature"):
            receipt.verify_receipt(content | change, public)
    with pytest.raises(SignatureError):
        receipt.verify_receipt(content, bytes(32))
    with pytest.raises(SignatureError):
        receipt.verify_receipt({"signature": "?"}, public)


@SQLITE
def test_deleted_rows_leave_no_bytes_in_files(scene: Scene) -> None:
    """SQLite overwrites rows and keys, and empties its log of writes."""
    folder = scene.store.settings.folder
    with sqlite3.connect(folder / "keys.sqlite3") as connection:
        keys = connection.execute("SELECT key FROM user_key").fetchall()
    pseudonym = "pseudonym-to-be-overwritten"
    with scene.store.transaction() as session:
        session.get_one(Participant, scene.participant.id).pseudonym = pseudonym
    secrets = [key for (key,) in keys] + [pseudonym.encode()]

    def occurrences() -> int:
        contents = [path.read_bytes() for path in folder.iterdir()]
        return sum(secret in content for secret in secrets for content in contents)

    assert occurrences() >= 2
    delete_user(scene.store, Access(scene.store.settings).key, scene.participant.id, "test")
    assert occurrences() == 0


@SQLITE
def test_deletion_does_not_wait_for_a_reader(scene: Scene) -> None:
    """The log of writes is emptied once the reader is done."""
    log = scene.store.settings.folder / "sordino.sqlite3-wal"
    with scene.store.reading() as session:
        session.scalars(select(Participant.id)).all()
        begin = time.monotonic()
        delete_user(scene.store, Access(scene.store.settings).key, scene.participant.id, "test")
        assert time.monotonic() - begin < 5
        assert log.stat().st_size > 0
        assert not scene.store.forget_logs()
    assert scene.store.forget_logs()
    assert log.stat().st_size == 0


@SQLITE
def test_an_interrupted_deletion_is_finished_at_the_start(scene: Scene) -> None:
    """A crash after the commit of the database, before the key was destroyed."""
    key = Access(scene.store.settings).key
    user = scene.participant.id
    with scene.store.transaction() as session:
        session.add(
            Deletion(participant_id=user, study_id=scene.study.id, time=1, receipt={"format": 1})
        )
    outcome = reconcile(scene.store, key)
    assert (outcome.users_deleted, outcome.keys_destroyed) == (1, 1)
    assert scene.store.keys.existing() == frozenset()
    assert reconcile(scene.store, key).users_deleted == 0


@SQLITE
def test_lost_keys_delete_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Users without a key are told, not deleted: the operator may find the right store of keys."""
    with sqlite3.connect(scene.store.settings.folder / "keys.sqlite3") as connection:
        connection.execute("DELETE FROM user_key")
    outcome = reconcile(scene.store, Access(scene.store.settings).key)
    assert (outcome.users_deleted, outcome.users_without_key) == (0, 1)
    assert "users without a key: 1" in caplog.text


@SQLITE
def test_user_deletes_in_a_fresh_session_alone(
    client: TestClient, scene: Scene, clock: Clock
) -> None:
    user = scene.participant.id
    token = sign_in(scene.store, "user", scene.study.id, user)
    browser = open_session(scene.store, user)
    clock.time += FRESH_SECONDS + 1
    for headers, code in ((token, "scope"), (browser, "fresh")):
        answer = client.delete("/v1/participants/me", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, f"urn:sordino:{code}")
    browser = open_session(scene.store, user)
    assert client.delete("/v1/participants/me", headers=browser).status_code == 200


@SQLITE
def test_researcher_deletes_in_the_own_study_alone(client: TestClient, scene: Scene) -> None:
    headers = sign_in(scene.store, "researcher", scene.study.id)
    assert client.delete("/v1/participants/nobody", headers=headers).status_code == 404
    assert client.delete("/v1/participants/me", headers=headers).status_code == 404
    answer = client.delete("/v1/participants/p1", headers=headers)
    assert answer.json()["time"].startswith(datetime.date(2026, 11, 28).isoformat())
    assert client.delete("/v1/participants/p1", headers=headers).status_code == 404


def test_deletion_locks_the_user_before_devices(scene: Scene, app: FastAPI) -> None:
    """As ingest does: two orders would end one of both with a deadlock."""
    locks: list[str] = []

    @event.listens_for(scene.store.engine, "before_execute")
    def _record(_connection: object, statement: Any, *_: object) -> None:
        if getattr(statement, "_for_update_arg", None) is not None:
            locks.extend(table.name for table in statement.get_final_froms())

    assert delete_user(scene.store, app.state.access.key, scene.participant.id, "x")
    assert locks[:2] == ["participant", "device"]


def test_a_deleted_device_has_no_state(scene: Scene, app: FastAPI) -> None:
    """The user is deleted between the check of the token and the answer."""
    asking = Principal(
        Scope.RELEASE,
        "x",
        study_id=scene.study.id,
        participant_id=scene.participant.id,
        device_id=scene.device_id,
    )
    delete_user(scene.store, app.state.access.key, scene.participant.id, "x")
    with pytest.raises(Problem) as refusal:
        app.state.ingest.state(asking)
    assert refusal.value.status == 401
