"""The tokens of the devices that may use a gateway: 256 random bits each, stored as SHA-256.

A file holds a name and a hash for each device. It is read before each request, so that a removed
token ends at once. A token is printed when it is made, and never again.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from sordino import storage, system
from sordino.device.bundle.archive import parse_json, sha256
from sordino.errors import StorageError

MOST_DEVICES: Final = 100
"""The limit of devices of a gateway."""

_PREFIX: Final = "sordino_gateway_"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_LARGEST: Final = 1 << 16  # bytes of the file


class GatewayTokens:
    """The devices in a file, created with the first one."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def create(self, name: str) -> str:
        """A new token for a device. Raises `StorageError` for another name, for one that is in use,
        and where the file cannot be read or written.
        """
        hashes = self._read()
        if not _NAME.fullmatch(name):
            raise StorageError(
                f"a device {name[:40]!r}, expected a name of up to 40 small letters, digits, dots "
                "and dashes: choose another"
            )
        if name in hashes or len(hashes) >= MOST_DEVICES:
            raise StorageError(
                f"{name}: a device of this name has a token, or {MOST_DEVICES} devices have one, "
                "expected a new name: remove a token first"
            )
        token = _PREFIX + secrets.token_urlsafe(32)
        self._write({**hashes, name: sha256(token.encode())})
        return token

    def remove(self, name: str) -> None:
        """End the token of a device. Raises `StorageError` for an unknown name."""
        hashes = self._read()
        if name not in hashes:
            raise StorageError(
                f"{name[:40]!r}, expected one of {', '.join(hashes) or 'none'}: check the name"
            )
        self._write({device: digest for device, digest in hashes.items() if device != name})

    def names(self) -> list[str]:
        """The devices with a token."""
        return sorted(self._read())

    def device_of(self, authorization: str) -> str | None:
        """The device of the header `Authorization`; None for an unknown token.

        Every hash is compared, in constant time: the answer takes as long for each token.
        """
        scheme, _, token = authorization.partition(" ")
        digest = sha256(token.encode("utf-8", "replace"))
        device = None
        for name, known in self._read().items():
            if hmac.compare_digest(known, digest):
                device = name
        return device if scheme.lower() == "bearer" else None

    def _read(self) -> dict[str, str]:
        """The hash of each device. Raises `StorageError` for a file that may be known or changed by
        other users.
        """
        try:
            handle = storage.open_file(self._path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}: check the path") from error
        try:
            status = os.fstat(handle)
            content = os.read(handle, _LARGEST) if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(handle)
        hashes = _parse(content)
        if hashes is None or not system.is_private(status):
            raise StorageError(
                f"{self._path}: damaged, or a file of other users, expected the tokens of a "
                "gateway with mode 600: restore it, or remove it and make new tokens"
            )
        return hashes

    def _write(self, hashes: dict[str, str]) -> None:
        storage.folder(self._path.parent, storage.PRIVATE_FOLDER)
        content = json.dumps(hashes, indent=2, sort_keys=True) + "\n"
        storage.write(self._path, content, durable=True, mode=storage.PRIVATE)


def _parse(content: bytes) -> dict[str, str] | None:
    """The hashes in a file; None for any other content."""
    try:
        hashes = parse_json(content)
    except (ValueError, RecursionError):
        return None
    valid = isinstance(hashes, dict) and all(
        _NAME.fullmatch(name) and isinstance(digest, str) and _HASH.fullmatch(digest)
        for name, digest in hashes.items()
    )
    return hashes if valid else None
