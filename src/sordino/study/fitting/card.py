"""Results of a fit, and the card of its bundle: data, audit and licences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from sordino.corpora.checks.licences import commercial_use, licences
from sordino.define import secret_title
from sordino.export.quantisation import LeakageChange
from sordino.features import FEATURE_SETS, Preprocess
from sordino.features.synthetic_space import SYNTHETIC_SCALE
from sordino.metrics.bound import Bound
from sordino.policy import Policy, explain
from sordino.release import FITTERS, Drawn, Release, explain_hiding
from sordino.release.drawn.prototypes import DELTA
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.tables import limits, number
from sordino.signal.smile import Functionals
from sordino.study.fitting.selection import Tradeoff, leaks

JointBounds = Mapping[tuple[str, str, str], Bound]
"""From policy, secret and side information to the bound of all policies together."""

BEFORE_ROUNDING: Final = (
    "All figures except those of 8 bits were measured before rounding. Rounded decisions have no "
    "bound."
)
"""The limits of the figures of a rounded bundle."""


@dataclass(frozen=True)
class PolicyResult:
    """The release of one policy, and its audit."""

    policy: Policy
    family: str
    """The family that the policy names or that was chosen; empty if none is within the budget."""
    budget: float | None
    validation: tuple[Tradeoff, ...]
    """`none` and each candidate on validation speakers; empty if there was no choice."""
    release: Release | None = None
    test: tuple[Tradeoff, ...] = ()
    """`none` and the release on test speakers."""
    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    """All estimates on test speakers, in the columns of `estimates.csv`."""
    bounds: Mapping[tuple[str, str], Bound] = field(default_factory=dict)
    """Bounds of a drawn release, by secret and side information."""
    unlabelled: tuple[str, ...] = ()
    """Attributes that the policy hides but that have no labels, so that no attack was possible."""
    rates: Mapping[str, Any] = field(default_factory=dict)
    """Pass rates of a drawn release (`sordino.study.fitting.rates`)."""

    @property
    def verdict(self) -> str:
        """Whether a release is within the budget, and the largest leak, in words."""
        if self.release is None:
            least = min(
                (option for option in self.validation if option.release != "none"),
                key=lambda option: option.largest,
            )
            return (
                f"No release is within the budget of {self.budget:g} on validation speakers: the "
                f"smallest of the largest AUCs is {number(least.largest)} "
                f"({secret_title(least.worst)}), of {least.release}. Allow more with --budget, fit "
                "more speakers, or mute fewer attributes in the policy."
            )
        before, after = self.test
        leak = after.leaks[after.worst]
        words = (
            f"On {self.release.name}, a retrained attacker reaches at most AUC "
            f"{number(leak.value)} [{limits(leak).strip('[]')}] ({secret_title(after.worst)}) on "
            f"test speakers; on the original features {number(before.leaks[after.worst].value)}."
        )
        emotion, cell = after.worst_emotion
        if emotion:
            words += (
                f" Furthest from chance is {emotion}: AUC {number(cell.value)} "
                f"[{limits(cell).strip('[]')}]."
            )
        if self.budget is None:
            return words
        choice = next(option for option in self.validation if option.release == self.release.name)
        excess = "" if after.within(self.budget) else " On test speakers it exceeds the budget."
        return (
            f"Within the budget of {self.budget:g}: {number(choice.largest)} on validation "
            f"speakers. {words}{excess}"
        )


@dataclass(frozen=True)
class FitResult:
    """The releases of all policies in one scaled space, and their audit."""

    preprocess: Preprocess
    policies: Mapping[str, PolicyResult]
    features: str
    seed: int
    counts: Mapping[str, tuple[int, int]]
    """Fitting speakers and their utterances, by corpus."""
    notices: tuple[str, ...] = ()
    """Confounded labels of the fitting recordings, one sentence each."""
    combined: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Estimates of an attacker that has each utterance as released under every policy; `condition`
    names the policy of the secrets.
    """
    joint: JointBounds = field(default_factory=dict)
    """Bounds on this attacker if every release is drawn."""
    rounding: Mapping[str, Sequence[LeakageChange]] = field(default_factory=dict)
    """Changes of leakage by 8-bit weights, by policy; empty without rounding."""
    conditions: Mapping[str, Any] = field(default_factory=dict)
    """The conditions of the fit (`sordino.study.protocol.Inputs.conditions`)."""
    public_space: bool = False
    """Whether no fitting speaker decides the scaled space."""

    @property
    def scaled_space(self) -> str:
        """The origin of the scaled space in words."""
        if self.preprocess.config["scale"] == SYNTHETIC_SCALE:
            return _SYNTHETIC
        return _PUBLIC if self.public_space else _FITTED

    @property
    def within(self) -> bool:
        """Whether every policy has a release."""
        return all(result.release is not None for result in self.policies.values())

    @property
    def ships(self) -> bool:
        """Whether every policy has a release, and rounding does not increase leakage."""
        changes = [change for changes in self.rounding.values() for change in changes]
        return self.within and all(change.holds for change in changes)

    @property
    def commercial_use(self) -> str:
        """Whether the licences of corpora and features permit commercial use."""
        smile = isinstance(FEATURE_SETS.get(self.features), Functionals)
        return commercial_use(self.counts, ["openSMILE features"] if smile else [])

    def combined_leaks(self) -> dict[str, dict[str, Estimate]]:
        """AUC of an attacker that has the outputs of all policies, by policy and secret; empty for
        one policy.
        """
        auc: dict[str, dict[str, Estimate]] = {}
        for name, result in self.policies.items():
            rows = self.combined
            if len(rows):
                rows = rows[rows["condition"] == f"policy={name}"]
            if len(rows):
                secrets = [secret for secret in result.test[-1].leaks if secret != "speaker"]
                look = Estimates(rows)
                auc[name] = dict(leaks(look, "together", result.policy.required_name, secrets))
        return auc

    def card(self) -> dict[str, Any]:
        """The card as plain JSON."""
        card = {
            "made_on": {
                name: {"speakers": speakers, "utterances": utterances}
                for name, (speakers, utterances) in self.counts.items()
            },
            "notices": list(self.notices),
            "data_licences": licences(self.counts),
            "commercial_use": self.commercial_use,
            "seed": self.seed,
            "conditions": dict(self.conditions),
            "scaled_space": self.scaled_space,
            "audit": {name: _audit(result) for name, result in self.policies.items()},
            "together": [
                {"policy": name, "secret": secret, **_figures(estimate)}
                for name, secrets in self.combined_leaks().items()
                for secret, estimate in secrets.items()
            ],
            "together_bounds": [
                {"policy": key[0], **_bound(*key[1:], bound)} for key, bound in self.joint.items()
            ],
            "how": self.procedure,
        }
        if not self.rounding:
            return card
        changes = {
            name: {change.secret: _change(change) for change in changes}
            for name, changes in self.rounding.items()
        }
        return card | {"rounded": changes, "how": f"{self.procedure} {BEFORE_ROUNDING}"}

    @property
    def procedure(self) -> str:
        """The origin of the figures in words; with the choice of a family if there was one."""
        chosen = any(result.validation for result in self.policies.values())
        rates = any(result.rates for result in self.policies.values())
        return " ".join(
            [_DRAWS, *([_CHOICE] if chosen else []), _BOUNDS, *([_RATES] if rates else [])]
        )


