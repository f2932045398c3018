"""The lock of a server's folder: servers share it, a restoration holds it alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sordino import storage, system
from sordino.errors import StorageError

LOCK_FILE: Final = "server.lock"


@contextlib.contextmanager
def lock_folder(folder: Path, *, alone: bool = False) -> Iterator[None]:
    """Hold the lock of a folder; the system releases it when the process ends.

    - `alone`: for a restoration, which no server may run beside.

    Raises `StorageError` where another process holds it. Without file locks (Windows) it holds
    nothing.
    """
    path = folder / LOCK_FILE
    with storage.as_storage_error(path):
        handle = storage.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        if system.has_locks() and not system.lock(handle, shared=not alone):
            other, step = (
                ("a server runs", "stop it") if alone else ("a restoration runs", "wait for it")
            )
            raise StorageError(
                f"{folder}: {other} in this folder, expected none: {step}, then run the command "
                "again"
            )
        yield
    finally:
        os.close(handle)
