"""The key of a device decides its random draws, so it must outlast a restart and stay secret.

With a new key after every start, the device would draw anew for the same utterance, and an attacker
with many draws averages noise and flips away. An attacker who knows the key can repeat every draw.

    first starts at once   end with one key: it is written under another name, then linked
    full disk, power cut   no key is left, or a complete one
    file of another user, readable by others, link, pipe, other size, constant bytes
                           refused, with a next step
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from sordino import storage, system
from sordino.errors import StorageError

KEY_BYTES: Final = 16  # bytes

_DISTINCT: Final = 5
"""Different bytes of a key; a random key has fewer with a probability of 10^-20."""


def read_or_create(path: str | Path) -> int:
    """The key in a file that only its owner may read, made from random numbers of the operating
    system when absent.

    Raises `StorageError` where it cannot be read or written, and for a file that is not a key or
    may be known to other users. A key is never replaced, since a new key repeats all draws.
    """
    path = Path(path)
    storage.folder(path.parent, storage.PRIVATE_FOLDER)
    with storage.as_storage_error(path):
        content = _read(path)
        if content is None:
            storage.create(path, os.urandom(KEY_BYTES))
            content = _read(path)
    if content is None:
        raise StorageError(
            f"{path}: the key was removed while it was read, expected it to stay: start again"
        )
    if len(set(content)) < _DISTINCT:
        raise StorageError(
            f"{path}: a key of constant bytes, expected random ones: remove it to begin a new one"
        )
    return int.from_bytes(content, "little")


def _read(path: Path) -> bytes | None:
    """The bytes of a key file; `None` for a missing file. Raises `StorageError` for a file that
    cannot be a key.
    """
    try:
        handle = storage.open_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP or path.is_symlink():
            raise StorageError(
                f"{path}: a link, expected the key itself: move the key here"
            ) from error
        raise
    try:
        _check(path, os.fstat(handle))
        return os.read(handle, KEY_BYTES)
    finally:
        os.close(handle)


def _check(path: Path, status: os.stat_result) -> None:
    """Raise `StorageError` for a file that is not a key, and for a file of another user or readable
    by others.
    """
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(
            f"{path}: not a file, expected a key of {KEY_BYTES} bytes: remove it to begin a new one"
        )
    if status.st_size != KEY_BYTES:
        raise StorageError(
            f"{path}: {status.st_size} bytes, expected a key of {KEY_BYTES}: remove it to begin a "
            "new one"
        )
    if not system.is_of_user(status):
        raise StorageError(
            f"{path}: the key of another user, expected one of yours: remove it, or run as that "
            "user"
        )
    if system.is_exposed(status):
        raise StorageError(
            f"{path}: other users may read the key, expected mode 600: run `chmod 600` on it if "
            "none did, or remove it to begin a new one"
        )
