"""The highest version of a signed bundle that a device has run, so that an older one does not come
back.

A version counts for a key and a policy. The file is written durably before anything is released. A
file that is damaged stops every bundle that has to be verified, until a person removes it; a
removed file begins anew, and then an older bundle runs once more. An attacker who may remove the
files of the app can also replace the app.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sordino import storage
from sordino.device.bundle import archive
from sordino.errors import SignatureError, StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS: Final = fcntl is not None
"""Whether the system has file locks; where it has none, two starts at once may forget a version."""

_LARGEST: Final = 1 << 20  # bytes of the file


def admit(path: str | Path, key: str, policy: str, version: int) -> None:
    """Keep a version where it is the highest of its key and policy. Raises `SignatureError` where
    it goes back.

    Raises `StorageError` for a file that cannot be read, locked or written.
    """
    path = Path(path)
    storage.folder(path.parent, storage.PRIVATE_FOLDER)
    with storage.told(path), _locked(path.with_name(f"{path.name}.lock")):
        highest = _read(path)
        name = f"{key} {policy}"
        known = highest.get(name, 0)
        if version < known:
            raise SignatureError(
                f"version {version} of policy {policy}, expected {known} or more, as has run here: "
                "get a newer bundle"
            )
        if version > known:
            storage.write(
                path, archive.json_bytes({**highest, name: version}), durable=True, mode=0o600
            )


def _read(path: Path) -> dict[str, int]:
    """The versions in a file; none where there is no file."""
    try:
        with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return {}
    try:
        found: Any = archive.parsed(content)
        if not isinstance(found, dict) or not all(
            type(value) is int and value > 0 for value in found.values()
        ):
            raise ValueError("other types")
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"{path}: damaged, expected the versions of bundles that have run: restore it, or "
            "remove it to begin anew"
        ) from error
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file."""
    if not LOCKS:
        yield
        return
    with os.fdopen(_opened(path, os.O_RDWR | os.O_CREAT), "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(path: Path, flags: int) -> int:
    """A descriptor of a regular file. A link is not followed, and a pipe does not wait for its
    other end.
    """
    handle = storage.open_file(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageError(
            f"{path}: no regular file, expected the versions of bundles that have run: remove it"
        )
    return handle
