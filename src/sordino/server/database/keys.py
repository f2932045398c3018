"""The key of each user, in a store of its own.

Payloads of a user are encrypted by AES-GCM (NIST SP 800-38D) with 256 bits. Destroying the key
deletes them everywhere, also in backups of the database, as the store is no part of those.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Integer, LargeBinary, delete, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sordino.errors import StorageError
from sordino.server.database.engine import connect

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class _Base(DeclarativeBase):
    """The tables of the store."""


class UserKey(_Base):
    """The key of a participant."""

    __tablename__ = "user_key"

    participant_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    key: Mapped[bytes] = mapped_column(LargeBinary(KEY_BYTES))


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
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, payload, place.encode())

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

    def create(self, participant_id: int) -> None:
        """Make the key of a new participant."""
        key = AESGCM.generate_key(8 * KEY_BYTES)
        with self._engine.begin() as connection:
            connection.execute(insert(UserKey).values(participant_id=participant_id, key=key))

    def cipher(self, participant_id: int) -> Cipher:
        """The cipher of a participant. Raises `StorageError` for a destroyed key."""
        with self._engine.connect().execution_options(reads=True) as connection:
            key = connection.scalar(
                select(UserKey.key).where(UserKey.participant_id == participant_id)
            )
        if key is None:
            raise StorageError(
                f"no key of participant {participant_id}, expected one: the user was deleted"
            )
        return Cipher(key)

    def destroy(self, participant_id: int) -> None:
        """Delete a key for good; SQLite overwrites it."""
        with self._engine.begin() as connection:
            connection.execute(delete(UserKey).where(UserKey.participant_id == participant_id))
