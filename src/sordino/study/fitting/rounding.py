"""Fits with 8-bit weights: leakage is measured again, because a rounded release is another one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sordino.export.quantisation import audit_rounding
from sordino.study.fitting.card import FitResult
from sordino.study.protocol import Inputs, Options


def round_to_int8(result: FitResult, inputs: Inputs, options: Options) -> FitResult:
    """The result for 8-bit weights: changes of leakage by policy, and no bounds.

    The release of the first draw is written with and without rounding, and both are attacked
    (`sordino.export.quantisation.audit_rounding`). Bounds are those of unrounded decisions.
    """
    changes = {
        name: audit_rounding(
            inputs.x,
            inputs.fitting,
            inputs.draws[0],
            policy_result.policy,
            policy_result.family,
            features=result.features,
            scaling=partial(inputs.scaling, options=options),
            seed=result.seed,
        )
        for name, policy_result in result.policies.items()
    }
    policies = {
        name: replace(policy_result, bounds={}) for name, policy_result in result.policies.items()
    }
    return replace(result, rounding=changes, joint={}, policies=policies)
