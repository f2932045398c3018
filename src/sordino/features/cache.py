"""A cache of computed vectors and sequences on disk.

One small file per utterance, in one folder per configuration:

    FOLDER/IS13-3f2a9c0d1b7e/8c1f…e2.vector  =  SHA-256 of name and values (32 bytes) |
                                                values (float32, little-endian)

A file is written under another name and then renamed. So a kill loses at most the current
utterance, and processes may share a folder: the second one writes the same bytes again. A cut,
damaged or renamed file does not match its checksum; it is removed and its values are computed
again. A folder in the place of a file is renamed. The folder may be a URL.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.checkpoints import DamagedUnitError, read_bounded
from sordino.storage import Location

_DIGEST = 32  # bytes of a SHA-256

LARGEST_FILE: Final = 1 << 30
"""The size of the largest file in bytes."""


@dataclass(frozen=True)
class Cache:
    """The values of one configuration in one folder, by the checksum of their recording.

    >>> import tempfile
    >>> cache = Cache.of(tempfile.mkdtemp(), "IS13", {"sampling_rate": 16000})
    >>> cache.keep("checksum", np.array([1.0, 2.0], dtype=np.float32))
    >>> cache.find("checksum", 2), cache.find("another", 2)
    (array([1., 2.], dtype=float32), None)
    """

    folder: Location

    @classmethod
    def of(cls, folder: str | Location, name: str, config: Mapping[str, object]) -> Cache:
        """The cache below `folder` for one configuration: other versions and settings have their
        own.
        """
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        folder = storage.writable_location(folder)
        if isinstance(folder, Path):
            folder = folder.expanduser().absolute()
        return cls(folder / f"{name}-{digest[:12]}")

    def path(self, key: str) -> Location:
        """The file of a key. Keys contain cuts (`…[1.5:3.0]`), which some file systems refuse."""
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.vector"

    def find(self, key: str, *shape: int) -> NDArray[np.float32] | None:
        """The values of a key, read-only, or `None`; a damaged file and one of another shape are
        removed.

        `shape` is `dims` for a vector and `-1, dims` for a sequence of any length.

        Raises `StorageError` where the folder cannot be read.
        """
        path = self.path(key)
        with storage.as_storage_error(path):
            try:
                content = read_bounded(path, LARGEST_FILE)
            except FileNotFoundError:
                return None
            except DamagedUnitError:  # a link, a folder, a device or too large a file
                content = b""
            values = content[_DIGEST:]
            if self._digest(path, values) == content[:_DIGEST] and _fits(len(values), shape):
                return np.frombuffer(values, dtype="<f4").reshape(shape)
            if isinstance(path, Path) and path.is_dir() and not path.is_symlink():
                aside = storage.set_aside(path)
                warnings.warn(
                    f"{path}: a folder, expected a file: renamed to {aside.name}", stacklevel=2
                )
            else:
                storage.remove(path)
        return None

    def keep(self, key: str, values: NDArray[np.float32]) -> None:
        """Write the values of a key, for their owner alone.

        Raises `StorageError` on a full disk and in a read-only folder.
        """
        content, path = values.astype("<f4").tobytes(), self.path(key)
        storage.write(path, self._digest(path, content) + content, mode=storage.PRIVATE)

    def _digest(self, path: Location, values: bytes) -> bytes:
        return hashlib.sha256(f"{self.folder.name}/{path.name} ".encode() + values).digest()


def _fits(size: int, shape: tuple[int, ...]) -> bool:
    """Whether `size` bytes are values of this shape: the exact number, or a multiple for an open
    axis (-1).
    """
    expected = 4 * math.prod(shape)
    return size == expected if expected > 0 else size > 0 and size % expected == 0
