"""The pass rates of a card: shares of utterances in the required bin, by emotion and by role."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.define import ROLES, Role
from sordino.metrics.prevalence import REST, PassRate
from sordino.policy import Policy
from sordino.release import Decisions


def card_rates(decisions: Decisions, policy: Policy, emotion: NDArray[np.str_]) -> dict[str, Any]:
    """The entry `rates` of a policy on a card (`sordino.metrics.prevalence.Rates.from_card`).

    `emotions` maps each emotion of the policy to its role and its rate; `roles` maps `neutral`,
    `required`, `sensitive` and `others` (neutral and sensitive) to a rate. A rate has the mean
    `share` over speakers and its spread `sd` over them, after randomised response, with the numbers
    of speakers and utterances. They are those of the bound: each speaker is decided by models that
    were fitted on others. `emotion` is that of each decision.
    """
    passed, count = (decisions.bins >= 1).astype(np.intp), decisions.bin_count
    role = np.array([str(policy.role(label)) for label in emotion])

    def rate(mask: np.ndarray) -> dict[str, Any]:
        fitted = PassRate.fit(passed[mask], decisions.speaker[mask])
        return fitted.randomised(decisions.factor, (count - 1) / count).card()

    masks = {str(name): role == str(name) for name in ROLES}
    masks[REST] = role != str(Role.REQUIRED)
    return {
        "emotions": {
            label: {"role": str(policy.role(label)), **rate(emotion == label)}
            for label in policy.emotions
        },
        "roles": {name: rate(mask) for name, mask in masks.items()},
    }
