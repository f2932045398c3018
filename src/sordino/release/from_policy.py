"""The fitter that a policy names, with the knobs that it sets, and what they cost in words."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from sordino.errors import PolicyError
from sordino.policy import Policy
from sordino.release.protocol import Fitter
from sordino.release.registry import FITTERS

WHAT: Final = {
    "none": "features as they are",
    "rae": "replacement autoencoder (Feng 2021)",
    "rae-grl": "with gradient reversal (Feng 2021)",
    "rae-grl+": "ours of that kind, made to keep the required emotion",
    "rae-leace": "replacement autoencoder, then concept erasure on what comes out of it",
    "noise-gauss": "Gaussian noise, as much as hides gender from a line",
    "noise-laplace": "Laplace noise, likewise",
    "leace": "least-squares concept erasure (Belrose 2023) of gender and of sensitive against neutral",
    "drawn": "one decision an utterance, as a prototype drawn for it",
    "drawn+detail": "the same, the required side split by intensity",
    "drawn+rae-25": "the same, with a quarter of what the autoencoder adds to the decision, the rest of it noise",
    "drawn+rae-50": "the same, with half of it",
    "label": "the decision alone, as one mean vector",
}
"""What each release is, in words."""

COSTS: Final = {
    "rate": "how often neutral and sensitive utterances may pass for required ones; more keeps more, and says less",
    "shrinkage": "of the scorer's covariance; more trusts the mean of each emotion alone, for few speakers",
    "epsilon": "of randomised response; less flips more decisions, a promise for every utterance that is paid with the "
    "required emotion; 2 or more is a weak promise",
    "detail": "whether strong is told from weak within the required emotion; one thing more goes out about each",
    "auc": "what a line may still tell on the speakers fitted on; less takes more noise, and keeps less",
    "reversal": "strength of gradient reversal; more misleads attackers who do not retrain, and keeps less",
    "alpha": "weight of the gender loss against the reconstruction; more keeps less",
    "embeddings": "sizes to choose from; larger ones keep more and leak more",
    "embedding": "its size; a larger one keeps more and leaks more",
    "redraw": "whether neutral targets are drawn once or anew each epoch",
    "schedule": "how the reversal grows",
    "required_weight": "what a required utterance weighs; more keeps more and hides less",
    "surrogate_weight": "what a risk model says in training; more hides more from models like it",
    "surrogate_size": "its size",
    "noise": "on the input in training; more keeps the gate from learning utterances by heart",
    "epochs": "fewer let more pass",
}
"""What each knob is and what it costs, in words."""

_SAID: Final = (
    "policy",
    "seed",
    "name",
    "kind",
    "alone",
    "share",
    "first",
    "then",
    "drawn",
    "autoencoder",
)
"""Fields of fitters that are no knobs: the family's name says them."""


def fitter(policy: Policy, name: str = "", seed: int = 0) -> Fitter:
    """The fitter of a family, with the knobs that the policy sets for it; `name` empty is the
    family of the policy.

    Raises `PolicyError` for a family or a knob that is not known, and a value that is none for that
    knob.

    >>> fitter(Policy("sad", ("angry",), release="drawn", knobs={"drawn": {"rate": 0.2}})).rate
    0.2
    """
    check(policy)
    if not (name or policy.release):
        raise PolicyError(
            f"the policy names no release, expected one of {', '.join(FITTERS)}: set `release`"
        )
    return _tuned(policy, name or policy.release, seed)


def name_of(policy: Policy, family: str) -> str:
    """The name that a release of this family bears under the policy: with `detail`, `drawn` is
    `drawn+detail`.
    """
    return str(getattr(_tuned(policy, family, 0), "name", family))


def check(policy: Policy) -> None:
    """Raise `PolicyError` where the policy names a family or a knob that is not known, or a value
    that is none.
    """
    for family in [
        *([policy.release] if policy.release else []),
        *(family for family, _ in policy.knobs),
    ]:
        _tuned(policy, family, 0)


def explain(policy: Policy) -> list[str]:
    """What the policy's release is and what its knobs cost, a sentence a line. Raises as `fitter`
    does.

    >>> for line in explain(Policy("sad", ("angry",), release="drawn", knobs={"drawn": {"rate": 0.2}})):
    ...     print(line)
    The release is drawn: one decision an utterance, as a prototype drawn for it.
    drawn: rate = 0.2: how often neutral and sensitive utterances may pass for required ones; more keeps more, \
and says less.
    """
    check(policy)
    lines = [f"The release is {policy.release}: {WHAT[policy.release]}."] if policy.release else []
    for family, table in policy.knobs:
        lines += [
            f"{family}: {name} = {value}: {COSTS.get(name, 'a knob of its own')}."
            for name, value in table
        ]
    return lines


def _tuned(policy: Policy, family: str, seed: int) -> Fitter:
    if family not in FITTERS:
        raise PolicyError(
            f"release {family!r}, expected one of {', '.join(FITTERS)}: correct the spelling"
        )
    made: Any = FITTERS[family](policy, seed)
    given, known = policy.settings(family), _knobs(made)
    for name, value in given.items():
        if name not in known:
            raise PolicyError(
                f"[{family}] {name}, expected {', '.join(known) or 'no knob'}: correct the spelling"
            )
        if not _alike(value, known[name]):
            like = "a number" if known[name] is None else f"something like {known[name]!r}"
            raise PolicyError(f"[{family}] {name} = {value!r}, expected {like}: change it")
    tuned: Fitter = replace(made, **given) if given else made
    return tuned


def _knobs(made: Any) -> dict[str, Any]:
    """The knobs of a fitter and their defaults."""
    if not is_dataclass(made):
        return {}
    given = {
        one.name: getattr(made, one.name)
        for one in fields(made)
        if one.init and one.name not in _SAID
    }
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, bool | int | float | str | tuple | None)
    }


def _alike(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of a default: a number, whole or not, for a number or for
    none.
    """
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_alike(one, default[0]) for one in value)
    if default is None or isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)
