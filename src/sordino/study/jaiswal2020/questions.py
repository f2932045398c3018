"""The seven questions of Jaiswal 2020, each answered by the test of its hypothesis and in a
sentence from our own figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from sordino.release import RIVALS
from sordino.report.tables import number, signed
from sordino.study.jaiswal2020.estimates import MEMBERSHIP_CONTROL
from sordino.study.jaiswal2020.hypotheses import verdicts
from sordino.study.jaiswal2020.tables import Look
from sordino.study.jaiswal2020.variants import LAMBDAS

NOT_RUN: Final = "Not answered: this run lacks recordings or sections that the question needs."


def answers(look: Look) -> list[tuple[str, str]]:
    """Question and answer, in the paper's order."""
    functions: Sequence[tuple[str, Callable[[Look], str]]] = (
        ("1. Does leakage differ between one stream and both?", _streams),
        ("2. How does P change with privacy training?", _privacy),
        ("3. How does emotion recognition change?", _utility),
        ("4. What does the strength of the adversary do?", _strength),
        ("5. Are men and women served alike?", _genders),
        ("6. Does it matter where the adversary sits?", _place),
        ("7. Does it help against membership identification?", _membership),
    )
    return [
        (question, f"{verdict} {answer(look)}".strip() or NOT_RUN)
        for (question, answer), verdict in zip(functions, verdicts(look), strict=True)
    ]


def _mean(
    look: Look,
    release: str,
    metric: str,
    features: Sequence[str] = (),
    group: str = "",
    condition: str = "",
    tasks: Sequence[str] | None = None,
) -> float:
    """The mean over streams and tasks of the run; NaN without any."""
    values = [
        look(stream, task, release, metric, group, condition).value
        for stream in (features or look.features)
        for task in (look.tasks if tasks is None else tasks)
    ]
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


def _streams(look: Look) -> str:
    if len(look.features) < 2:
        return ""
    parts = [
        f"{stream}: L **{number(_mean(look, 'general', 'leakage', [stream]))}**, P "
        f"**{number(_mean(look, 'general', 'privacy', [stream]))}**"
        for stream in look.features
    ]
    return f"Of the general embedding, mean over tasks: {'; '.join(parts)}."


def _privacy(look: Look) -> str:
    return _against(look, "privacy", "P on speakers outside all training")


def _utility(look: Look) -> str:
    return _against(look, "uar", "U")


def _against(look: Look, metric: str, words: str) -> str:
    before = _mean(look, "general", metric)
    parts = []
    for release in ("private", "private+", "drawn", *RIVALS):
        after = _mean(look, release, metric)
        if not math.isnan(after - before):
            parts.append(f"**{number(after)}** with `{release}` ({signed(after - before)})")
    return f"{words} is **{number(before)}** without and {', '.join(parts)}." if parts else ""


def _strength(look: Look) -> str:
    conditions = [f"lambda={at:g}" for at in LAMBDAS]
    utility = [_mean(look, "private", "uar", condition=name) for name in conditions]
    privacy = [_mean(look, "private", "privacy", condition=name) for name in conditions]
    if any(math.isnan(value) for value in (*utility, *privacy)):
        return ""
    steps = ", ".join(
        f"{at:g}: U {number(u)}, P {number(p)}"
        for at, u, p in zip(LAMBDAS, utility, privacy, strict=True)
    )
    rises = all(b >= a for a, b in pairwise(privacy))
    return f"P {'rises with' if rises else 'is not monotone in'} lambda ({steps})."


def _genders(look: Look) -> str:
    parts = []
    for release in ("general", "private", "private+", "drawn", *RIVALS):
        gap = _mean(look, release, "uar_difference")
        if not math.isnan(gap):
            parts.append(f"**{signed(gap)}** for `{release}`")
    return f"U(M) − U(F) is {', '.join(parts)}, mean over streams and tasks." if parts else ""


def _place(look: Look) -> str:
    releases = ("private", "private-streams")
    tasks = [task for task in look.tasks if all(look.has("both", task, name) for name in releases)]
    (joint, apart), u = (
        [_mean(look, release, metric, ["both"], tasks=tasks) for release in releases]
        for metric in ("privacy", "uar")
    )
    if math.isnan(joint - apart):
        return ""
    return (
        f"One head on the joint embedding: P **{number(joint)}**, U {number(u[0])}; one on each "
        "stream: P "
        f"**{number(apart)}**, U {number(u[1])}."
    )


def _membership(look: Look) -> str:
    parts = []
    for release in (
        "general",
        "private",
        "private+",
        "drawn",
        "private-speaker",
        "private-multiple",
        *RIVALS,
    ):
        membership, control = (
            _mean(look, release, "membership", condition=condition)
            for condition in ("", MEMBERSHIP_CONTROL)
        )
        if not math.isnan(membership):
            parts.append(f"`{release}` **{number(membership)}** (control {number(control)})")
    return f"MI, mean over streams and tasks: {', '.join(parts)}." if parts else ""
