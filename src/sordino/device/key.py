"""The key of a device: what it draws follows from it, so it must outlast a restart and stay where
it is.

With another key after every start the same utterance would be drawn for anew, and an attacker who
asks often enough averages noise and flips away. With a key that others know, they can repeat every
draw.

    first starts at once     all end with the same key: it is written under another name, then linked into place
    full disk, power cut     no key is left, or a whole one
    file of another owner, readable by others, link, pipe, other size, constant bytes: refused, with what to do
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.errors import StorageError

SIZE: Final = 16  # bytes

_DISTINCT: Final = 5
"""Different bytes of a key; fewer come by chance once in 10^20 keys."""

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def kept(path: str | Path) -> int:
    """The key in a file that only its owner may read, made from the operating system's chance when
    absent.

    Raises `StorageError` where it cannot be read or written, and for a file that is no key or that
    others may know. It is not replaced, since that would draw anew for everything that was drawn
    for.
    """
    path = Path(path)
    storage.folder(path.parent, storage.PRIVATE_FOLDER)
    with storage.told(path):
        content = _read(path)
        if content is None:
            _create(path)
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
    """The bytes of a key file; `None` where there is none. Raises `StorageError` for a file that
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
        return os.read(handle, SIZE)
    finally:
        os.close(handle)


def _check(path: Path, status: os.stat_result) -> None:
    """Raise `StorageError` for a file that is no key, or one that other users may read or have
    written.
    """
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(
            f"{path}: not a file, expected a key of {SIZE} bytes: remove it to begin a new one"
        )
    if status.st_size != SIZE:
        raise StorageError(
            f"{path}: {status.st_size} bytes, expected a key of {SIZE}: remove it to begin a new "
            "one"
        )
    if os.name != "posix":  # other systems keep permissions elsewhere
        return
    if status.st_uid != os.geteuid():
        raise StorageError(
            f"{path}: the key of another user, expected one of yours: remove it, or run as that "
            "user"
        )
    if status.st_mode & 0o077:
        raise StorageError(
            f"{path}: other users may read the key, expected mode 600: run `chmod 600` on it if "
            "none did, or remove it "
            "to begin a new one"
        )


def _create(path: Path) -> None:
    """Put a new key at a path, whole and on the disk; a key that another process put there first
    stays.
    """
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}")
    handle = os.open(temporary, _WRITE, storage.PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        storage.to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def of_policy(key: int, policy: str) -> int:
    """The key of one policy: several on one utterance have chance of their own.

    >>> of_policy(1, "sad") == of_policy(1, "sad"), of_policy(1, "sad") == of_policy(1, "happy")
    (True, False)
    """
    digest = hashlib.blake2b(
        policy.encode(), digest_size=SIZE, key=key.to_bytes(SIZE, "little")
    ).digest()
    return int.from_bytes(digest, "little")
