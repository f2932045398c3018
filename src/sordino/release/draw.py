"""Chance that follows from a vector and a key: the same vector is drawn for once, and nobody without the key knows how.

Neither order nor number of the vectors matters, and asking for the same one twice tells nothing new.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from sordino.release.protocol import Vectors


def seed_of(row: Vectors, key: int) -> int:
    """128 bits from one vector and the key (BLAKE2b, keyed)."""
    return int.from_bytes(_digest(row, key, 16), "little")


def uniform(z: Vectors, key: int, count: int = 1) -> NDArray[np.float64]:
    """`count` numbers in [0, 1) for each vector, `(n, count)`.

    >>> z = np.ones((2, 3), np.float32)
    >>> bool((uniform(z, 7)[0] == uniform(z, 7)[1]).all()), bool(uniform(z, 7)[0] == uniform(z, 8)[0])
    (True, False)
    """
    digests = b"".join(_digest(row, key, 8 * count) for row in z)
    return np.frombuffer(digests, "<u8").reshape(len(z), count) / 2.0**64


def _digest(row: Vectors, key: int, size: int) -> bytes:
    return hashlib.blake2b(
        np.ascontiguousarray(row).tobytes(), digest_size=size, key=key.to_bytes(16, "little")
    ).digest()
