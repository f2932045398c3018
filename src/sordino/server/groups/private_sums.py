"""Sums and counts with differential privacy (Dwork et al. 2006), by OpenDP.

Neighbours differ in one user. Each share is clamped to [0, 1], so a user changes the sum by at most
1 and the count by 1; each gets Laplace noise for half of epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

LIMITS: Final = (0.0, 1.0)
_NORMAL_VARIANCE: Final = 0.25  # the largest variance of a share in [0, 1]


class _Mechanisms(NamedTuple):
    """The measurements for one epsilon, and their scales of noise."""

    total: Any
    count: Any
    total_scale: float
    count_scale: float


@dataclass(frozen=True)
class PrivateSum:
    """A noisy sum of shares, a noisy number of users, and the variances of their noise."""

    total: float
    count: float
    total_variance: float
    count_variance: float

    @classmethod
    def zero(cls) -> PrivateSum:
        """The sum of no group."""
        return cls(0.0, 0.0, 0.0, 0.0)

    def __add__(self, other: PrivateSum) -> PrivateSum:
        return PrivateSum(
            self.total + other.total,
            self.count + other.count,
            self.total_variance + other.total_variance,
            self.count_variance + other.count_variance,
        )

    def table(self, epsilon: float) -> dict[str, Any]:
        """Users, the mean share and its standard error, which counts the noise. It follows from
        the noisy numbers alone, so it spends nothing further.
        """
        users = max(self.count, 1.0)
        mean = min(max(self.total / users, LIMITS[0]), LIMITS[1])
        noise = (self.total_variance + mean**2 * self.count_variance) / users**2
        return {
            "users": max(round(self.count), 0),
            "passes": round(mean, 4),
            "standard_error": round(math.sqrt(_NORMAL_VARIANCE / users + noise), 4),
            "epsilon": epsilon,
        }


def private_sum(shares: Sequence[float], epsilon: float) -> PrivateSum:
    """The noisy sum and number of the shares of a group. Its spending is `epsilon` per user."""
    mechanisms = _mechanisms(epsilon)
    values = [float(share) for share in shares]
    return PrivateSum(
        float(mechanisms.total(values)),
        float(mechanisms.count(values)),
        2 * mechanisms.total_scale**2,  # the variance of Laplace noise
        2 * mechanisms.count_scale**2,
    )


@cache
def _mechanisms(epsilon: float) -> _Mechanisms:
    import opendp.prelude as dp  # it takes a second

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()
    then: Any = dp.t  # without types
    total = space >> then.then_clamp(LIMITS) >> then.then_sum()
    count = space >> then.then_count()

    def scale(query: Any) -> float:
        return float(
            dp.binary_search_param(
                lambda value: query >> dp.m.then_laplace(value), d_in=1, d_out=epsilon / 2
            )
        )

    scales = scale(total), scale(count)
    return _Mechanisms(
        total >> dp.m.then_laplace(scales[0]), count >> dp.m.then_laplace(scales[1]), *scales
    )
