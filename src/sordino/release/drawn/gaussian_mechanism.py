"""The noise of the Gaussian mechanism that makes an answer differentially private.

The analytic Gaussian mechanism (Balle and Wang 2018, theorem 8) is exact: with standard deviation s
an answer of L2 sensitivity D is (epsilon, delta)-differentially private if and only if

    Phi(D / 2s - epsilon s / D) - exp(epsilon) Phi(-D / 2s - epsilon s / D) <= delta
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

from sordino.errors import ReleaseError

_RANGE: Final = (1e-3, 1e7)  # of s / D


def noise_scale(epsilon: float, delta: float, sensitivity: float) -> float:
    """The least standard deviation of noise that makes an answer (epsilon, delta)-differentially
    private; 0 for an infinite epsilon.

    - `sensitivity`: the largest L2 change of the answer by one person.

    Raises `ReleaseError` for an epsilon of 0 or less, or a delta outside (0, 1).

    >>> round(noise_scale(1.0, 1e-5, 1.0), 3)
    3.731
    """
    if not (epsilon > 0 and 0 < delta < 1 and sensitivity >= 0):
        raise ReleaseError(
            f"epsilon {epsilon}, delta {delta} and sensitivity {sensitivity}, expected a positive "
            "epsilon, a delta between 0 and 1 and a sensitivity of 0 or more: correct them"
        )
    if math.isinf(epsilon):
        return 0.0

    def excess(scale: float) -> float:
        return privacy_loss(epsilon, scale) - delta

    low, high = _RANGE
    scale: float = low if excess(low) <= 0 else brentq(excess, low, high, rtol=1e-12)
    return sensitivity * scale


def privacy_loss(epsilon: float, scale: float) -> float:
    """The least delta of noise with a standard deviation of `scale` sensitivities."""
    middle, shift = 1 / (2 * scale), epsilon * scale
    return float(ndtr(middle - shift) - np.exp(epsilon + log_ndtr(-middle - shift)))
