"""The pass rates of a policy's bundles, as their cards state them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.orm import Session

from sordino.errors import SordinoError
from sordino.metrics.prevalence import Rates
from sordino.server.database.tables import BundlePolicy
from sordino.server.trends.counts import policy_rows

NO_RATES: Final = "the bundle has no pass rates"
"""Why there is no estimate from releases of an older bundle."""


def rates_of(policies: Sequence[BundlePolicy]) -> Mapping[int, Rates]:
    """The rates by number of the policy of a bundle; absent where a card has none, or wrong ones.

    A card is the content of a file from outside (`Rates.from_card`).
    """
    rates: dict[int, Rates] = {}
    for policy in policies:
        try:
            rates[policy.id] = Rates.from_card({"rates": policy.rates})
        except SordinoError:
            continue
    return rates


def newest_rates(session: Session, study_id: int, policy: str) -> Rates | None:
    """The rates of the newest bundle of a policy that has some."""
    rates = rates_of(policy_rows(session, study_id, policy))
    return rates[max(rates)] if rates else None
