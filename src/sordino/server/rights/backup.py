"""Copies of the database and of the store of keys, kept apart, and their restoration.

A copy of the database alone shows pseudonyms, days and numbers of releases, and no released vector:
those need the keys. PostgreSQL is copied with `pg_dump` and restored with `pg_restore`.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sordino.errors import StorageError
from sordino.server.access.server_key import load_server_key
from sordino.server.database.migration import upgrade
from sordino.server.folder_lock import lock_folder
from sordino.server.rights import audit
from sordino.server.rights.deletion import RESTORE, Reconciliation, reconcile
from sordino.server.settings import DATABASE_FILE, KEYS_FILE, ServerSettings
from sordino.server.store import Store


class Content(NamedTuple):
    """What a copy of the database holds."""

    studies: int
    """Studies."""
    users: int
    """Participants of all studies."""
    releases: int
    """Stored releases."""


_FORMAT = b"SQLite format 3\x00"


def copy_database(settings: ServerSettings, target: Path) -> Content:
    """Copy the SQLite database to a new file, also while the server runs.

    Raises `StorageError` for PostgreSQL, for a file that exists, and for a database of no server.
    """
    if settings.database:
        raise _not_sqlite("pg_dump --format=custom --file=FILE URL")
    _copy(settings.folder / DATABASE_FILE, target)
    try:
        return _content(target)
    except sqlite3.Error as error:
        target.unlink()
        raise StorageError(
            f"{settings.folder / DATABASE_FILE}: no database of a server, expected one: check "
            "--folder"
        ) from error


def copy_keys(settings: ServerSettings, target: Path) -> None:
    """Copy the store of keys to a new file. A copy undoes every later deletion until it is
    destroyed: keep it apart and for days, not months.
    """
    if settings.keys:
        raise _not_sqlite("pg_dump --format=custom --file=FILE URL-OF-KEYS")
    _copy(settings.folder / KEYS_FILE, target)


def restore_database(settings: ServerSettings, source: Path) -> Reconciliation:
    """Put a copy of the database in place while the server is stopped, bring it up to date, and
    delete again the users that were deleted since.

    Raises `StorageError` for PostgreSQL, for a file that is no intact SQLite database, and while a
    server runs in the folder.
    """
    if settings.database:
        raise _not_sqlite("pg_restore --dbname=URL FILE, then start the server")
    _check(source)
    with lock_folder(settings.folder, alone=True):
        return _restore(settings, source)


def _restore(settings: ServerSettings, source: Path) -> Reconciliation:
    database = settings.folder / DATABASE_FILE
    with closing(sqlite3.connect(source)) as copy, closing(sqlite3.connect(database)) as target:
        copy.backup(target)
    store = Store(settings)
    try:
        upgrade(store.engine)
        outcome = reconcile(store, load_server_key(settings.folder))
        with store.transaction() as session:
            audit.record(
                session,
                store.now(),
                RESTORE,
                audit.Action.RESTORE,
                details={"users_deleted": outcome.users_deleted},
            )
    finally:
        store.close()
    return outcome


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise StorageError(f"{source} is missing, expected a database: check the folder")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise StorageError(f"{target} exists, expected a new file: name another") from None
    try:
        with (
            closing(sqlite3.connect(source)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except BaseException:  # also an interruption: no part of a copy stays
        target.unlink()
        raise


def _content(copy: Path) -> Content:
    tables = ("study", "participant", '"release"')
    with closing(sqlite3.connect(copy)) as database:
        counts = (database.execute(f"SELECT count(*) FROM {name}") for name in tables)
        return Content(*(count.fetchone()[0] for count in counts))


def _check(source: Path) -> None:
    fault = ""
    try:
        with source.open("rb") as file:
            if file.read(len(_FORMAT)) != _FORMAT:
                fault = "no SQLite database"
        if not fault:
            with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as copy:
                (state,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
                names = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
            fault = "" if state == "ok" else "a damaged database"
            if not {"participant", "alembic_version"} <= names:
                fault = fault or "a database of something else"
    except (OSError, sqlite3.Error) as error:
        fault = f"not readable ({type(error).__name__})"
    if fault:
        raise StorageError(
            f"{source}: {fault}, expected a copy as `sordino store backup` writes it: take another"
        )


def _not_sqlite(command: str) -> StorageError:
    return StorageError(
        f"a database that is no SQLite file, expected one in the folder: run `{command}`"
    )
