"""Where the required emotion begins: a tilt and a threshold of scores, chosen on speakers whom the
scorer never saw.

tilt        weighs neutral against sensitive utterances until both pass for the required emotion alike
threshold   where the required emotion is missed as often as they pass, or where they pass at a rate that is given
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sordino.define import Role
from sordino.release.drawn.scorer import required
from sordino.types import Codes, Matrix

TILTS: Final = np.linspace(-5, 5, 41)
"""How much more neutral than sensitive weighs against the required emotion, as a logarithm: what is
chosen from.
"""

GAP: Final = 0.03
"""Between how often neutral and sensitive utterances pass: a smaller one is as good as none."""

OTHERS: Final = (Role.NEUTRAL, Role.SENSITIVE)
"""The roles whose utterances must not pass for the required emotion, and must pass alike."""


def calibrated(posterior: Matrix, role: Codes, rate: float | None) -> tuple[float, float]:
    """Tilt and threshold at which neutral and sensitive rows pass alike; of alike tilts the
    smallest.

    `posterior` `(n, emotions)` of a `Scorer`, `role` `(n,)`. `rate` is how often others may pass;
    None for the rate at which the required emotion is missed as often.
    """
    tried = []
    for tilt in TILTS.tolist():
        score = required(posterior, tilt)
        threshold = _threshold(score, role, rate)
        neutral, sensitive = (float(np.mean(score[role == one] > threshold)) for one in OTHERS)
        gap = max(abs(sensitive - neutral) - GAP, 0)
        tried.append(
            (
                round(gap * int((role == Role.SENSITIVE).sum())),
                abs(tilt),
                tilt,
                threshold,
            )
        )
    return min(tried)[2:]


def _threshold(score: Matrix, role: Codes, rate: float | None) -> float:
    """That at which neutral or sensitive rows, whichever do so more often, pass at this rate.

    Without a rate, as often as required rows are missed: the equal error rate. Where no row is
    mistaken, half-way.
    """
    kept = role == Role.REQUIRED
    if rate is None and (highest := score[~kept].max()) < (lowest := score[kept].min()):
        return float((highest + lowest) / 2)
    tried = np.quantile(score, np.linspace(0, 1, 201))
    others, found = (
        np.stack([np.mean(score[role == one][:, None] > tried, axis=0) for one in some])
        for some in (OTHERS, (Role.REQUIRED,))
    )
    allowed = 1 - found[0] if rate is None else rate
    return float(tried[np.argmax(others.max(axis=0) <= allowed)])  # the lowest: it keeps most
