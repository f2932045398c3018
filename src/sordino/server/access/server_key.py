"""The key of the server: a file of mode 600 beside the database, and no part of its backups."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sordino import storage, system
from sordino.errors import StorageError
from sordino.server.database.keys import USER_KEY_BYTES, Cipher

SERVER_KEY_FILE: Final = "server.key"


class ServerKey:
    """Encrypts and authenticates for one purpose each (HKDF, RFC 5869)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def cipher(self, purpose: str) -> Cipher:
        """The cipher of a purpose."""
        return Cipher(self._derived(purpose))

    def tag(self, purpose: str, message: str) -> str:
        """The HMAC-SHA256 of a message, hex."""
        return hmac.new(self._derived(purpose), message.encode(), hashlib.sha256).hexdigest()

    def sign(self, purpose: str, message: bytes) -> bytes:
        """The Ed25519 signature of a message."""
        return self._signing_key(purpose).sign(message)

    def public_key(self, purpose: str) -> bytes:
        """The public key of the signatures of a purpose, 32 bytes."""
        return self._signing_key(purpose).public_key().public_bytes_raw()

    def _signing_key(self, purpose: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derived(purpose))

    def _derived(self, purpose: str) -> bytes:
        return HKDF(SHA256(), USER_KEY_BYTES, None, f"sordino {purpose}".encode()).derive(self._key)


def load_server_key(folder: Path) -> ServerKey:
    """The key in a folder, made at the first call. Raises `StorageError` for a file of another
    length, or one that other users of the machine can read.
    """
    path = folder / SERVER_KEY_FILE
    with storage.as_storage_error(path):
        if not path.exists():
            storage.create(path, os.urandom(USER_KEY_BYTES))
        status = path.stat()
    if system.is_exposed(status):
        mode = stat.S_IMODE(status.st_mode)
        raise StorageError(f"{path} has mode {mode:o}, expected 600: run chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != USER_KEY_BYTES:
        raise StorageError(
            f"{path} has {len(key)} bytes, expected {USER_KEY_BYTES}: restore it from your copy"
        )
    return ServerKey(key)
