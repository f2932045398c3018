"""The Gaussian mechanism of OpenDP, which makes an answer differentially private.

OpenDP bounds noise of standard deviation s on an answer of L2 sensitivity D by zero-concentrated
differential privacy with rho = D² / 2s², and converts rho to (epsilon, delta) (Bun and Steinke
2016; Canonne, Kamath and Steinke 2020). At epsilon 6 and delta 1e-5, s is 1.07 times the least
possible one (Balle and Wang 2018, theorem 8).

Noise that protects is drawn by OpenDP from the operating system, exactly on a grid, so that the
proof covers its rounding. An estimate draws noise of the same scale from a seed.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np

from sordino.errors import ReleaseError
from sordino.types import Matrix

_ROUNDING: Final = 1e-9  # of products with the sensitivity


def noise_scale(epsilon: float, delta: float, sensitivity: float) -> float:
    """The least standard deviation of noise for which OpenDP proves that an answer is (epsilon,
    delta)-differentially private; 0 for an infinite epsilon.

    - `sensitivity`: the largest L2 change of the answer by one person.

    Raises `ReleaseError` for an epsilon of 0 or less, a delta outside (0, 1), and values for which
    OpenDP finds no scale.

    >>> round(noise_scale(1.0, 1e-5, 1.0), 1)
    4.0
    """
    if not (epsilon > 0 and 0 < delta < 1 and 0 < sensitivity < math.inf):
        raise ReleaseError(
            f"epsilon {epsilon}, delta {delta} and sensitivity {sensitivity}, expected a positive "
            "epsilon, a delta between 0 and 1 and a positive sensitivity: correct them"
        )
    if math.isinf(epsilon):
        return 0.0
    return sensitivity * _unit_scale(float(epsilon), delta)


@cache
def _unit_scale(epsilon: float, delta: float) -> float:
    """The scale for a sensitivity of 1; only the ratio of both matters."""
    dp = _opendp()

    def private(scale: float) -> Any:
        return dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(_measurement(scale)), delta)

    try:
        scale: float = dp.binary_search_param(private, 1.0, (epsilon, delta), T=float)
    except (dp.OpenDPException, ValueError) as error:
        raise ReleaseError(
            f"epsilon {epsilon} and delta {delta}: OpenDP finds no noise for them ({error}), "
            "expected an epsilon of about 0.01 to 100: correct it"
        ) from error
    return scale * (1 + _ROUNDING)


def add_gaussian_noise(answer: Matrix, scale: float, random: np.random.Generator | None) -> Matrix:
    """An answer of any shape plus Gaussian noise of standard deviation `scale`.

    Without `random`, OpenDP draws the noise from the operating system.
    """
    if random is not None or scale == 0:
        noise = 0.0 if random is None else scale * random.standard_normal(answer.shape)
        return answer + noise
    noisy = _measurement(scale)(answer.ravel().tolist())
    return np.asarray(noisy, np.float64).reshape(answer.shape)


def _measurement(scale: float) -> Any:
    dp = _opendp()
    numbers = dp.vector_domain(dp.atom_domain(T=float, nan=False))
    return dp.m.make_gaussian(numbers, dp.l2_distance(T=float), scale)


def _opendp() -> Any:
    """OpenDP, which takes 1.5 s and 190 MB to load, so only a fit of prototypes loads it."""
    import opendp.prelude as dp

    # Sensitivities are those of real numbers: sums in floating point differ from them by 1e-16.
    dp.enable_features("contrib", "idealized-numerics")
    return dp
