"""Vectors as the banks of `screens` see them: standardised by the training rows of one split.

A block of features has one row for each feature, so that its rows lie together in memory. What no
split changes is computed once for all splits (`AuditRows`), and what several banks use once for
each split (`SplitView`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.attack.attackers import scaling, ties
from sordino.types import Matrix, Rows

MAX_DEVIATIONS: Final = 5.0
"""Standardised values are clipped here."""

_LOW_BITS: Final = 4
"""Bits above the lowest one of most values that are features."""


class AuditRows:
    """Vectors `(n, d)` and the codes of their speakers, from 0, for all splits."""

    def __init__(self, x: Matrix, speaker: Rows) -> None:
        self.x, self.speaker = x, speaker

    @cached_property
    def columns(self) -> Matrix:
        """The dimensions, `(d, n)`."""
        return np.ascontiguousarray(self.x.T)

    @cached_property
    def equal_values(self) -> list[Matrix]:
        """Zeros, and values that other speakers, or other dimensions of the row, have too."""
        order = np.argsort(self.x, axis=1, kind="stable")
        ordered_rows = np.take_along_axis(self.x, order, axis=1)
        equal = np.diff(ordered_rows, axis=1) == 0
        both = np.pad(equal, ((0, 0), (1, 0))) | np.pad(equal, ((0, 0), (0, 1)))
        copies = np.zeros(self.x.shape)
        np.put_along_axis(copies, order, both * 1.0, axis=1)
        shared = np.stack([_sharing(column, self.speaker) for column in self.columns])
        rows = _sharing(ties.copies(self.x).astype(float), self.speaker)
        features = (self.columns == 0, copies.T, np.log1p(shared), shared > 0)
        blocks = [
            np.vstack([feature, np.mean(feature, axis=0)]).astype(float) for feature in features
        ]
        return [*blocks, np.log1p(rows)[None]]

    def digits(self, train: Rows) -> Iterator[NDArray[Any]]:
        """The number of zeros behind the last digit of each value, bits above the lowest one of
        most values of the training rows, and the parity and the grid at powers of 2 and of 10;
        `(d, n)` each.
        """
        mantissa, zeros = self._mantissa
        yield zeros
        shift = int(np.quantile(zeros[:, train], 0.1))
        for bit in range(shift, shift + _LOW_BITS):
            yield (mantissa >> bit) & 1
        yield from self._grids

    @cached_property
    def _mantissa(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        mantissa = np.ldexp(np.abs(np.frexp(self.columns)[0]), 53).astype(np.int64)
        lowest = np.where(mantissa == 0, 0, mantissa & -mantissa)
        return mantissa, np.log2(np.maximum(lowest, 1)).astype(np.uint8)

    @cached_property
    def _grids(self) -> list[NDArray[np.bool_]]:
        scales = [2.0**power for power in range(11)]
        scales += [
            factor * 10.0**power
            for power in range(5)
            for factor in (1, 2, 5)
            if power or factor > 2
        ]
        features, size = [], np.abs(self.columns)
        for scale in scales:
            with np.errstate(over="ignore", invalid="ignore"):
                value = np.nan_to_num(size * scale, posinf=0.0)
            whole = np.floor(value)
            odd = whole - 2 * np.floor(whole / 2) > 0
            features += [odd, np.abs(value - np.rint(value)) < 1e-4]
        return features


class SplitView:
    """A table with the training rows of one split."""

    def __init__(self, table: AuditRows, train: Rows) -> None:
        self.table, self.train = table, train

    @property
    def z(self) -> Matrix:
        """Each dimension with mean 0 and standard deviation 1 on the training rows, clipped,
        `(d, n)`; constant dimensions are left out.
        """
        return self._standardised[0]

    def widest(self, count: int) -> Matrix:
        """The `count` dimensions of `z` of the largest variance, in their order."""
        z, logarithm = self._standardised
        return z[np.sort(np.argsort(-logarithm, kind="stable")[:count])]

    @cached_property
    def principal(self) -> SplitView:
        """The principal components of `z`."""
        train, count = self.z[:, self.train], max(len(self.train) // 2, 1)
        # R has the singular values and the right vectors of the rows, in fewer numbers
        factor = np.linalg.qr(train.T, mode="r") if train.shape[0] < train.shape[1] else train.T
        _, size, axes = np.linalg.svd(factor, full_matrices=False)
        axes = axes[size > scaling.ROUNDING * size.max(initial=0)][:count]
        axes = axes * np.sign(axes.sum(axis=1, keepdims=True) + 1e-300)  # for any row order
        return SplitView(AuditRows(self.z.T @ axes.T, self.table.speaker), self.train)

    @cached_property
    def _standardised(self) -> tuple[Matrix, Matrix]:
        """`z`, and the logarithm of the standard deviation of its dimensions."""
        z, mean, spread, power = scaling.moments(self.table.x, self.train)
        varied = spread > 0
        scaled = (z[:, varied] - mean[varied]) / spread[varied]
        scaled = np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS)
        logarithm: Matrix = np.log2(np.maximum(spread[varied], 1e-300)) + power[varied]
        return np.ascontiguousarray(scaled.T), logarithm


def _sharing(values: Matrix, speaker: Rows) -> Matrix:
    """The number of other speakers with each row's value, `(n,)`."""
    code = np.unique(values, return_inverse=True)[1]
    cells = np.unique(code * (speaker.max() + 1) + speaker)
    count = np.bincount(cells // (speaker.max() + 1))
    others: Matrix = count[code].astype(np.float64) - 1
    return others
