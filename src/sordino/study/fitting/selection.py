"""Choice of a release: the most utility within a budget, on the validation speakers of all draws.

    each family -> fit -> attack on validation speakers -> largest AUC of a secret, and utility
    within the budget: the largest AUC does not exceed it; of these, the largest utility is chosen

No speaker is in validation and test of one draw, but most validation speakers are test speakers of
another draw. The figures of a chosen family on a card are therefore slightly optimistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sordino import release
from sordino.define import Knowledge
from sordino.policy import Policy
from sordino.release import FITTERS
from sordino.report.estimate_table import TARGETS, EmotionCell, Estimate, Estimates, auc_of

DEFAULT: Final = "drawn"
"""The family if neither policy nor budget decides."""


@dataclass(frozen=True)
class Tradeoff:
    """Utility of one release, and its leakage to the best retrained attacker, by secret."""

    release: str
    utility: Estimate
    """AUC of the required emotion against the rest, by a model retrained on released vectors."""
    leaks: Mapping[str, Estimate]
    """AUC by secret: `sensitive-vs-neutral`, and the hidden attributes that have labels."""
    emotions: Mapping[EmotionCell, Estimate] = field(default_factory=dict)
    """AUC of each sensitive emotion against neutral, for all speakers, women and men."""
    worst_emotion: tuple[str, Estimate] = ("", Estimate())
    """The name and the AUC of the emotion that is furthest from chance."""

    @property
    def worst(self) -> str:
        """The secret with the largest AUC."""
        return max(self.leaks, key=lambda secret: self.leaks[secret].value)

    @property
    def largest(self) -> float:
        """The largest AUC of a secret."""
        return self.leaks[self.worst].value

    def within(self, budget: float) -> bool:
        """Whether no AUC exceeds the budget. An unknown AUC (NaN) is not within it."""
        return all(leak.value <= budget for leak in self.leaks.values())


def families(policy: Policy, budget: float | None, candidates: Sequence[str] = ()) -> Sequence[str]:
    """The families to choose from: that of the policy, all if there is a budget, else `drawn`;
    with a budget, `candidates` stand before them.

    `none` hides nothing and is not a candidate. If knobs make two families equal, one remains.
    """
    if candidates and budget is not None:
        return candidates
    if policy.release:
        return [policy.release]
    if budget is None:
        return [DEFAULT]
    by_name = {
        release.name_of(policy, family): family for family in reversed(FITTERS) if family != "none"
    }
    return list(reversed(by_name.values()))


def tradeoffs(look: Estimates, policy: Policy) -> list[Tradeoff]:
    """Utility and leakage of every release under a policy, in the order of the estimates."""
    gender = ["gender"] if "gender" in policy.hide else []
    secrets = [TARGETS["distinguish"], *gender, *look.attributes]
    return [
        Tradeoff(
            name,
            look("utility_auc", name, policy.required_name, knowledge=Knowledge.SEMI_INFORMED),
            leaks(look, name, policy.required_name, secrets),
            look.emotions(name, policy.required_name),
            look.worst_emotion(name, policy.required_name),
        )
        for name in look.releases
    ]


def leaks(
    look: Estimates, name: str, required: str, secrets: Sequence[str]
) -> Mapping[str, Estimate]:
    """The AUC of the best retrained attacker on a release, by secret."""
    knowledge = Knowledge.SEMI_INFORMED
    return {
        secret: look(auc_of(secret), name, required, knowledge=knowledge, target=secret)
        for secret in secrets
    }


def best(options: Sequence[Tradeoff], budget: float) -> Tradeoff | None:
    """The release with the most utility within the budget; of equal ones, that with the smaller
    largest AUC. `None` if no release is within the budget.

    >>> def tradeoff(name, utility, auc):
    ...     return Tradeoff(name, Estimate(utility), {"gender": Estimate(auc)})
    >>> options = [
    ...     tradeoff("rae", 0.9, 0.8),
    ...     tradeoff("drawn", 0.8, 0.54),
    ...     tradeoff("label", 0.8, 0.53),
    ...     tradeoff("leace", 0.7, 0.5),
    ... ]
    >>> best(options, 0.55).release, best(options, 0.4)
    ('label', None)
    """
    within = [option for option in options if option.release != "none" and option.within(budget)]
    return max(within, key=lambda option: (option.utility.value, -option.largest), default=None)
