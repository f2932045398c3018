"""The highest version of each signed bundle that a device has run, so that no older one returns.

A version counts for a key and a policy. A policy that is new on the device must have the highest
version of its key or a later one, so that an older bundle does not return under an older name. A
policy that has run keeps its own count: a maker can have several bundles on one device. A renamed
policy therefore does not withdraw the old one.

The file is written durably before the first release. A damaged file stops every bundle that must be
verified, until a person removes it. A removed file begins anew, so an older bundle can run once
more: an attacker who can remove files of the app can also replace the app.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sordino import storage, system
from sordino.device.bundle import archive
from sordino.errors import SignatureError, StorageError

_FILE_BYTES: Final = 1 << 20  # bytes of the file


def admit(path: str | Path, key: str, policy: str, version: int) -> None:
    """Store a version if it is the highest of its key and policy.

    Raises `SignatureError` for a lower version, and for a new policy below the highest version of
    its key; `StorageError` for a file that cannot be read, locked or written, or is full.
    """
    path = Path(path)
    storage.folder(path.parent, storage.PRIVATE_FOLDER)
    with storage.as_storage_error(path), _lock(path.with_name(f"{path.name}.lock")):
        highest = _read(path)
        name = f"{key} {policy}"
        of_key = (count for text, count in highest.items() if text.startswith(f"{key} "))
        highest_version = highest.get(name) or max(of_key, default=0)
        if version < highest_version:
            raise SignatureError(
                f"version {version} of policy {policy}, expected {highest_version} or more, as has "
                "run here: get a newer bundle"
            )
        if version > highest.get(name, 0):
            content = archive.json_bytes({**highest, name: version})
            if len(content) > _FILE_BYTES:
                raise StorageError(
                    f"{path}: {len(content)} bytes with this policy, expected {_FILE_BYTES} at "
                    "most: remove it to begin anew"
                )
            storage.write(path, content, durable=True, mode=storage.PRIVATE)


def _read(path: Path) -> dict[str, int]:
    """The versions in a file; empty for a missing file."""
    try:
        with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except FileNotFoundError:
        return {}
    try:
        versions: Any = archive.parse_json(content)
        if not isinstance(versions, dict) or not all(
            type(value) is int and value > 0 for value in versions.values()
        ):
            raise ValueError("other types")
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"{path}: damaged, expected the versions of bundles that have run: restore it, or "
            "remove it to begin anew"
        ) from error
    return versions


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of the file. Without locks (Windows), two starts at once may lose a version."""
    if not system.has_locks():
        yield
        return
    with os.fdopen(_open(path, os.O_RDWR | os.O_CREAT), "wb") as file:
        system.lock(file.fileno(), wait=True)
        yield


def _open(path: Path, flags: int) -> int:
    """A descriptor of a regular file. Raises `StorageError` for any other kind of file."""
    handle = storage.open_file(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageError(
            f"{path}: no regular file, expected the versions of bundles that have run: remove it"
        )
    return handle
