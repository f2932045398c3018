"""Which release keeps the most within a budget: chosen on the validation speakers of all draws.

Nobody is both in one draw, but most of them are tested in another: a card's figures of a chosen
family flatter.

every family ── fitted, attacked by who retrains, measured on validation speakers ── its largest AUC
                                                                                 of what is hidden
                                                                                 └─ what is kept of
                                                                                 the required
                                                                                 emotion
within the budget: the largest AUC is no more than it     chosen: of those, the one that keeps the most
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sordino import release
from sordino.define import Knowledge
from sordino.policy import Policy
from sordino.release import FITTERS
from sordino.report.estimate_table import TARGETS, Estimate, Estimates, auc_of

DEFAULT: Final = "drawn"
"""The family where neither policy nor budget decides."""


@dataclass(frozen=True)
class Reached:
    """What one release keeps and what the best attacker who retrains gets of each thing hidden."""

    release: str
    utility: Estimate
    """AUC of the required emotion against the rest, by whoever retrains on what is released."""
    leaks: Mapping[str, Estimate]
    """AUC by secret: `sensitive-vs-neutral` and the hidden attributes that are labelled."""

    @property
    def worst(self) -> str:
        """The secret of which an attacker gets the most."""
        return max(self.leaks, key=lambda secret: self.leaks[secret].value)

    @property
    def largest(self) -> float:
        """The AUC of it."""
        return self.leaks[self.worst].value

    def within(self, budget: float) -> bool:
        """Whether no attacker gets more than the budget allows."""
        return all(
            one.value <= budget for one in self.leaks.values()
        )  # NaN, what nobody can tell, is not within


def families(policy: Policy, budget: float | None) -> list[str]:
    """The families to choose among: that of the policy, all with a budget, else `drawn`.

    `none` hides nothing and is not among them. Where knobs make two families the same, one is left.
    """
    if policy.release:
        return [policy.release]
    if budget is None:
        return [DEFAULT]
    named = {
        release.name_of(policy, family): family for family in reversed(FITTERS) if family != "none"
    }
    return list(reversed(named.values()))


def reached(look: Estimates, policy: Policy) -> list[Reached]:
    """What every release reached under a policy, in the order of the estimates."""
    required, hidden = (
        policy.required,
        [*(["gender"] if "gender" in policy.hide else []), *look.attributes],
    )
    asked = [TARGETS["distinguish"], *hidden]
    return [
        Reached(
            name,
            look("utility_auc", name, required, knowledge=Knowledge.SEMI_INFORMED),
            leaks(look, name, required, asked),
        )
        for name in look.releases
    ]


def leaks(
    look: Estimates, name: str, required: str, secrets: Sequence[str]
) -> Mapping[str, Estimate]:
    """The AUC of the best attacker who retrains on a release, by secret."""
    knowledge = Knowledge.SEMI_INFORMED
    return {
        secret: look(auc_of(secret), name, required, knowledge=knowledge, target=secret)
        for secret in secrets
    }


def best(found: Sequence[Reached], budget: float) -> Reached | None:
    """The one that keeps the most within the budget, of equals the one that tells less; `None`
    where none is within it.

    >>> def one(name, kept, told):
    ...     return Reached(name, Estimate(kept), {"gender": Estimate(told)})
    >>> some = [one("rae", 0.9, 0.8), one("drawn", 0.8, 0.54), one("label", 0.8, 0.53), one("leace", 0.7, 0.5)]
    >>> best(some, 0.55).release, best(some, 0.4)
    ('label', None)
    """
    within = [one for one in found if one.release != "none" and one.within(budget)]
    return max(within, key=lambda one: (one.utility.value, -one.largest), default=None)
