"""What fitting a policy made, and the card that goes with it: on what, with what result, under
which licences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sordino.corpora.checks.licences import commercial_use, licences
from sordino.features import FEATURE_SETS, Preprocess
from sordino.metrics.bound import Bound
from sordino.policy import Policy, explain
from sordino.release import Release
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.tables import limits, number
from sordino.signal.smile import Functionals
from sordino.study.fitting.selection import Reached, leaks

Joint = Mapping[tuple[str, str, str], Bound]


@dataclass(frozen=True)
class Muted:
    """One policy, and what came of it."""

    policy: Policy
    family: str
    """The family that was chosen or named; empty where none is within the budget."""
    budget: float | None
    validation: tuple[Reached, ...]
    """What `none` and each candidate reached on validation speakers; empty where nothing had to be
    chosen.
    """
    release: Release | None = None
    measured: tuple[Reached, ...] = ()
    """What `none` and the release reached on test speakers."""
    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    """All that was measured there, in the columns of the contract."""
    bounds: Mapping[tuple[str, str], Bound] = field(default_factory=dict)
    """Of a drawn release: what no attacker exceeds, by secret and what is known beside it."""
    unlabelled: tuple[str, ...] = ()
    """What the policy hides and nobody could check, since it is not labelled."""

    @property
    def verdict(self) -> str:
        """Whether there is a release within the budget, and what attackers get of it, in words."""
        if self.release is None:
            least = min(
                (one for one in self.validation if one.release != "none"),
                key=lambda one: one.largest,
            )
            return (
                f"No release is within the budget of {self.budget:g} on validation speakers: the "
                "least that attackers "
                f"get is {number(least.largest)} ({least.worst}), of {least.release}."
            )
        before, after = self.measured
        found = after.leaks[after.worst]
        words = (
            f"Of {self.release.name} an attacker who retrains gets at most AUC "
            f"{number(found.value)} "
            f"[{limits(found).strip('[]')}] ({after.worst}) on test speakers; of features as they "
            "are "
            f"{number(before.largest)}."
        )
        if self.budget is None:
            return words
        chosen = next(one for one in self.validation if one.release == self.release.name)
        over = "" if after.within(self.budget) else " On test speakers it is above the budget."
        return f"Within the budget of {self.budget:g}: {number(chosen.largest)} on validation speakers. {words}{over}"


@dataclass(frozen=True)
class Fitted:
    """What `fit` made: releases by policy in one scaled space, and what is known of them."""

    preprocess: Preprocess
    policies: Mapping[str, Muted]
    features: str
    seed: int
    counts: Mapping[str, tuple[int, int]]
    """Speakers and utterances that were fitted on, by corpus."""
    together: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Of several policies: what an attacker gets who sees an utterance as released under each;
    `condition` says whose secrets are asked.
    """
    joint: Joint = field(default_factory=dict)
    """What no such attacker exceeds, where every release is drawn: by policy, secret and what is
    known beside it.
    """

    @property
    def within(self) -> bool:
        """Whether every policy has a release."""
        return all(one.release is not None for one in self.policies.values())

    @property
    def commercial_use(self) -> str:
        """Whether commercial use is open, by the licences of the corpora and of the features."""
        smile = isinstance(FEATURE_SETS.get(self.features), Functionals)
        return commercial_use(self.counts, ["openSMILE features"] if smile else [])

    def all_told(self) -> dict[str, dict[str, Estimate]]:
        """What is told by all policies together, AUC by policy and secret; nothing for one policy."""
        found: dict[str, dict[str, Estimate]] = {}
        for name, one in self.policies.items():
            rows = (
                self.together[self.together["condition"] == f"policy={name}"]
                if len(self.together)
                else self.together
            )
            if len(rows):
                at = ("together", one.policy.required)
                found[name] = dict(
                    leaks(
                        Estimates(rows), *at, [s for s in one.measured[-1].leaks if s != "speaker"]
                    )
                )
        return found

    def card(self) -> dict[str, Any]:
        """All of it as plain JSON, for whoever gets the bundle."""
        return {
            "made_on": {
                name: {"speakers": a, "utterances": b} for name, (a, b) in self.counts.items()
            },
            "data_licences": licences(self.counts),
            "commercial_use": self.commercial_use,
            "seed": self.seed,
            "audit": {name: _audit(one) for name, one in self.policies.items()},
            "together": [
                {"policy": name, "secret": secret, **_figures(found)}
                for name, told in self.all_told().items()
                for secret, found in told.items()
            ],
            "together_bounds": [
                {"policy": key[0], **_bound(*key[1:], one)} for key, one in self.joint.items()
            ],
            "how": _HOW,
        }


_HOW = (
    "Fitted on all speakers named. The figures are those of the same procedure in draws of "
    "speakers: two fifths to fit "
    "on, two fifths for attackers who retrain, the rest tested. Where a family was chosen, it was "
    "on the validation "
    "speakers of all draws together, of whom most are tested in another draw: its figures flatter "
    "a little. Bounds are "
    "those of decisions by folds of speakers, each by what was fitted on the others alone. They "
    "hold for one vector of "
    "a speaker like those fitted on, and for whoever sees nothing else."
)


def _audit(one: Muted) -> dict[str, Any]:
    return {
        "policy": explain(one.policy),
        "release": one.family,
        "verdict": one.verdict,
        "measured": [_reached(found) for found in one.measured],
        "validation": [_reached(found) for found in one.validation],
        "bounds": [_bound(secret, given, found) for (secret, given), found in one.bounds.items()],
        "not_labelled": list(one.unlabelled),
    }


def _reached(found: Reached) -> dict[str, Any]:
    told = {secret: _figures(one) for secret, one in found.leaks.items()}
    return {"release": found.release, "utility_auc": _figures(found.utility), "leaks": told}


def _figures(one: Estimate) -> dict[str, float | None]:
    return {name: _rounded(getattr(one, name)) for name in ("value", "low", "high", "chance")}


def _bound(secret: str, given: str, one: Bound) -> dict[str, Any]:
    figures = {
        "tv": one.tv,
        "tv_high": one.high,
        "auc": one.auc,
        "auc_high": one.auc_high,
        "uar_high": one.uar_high,
    }
    return {"secret": secret, "known": given, "speakers": one.speakers} | {
        k: _rounded(v) for k, v in figures.items()
    }


def _rounded(value: float) -> float | None:
    """Four digits, nothing where nobody can tell."""
    return round(float(value), 4) if math.isfinite(value) else None