_DRAWS: Final = (
    "The release is fitted on all speakers named. The figures are those of the same procedure in "
    "draws of speakers: two fifths for the fit, two fifths for retrained attackers, one fifth for "
    "the test."
)
_CHOICE: Final = (
    "Under a budget, a family is chosen on the validation speakers of all draws together. Most of "
    "these are test speakers of another draw, so the figures are slightly optimistic."
)
_BOUNDS: Final = (
    "Bounds are those of decisions by folds of speakers: each fold is decided by models that were "
    "fitted on the others. The upper limit is the claim, and the other figure is its estimate. "
    "They hold for one vector of a random speaker like those of the fit, and for an attacker that "
    "has no other data. `speakers` counts those with both values of the secret, or for gender and "
    "age all speakers; with fewer than eight there is no limit."
)
_RATES: Final = (
    "Pass rates are the shares of utterances in the required bin, from the decisions of the bound: "
    "the mean over speakers and its spread over them (`sd`). A new person has other rates within "
    "that spread. False passes depend on the mix of the other emotions."
)


_SYNTHETIC: Final = (
    "Scaling and leading directions of synthetic speech, then random ones: no recording decides it."
)
_PUBLIC: Final = "Fitted on public recordings of other people."
_FITTED: Final = (
    "Fitted on the speakers named: scaling and principal components recognise their recordings."
)

