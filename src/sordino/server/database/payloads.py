"""The bytes that are encrypted in `release` and `daily_count`, and the place that each is bound to.

    release      index of the prototype, 4 bytes; of a continuous family the vector in float32
    daily_count  releases by bin, int64 `(bins,)`

Numbers are little-endian.
"""

from __future__ import annotations

import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import StorageError

_INDEX_BYTES: Final = 4
_COUNTS: Final = np.dtype("<i8")
_VECTOR: Final = np.dtype("<f4")


def release_place(device_id: int, number: int) -> str:
    """The place of a release."""
    return f"release {device_id} {number}"


def count_place(participant_id: int, day: datetime.date, bundle_policy_id: int) -> str:
    """The place of a daily count."""
    return f"daily_count {participant_id} {day.isoformat()} {bundle_policy_id}"


def index_bytes(index: int) -> bytes:
    """An index of a prototype, 0 to 2**32 - 1."""
    return index.to_bytes(_INDEX_BYTES, "little")


def index_of(payload: bytes) -> int:
    """The index of a prototype. Raises `StorageError` for other bytes."""
    if len(payload) != _INDEX_BYTES:
        raise _unexpected(len(payload), "the 4 bytes of an index")
    return int.from_bytes(payload, "little")


def vector_bytes(vector: NDArray[np.float32]) -> bytes:
    """A vector `(width,)`."""
    return vector.astype(_VECTOR).tobytes()


def vector_of(payload: bytes, width: int) -> NDArray[np.float32]:
    """The vector `(width,)`. Raises `StorageError` for another width."""
    if len(payload) != width * _VECTOR.itemsize:
        raise _unexpected(len(payload), f"a vector of {width} numbers")
    return np.frombuffer(payload, _VECTOR).astype(np.float32)


def counts_bytes(counts: NDArray[np.int64]) -> bytes:
    """Counts by bin `(bins,)`."""
    return counts.astype(_COUNTS).tobytes()


def counts_of(payload: bytes) -> NDArray[np.int64]:
    """Counts by bin `(bins,)`. Raises `StorageError` for bytes that are none."""
    counts = np.frombuffer(payload, _COUNTS) if len(payload) % _COUNTS.itemsize == 0 else None
    if counts is None or counts.size == 0 or counts.min() < 0:
        raise _unexpected(len(payload), "counts by bin, none negative")
    return counts.astype(np.int64)


def _unexpected(size: int, expected: str) -> StorageError:
    return StorageError(
        f"a payload of {size} bytes, expected {expected}: restore the database from a backup"
    )
