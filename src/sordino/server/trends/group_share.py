"""The estimated share of an emotion in a group, from the mean share of passes over its users.

    π = (s - f) / (h - f)
    Var[π] = (SE_s² + π² sd_h² / m + (1 - π)² (sd_f² / m + v)) / (h - f)²

The standard error of s over users includes that persons differ in h and f; m speakers of the card
limit how well the means h and f are known, and v is the variance of f over mixes of emotions.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from sordino.metrics.prevalence import SHARE_UTTERANCES, Rates, insufficient

Z: Final = 1.96


class GroupShare(NamedTuple):
    """A share with 95 % limits, in [0, 1]; None where the rates of the card do not suffice."""

    share: float | None = None
    """The share of required utterances."""
    low: float | None = None
    """The lower limit."""
    high: float | None = None
    """The upper limit."""


def group_share(passes: float, standard_error: float, rates: Rates | None) -> GroupShare:
    """The share of a group from its mean share of passes and the standard error of that mean."""
    if rates is None or insufficient(SHARE_UTTERANCES, rates):
        return GroupShare()
    h, f = rates.hit.mean, rates.false_pass.mean
    share = min(max((passes - f) / (h - f), 0.0), 1.0)
    hit_error = rates.required.mean_variance
    false_error = rates.rest.mean_variance + rates.mix_variance
    variance = standard_error**2 + share**2 * hit_error + (1 - share) ** 2 * false_error
    half = Z * math.sqrt(variance) / (h - f)
    return GroupShare(
        round(share, 3), round(max(share - half, 0.0), 3), round(min(share + half, 1.0), 3)
    )
