"""A restored old backup cannot show a deleted user."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import subprocess
import uuid
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from sordino.errors import StorageError
from sordino.server.access.context import Access
from sordino.server.app import create_app
from sordino.server.database.tables import Participant
from sordino.server.rights.backup import copy_database, copy_keys, restore_database
from sordino.server.rights.deletion import delete_user
from sordino.server.settings import KEYS_FILE, ServerSettings
from sordino.server.store import Store
from tests.server.conftest import Scene, make_user
from tests.server.postgresql import Cluster
from tests.server.rights.conftest import SQLITE
from tests.server.rights.test_deletion import fill, rows_left

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def remove(scene: Scene) -> None:
    receipt = delete_user(scene.store, Access(scene.store.settings).key, scene.participant.id, "t")
    assert receipt is not None


def users(store: Store) -> list[str]:
    with store.reading() as session:
        return sorted(session.scalars(select(Participant.pseudonym)))


@SQLITE
def test_restored_copy_deletes_the_user_again(scene: Scene, tmp_path: Path) -> None:
    make_user(scene.store, scene.study, scene.policies, "p2")
    fill(scene, scene.device_id, scene.participant.id)
    settings, copy = scene.store.settings, tmp_path / "old.sqlite3"
    copy_database(settings, copy)
    assert copy.stat().st_mode & 0o077 == 0
    remove(scene)
    scene.store.close()
    outcome = restore_database(settings, copy)
    assert (outcome.users_deleted, outcome.users_without_key) == (1, 0)
    store = Store(settings)
    assert users(store) == ["p2"]
    assert (
        max(rows_left(dataclasses.replace(scene, store=store), scene.participant.id).values()) == 0
    )
    store.close()


@SQLITE
def test_restored_keys_are_destroyed_again(scene: Scene, tmp_path: Path) -> None:
    copy = tmp_path / "old-keys.sqlite3"
    copy_keys(scene.store.settings, copy)
    remove(scene)
    scene.store.close()
    shutil.copy(copy, scene.store.settings.folder / KEYS_FILE)
    app = create_app(scene.store.settings)
    assert app.state.store.keys.existing() == frozenset()
    app.state.store.close()


@SQLITE
def test_a_copy_without_keys_opens_no_payload(scene: Scene, tmp_path: Path) -> None:
    """The old copy itself holds nothing that can be read once the key is gone."""
    fill(scene, scene.device_id, scene.participant.id)
    copy_database(scene.store.settings, tmp_path / "old.sqlite3")
    remove(scene)
    with sqlite3.connect(tmp_path / "old.sqlite3") as connection:
        rows = connection.execute("SELECT payload FROM release").fetchall()
    assert len(rows) == 5
    assert scene.store.keys.ciphers([scene.participant.id]) == {}


@SQLITE
def test_files_that_are_no_copy_are_refused(scene: Scene, tmp_path: Path) -> None:
    settings = scene.store.settings
    (tmp_path / "text").write_text("text" * 100)
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE something (x)")
    copy_database(settings, tmp_path / "cut")
    content = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    for name in ("text", "other", "cut", "absent"):
        with pytest.raises(StorageError, match="expected a copy"):
            restore_database(settings, tmp_path / name)
    with pytest.raises(StorageError, match="exists"):
        copy_database(settings, tmp_path / "text")
    assert users(scene.store) == ["p1"]
    elsewhere = dataclasses.replace(settings, database="postgresql://server/name")
    with pytest.raises(StorageError, match="pg_dump"):
        copy_database(elsewhere, tmp_path / "new")
    with pytest.raises(StorageError, match="pg_restore"):
        restore_database(elsewhere, tmp_path / "text")


def program(name: str) -> str:
    path = shutil.which(name, path=os.pathsep.join([*map(str, FOLDERS), os.environ["PATH"]]))
    assert path
    return path


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.slow
def test_restored_dump_deletes_the_user_again(
    scene: Scene, settings: ServerSettings, postgresql: Cluster, tmp_path: Path
) -> None:
    make_user(scene.store, scene.study, scene.policies, "p2")
    headers = fill(scene, scene.device_id, scene.participant.id)
    dump = tmp_path / "old.dump"
    subprocess.run(
        [program("pg_dump"), "--format=custom", f"--file={dump}", settings.database], check=True
    )
    remove(scene)
    restored = postgresql.create(f"restored_{uuid.uuid4().hex}")
    subprocess.run([program("pg_restore"), f"--dbname={restored}", str(dump)], check=True)
    app = create_app(dataclasses.replace(settings, database=restored))
    with TestClient(app, "http://127.0.0.1:8000") as client:
        assert client.get("/v1/device", headers=scene.headers).status_code == 401
        assert client.get("/v1/participants/me/log", headers=headers).status_code == 401
    assert users(app.state.store) == ["p2"]
    app.state.store.close()
