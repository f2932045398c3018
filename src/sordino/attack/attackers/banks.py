"""Banks of fixed features of a row, for `screens`: each yields blocks `(n, features)`.

A bank sees the vectors `x` `(n, d)`, the training rows, which alone decide locations and scales,
and the speakers. Features are bounded, so that no outlier decides a mean. The widest banks use the
dimensions of the largest variance: a product of three of 24 dimensions is one of 2,024 features.

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

from sordino.attack.attackers import scaling, ties
from sordino.types import Matrix, Rows

Bank = Callable[[Matrix, Rows, Rows], Iterator[Matrix]]
"""From vectors, training rows and speakers to blocks of features."""

MAX_DEVIATIONS: Final = 5.0
"""Standardised values are clipped here."""

FREQUENCIES: Final = 40
PAIR_FREQUENCIES: Final = 10

MAX_PAIR_DIMENSIONS: Final = 64
MAX_WAVE_PAIR_DIMENSIONS: Final = 24
MAX_TRIPLE_DIMENSIONS: Final = 24

_BLOCK: Final = 2048
"""Features in one block of products."""


def rows(x: Matrix, _: Rows, __: Rows) -> Iterator[Matrix]:
    """The dimensions themselves."""
    yield x


def values(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """The standardised dimensions."""
    yield _standardised(x, train)


def functions(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Functions of each dimension."""
    z = _standardised(x, train)
    size = np.abs(z)
    yield np.sign(z)
    yield size
    yield z * z
    yield z * z * z
    yield np.log(size + 1e-3)
    for limit in (1.0, 2.0, 3.0):
        yield (z > limit).astype(np.float64)
        yield (z < -limit).astype(np.float64)


