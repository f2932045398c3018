"""Keyed random draws: random numbers that a vector and a secret key determine.

The order and number of the vectors have no effect. The same vector always has the same draw, so a
repeated query reveals nothing new. Without the key the draw is unpredictable. Releases use these
functions in the lab and on the device.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.types import Codes, Vectors

Kind = Literal["gauss", "laplace"]

KEY_BITS: Final = 128
"""The size of a key."""

_BELOW_ONE: Final = 1 - 2.0**-53  # the largest numbers of 64 bits would be rounded to 1


def seed_of(row: Vectors, key: int) -> int:
    """128 bits from one vector and the key (BLAKE2b, keyed)."""
    return int.from_bytes(_digest(row, key, 16), "little")


def release_key(key: int, digest: str) -> int:
    """The key of one release of a device, 128 bits: two releases draw independently of each other
    for the same utterance.

    - `digest`: that of the release and its policy (`sordino.device.Bundle.release_digest`).

    >>> release_key(7, "a") == release_key(7, "a"), release_key(7, "a") == release_key(7, "b")
    (True, False)
    """
    secret = key.to_bytes(16, "little")
    digest_bytes = hashlib.blake2b(digest.encode(), digest_size=16, key=secret).digest()
    return int.from_bytes(digest_bytes, "little")


def uniform(z: Vectors | Sequence[Vectors], key: int, count: int = 1) -> NDArray[np.float64]:
    """`count` numbers in [0, 1) for each vector, `(n, count)`; the vectors may differ in length.

    >>> z = np.ones((2, 3), np.float32)
    >>> bool(uniform(z, 7)[0] == uniform(z, 7)[1]), bool(uniform(z, 7)[0] == uniform(z, 8)[0])
    (True, False)
    """
    return np.array([_uniform(row, key, count) for row in z]).reshape(len(z), count)


def noise(z: Vectors, key: int, kind: Kind, scale: float, width: int | None = None) -> Vectors:
    """Noise of standard deviation `scale` for each vector, `(n, width)`, by default that of `z`."""
    width = z.shape[1] if width is None else width
    out = np.empty((len(z), width), z.dtype)
    for index, vector in enumerate(z):
        random = np.random.default_rng(seed_of(vector, key))
        out[index] = (
            random.normal(0, scale, width)
            if kind == "gauss"
            else random.laplace(0, scale / np.sqrt(2), width)
        )
    return out


def draw(
    z: Vectors | Sequence[Vectors],
    bins: Codes,
    key: int,
    prototypes: Vectors,
    of_bin: NDArray[np.integer[Any]] | Mapping[int, Sequence[int]],
    epsilon: float,
) -> Vectors:
    """A prototype for each vector, `(n, d)`, by randomised response on its bin (Warner 1965).

    `z` and the key determine the prototype within a bin and whether the bin is flipped to another.

    - `bins`: the decision for each vector, codes from 0, `(n,)`.
    - `prototypes`: `(count, d)`, and `of_bin`: the bin of each prototype, `(count,)`, or
      `rows_by_bin` of it, which is faster for single vectors.
    - `epsilon`: of randomised response, infinite for no flips.

    Raises `ReleaseError` for an epsilon below 0. A bin without prototypes yields NaN, which no
    release outputs.
    """
    if not epsilon >= 0:
        raise ReleaseError(
            f"epsilon {epsilon}, expected 0 or more, infinity for no flips: fit the release anew"
        )
    rows_of_bin = of_bin if isinstance(of_bin, Mapping) else rows_by_bin(of_bin)
    count = max(rows_of_bin) + 1
    keep = keep_probability(epsilon, count)
    out = np.empty((len(z), prototypes.shape[1]), prototypes.dtype)
    # plain numbers: on one vector numpy takes twice as long
    for row, (vector, decision) in enumerate(zip(z, bins.tolist(), strict=True)):
        u_keep, u_bin, u_prototype = _uniform(vector, key, 3)
        released = decision if u_keep < keep else (decision + 1 + int(u_bin * (count - 1))) % count
        rows = rows_of_bin.get(released)
        out[row] = prototypes[rows[int(u_prototype * len(rows))]] if rows else np.nan
    return out


def keep_probability(epsilon: float, bins: int) -> float:
    """The probability that randomised response over `bins` does not flip a bin.

    >>> keep_probability(math.inf, 3), keep_probability(0.0, 4)
    (1.0, 0.25)
    """
    return 1 / (1 + (bins - 1) * math.exp(-epsilon))


def rows_by_bin(of_bin: NDArray[np.integer[Any]]) -> dict[int, list[int]]:
    """The rows of the prototypes of each bin.

    >>> rows_by_bin(np.array([0, 1, 0]))
    {0: [0, 2], 1: [1]}
    """
    rows: dict[int, list[int]] = {}
    for row, code in enumerate(of_bin.tolist()):
        rows.setdefault(code, []).append(row)
    return rows


def nearest_bins(out: Vectors, prototypes: Vectors, of_bin: NDArray[np.integer[Any]]) -> Codes:
    """The bin of the prototype nearest to each released vector, `(n,)`."""
    distance = ((out[:, None, :] - prototypes[None]) ** 2).sum(axis=2)
    bins: Codes = of_bin[distance.argmin(axis=1)].astype(np.intp)
    return bins


def mix(
    z: Vectors,
    key: int,
    prototype: Vectors,
    residual: NDArray[Any],
    factor: NDArray[Any],
    share: float,
) -> Vectors:
    """Prototypes plus a share of the residuals plus noise with the residuals' covariance `factorᵀ
    factor`, `(n, d)`.
    """
    generators = (np.random.default_rng(seed_of(row, key)) for row in z)
    filling = (
        np.stack([generator.standard_normal(len(factor)) for generator in generators]) @ factor
    )
    out: Vectors = (prototype + share * residual + np.sqrt(1 - share**2) * filling).astype(
        np.float32
    )
    return out


def flatten(streams: Mapping[str, NDArray[np.float32]]) -> Vectors:
    """All values of one clip as one vector for a keyed draw; `streams` are its sequences by name.

    >>> flatten({"audio": np.ones((2, 2), np.float32), "text": np.zeros((1, 3), np.float32)})
    array([1., 1., 1., 1., 0., 0., 0.], dtype=float32)
    """
    return np.concatenate([values.ravel() for values in streams.values()])


def clip_noise(streams: Mapping[str, NDArray[np.float32]], key: int, width: int) -> Vectors:
    """Standard normal numbers for one clip, `(width,)`; `streams` are its sequences by name, in
    their order.

    >>> clip = {"audio": np.ones((3, 40), np.float32)}
    >>> bool((clip_noise(clip, 7, 4) == clip_noise(clip, 7, 4)).all())
    True
    """
    digest = hashlib.sha256(str(key).encode())
    for name, values in streams.items():
        digest.update(name.encode() + values.tobytes())
    numbers: Vectors = (
        np.random.default_rng(int.from_bytes(digest.digest()))
        .standard_normal(width)
        .astype(np.float32)
    )
    return numbers


def _uniform(row: Vectors, key: int, count: int) -> list[float]:
    """`count` numbers in [0, 1) for one vector."""
    digest = _digest(row, key, 8 * count)
    numbers = (
        int.from_bytes(digest[at : at + 8], "little") / 2**64 for at in range(0, 8 * count, 8)
    )
    return [min(number, _BELOW_ONE) for number in numbers]


def _digest(row: Vectors, key: int, size: int) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=size, key=key.to_bytes(16, "little")).digest()
