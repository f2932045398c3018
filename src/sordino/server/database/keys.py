"""The key of each user, in a store of its own.

Payloads of a user are encrypted by AES-GCM (NIST SP 800-38D) with 256 bits. Destroying the key
deletes them everywhere, also in backups of the database, as the store is no part of those.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Connection, Engine, LargeBinary, delete, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sordino.errors import StorageError
from sordino.server.database.engine import BUSY_SECONDS, connect, reading
from sordino.server.database.tables import IDENTIFIER

USER_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12

_PART: Final = 500  # participants of one query
_LOG_SECONDS: Final = 0.5


class _Base(DeclarativeBase):
    """The tables of the store."""


class UserKey(_Base):
    """The key of a participant."""

    __tablename__ = "user_key"

    participant_id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary(USER_KEY_BYTES))


class DestroyedKey(_Base):
    """A participant that was deleted: one that a restored backup shows is deleted again."""

    __tablename__ = "destroyed_key"

    participant_id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True, autoincrement=False)
    time: Mapped[int] = mapped_column(BigInteger)


class Cipher:
    """Encrypts the payloads of one participant. `place` names the row, so that a payload that was
    moved to another row is refused.
    """

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)
        self._mac_key = hmac.digest(key, b"sordino mac", "sha256")

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA256 of a message; without the key it tells nothing about the message."""
        return hmac.digest(self._mac_key, message, "sha256")

    def encrypt(self, payload: bytes, place: str) -> bytes:
        """Nonce, ciphertext and tag."""
        return self.encrypt_all([(payload, place)])[0]

    def encrypt_all(self, payloads: Sequence[tuple[bytes, str]]) -> list[bytes]:
        """`encrypt` of each payload and place.

        All nonces are drawn at once, as each call of the operating system lets another thread run.
        """
        drawn = os.urandom(NONCE_BYTES * len(payloads))
        nonces = (drawn[i : i + NONCE_BYTES] for i in range(0, len(drawn), NONCE_BYTES))
        return [
            nonce + self._aes.encrypt(nonce, payload, place.encode())
            for nonce, (payload, place) in zip(nonces, payloads, strict=True)
        ]

    def decrypt(self, payload: bytes, place: str) -> bytes:
        """The payload. Raises `StorageError` for a changed or moved one."""
        try:
            return self._aes.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise StorageError(
                f"a payload of {place} that its key does not open, expected it as it was stored: "
                "restore the database and its keys from the same time"
            ) from error


class KeyStore:
    """The keys of all participants."""

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        _Base.metadata.create_all(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def check(self) -> None:
        """Raise an error of the database where the store does not answer."""
        with self._reading() as connection:
            connection.execute(select(1))

    def _reading(self) -> Connection:
        """A connection that waits for no writer."""
        return reading(self._engine).connect()

    def create(self, participant_id: int) -> None:
        """Make the key of a new participant."""
        key = AESGCM.generate_key(8 * USER_KEY_BYTES)
        with self._engine.begin() as connection:
            connection.execute(insert(UserKey).values(participant_id=participant_id, key=key))

    def cipher(self, participant_id: int) -> Cipher:
        """The cipher of a participant. Raises `StorageError` for a destroyed key."""
        with self._reading() as connection:
            key = connection.scalar(
                select(UserKey.key).where(UserKey.participant_id == participant_id)
            )
        if key is None:
            raise StorageError(
                f"no key of participant {participant_id}, expected one: the user was deleted"
            )
        return Cipher(key)

    def ciphers(self, participant_ids: Iterable[int]) -> Mapping[int, Cipher]:
        """The ciphers of many participants; those without a key are absent."""
        ciphers: dict[int, Cipher] = {}
        with self._reading() as connection:
            numbers = list(participant_ids)
            for part in (numbers[i : i + _PART] for i in range(0, len(numbers), _PART)):
                rows = connection.execute(
                    select(UserKey.participant_id, UserKey.key).where(
                        UserKey.participant_id.in_(part)
                    )
                )
                ciphers |= {row.participant_id: Cipher(row.key) for row in rows}
        return ciphers

    def destroy(self, participant_id: int, time: int) -> None:
        """Delete a key for good, at a time in seconds since 1970. SQLite overwrites it, and
        empties its log of writes, here or in `forget_log`. A second call changes nothing.
        """
        with self._engine.begin() as connection:
            connection.execute(delete(UserKey).where(UserKey.participant_id == participant_id))
            mark = select(DestroyedKey.time).where(DestroyedKey.participant_id == participant_id)
            if connection.scalar(mark) is None:
                connection.execute(
                    insert(DestroyedKey).values(participant_id=participant_id, time=time)
                )
        self.forget_log()

    def forget_log(self) -> bool:
        """Empty the log of writes. False where a reader prevents it."""
        return forget_log(self._engine)

    def destroyed(self) -> frozenset[int]:
        """The participants that were deleted."""
        with self._reading() as connection:
            return frozenset(connection.scalars(select(DestroyedKey.participant_id)))

    def existing(self) -> frozenset[int]:
        """The participants that have a key."""
        with self._reading() as connection:
            return frozenset(connection.scalars(select(UserKey.participant_id)))


def forget_log(engine: Engine) -> bool:
    """Move the log of writes of SQLite into the database and empty it, so that it holds no deleted
    row. False where another connection reads the log for longer than `_LOG_SECONDS`: a later call
    empties it.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()  # without a transaction, which the command refuses
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout={int(1000 * _LOG_SECONDS)}")
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        cursor.execute(f"PRAGMA busy_timeout={int(1000 * BUSY_SECONDS)}")
        connection.close()
    return not busy