def ordered(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Order statistics of each row over its dimensions, and the place of its extremes."""
    z = _standardised(x, train)
    if not z.shape[1]:
        return
    size = np.abs(z)
    yield np.sort(z, axis=1)
    yield np.sort(size, axis=1)
    ratio = size / np.maximum(size.mean(axis=1, keepdims=True), 1e-12)
    sums = [size.mean(axis=1), (z * z).mean(axis=1), (ratio**2).mean(axis=1)]
    yield np.stack([*sums, (ratio**4).mean(axis=1), z.mean(axis=1), z.std(axis=1)], axis=1)
    dimensions = np.arange(z.shape[1])
    for extreme in (z.argmax(axis=1), z.argmin(axis=1), size.argmax(axis=1), size.argmin(axis=1)):
        yield (extreme[:, None] == dimensions) * 1.0


def waves(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Sine and cosine of each dimension."""
    z = _standardised(x, train)
    step = np.exp(1j * z)
    wave = np.ones_like(step)
    for _frequency in range(FREQUENCIES):
        wave = wave * step
        yield wave.real
        yield wave.imag


def wave_pairs(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Products of sines and cosines of two dimensions, of one frequency."""
    z = _standardised(_widest(x, train, MAX_WAVE_PAIR_DIMENSIONS), train)
    step = np.exp(1j * z)
    wave = np.ones_like(step)
    for _frequency in range(PAIR_FREQUENCIES):
        wave = wave * step
        yield from _products(np.hstack([wave.real, wave.imag]), 2)


def dimension_pairs(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Products of two dimensions."""
    z = _standardised(_widest(x, train, MAX_PAIR_DIMENSIONS), train)
    size = np.abs(z)
    for function in (z, np.sign(z), np.sign(size - np.median(size[train], axis=0)), z * z - 1):
        yield from _products(function, 2)
    if z.shape[1] <= MAX_TRIPLE_DIMENSIONS:
        i, j = np.triu_indices(z.shape[1], 1)
        yield np.hypot(z[:, i], z[:, j])
        yield np.maximum(z[:, i], z[:, j])
        yield np.log(np.abs(z[:, i] - z[:, j]) + 1e-3)
        yield z[:, i] * size[:, j]
        yield size[:, i] * z[:, j]


def triples(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Products of three dimensions, and of their signs."""
    z = _standardised(_widest(x, train, MAX_TRIPLE_DIMENSIONS), train)
    for function in (np.sign(z), z):
        yield from _products(function, 3)


def digits(x: Matrix, train: Rows, _: Rows) -> Iterator[Matrix]:
    """Digits of each value, and the grid that it lies on; beside them their means over a row."""
    for feature in _digits(x, train):
        yield np.column_stack([feature, feature.mean(axis=1)])


def equal_values(x: Matrix, _: Rows, speaker: Rows) -> Iterator[Matrix]:
    """Zeros, and values that other speakers, or other dimensions of the row, have too."""
    order = np.argsort(x, axis=1, kind="stable")
    ordered_rows = np.take_along_axis(x, order, axis=1)
    equal = np.diff(ordered_rows, axis=1) == 0
    copies = np.zeros(x.shape)
    both = np.pad(equal, ((0, 0), (1, 0))) | np.pad(equal, ((0, 0), (0, 1)))
    np.put_along_axis(copies, order, both * 1.0, axis=1)
    shared = np.stack([_sharing(column, speaker) for column in x.T], axis=1)
    rows = _sharing(ties.copies(np.asarray(x)).astype(float), speaker)
    for feature in (x == 0, copies, np.log1p(shared), shared > 0):
        yield np.column_stack([feature, np.mean(feature, axis=1)]).astype(float)
    yield np.log1p(rows)[:, None]


def principal(bank: Bank) -> Bank:
    """The bank on principal components of the standardised dimensions: the smallest, which no
    dimension shows, have variance 1 too.
    """

    def components(x: Matrix, train: Rows, speaker: Rows) -> Iterator[Matrix]:
        z = _standardised(x, train)
        _, size, axes = np.linalg.svd(z[train], full_matrices=False)
        axes = axes[size > scaling.ROUNDING * size.max(initial=0)][: max(len(train) // 2, 1)]
        axes = axes * np.sign(axes.sum(axis=1, keepdims=True) + 1e-300)  # for any row order
        return bank(z @ axes.T, train, speaker)

    return components


def _standardised(x: Matrix, train: Rows) -> Matrix:
    """Each dimension with mean 0 and standard deviation 1 on the training rows, clipped; constant
    dimensions are left out.
    """
    z, mean, spread, _ = scaling.moments(x, train)
    varied = spread > 0
    scaled = (z[:, varied] - mean[varied]) / spread[varied]
    return np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS)


def _widest(x: Matrix, train: Rows, count: int) -> Matrix:
    """The `count` dimensions of the largest variance, in their order."""
    if x.shape[1] <= count:
        return x
    _, _, spread, power = scaling.moments(x, train)
    logarithm = np.log2(np.maximum(spread, 1e-300)) + power
    return x[:, np.sort(np.argsort(-logarithm, kind="stable")[:count])]


def _products(z: Matrix, count: int) -> Iterator[Matrix]:
    """Products of `count` different columns."""
    columns = np.array(list(combinations(range(z.shape[1]), count)), np.intp).reshape(-1, count)
    for start in range(0, len(columns), _BLOCK):
        part = columns[start : start + _BLOCK]
        product = z[:, part[:, 0]]
        for index in range(1, count):
            product = product * z[:, part[:, index]]
        yield product


def _digits(x: Matrix, train: Rows) -> Iterator[Matrix]:
    mantissa = np.ldexp(np.abs(np.frexp(x)[0]), 53).astype(np.int64)
    lowest = np.where(mantissa == 0, 0, mantissa & -mantissa)
    zeros = np.log2(np.maximum(lowest, 1))
    yield zeros
    shift = int(np.quantile(zeros[train], 0.1))
    for bit in range(shift, shift + 4):
        yield ((mantissa >> bit) & 1).astype(float)
    scales = [2.0**power for power in range(11)]
    scales += [
        factor * 10.0**power for power in range(5) for factor in (1, 2, 5) if power or factor > 2
    ]
    for scale in scales:
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.nan_to_num(np.abs(x) * scale, posinf=0.0)
        yield np.floor(value) % 2
        yield (np.abs(value - np.rint(value)) < 1e-4).astype(np.float64)


def _sharing(values: Matrix, speaker: Rows) -> Matrix:
    """The number of other speakers with each row's value, `(n,)`."""
    code = np.unique(values, return_inverse=True)[1]
    cells = np.unique(code * (speaker.max() + 1) + speaker)
    count = np.bincount(cells // (speaker.max() + 1))
    others: Matrix = count[code].astype(np.float64) - 1
    return others
