"""Banks of fixed features of a row, for `screens`: each yields blocks `(features, n)`.

A bank sees vectors as a `SplitView`: with the training rows, which alone decide means and scales.
Features are bounded, so that no outlier decides a mean. The widest banks use the dimensions of the
largest variance: a product of three of 24 dimensions is one of 2,024 features.

    values        z of each dimension
    functions     z², |z|, sign z, log |z|, z³, and tails
    ordered       the sorted values and magnitudes of a row, its norm and its largest dimension
    waves         sin and cos of 1 to 40 times each dimension
    wave_pairs    products of waves of two dimensions: checkerboards
    dimension_pairs  products of two dimensions, of their signs, magnitudes and squares: covariance,
                  parity, ring
    triples       the same of three dimensions
    digits        parities at powers of 2 and of 10, and the grid that a value lies on
    equal_values  zeros, values that other speakers or other dimensions of the row have too
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final

import numpy as np

from sordino.attack.attackers.views import SplitView
from sordino.types import Matrix

Bank = Callable[[SplitView], Iterator[Matrix]]
"""From a view of the vectors to blocks of features `(features, n)`."""

FREQUENCIES: Final = 40
PAIR_FREQUENCIES: Final = 10

MAX_PAIR_DIMENSIONS: Final = 64
MAX_WAVE_PAIR_DIMENSIONS: Final = 24
MAX_TRIPLE_DIMENSIONS: Final = 24

_BLOCK: Final = 256
"""Features in one block of products: a larger block leaves the cache of the processor."""


def rows(view: SplitView) -> Iterator[Matrix]:
    """The dimensions themselves."""
    yield view.table.columns


def values(view: SplitView) -> Iterator[Matrix]:
    """The standardised dimensions."""
    yield view.z


def functions(view: SplitView) -> Iterator[Matrix]:
    """Functions of each dimension."""
    z, size = view.z, np.abs(view.z)
    yield np.sign(z)
    yield size
    yield z * z
    yield z * z * z
    yield np.log(size + 1e-3)
    for limit in (1.0, 2.0, 3.0):
        yield (z > limit).astype(np.float64)
        yield (z < -limit).astype(np.float64)


def ordered(view: SplitView) -> Iterator[Matrix]:
    """Order statistics of each row over its dimensions, and the place of its extremes."""
    z = view.z
    if not len(z):
        return
    size = np.abs(z)
    yield np.sort(z, axis=0)
    yield np.sort(size, axis=0)
    ratio = size / np.maximum(size.mean(axis=0), 1e-12)
    sums = [size.mean(axis=0), (z * z).mean(axis=0), (ratio**2).mean(axis=0)]
    yield np.stack([*sums, (np.square(ratio) ** 2).mean(axis=0), z.mean(axis=0), z.std(axis=0)])
    dimensions = np.arange(len(z))[:, None]
    for extreme in (z.argmax(axis=0), z.argmin(axis=0), size.argmax(axis=0), size.argmin(axis=0)):
        yield (extreme == dimensions) * 1.0


def waves(view: SplitView) -> Iterator[Matrix]:
    """Sine and cosine of each dimension."""
    yield from _waves(view.z, FREQUENCIES)


def wave_pairs(view: SplitView) -> Iterator[Matrix]:
    """Products of sines and cosines of two dimensions, of one frequency."""
    for wave in _waves(view.widest(MAX_WAVE_PAIR_DIMENSIONS), PAIR_FREQUENCIES):
        yield from _products(wave, 2)


def dimension_pairs(view: SplitView) -> Iterator[Matrix]:
    """Products of two dimensions."""
    z = view.widest(MAX_PAIR_DIMENSIONS)
    size = np.abs(z)
    middle = np.median(size[:, view.train], axis=1, keepdims=True)
    for function in (z, np.sign(z), np.sign(size - middle), z * z - 1):
        yield from _products(function, 2)
    if len(z) <= MAX_TRIPLE_DIMENSIONS:
        i, j = np.triu_indices(len(z), 1)
        yield np.hypot(z[i], z[j])
        yield np.maximum(z[i], z[j])
        yield np.log(np.abs(z[i] - z[j]) + 1e-3)
        yield z[i] * size[j]
        yield size[i] * z[j]


def triples(view: SplitView) -> Iterator[Matrix]:
    """Products of three dimensions, and of their signs."""
    z = view.widest(MAX_TRIPLE_DIMENSIONS)
    for function in (np.sign(z), z):
        yield from _products(function, 3)


def digits(view: SplitView) -> Iterator[Matrix]:
    """Digits of each value, and the grid that it lies on; beside them their means over a row."""
    for feature in view.table.digits(view.train):
        values = feature.astype(np.float64)
        yield np.vstack([values, values.mean(axis=0)])


def equal_values(view: SplitView) -> Iterator[Matrix]:
    """Zeros, and values that other speakers, or other dimensions of the row, have too."""
    yield from view.table.equal_values


def principal(bank: Bank) -> Bank:
    """The bank on principal components of the standardised dimensions: the smallest, which no
    dimension shows, have variance 1 too.
    """
    return lambda view: bank(view.principal)


def _waves(z: Matrix, frequencies: int) -> Iterator[Matrix]:
    """Cosine and sine of each dimension at 1 to so many frequencies, `(2 d, n)` each."""
    cosine, sine = np.cos(z), np.sin(z)
    wave = np.vstack([cosine, sine])
    yield wave
    for _frequency in range(1, frequencies):
        real, imaginary = np.split(wave, 2)
        wave = np.vstack([real * cosine - imaginary * sine, real * sine + imaginary * cosine])
        yield wave


def _products(z: Matrix, count: int) -> Iterator[Matrix]:
    """Products of `count` different rows."""
    parts = np.array(list(combinations(range(len(z)), count)), np.intp).reshape(-1, count)
    for start in range(0, len(parts), _BLOCK):
        part = parts[start : start + _BLOCK]
        product = z[part[:, 0]]
        for index in range(1, count):
            product *= z[part[:, index]]
        yield product
