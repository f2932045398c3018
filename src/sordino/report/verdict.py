"""A verdict in plain sentences: what each attacker gets, and what is kept.

Bad news is told in the words of good news. Numbers stand between `**`, which the page prints bold.
"""

from __future__ import annotations

import math
from typing import Final

from sordino.define import Knowledge, Role
from sordino.report.tables import Estimate, Estimates, limits, number

NONE: Final = "none"
"""The release that changes nothing: its figures are the reference."""

SECRETS: Final = {"distinguish": "sensitive emotions", "auc": "gender"}
"""The metric of each secret, and what the secret is called."""

_DOES: Final = {"distinguish": "tells sensitive from neutral", "auc": "tells female from male voices"}
_TELLING: Final = {"distinguish": "telling sensitive from neutral", "auc": "telling female from male voices"}


def outcome(found: Estimate) -> str:
    """`leak` where the whole interval lies above chance, `no leak found` where not, `cannot tell` without limits.

    >>> outcome(Estimate(0.8, 0.7, 0.9, chance=0.5)), outcome(Estimate(0.8, 0.4, 0.9, chance=0.5))
    ('leak', 'no leak found')
    """
    if math.isnan(found.low):
        return "cannot tell"
    return "leak" if found.low > found.chance else "no leak found"


def headline(look: Estimates, release: str, required: str = "") -> str:
    """Which secrets are open to an attacker who retrains, and how much of its advantage over chance is left."""
    found = {
        metric: look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED)
        for metric in SECRETS
        if not math.isnan(look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED).value)
    }
    groups: dict[str, list[str]] = {}
    for metric, estimate in found.items():
        groups.setdefault(outcome(estimate), []).append(metric)
    words = []
    if leaks := groups.get("leak"):
        verb = "is" if leaks == ["auc"] else "are"
        words.append(f"{_listed(leaks)} {verb} **not hidden** from an attacker who retrains{_left(look, release, required, leaks)}.")
    if silent := groups.get("no leak found"):
        words.append(f"{_listed(silent)}: no leak was found by an attacker who retrains; that does not prove there is none.")
    if unknown := groups.get("cannot tell"):
        words.append(f"{_listed(unknown)}: cannot tell, there are too few speakers for an interval.")
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in words)


def _listed(secrets: list[str]) -> str:
    return " and ".join(SECRETS[metric] for metric in secrets)


def _left(look: Estimates, release: str, required: str, leaks: list[str]) -> str:
    """How much of the advantage on the original features is left, in words."""
    shares = []
    for metric in leaks:
        after = look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED)
        before = look(metric, NONE, required, knowledge=Knowledge.SEMI_INFORMED)
        if release != NONE and before.value > before.chance:
            share = (after.value - after.chance) / (before.value - before.chance)
            shares.append(f"**{share:.0%}** in {_TELLING[metric]}")
    return f": of its advantage over chance on the original features it keeps {' and '.join(shares)}" if shares else ""


def attacks(look: Estimates, release: str, knowledge: Knowledge, required: str = "") -> list[str]:
    """One sentence a secret: how well this attacker tells it, on the original features, and by chance."""
    who = {
        Knowledge.IGNORANT: "An attacker who never saw the release",
        Knowledge.SEMI_INFORMED: "An attacker who retrains on released vectors",
    }[knowledge]
    sentences = []
    for metric, does in _DOES.items():
        found = look(metric, release, required, knowledge=knowledge)
        if not math.isnan(found.value):
            reference = look(metric, NONE, required, knowledge=knowledge)
            sentences.append(f"{who} {does} with AUC {_figure(found, reference, release)}.")
    if knowledge == Knowledge.IGNORANT:
        found = look("f1", release, required, Role.SENSITIVE)
        reference = look("f1", NONE, required, Role.SENSITIVE)
        if not math.isnan(found.value):
            sentences.append(f"It finds sensitive utterances with F1 {_figure(found, reference, release)}.")
    return sentences


def kept(look: Estimates, release: str, required: str = "") -> list[str]:
    """What the release keeps: F1 and U of the required emotion, U of the neutral one."""
    f1, before = (look("f1", name, required, Role.REQUIRED) for name in (release, NONE))
    u = {role: look("unchanged", release, required, role) for role in (Role.REQUIRED, Role.NEUTRAL)}
    sentences = [f"The required emotion is recognised with F1 {_figure(f1, before, release)}."]
    if release != NONE:
        shares = {role: _sure(found) for role, found in u.items()}
        sentences.append(
            f"Of the utterances that were called required before the release, {shares[Role.REQUIRED]} still are; "
            f"of those called neutral, {shares[Role.NEUTRAL]}."
        )
    return sentences


def _figure(found: Estimate, reference: Estimate, release: str) -> str:
    """An estimate with its interval, its reference and its chance level."""
    known = [] if release == NONE or math.isnan(reference.value) else [f"on the original features {number(reference.value)}"]
    beside = "; ".join([*known, f"chance {number(found.chance)}"])
    return f"{_sure(found)} ({beside})"


def _sure(found: Estimate) -> str:
    interval = limits(found)
    return f"**{number(found.value)}** {interval if interval.startswith("[") else f"[{interval}]"}"
