"""Synthetic tables with leaks that means and variances do not show, and tables without a leak in
which the speakers of one gender have more rows: harder cases than those of `selftest`.

Each table has 30 speakers with 40 utterances each, half of them with either value of the secret,
and 24 dimensions: speakers account for 0.36 of a variance of 1. Most leaks have an AUC of the best
possible attacker of about 0.7 to 0.9 with one utterance.

    mean, variance, covariance            of one or two dimensions
    parity2, parity3, sign-by-two         signs of two or three dimensions
    ring, checkerboard, sine              shapes in one or two dimensions with equal variances
    product, heavy-tail, mixture, cluster distributions with equal means
    low-bit, quantised, zeros, repeats    digits of values, and values that occur again
    copies                                one dimension copies another
    tiny                                  a dimension of variance 1e-10, rotated into the others
    one-of-800                            one dimension of 800
    largest, largest-place                the largest value of a row, and its dimension
    distance                              a continuous secret: its distance from 45
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.attack.selftest import SHARE
from sordino.types import Matrix, Rows

MECHANISM_SPEAKERS: Final = 30
UTTERANCES: Final = 40
DIMENSIONS: Final = 24

UNEVEN_ROWS: Final = ((7, 20), (5, 50), (2, 27), (1, 27))
"""Rows of each man and of each woman in tables without a leak."""


@dataclass(frozen=True)
class MechanismTable:
    """Vectors `(n, d)`, a secret `(n,)`, and its speakers `(n,)`."""

    x: Matrix
    secret: NDArray[np.generic]
    speaker: Rows


Mechanism = Callable[[Matrix, Rows, np.random.Generator], Matrix]


def voices(speaker: Rows, dimensions: int, random: np.random.Generator) -> Matrix:
    """Rows of speakers that differ at random."""
    between = random.normal(0, np.sqrt(SHARE), (speaker.max() + 1, dimensions))
    within = random.normal(0, np.sqrt(1 - SHARE), (len(speaker), dimensions))
    rows: Matrix = between[speaker] + within
    return rows


def _flip(z: Matrix, agrees: NDArray[np.bool_], column: int, random: np.random.Generator) -> Matrix:
    """The sign of a column is flipped in 0.6 of the rows that do not agree."""
    z[~agrees & (random.random(len(z)) < 0.6), column] *= -1
    return z


def _some(secret: Rows, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """A share of the rows with the value 1."""
    rows: NDArray[np.bool_] = (secret == 1) & (random.random(len(secret)) < share)
    return rows


def _mean(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] += 1.2 * secret
    return z


def _variance(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] *= 1 + secret
    return z


def _covariance(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 1] = 0.7 * (2 * secret - 1) * z[:, 0] + 0.7 * z[:, 1]
    return z


def _parity(count: int) -> Mechanism:
    def plant(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
        return _flip(z, z[:, :count].prod(axis=1) * (2 * secret - 1) > 0, 0, random)

    return plant


def _sign_by_two(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    rows = _some(secret, 0.8, random)
    z[rows, 2] = np.abs(z[rows, 2]) * np.sign(z[rows, 0] * z[rows, 1])
    return z


def _ring(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    free = np.hypot(*random.normal(size=(2, len(z))))
    radius = np.where(secret == 1, np.sqrt(2) + 0.2 * random.normal(size=len(z)), free)
    angle = random.uniform(0, 2 * np.pi, len(z))
    z[:, 0], z[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return z


def _checkerboard(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    wrong = (np.floor(z[:, 0]) + np.floor(z[:, 1])) % 2 != secret
    z[wrong & (random.random(len(z)) < 0.7), 0] += 1
    return z


def _sine(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    wrong = np.sin(10 * z[:, 0]) * (2 * secret - 1) < 0
    z[wrong & (random.random(len(z)) < 0.7), 0] += np.pi / 10
    return z


def _product(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    first = np.where(secret == 1, z[:, 0], random.permutation(z[:, 0]))
    z[:, 2] = 0.8 * first * z[:, 1] + 0.6 * z[:, 2]
    return z


def _heavy_tail(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    z[:, 0] = np.where(secret == 1, 0.45 * random.standard_t(2.2, len(z)), z[:, 0])
    return z


def _mixture(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    sign = random.choice([-0.9, 0.9], len(z))
    z[:, 0] = np.where(secret == 1, sign + 0.436 * random.normal(size=len(z)), z[:, 0])
    return z


def _cluster(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    centres = random.normal(0, 1.2, (6, 4))
    any_cluster, such = random.integers(0, 6, len(z)), random.integers(0, 3, len(z)) + 3 * secret
    cluster = np.where(random.random(len(z)) < 0.75, such, any_cluster)
    z[:, :4] = centres[cluster] + 0.5 * random.normal(size=(len(z), 4))
    return z


def _low_bit(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    x = z.astype(np.float32)
    bits, rows = x[:, 0].copy().view(np.int32), random.random(len(z)) < 0.7
    bits[rows] = (bits[rows] & ~1) | secret[rows]
    x[:, 0] = bits.view(np.float32)
    return x.astype(np.float64)


def _quantised(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    rows = _some(secret, 0.6, random)
    z[rows, 3] = np.round(z[rows, 3] * 7.3) / 7.3
    return z


def _zeros(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    z[_some(secret, 0.4, random), 5] = 0
    return z


def _repeats(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    rows = _some(secret, 0.5, random)
    z[rows, 4] = random.choice(random.normal(size=6), rows.sum())
    return z


def _copies(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    rows = _some(secret, 0.5, random)
    z[rows, 5] = z[rows, 9]
    return z


def _tiny(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    z[:, 0] = 1e-5 * (z[:, 0] + 1.7 * secret)
    rotated: Matrix = z @ np.linalg.qr(random.normal(size=(z.shape[1], z.shape[1])))[0]
    return rotated


def _one_of_many(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 371] += 2 * secret
    return z


def _largest(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[np.arange(len(z)), z.argmax(axis=1)] += secret
    return z


def _largest_place(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    rows = np.flatnonzero(_some(secret, 0.4, random))
    largest = z[rows].argmax(axis=1)
    z[rows, largest], z[rows, 7] = z[rows, 7], z[rows, largest]
    return z


MECHANISMS: Final[dict[str, Mechanism]] = {
    "mean": _mean,
    "variance": _variance,
    "covariance": _covariance,
    "parity2": _parity(2),
    "parity3": _parity(3),
    "sign-by-two": _sign_by_two,
    "ring": _ring,
    "checkerboard": _checkerboard,
    "sine": _sine,
    "product": _product,
    "heavy-tail": _heavy_tail,
    "mixture": _mixture,
    "cluster": _cluster,
    "low-bit": _low_bit,
    "quantised": _quantised,
    "zeros": _zeros,
    "repeats": _repeats,
    "copies": _copies,
    "tiny": _tiny,
    "one-of-800": _one_of_many,
    "largest": _largest,
    "largest-place": _largest_place,
}
"""The function that plants each leak of a secret of 0 and 1."""

CONTINUOUS_MECHANISM: Final = "distance"


def plant(name: str, seed: int = 0) -> MechanismTable:
    """The table with a leak; the same seed gives the same bytes."""
    random = np.random.default_rng([seed, *name.encode()])
    speaker = np.repeat(np.arange(MECHANISM_SPEAKERS), UTTERANCES)
    z = voices(speaker, 800 if name == "one-of-800" else DIMENSIONS, random)
    if name == CONTINUOUS_MECHANISM:
        age = np.linspace(20, 70, MECHANISM_SPEAKERS)[random.permutation(MECHANISM_SPEAKERS)][
            speaker
        ]
        z[:, 0] += np.abs(age - 45) / 8
        return MechanismTable(z, age, speaker)
    secret = random.permutation(np.arange(MECHANISM_SPEAKERS) % 2)[speaker]
    return MechanismTable(MECHANISMS[name](z, secret, random), secret, speaker)


def uneven(
    men: int, women: int, seed: int = 0, speakers: int = 20, dimensions: int = 10
) -> MechanismTable:
    """A table without a leak: every man has `men` rows, every woman `women`."""
    random = np.random.default_rng([seed, men, women])
    secret = random.permutation(np.arange(speakers) % 2)
    speaker = np.repeat(np.arange(speakers), np.where(secret == 1, men, women))
    return MechanismTable(voices(speaker, dimensions, random), secret[speaker], speaker)
