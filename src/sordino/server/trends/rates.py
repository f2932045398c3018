"""The pass rates of a policy's bundles, as their cards state them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.errors import SordinoError
from sordino.metrics.prevalence import Rates
from sordino.server.database.tables import BundlePolicy, BundleRow
from sordino.server.trends.counts import policy_rows

NO_RATES: Final = (
    "the card of the bundle states no pass rates; fit a drawn release on more speakers, and "
    "register that bundle"
)
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


def policies_without_trend(session: Session, bundle: str) -> list[str]:
    """The names of the policies of a bundle that can give no trend.

    They have no bins, or the card states no pass rates of them. `bundle`: its digest.
    """
    policies = session.scalars(
        select(BundlePolicy)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.digest == bundle)
        .order_by(BundlePolicy.id)
    ).all()
    rates = rates_of(policies)
    names = (row.name for row in policies if row.bins is None or row.id not in rates)
    return list(dict.fromkeys(names))


def newest_rates(session: Session, study_id: int, policy: str) -> Rates | None:
    """The rates of the newest bundle of a policy that has some."""
    rates = rates_of(policy_rows(session, study_id, policy))
    return rates[max(rates)] if rates else None
