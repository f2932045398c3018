"""What an encrypted payload holds, and the place that it is bound to.

    release      the index of the prototype, uint32; of a continuous policy the vector, float32
    daily_count  the releases of a day by bin, int64; of a continuous policy one number

All numbers are little-endian. The length of a payload is the same for all releases of a policy.
"""

from __future__ import annotations

import datetime
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.server.database.keys import Cipher
from sordino.server.database.tables import BundlePolicy

_INDEX: Final = struct.Struct("<I")
_VECTOR: Final = np.dtype("<f4")
_COUNT: Final = np.dtype("<i8")


def release_place(device_id: int, number: int) -> str:
    """The place of a row of `release`."""
    return f"release {device_id} {number}"


def count_place(participant_id: int, day: datetime.date, bundle_policy_id: int) -> str:
    """The place of a row of `daily_count`."""
    return f"daily_count {participant_id} {day.isoformat()} {bundle_policy_id}"


def pack_index(index: int) -> bytes:
    """The payload of a drawn release."""
    return _INDEX.pack(index)


def pack_vector(vector: NDArray[np.float32]) -> bytes:
    """The payload of a continuous release, a vector `(d,)`."""
    return vector.astype(_VECTOR).tobytes()


def index_of(payload: bytes) -> int:
    """The index of the prototype of a drawn release."""
    index: int = _INDEX.unpack(payload)[0]
    return index


def prototypes_of(policy: BundlePolicy) -> NDArray[np.float32] | None:
    """The prototypes of a policy `(n, d)`, read-only; None for a continuous policy."""
    if policy.prototypes is None:
        return None
    return np.frombuffer(policy.prototypes, _VECTOR).reshape(-1, policy.width)


def bins_of(policy: BundlePolicy) -> NDArray[np.int64] | None:
    """The bin of each prototype `(n,)`, read-only; None for a continuous policy."""
    return None if policy.bins is None else np.frombuffer(policy.bins, _COUNT)


def vector_of(payload: bytes, policy: BundlePolicy) -> NDArray[np.float32]:
    """The released vector `(d,)`, read-only."""
    prototypes = prototypes_of(policy)
    return np.frombuffer(payload, _VECTOR) if prototypes is None else prototypes[index_of(payload)]


def encrypt_counts(
    cipher: Cipher, counts: NDArray[np.int64], participant_id: int, day: datetime.date, policy: int
) -> bytes:
    """The payload of a day, from counts by bin `(bins,)`."""
    place = count_place(participant_id, day, policy)
    return cipher.encrypt(counts.astype(_COUNT).tobytes(), place)


def decrypt_counts(
    cipher: Cipher, payload: bytes, participant_id: int, day: datetime.date, policy: int
) -> NDArray[np.int64]:
    """The counts of a day by bin `(bins,)`. Raises `StorageError` for a changed payload."""
    place = count_place(participant_id, day, policy)
    return np.frombuffer(cipher.decrypt(payload, place), _COUNT)
