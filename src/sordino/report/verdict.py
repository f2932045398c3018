"""A verdict in plain sentences: what each attacker gets, and what is kept.

Bad news is told in the words of good news. Numbers stand between `**`, which the page prints bold.
"""

from __future__ import annotations

import math
from typing import Final

from sordino.define import Knowledge, Role
from sordino.report.tables import FURTHER, TARGETS, Estimate, Estimates, limits, number

NONE: Final = "none"
"""The release that changes nothing: its figures are the reference."""

SECRETS: Final = {"distinguish": "sensitive emotions", "auc": "gender"}
"""The metric of each secret, and what the secret is called."""

_WHO: Final = {
    Knowledge.IGNORANT: "An attacker who never saw the release",
    Knowledge.SEMI_INFORMED: "An attacker who retrains on released vectors",
}


def outcome(found: Estimate) -> str:
    """`leak` where the whole interval lies above chance, `no leak found` where not, `cannot tell`
    without limits.

    >>> outcome(Estimate(0.8, 0.7, 0.9, chance=0.5)), outcome(Estimate(0.8, 0.4, 0.9, chance=0.5))
    ('leak', 'no leak found')
    """
    if math.isnan(found.low):
        return "cannot tell"
    return "leak" if found.low > found.chance else "no leak found"


def headline(look: Estimates, release: str, required: str = "") -> str:
    """Which secrets an attacker who retrains can tell, and how much of their advantage both
    attackers keep.
    """
    groups: dict[str, list[str]] = {}
    asked = {secret: (metric, TARGETS[metric]) for metric, secret in SECRETS.items()}
    asked |= {FURTHER[target]: ("auc", target) for target in look.further}
    for secret, (metric, target) in asked.items():
        found = look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED, target=target)
        if not math.isnan(found.value):
            groups.setdefault(outcome(found), []).append(secret)
    sentences = []
    for result, secrets in groups.items():
        listed = " and ".join(secrets)
        verb = "are" if len(secrets) > 1 or secrets == [SECRETS["distinguish"]] else "is"
        words = {
            "leak": f"{listed} {verb} **not hidden** from an attacker who retrains.",
            "no leak found": f"{listed}: an attacker who retrains found **no leak**, which is no proof.",
            "cannot tell": f"{listed}: we **cannot tell** what an attacker who retrains finds, speakers are too few.",
        }[result]
        sentences.append(words[0].upper() + words[1:])
    left = {knowledge: _left(look, release, knowledge, required) for knowledge in _WHO}
    if release != NONE and all(left.values()):
        sentences.append(
            "Of its advantage over chance on the original features, an attacker who never saw the "
            "release keeps "
            f"{left[Knowledge.IGNORANT]}; one who retrains keeps {left[Knowledge.SEMI_INFORMED]}."
        )
    return " ".join(sentences)


def _left(look: Estimates, release: str, knowledge: Knowledge, required: str) -> str:
    """What is left of (AUC - chance) on the original features, for each secret, in words."""
    shares = []
    for metric, secret in SECRETS.items():
        after, before = (
            look(metric, name, required, knowledge=knowledge) for name in (release, NONE)
        )
        if before.value > before.chance and not math.isnan(after.value):
            share = max(0.0, (after.value - after.chance) / (before.value - before.chance))
            shares.append(f"**{100 * share:.0f} %** for {secret}")
    return " and ".join(shares)


def attacks(look: Estimates, release: str, knowledge: Knowledge, required: str = "") -> list[str]:
    """One sentence a secret: how well this attacker tells it, on the original features, and by
    chance.
    """
    done = {
        "distinguish": "tells sensitive from neutral with AUC",
        "auc": "tells female from male voices with AUC",
    }
    if knowledge == Knowledge.IGNORANT:
        done["f1"] = "finds sensitive utterances with F1"
    sentences: list[str] = []
    for metric, does in done.items():
        group = Role.SENSITIVE if metric == "f1" else ""
        found, reference = (
            look(metric, name, required, group, knowledge=knowledge) for name in (release, NONE)
        )
        if not math.isnan(found.value):
            sentences.append(
                f"{'It' if sentences else _WHO[knowledge]} {does} "
                f"{_figure(found, reference, release)}."
            )
    return sentences


def kept(look: Estimates, release: str, required: str = "") -> list[str]:
    """What the release keeps: F1 and U of the required emotion, U of the neutral one."""
    f1, before = (look("f1", name, required, Role.REQUIRED) for name in (release, NONE))
    u = {role: look("unchanged", release, required, role) for role in (Role.REQUIRED, Role.NEUTRAL)}
    sentences = [f"The required emotion is recognised with F1 {_figure(f1, before, release)}."]
    if release != NONE:
        shares = {role: _sure(found) for role, found in u.items()}
        sentences.append(
            "Of the utterances that were called required before the release, "
            f"{shares[Role.REQUIRED]} still are; "
            f"of those called neutral, {shares[Role.NEUTRAL]}."
        )
    return sentences


def _figure(found: Estimate, reference: Estimate, release: str) -> str:
    """An estimate with its interval, its reference and its chance level."""
    known = (
        []
        if release == NONE or math.isnan(reference.value)
        else [f"on the original features {number(reference.value)}"]
    )
    beside = "; ".join([*known, f"chance {number(found.chance)}"])
    return f"{_sure(found)} ({beside})"


def _sure(found: Estimate) -> str:
    """A value and its interval, or that its interval cannot be told."""
    return f"**{number(found.value)}** [{limits(found).strip('[]')}]"
