"""The fitter of a policy: its family with the knobs that the policy sets, and both in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sordino.errors import PolicyError
from sordino.policy import ATTRIBUTES, LEVEL_COLUMN, Policy
from sordino.release.protocol import Fitter
from sordino.release.registry import FITTERS


def fitter(policy: Policy, name: str = "", seed: int = 0) -> Fitter:
    """The fitter of a family, with the knobs that the policy sets for it; an empty `name` is the
    family of the policy.

    Raises `PolicyError` for an unknown family or knob, and for a value of the wrong type.

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
    """The name of a release of this family under the policy: with `detail`, `drawn` is
    `drawn+detail`.
    """
    return str(getattr(_tuned(policy, family, 0), "name", family))


def check(policy: Policy) -> None:
    """Raise `PolicyError` for an unknown family or knob, and for a value of the wrong type."""
    release = [policy.release] if policy.release else []
    for family in (*release, *(family for family, _ in policy.knobs)):
        _tuned(policy, family, 0)


def explain_release(policy: Policy) -> list[str]:
    """The release of the policy and the effect of its knobs, one sentence per line. Raises as
    `fitter` does.

    >>> policy = Policy("sad", ("angry",), release="rae", knobs={"rae": {"alpha": 0.2}})
    >>> for line in explain_release(policy):
    ...     print(line)
    The release is rae: the replacement autoencoder of Feng and Narayanan (2021).
    rae: alpha = 0.2: weight of the gender loss against the reconstruction; more lowers utility.
    """
    check(policy)
    lines = []
    if policy.release:
        lines.append(f"The release is {policy.release}: {FITTERS[policy.release].description}.")
        lines += explain_hiding(policy, policy.release)
    for family, settings in policy.knobs:
        lines += [
            f"{family}: {knob} = {value}: {FITTERS[family].knobs[knob]}."
            for knob, value in settings
        ]
    return lines


def explain_hiding(policy: Policy, family: str) -> list[str]:
    """The hidden attributes that a family is not fitted against, as one sentence; none if it is
    fitted against all.

    >>> explain_hiding(Policy("sad", ("angry",), hide=("gender", "accent")), "rae")
    ['rae is not fitted against accent: the audit alone shows how much of it leaks.']
    """
    fits = FITTERS[family].fits
    if fits is None:
        unknown = f"{family}: it is not known if it is fitted against {', '.join(policy.columns)}."
        return [unknown] if policy.columns else []
    others = [
        entry
        for entry in policy.hide
        if entry != "speaker"  # `explain` tells that none is
        and (entry if entry in ATTRIBUTES else _kind(entry, family)) not in fits
    ]
    if not others:
        return []
    return [
        f"{family} is not fitted against {', '.join(others)}: the audit alone shows how much of "
        f"{'it leaks' if len(others) == 1 else 'them leaks'}."
    ]


def _kind(entry: str, family: str) -> str:
    """The kind of a hidden column, as `Family.fits` names it; the scorer of drawn releases models
    no emotion within a level.
    """
    drawn = family.startswith(("drawn", "label"))
    return "levels" if drawn and entry.startswith(LEVEL_COLUMN) else "columns"


def _tuned(policy: Policy, family: str, seed: int) -> Fitter:
    if family not in FITTERS:
        raise PolicyError(
            f"release {family!r}, expected one of {', '.join(FITTERS)}: correct the spelling"
        )
    fitter: Any = FITTERS[family](policy, seed)
    settings, knobs = policy.settings(family), FITTERS[family].knobs
    for name, value in settings.items():
        if name not in knobs:
            raise PolicyError(
                f"[{family}] {name}, expected {', '.join(knobs) or 'no knob'}: correct the spelling"
            )
        default = getattr(fitter, name)
        if not _same_type(value, default):
            expected = "a number" if default is None else f"a value like {default!r}"
            raise PolicyError(f"[{family}] {name} = {value!r}, expected {expected}: change it")
    tuned: Fitter = replace(fitter, **settings) if settings else fitter
    return tuned


def _same_type(value: Any, default: Any) -> bool:
    """Whether a value has the type of a default: any number for a float or for None."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_same_type(item, default[0]) for item in value)
    if default is None or isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)
