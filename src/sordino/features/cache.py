"""Vectors, and sequences of them, that were computed once, on disk.

One small file an utterance, in a folder a configuration:

    FOLDER/IS13-3f2a9c0d1b7e/8c1f…e2.vector  =  SHA-256 of name and values (32 bytes) | values (float32, little-endian)

A file is written under another name and then renamed, so a kill loses at most what is being
computed, and two processes may share a folder: who comes second writes the same bytes again. A file
that is cut short or damaged does not match its own checksum, nor does one that stood under another
name; it is removed and its values computed anew. A folder in its place is renamed.
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

_DIGEST = 32  # bytes of a SHA-256

MOST: Final = 1 << 30
"""No file is larger, in bytes."""


@dataclass(frozen=True)
class Cache:
    """The values of one configuration in one folder, by the checksum of their recording.

    >>> import tempfile
    >>> cache = Cache.of(tempfile.mkdtemp(), "IS13", {"sampling_rate": 16000})
    >>> cache.keep("checksum", np.array([1.0, 2.0], dtype=np.float32))
    >>> cache.find("checksum", 2), cache.find("another", 2)
    (array([1., 2.], dtype=float32), None)
    """

    folder: Path

    @classmethod
    def of(cls, folder: str | Path, name: str, config: Mapping[str, object]) -> Cache:
        """The cache below `folder` for one configuration: another version or setting never sees
        these values.
        """
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        return cls(Path(folder).expanduser().absolute() / f"{name}-{digest[:12]}")

    def place(self, key: str) -> Path:
        """The file of a key. Keys name cuts (`…[1.5:3.0]`), which not every file system can spell."""
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.vector"

    def find(self, key: str, *shape: int) -> NDArray[np.float32] | None:
        """The values kept under this key, read-only, or `None`; what is damaged or of another shape
        is removed.

        `shape` is `dims` for a vector; `-1, dims` for a sequence, as long as it was when it was
        kept.

        Raises `StorageError` where the folder cannot be read.
        """
        place = self.place(key)
        with storage.told(place):
            try:
                content = read_bounded(place, MOST)
            except FileNotFoundError:
                return None
            except DamagedUnitError:  # a link, a folder, a device, or more than any utterance has
                content = b""
            values = content[_DIGEST:]
            if self._digest(place, values) == content[:_DIGEST] and _fits(len(values), shape):
                return np.frombuffer(values, dtype="<f4").reshape(shape)
            if place.is_dir() and not place.is_symlink():
                aside = storage.set_aside(place)
                warnings.warn(
                    f"{place}: a folder, expected a file: renamed to {aside.name}", stacklevel=2
                )
            else:
                place.unlink(missing_ok=True)
        return None

    def keep(self, key: str, values: NDArray[np.float32]) -> None:
        """Write what belongs to a key. Raises `StorageError` on a full disk or in a read-only
        place.
        """
        content, place = values.astype("<f4").tobytes(), self.place(key)
        storage.write(place, self._digest(place, content) + content)

    def _digest(self, place: Path, values: bytes) -> bytes:
        return hashlib.sha256(f"{self.folder.name}/{place.name} ".encode() + values).digest()


def _fits(size: int, shape: tuple[int, ...]) -> bool:
    """Whether so many bytes are values of this shape: exactly as many, or a multiple where one axis
    is open (-1).
    """
    wanted = 4 * math.prod(shape)
    return size == wanted if wanted > 0 else size > 0 and size % wanted == 0
