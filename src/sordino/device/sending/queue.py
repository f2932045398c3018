"""Released vectors that wait for a server, in one SQLite file.

    row      one release with its number, not in a batch yet
    batch    releases with an idempotency key. From the first attempt on its bytes do not change, so
             a server recognises a repeated attempt and stores it once
    aside    a batch that a server refused for its content. It stays in the file until `renumber`

    kill -9, power cut      each step is one transaction, on the disk before it returns
    two processes           take turns by the locks of SQLite; both send the same batch with one
                            key, which is stored once
    full disk, read-only    `StorageError`; the queue is as before
    damaged file            `StorageError` with the next step
    clock that goes back    changes the `day` of later releases alone; the number gives the order
    lost file               a new queue asks the server for its last number (`begin_after`)
    older copy restored     batches with a known key are not stored twice, renumbered ones included,
                            whose key follows from the old one. A release with a number
                            that the server has already may be there: it is set aside. A copy from
                            before the first sending is a new queue, so its releases are sent again

The file has mode 600. Sent releases are overwritten with zeros (`secure_delete`), as far as the
file system and the disk write in place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sordino import storage, system
from sordino.device.bundle.archive import sha256
from sordino.device.sending import wire
from sordino.errors import StorageError

LOCK_SECONDS: Final = 10.0
"""The longest wait for another process that writes to the queue."""

_APPLICATION: Final = 0x534F5244  # `SORD`: the file is a queue of sordino
_NO_LIMIT: Final = (1 << 63) - 1  # the largest integer of SQLite
_STORED: Final = ("number", "idempotency")
"""Refusals after which the server may have the releases."""
_SCHEMA: Final = (
    "CREATE TABLE release (number INTEGER PRIMARY KEY, bundle TEXT NOT NULL, policy TEXT NOT NULL,"
    " day TEXT NOT NULL, signed INTEGER NOT NULL, item TEXT NOT NULL)",
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, count INTEGER NOT NULL, signed INTEGER NOT NULL, body BLOB NOT NULL,"
    " refusal TEXT)",
    "CREATE TABLE numbering (next INTEGER NOT NULL, agreed INTEGER NOT NULL)",
    "INSERT INTO numbering VALUES (1, 0)",
    f"PRAGMA application_id = {_APPLICATION}",
)


class QueuedBatch(NamedTuple):
    """Releases that are sent together, always with the same bytes."""

    identity: int
    """The row in the file."""
    key: str
    """The idempotency key: 128 random bits as hexadecimal digits."""
    last: int
    """The largest number of its releases."""
    size: int
    """The number of its releases."""
    signed: bool
    """Whether the server accepts it with a signature only."""
    body: bytes
    """The request."""


class Origin(NamedTuple):
    """What the releases of one batch have in common."""

    bundle: str
    """The SHA-256 of the manifest, in hexadecimal digits."""
    policy: str
    """The name of the policy."""
    day: str
    """The day of the release, YYYY-MM-DD."""
    signed: bool
    """Whether the family is continuous."""


class Queue:
    """The queue in a file, which is created when absent. Threads and processes may share it.

    Raises `StorageError` for a file that is no queue, belongs to another user or is readable by
    others.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).absolute()
        storage.folder(self._path.parent, storage.PRIVATE_FOLDER)
        with storage.as_storage_error(self._path):
            handle = storage.open_file(self._path, os.O_RDWR | os.O_CREAT)
            try:
                _check(self._path, os.fstat(handle))
            finally:
                os.close(handle)
        with self._transaction() as file:
            self._create(file)

    def add(self, origin: Origin, item: str) -> None:
        """Queue one release; it has a number and is on the disk when this returns."""
        with self._transaction() as file:
            number = file.execute("SELECT next FROM numbering").fetchone()[0]
            file.execute("UPDATE numbering SET next = next + 1")
            file.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?)", (number, *origin, item))

    def count(self) -> tuple[int, int]:
        """The releases that wait for the server, and those that are set aside."""
        with self._transaction() as file:
            rows = file.execute("SELECT count(*) FROM release").fetchone()[0]
            pending, aside = file.execute(
                "SELECT coalesce(sum(count) FILTER (WHERE refusal IS NULL), 0),"
                " coalesce(sum(count) FILTER (WHERE refusal IS NOT NULL), 0) FROM batch"
            ).fetchone()
        return rows + pending, aside

    def has_numbers(self) -> bool:
        """Whether this queue and the server agreed on the first number."""
        with self._transaction() as file:
            return bool(file.execute("SELECT agreed FROM numbering").fetchone()[0])

    def begin_after(self, number: int) -> None:
        """Number the releases of a new queue from `number + 1`, the last that the server has."""
        with self._transaction() as file:
            if file.execute("SELECT agreed FROM numbering").fetchone()[0]:
                return  # another process was first
            file.execute("UPDATE release SET number = -number - ?", (number,))
            file.execute("UPDATE release SET number = -number")
            file.execute("UPDATE numbering SET next = next + ?, agreed = 1", (number,))

    def next_batch(self, size: int) -> QueuedBatch | None:
        """The oldest batch, frozen from up to `size` releases if there is none; None if the queue
        is empty.
        """
        with self._transaction() as file:
            return _oldest(file) or (_oldest(file) if _freeze(file, size) else None)

    def remove(self, batch: QueuedBatch) -> None:
        """Remove a batch that the server has stored."""
        with self._transaction() as file:
            file.execute("DELETE FROM batch WHERE id = ? AND key = ?", (batch.identity, batch.key))

    def set_aside(self, batch: QueuedBatch, refusal: str, after: int = 0) -> None:
        """Keep a batch that the server refused, and send it no more; also every release up to the
        number `after`, which the server has from elsewhere. Later numbers are larger.
        """
        with self._transaction() as file:
            changed = file.execute(
                "UPDATE batch SET refusal = ? WHERE id = ? AND key = ?",
                (refusal, batch.identity, batch.key),
            )
            file.execute("UPDATE numbering SET next = max(next, ?)", (after + 1,))
            if not changed.rowcount:
                return  # another process removed the batch or renumbered it
            file.execute(
                "UPDATE batch SET refusal = ? WHERE refusal IS NULL AND first <= ?",
                (refusal, after),
            )
            while _freeze(file, wire.MOST_RELEASES, after, refusal):
                pass

    def refused(self) -> list[QueuedBatch]:
        """The batches that are set aside, but those that the server may have already, by a number
        or a key that it knows.
        """
        with self._transaction() as file:
            return _batches(
                file, f"refusal NOT IN ({', '.join('?' * len(_STORED))}) ORDER BY id", *_STORED
            )

    def renumber(self, batch: QueuedBatch) -> bool:
        """Let a refused batch wait again with new numbers, after all others. False, and unchanged,
        for one that is no longer set aside, damaged or too large.

        Its new key follows from the old one: if an older copy of this file renumbers the batch too,
        the server recognises the key.
        """
        with self._transaction() as file:
            where = "id = ? AND key = ? AND refusal IS NOT NULL"
            if not _batches(file, where, batch.identity, batch.key):
                return False
            while _freeze(file, wire.MOST_RELEASES):
                pass  # batches are sent by age, and these have smaller numbers
            first = file.execute("SELECT next FROM numbering").fetchone()[0]
            body = wire.renumbered(batch.body, first)
            if body is None or len(body) > wire.LARGEST_BODY:
                return False
            key = sha256(f"sordino resend {batch.key}".encode())[: len(batch.key)]
            last = first + batch.size - 1
            file.execute("DELETE FROM batch WHERE id = ?", (batch.identity,))
            file.execute("UPDATE numbering SET next = ?", (last + 1,))
            _insert(file, key, first, last, batch.size, batch.signed, body, None)
        return True

    def refusals(self) -> dict[str, int]:
        """The number of releases that are set aside, by the code of the refusal."""
        with self._transaction() as file:
            return dict(
                file.execute(
                    "SELECT refusal, sum(count) FROM batch WHERE refusal IS NOT NULL"
                    " GROUP BY refusal ORDER BY refusal"
                ).fetchall()
            )

    def _create(self, file: sqlite3.Connection) -> None:
        """The tables of a new file. Raises `StorageError` for the file of another program."""
        application = file.execute("PRAGMA application_id").fetchone()[0]
        if application == _APPLICATION:
            return
        if application or file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise StorageError(
                f"{self._path}: the database of another program, expected a queue of sordino: "
                "choose another path"
            )
        for statement in _SCHEMA:
            file.execute(statement)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which is on the disk at the end or has no effect."""
        try:
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
            ) as file:
                # EXTRA is FULL, and waits for the name of the removed journal too
                file.execute("PRAGMA synchronous = EXTRA")
                file.execute("PRAGMA secure_delete = ON")
                file.execute("PRAGMA trusted_schema = OFF")
                file.execute("BEGIN IMMEDIATE")
                try:
                    yield file
                except BaseException:
                    if file.in_transaction:  # a full disk may have ended it
                        file.execute("ROLLBACK")
                    raise
                file.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: {_explain(error)}") from error


def _check(path: Path, status: os.stat_result) -> None:
    """Raise `StorageError` for a file that other users may read or own, and for no file."""
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{path}: not a file, expected a queue: choose another path")
    if not system.is_private(status):
        raise StorageError(
            f"{path}: mode {status.st_mode & 0o777:o} of user {status.st_uid}, expected 600 and "
            "yours: other users may read the queue; run `chmod 600` on it, or choose another path"
        )


def _explain(error: sqlite3.Error) -> str:
    """The fault of a file and the next step."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return "the disk is full: free some space; nothing in the queue is lost"
    if name.startswith("SQLITE_BUSY"):
        return "another process holds the queue: try again"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return (
            "damaged, expected a queue of sordino: move it away and send again; a new queue asks "
            "the server for the last number"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
        return f"cannot be written ({name}): check the disk and the permissions of the folder"
    return f"{type(error).__name__} {name}, expected a queue of this version: choose another path"


def _oldest(file: sqlite3.Connection) -> QueuedBatch | None:
    """The oldest batch that waits."""
    return next(iter(_batches(file, "refusal IS NULL ORDER BY id LIMIT 1")), None)


def _batches(file: sqlite3.Connection, where: str, *values: object) -> list[QueuedBatch]:
    """The batches of a condition."""
    rows = file.execute(
        f"SELECT id, key, last, count, signed, body FROM batch WHERE {where}", values
    )
    return [
        QueuedBatch(identity, key, last, size, bool(signed), body)
        for identity, key, last, size, signed, body in rows
    ]


def _insert(file: sqlite3.Connection, *values: object) -> None:
    """A further batch: key, first and last number, count, signed, body, refusal."""
    file.execute(
        "INSERT INTO batch (key, first, last, count, signed, body, refusal)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        values,
    )


def _freeze(
    file: sqlite3.Connection,
    size: int,
    up_to: int = _NO_LIMIT,
    refusal: str | None = None,
) -> bool:
    """Turn the first releases into a batch, up to a number; whether there are any.

    They have one origin, and at most `size` releases and `wire.LARGEST_BODY` bytes.
    """
    rows = file.execute(
        "SELECT bundle, policy, day, signed, number, item FROM release WHERE number <= ?"
        " ORDER BY number LIMIT ?",
        (up_to, size),
    ).fetchall()
    if not rows:
        return False
    origin = Origin(*rows[0][:4])
    start = wire.batch_start(origin.bundle, origin.policy, origin.day)
    releases, length = list[bytes](), len(start) + 2
    for row in rows:
        release = wire.release_bytes(row[4], row[5])
        length += len(release) + 2
        if row[:4] != tuple(origin) or (releases and length > wire.LARGEST_BODY):
            break
        releases.append(release)
    first, last = rows[0][4], rows[len(releases) - 1][4]
    body = wire.batch_body(start, releases)
    key = secrets.token_hex(16)
    _insert(file, key, first, last, len(releases), origin.signed, body, refusal)
    file.execute("DELETE FROM release WHERE number <= ?", (last,))
    return True
