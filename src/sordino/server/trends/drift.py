"""Whether pass rates are those that the card of a bundle explains.

The pass rate of a person is π h + (1 - π) f for the unknown share π of the required emotion, so the
mean over n persons lies between E[f] and E[h], except for the spread of persons and the error of
the card:

    E[f] - z sqrt(sd_f² / n + sd_f² / m + v)   to   E[h] + z sqrt(sd_h² / n + sd_h² / m)

with m speakers of the card, z = 3 (one false alarm in 740 tables at either end), and v the variance
of f over mixes of the other emotions. A rate outside differs for any π: another microphone, room,
language or group of people than those of the fit. A rate inside proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sordino.metrics.prevalence import Rates
from sordino.server.database.tables import BundlePolicy
from sordino.server.trends.rates import NO_RATES

Z: Final = 3.0
FEWEST_USERS: Final = 3
"""Users without which no rate is shown."""


@dataclass(frozen=True)
class Drift:
    """The mean pass rate of the users of a bundle and cohort; None where it is not known."""

    policy: str
    """`BundlePolicy.digest`."""
    name: str
    """Of the policy in the bundle."""
    bundle_policy_id: int
    cohort: str | None
    """None for all users."""
    users: int
    observed: float | None = None
    low: float | None = None
    """The limits of what the card explains."""
    high: float | None = None
    is_alarm: bool = False
    note: str = ""


def drift(
    policy: BundlePolicy, cohort: str | None, shares: Sequence[float], rates: Rates | None
) -> Drift:
    """The comparison of the pass shares of users, one each, with the rates of a card."""
    row = (policy.digest, policy.name, policy.id, cohort, len(shares))
    if len(shares) < FEWEST_USERS:
        return Drift(*row, note=f"fewer than {FEWEST_USERS} users")
    observed = float(np.mean(shares))
    if rates is None:
        return Drift(*row, observed, note=NO_RATES)
    low, high = explained(rates, len(shares))
    note = ""
    if observed < low:
        note = "fewer releases pass than with any share of the emotion"
    elif observed > high:
        note = "more releases pass than with any share of the emotion"
    return Drift(*row, observed, low, high, bool(note), note)


def explained(rates: Rates, users: int) -> tuple[float, float]:
    """The limits of the mean pass rate of a number of users, in [0, 1]."""
    h, f = rates.required, rates.rest
    hit_error = h.sd * math.sqrt(1 / users + 1 / max(h.speakers, 1))
    false_variance = f.sd**2 * (1 / users + 1 / max(f.speakers, 1)) + rates.mix_variance
    ends = (
        rates.false_pass.mean - Z * math.sqrt(false_variance),
        rates.hit.mean + Z * hit_error,
    )
    return max(min(ends), 0.0), min(max(ends), 1.0)
