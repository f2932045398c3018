"""The verdict of an audit of releases in sentences: attacks and utility.

Numbers stand between `**`, which a page prints bold.
"""

from __future__ import annotations

import math
from typing import Final

from sordino.define import Knowledge, Role
from sordino.report.estimate_table import (
    SECRET_NAMES,
    TARGETS,
    EmotionCell,
    Estimate,
    Estimates,
    attribute_name,
)
from sordino.report.tables import graded, limits, number

NONE: Final = "none"
"""The release that changes nothing. Its figures are the reference."""

ATTACKER_NAMES: Final = {
    Knowledge.IGNORANT: "ignorant attacker",
    Knowledge.SEMI_INFORMED: "retrained attacker",
}


def outcome(estimate: Estimate) -> str:
    """`leak` if the interval lies above chance, `no leak found` if not, `cannot tell` without one.

    >>> outcome(Estimate(0.8, 0.7, 0.9, chance=0.5)), outcome(Estimate(0.8, 0.4, 0.9, chance=0.5))
    ('leak', 'no leak found')
    """
    if math.isnan(estimate.low):
        return "cannot tell"
    return "leak" if estimate.low > estimate.chance else "no leak found"


def conclusion(estimates: Estimates, release: str, required: str = "") -> str:
    """The verdict on each secret, and the advantage over chance that both attackers retain."""
    secrets: dict[str, list[str]] = {}
    targets = {name: (metric, TARGETS[metric]) for metric, name in SECRET_NAMES.items()}
    targets |= {attribute_name(target): ("auc", target) for target in estimates.attributes}
    targets |= {
        str(EmotionCell(required, target, "")): ("distinguish", target)
        for target in estimates.emotion_targets
    }
    for name, (metric, target) in targets.items():
        estimate = estimates(
            metric, release, required, knowledge=Knowledge.SEMI_INFORMED, target=target
        )
        if not math.isnan(estimate.value):
            result = outcome(estimate)
            size = f" (AUC {graded(estimate, result)})" if result == "leak" else ""
            secrets.setdefault(result, []).append(f"{name}{size}")
    texts = {
        "leak": "**Leak** to a retrained attacker: {}.",
        "no leak found": "**No leak found** by a retrained attacker: {}. This is no proof of "
        "privacy.",
        "cannot tell": "**Cannot tell**: {}. There are too few speakers.",
    }
    sentences = [texts[result].format(", ".join(names)) for result, names in secrets.items()]
    shares = {name: _advantage(estimates, release, name, required) for name in ATTACKER_NAMES}
    if release != NONE and all(shares.values()):
        sentences.append(
            "Of its advantage over chance on original features, the ignorant attacker retains "
            f"{shares[Knowledge.IGNORANT]}; the retrained attacker retains "
            f"{shares[Knowledge.SEMI_INFORMED]}."
        )
    return " ".join(sentences)


def _advantage(estimates: Estimates, release: str, knowledge: Knowledge, required: str) -> str:
    """The share of (AUC − chance) on original features that remains, for each secret."""
    shares = []
    for metric, secret in SECRET_NAMES.items():
        after, before = (
            estimates(metric, name, required, knowledge=knowledge) for name in (release, NONE)
        )
        if before.value > before.chance and not math.isnan(after.value):
            share = max(0.0, (after.value - after.chance) / (before.value - before.chance))
            shares.append(f"**{100 * share:.0f} %** for {secret}")
    return " and ".join(shares)


def attacks(
    estimates: Estimates, release: str, knowledge: Knowledge, required: str = ""
) -> list[str]:
    """One sentence per secret: the figure of this attacker, its reference and chance."""
    achievements = {
        "distinguish": "distinguishes sensitive from neutral utterances with AUC",
        "auc": "recovers gender with AUC",
    }
    if knowledge == Knowledge.IGNORANT:
        achievements["f1"] = "recognises sensitive utterances with F1"
    sentences = []
    for metric, achievement in achievements.items():
        group = str(Role.SENSITIVE) if metric == "f1" else ""
        after, before = (
            estimates(metric, name, required, group, knowledge=knowledge)
            for name in (release, NONE)
        )
        if not math.isnan(after.value):
            figure = _figure(after, before, release)
            sentences.append(f"The {ATTACKER_NAMES[knowledge]} {achievement} {figure}.")
    name, worst = estimates.worst_emotion(release, required)
    if name and knowledge == Knowledge.SEMI_INFORMED:
        sentences.append(f"Furthest from chance is {name}: AUC {_with_limits(worst)}.")
    return sentences


def utility(estimates: Estimates, release: str, required: str = "") -> list[str]:
    """The utility of a release: F1 and U of the required emotion, and U of the neutral emotion."""
    f1, before = (estimates("f1", name, required, Role.REQUIRED) for name in (release, NONE))
    sentences = [f"The required emotion is recognised with F1 {_figure(f1, before, release)}."]
    if release != NONE:
        sentences += [
            f"Of the utterances classified as {role} before release, "
            f"{_with_limits(estimates('unchanged', release, required, role))} keep this class."
            for role in (Role.REQUIRED, Role.NEUTRAL)
        ]
    return sentences


def _figure(estimate: Estimate, reference: Estimate, release: str) -> str:
    """An estimate with its interval, its reference and its chance level."""
    notes = [f"chance {number(estimate.chance)}"]
    if release != NONE and not math.isnan(reference.value):
        notes.insert(0, f"original features {number(reference.value)}")
    return f"{_with_limits(estimate)} ({'; '.join(notes)})"


def _with_limits(estimate: Estimate) -> str:
    """A value with its interval, or with "cannot tell"."""
    return f"**{number(estimate.value)}** [{limits(estimate).strip('[]')}]"
