"""The boundary of the required bin: a tilt and a threshold of cross-fitted scores.

tilt        weights neutral against sensitive utterances, until both fall equally often in the
            required bin
threshold   where the required emotion is missed as often as the others fall in its bin, or
            where they do so at a given rate
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sordino.define import Role
from sordino.release.drawn.scorer import required
from sordino.types import Codes, Matrix

TILTS: Final = np.linspace(-5, 5, 41)
"""Candidate tilts: the logarithm of the weight of neutral against sensitive."""

RATE_GAP: Final = 0.03
"""A smaller difference between the rates of neutral and sensitive counts as none."""

NOT_REQUIRED: Final = (Role.NEUTRAL, Role.SENSITIVE)
"""The roles that should fall in the required bin rarely, and equally often."""


def calibrate(posterior: Matrix, role: Codes, rate: float | None) -> tuple[float, float]:
    """The smallest tilt at which neutral and sensitive rows fall equally often in the required bin,
    and its threshold.

    `posterior` is `(n, emotions)` from a `Scorer`, `role` is `(n,)`. `rate` is the share of neutral
    or sensitive rows in the required bin; None means the equal error rate.
    """
    candidates = []
    for tilt in TILTS.tolist():
        score = required(posterior, tilt)
        threshold = _threshold(score, role, rate)
        neutral, sensitive = (
            float(np.mean(score[role == name] > threshold)) for name in NOT_REQUIRED
        )
        gap = max(abs(sensitive - neutral) - RATE_GAP, 0)
        rows = round(gap * int((role == Role.SENSITIVE).sum()))
        candidates.append((rows, abs(tilt), tilt, threshold))
    return min(candidates)[2:]


def _threshold(score: Matrix, role: Codes, rate: float | None) -> float:
    """The lowest threshold at which neutral and sensitive rows both exceed it at most at this rate.

    Without a rate, the equal error rate with the required rows; half-way between the two if they
    are separable.
    """
    is_required = role == Role.REQUIRED
    if rate is None:
        highest, lowest = score[~is_required].max(), score[is_required].min()
        if highest < lowest:
            return float((highest + lowest) / 2)
    candidates = np.quantile(score, np.linspace(0, 1, 201))

    def rates(name: Role) -> Matrix:
        above: Matrix = np.mean(score[role == name][:, None] > candidates, axis=0)
        return above

    largest = np.max([rates(name) for name in NOT_REQUIRED], axis=0)
    allowed = 1 - rates(Role.REQUIRED) if rate is None else rate
    return float(candidates[np.argmax(largest <= allowed)])
