"""Means and standard deviations of dimensions of any magnitude: 1e-300 or 1e300, far from zero, and
with outliers.

Squares of 1e155 overflow, and those of 1e-170 underflow. So each dimension is first divided by a
power of two near its largest magnitude. That changes no digit: without overflow or underflow, all
results have the same bits.

    x_j = 2^p_j · z_j,  max |z_j| in [1/2, 1)

Values are clipped to `OUTLIER_FACTOR` times the upper quartile of the distance from the median:
else one value of 1e300 would make all other values equal.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.types import Matrix, Rows

ROUNDING: Final = 1e-12
"""A standard deviation so much smaller than the numbers it comes from is rounding error."""

OUTLIER_FACTOR: Final = 1e6

_LOWEST: Final = 1 << 20
"""Larger than any binary exponent of a float."""

_LOWEST_PAIRS: Final = 10
"""Pairs of rows from which outliers can be ruled out."""

_LARGE: Final = 1000
"""Sums of some numbers up to 2 to this power are finite; sums of larger ones may overflow."""


def in_range(x: NDArray[np.floating[Any]]) -> Matrix:
    """The same vectors as 64-bit floats with finite sums and differences: the largest are divided
    by 2^30.
    """
    z = np.asarray(x, dtype=np.float64)
    if z.size and np.abs(z).max() >= 2.0**_LARGE:
        z = np.ldexp(z, -30)
    return z


def rescale_dimensions(
    x: NDArray[np.floating[Any]], train_rows: Rows
) -> tuple[Matrix, NDArray[np.intc]]:
    """Each dimension over a power of two, so that the largest magnitude of its training rows is
    near 1; and the exponents.
    """
    z = np.asarray(x, dtype=np.float64)
    power = np.frexp(np.abs(z[train_rows]).max(axis=0))[1]
    with np.errstate(over="ignore"):
        return np.ldexp(z, -power), power


def moments(
    x: NDArray[np.floating[Any]], train_rows: Rows, size: Matrix | None = None
) -> tuple[Matrix, Matrix, Matrix, NDArray[np.intc]]:
    """Vectors `(n, d)` over powers of two, then mean, standard deviation and exponent of each
    dimension, `(d,)`.

    These come from `train_rows`. A standard deviation is 0 if it is rounding error of numbers as
    large as `size`, or of those in `x` if `size` is None.
    """
    z, power = rescale_dimensions(x, train_rows)
    size = np.abs(z[train_rows]).max(axis=0) if size is None else np.ldexp(size, -power)
    z, magnitude = _clip_outliers(z, train_rows)
    if magnitude is not None:
        z, shift = rescale_dimensions(z, train_rows)
        power, size = power + shift, np.ldexp(np.minimum(size, magnitude), -shift)
    spread = z[train_rows].std(axis=0)
    spread = np.where(spread > ROUNDING * size, spread, 0.0)
    return z, z[train_rows].mean(axis=0), spread, power


def rescale(x: NDArray[np.floating[Any]]) -> Matrix:
    """Vectors `(n, d)`, all over one power of two, so that the largest dimensions are near 1;
    constant dimensions are 0.
    """
    z, _, spread, power = moments(x, np.arange(len(x)))
    varied = spread > 0
    top = power[varied].max(initial=-_LOWEST)
    return np.ldexp(np.where(varied, z, 0.0), np.where(varied, power - top, 0))


def _clip_outliers(z: Matrix, train_rows: Rows) -> tuple[Matrix, Matrix | None]:
    """Values with outliers clipped, and their magnitudes; `None` if there are no outliers."""
    train = z[train_rows]
    if _is_spread(train):
        return z, None
    middle = np.median(train, axis=0)
    far = OUTLIER_FACTOR * np.quantile(np.abs(train - middle), 0.75, axis=0)
    outlying = (far > 0) & (np.abs(train - middle).max(axis=0) > far)
    if not outlying.any():
        return z, None
    near = np.where(outlying, np.clip(z, middle - far, middle + far), z)
    return near, np.abs(near[train_rows]).max(axis=0)


def _is_spread(train: Matrix) -> bool:
    """Whether no dimension can have an outlier, by a test that is cheaper than quantiles.

    Values have magnitudes up to 1, so that an outlier is at most 2 from the median. If there is
    one, then 3 of 4 values are within 2 / `OUTLIER_FACTOR` of the median, and of all pairs of
    values at least half are closer than twice that.
    """
    half = len(train) // 2
    if half < _LOWEST_PAIRS:
        return False
    apart = np.abs(train[:half] - train[half : 2 * half]) > 8 / OUTLIER_FACTOR
    return bool((2 * np.count_nonzero(apart, axis=0) > half + 2).all())
