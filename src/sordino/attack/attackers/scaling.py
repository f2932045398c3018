"""Means and spreads of dimensions of any magnitude: of 1e-300 or 1e300, far from zero, with a few
absurd values.

Squares of 1e155 overflow, and those of 1e-170 vanish. So each dimension is first divided by a power
of two near its largest magnitude. That changes no digit: where nothing overflows or vanishes, all
results are the same bits as without.

    x_j = 2^p_j · z_j,  max |z_j| in [1/2, 1)

Values farther from the median than `WIDE` times the upper quartile of that distance count as lying
there: one value of 1e300 would leave all others without a difference.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.types import Matrix, Rows

ROUNDING: Final = 1e-12
"""A spread that is so much smaller than the numbers it comes from is rounding, and no spread."""

WIDE: Final = 1e6

_LOWEST: Final = 1 << 20
"""Minus any power that a number has."""

_LARGE: Final = 1000
"""Sums of some numbers up to 2 to this power are finite, of larger ones perhaps not."""


def finite(x: NDArray[np.floating[Any]]) -> Matrix:
    """The same vectors as 64-bit numbers whose sums and differences are finite: the largest are
    divided by 2^30.
    """
    z = np.asarray(x, dtype=np.float64)
    if z.size and np.abs(z).max() >= 2.0**_LARGE:
        z = np.ldexp(z, -30)
    return z


def levelled(x: NDArray[np.floating[Any]], known: Rows) -> tuple[Matrix, NDArray[np.intc]]:
    """Each dimension over a power of two, so that the largest magnitude of its known rows is near
    1; the powers.
    """
    z = np.asarray(x, dtype=np.float64)
    power = np.frexp(np.abs(z[known]).max(axis=0))[1]
    with np.errstate(over="ignore"):
        return np.ldexp(z, -power), power


def moments(
    x: NDArray[np.floating[Any]], known: Rows, size: Matrix | None = None
) -> tuple[Matrix, Matrix, Matrix, NDArray[np.intc]]:
    """Vectors `(n, d)` over powers of two, then mean, spread and power of each dimension, `(d,)`.

    The `known` rows decide. A spread that is rounding of numbers as large as `size`, else of those
    in `x`, is 0.
    """
    z, power = levelled(x, known)
    size = np.abs(z[known]).max(axis=0) if size is None else np.ldexp(size, -power)
    z, closer = _within(z, known)
    if closer is not None:
        z, more = levelled(z, known)
        power, size = power + more, np.ldexp(np.minimum(size, closer), -more)
    spread = z[known].std(axis=0)
    return z, z[known].mean(axis=0), np.where(spread > ROUNDING * size, spread, 0.0), power


def together(x: NDArray[np.floating[Any]]) -> Matrix:
    """Vectors `(n, d)`, all over one power of two, the largest that vary being near 1; those that
    do not vary are 0.
    """
    z, _, spread, power = moments(x, np.arange(len(x)))
    varied = spread > 0
    top = power[varied].max(initial=-_LOWEST)
    return np.ldexp(np.where(varied, z, 0.0), np.where(varied, power - top, 0))


def _within(z: Matrix, known: Rows) -> tuple[Matrix, Matrix | None]:
    """Values that are absurdly far out, brought nearer, and the magnitudes that are left; `None`
    where none is.
    """
    middle = np.median(z[known], axis=0)
    far = WIDE * np.quantile(np.abs(z[known] - middle), 0.75, axis=0)
    out = (far > 0) & (np.abs(z[known] - middle).max(axis=0) > far)
    if not out.any():
        return z, None
    near = np.where(out, np.clip(z, middle - far, middle + far), z)
    return near, np.abs(near[known]).max(axis=0)
