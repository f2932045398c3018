"""The key of a device: what it draws follows from it, so it must outlast a restart and stay where it is.

With another key after every start the same utterance would be drawn for anew, and whoever asks often enough averages
noise and flips away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.errors import StorageError

SIZE: Final = 16  # bytes


def kept(path: str | Path) -> int:
    """The key in a file that only its owner may read, made from the operating system's chance when absent.

    Raises `StorageError` where it cannot be read or written, and for a file that is no key: a damaged one is not
    replaced, since that would draw anew for everything that was drawn for.
    """
    path = Path(path)
    storage.folder(path.parent)
    with storage.told(path):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            content = path.read_bytes()
        else:
            with os.fdopen(handle, "wb") as file:
                file.write(content := secrets.token_bytes(SIZE))
                file.flush()
                os.fsync(file.fileno())
    if len(content) != SIZE:
        raise StorageError(f"{path}: {len(content)} bytes, expected a key of {SIZE}: remove it to begin a new one")
    return int.from_bytes(content, "little")


def of_policy(key: int, policy: str) -> int:
    """The key of one policy: several on one utterance have chance of their own.

    >>> of_policy(1, "sad") == of_policy(1, "sad"), of_policy(1, "sad") == of_policy(1, "happy")
    (True, False)
    """
    digest = hashlib.blake2b(policy.encode(), digest_size=SIZE, key=key.to_bytes(SIZE, "little")).digest()
    return int.from_bytes(digest, "little")