_PRIVACY: Final = (
    "Of the position of the prototypes between the emotions, for adding or removing the recordings "
    "of a fitting speaker, given the mean, spread and directions of speech and the number of "
    "speakers. That model, the scorer and the bundle as a whole have no epsilon. Epsilons of "
    "several policies and of every fit on the same speakers add up."
)


def estimate_and_limit(secret: str, bound: Bound) -> str:
    """The estimate of the bound of a secret, and the upper limit, which is the claim; or why it has
    no bound.
    """
    if bound.absence:
        return f"{secret_title(secret)}: {bound.absence}"
    return (
        f"{secret_title(secret)} estimated {number(bound.auc)}, upper limit "
        f"{number(bound.auc_high)}"
    )


def _audit(result: PolicyResult) -> dict[str, Any]:
    return {
        "policy": [*explain(result.policy, fitted=True), *_hiding(result)],
        "release": result.family,
        "verdict": result.verdict,
        "measured": [_tradeoff(option) for option in result.test],
        "validation": [_tradeoff(option) for option in result.validation],
        "bounds": [
            _bound(secret, side_information, bound)
            for (secret, side_information), bound in result.bounds.items()
        ],
        "not_labelled": list(result.unlabelled),
        **({"rates": dict(result.rates)} if result.rates else {}),
        **_prototypes(result.release),
    }


def _hiding(result: PolicyResult) -> list[str]:
    """The hidden attributes that the release is not fitted against, in words."""
    return explain_hiding(result.policy, result.family) if result.family in FITTERS else []


def _prototypes(release: Release | None) -> dict[str, Any]:
    """The differential privacy of the prototypes of a drawn release."""
    if not isinstance(release, Drawn) or "prototype_epsilon" not in release.config:
        return {}
    epsilon = release.config["prototype_epsilon"]
    return {"prototypes": {"epsilon": epsilon, "delta": DELTA, "holds": _PRIVACY}}


def _tradeoff(option: Tradeoff) -> dict[str, Any]:
    return {
        "release": option.release,
        "utility_auc": _figures(option.utility),
        "leaks": {secret: _figures(leak) for secret, leak in option.leaks.items()},
        "emotions": [
            {"secret": cell.target, "speakers": cell.group or "all", **_figures(estimate)}
            for cell, estimate in option.emotions.items()
        ],
    }


def _change(change: LeakageChange) -> dict[str, float]:
    return {"auc": round(change.rounded.value, 4), "unrounded": round(change.full.value, 4)}


def _figures(estimate: Estimate) -> dict[str, float | None]:
    return {name: _round(getattr(estimate, name)) for name in ("value", "low", "high", "chance")}


def _bound(secret: str, side_information: str, bound: Bound) -> dict[str, Any]:
    figures = {
        "tv": bound.tv,
        "tv_high": bound.high,
        "auc": bound.auc,
        "auc_high": bound.auc_high,
        "uar_high": bound.uar_high,
    }
    return {
        "secret": secret,
        "known": side_information,
        "speakers": bound.speakers,
        **{name: _round(value) for name, value in figures.items()},
        **({"absence": bound.absence} if bound.absence else {}),
    }


def _round(value: float) -> float | None:
    """Four digits, or `None` for an unknown value."""
    return round(float(value), 4) if math.isfinite(value) else None
