"""The hypotheses of the seven questions of Jaiswal 2020, each answered by tests over folds: yes,
no, or cannot tell.

A claim compares two embeddings (or streams, or strengths) in one figure. Its values are paired by
fold and seed, after the mean over streams and tasks. The test is the corrected resampled t-test.
p-values of all claims are adjusted together (Benjamini and Hochberg).

    rises, falls    yes or no if p < 0.05, by the sign of the difference
    unchanged       yes if the 95 % interval of the difference is within ± 0.05; no if p < 0.05 and
                    the difference is larger
    kept            yes if the interval is above -0.05; no if it is below it
    differs         yes if p < 0.05; no if the interval is within ± 0.05
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import stdtrit

from sordino.metrics.significance import TTest, benjamini_hochberg, corrected_resampled_t
from sordino.report.tables import number, p_value, signed
from sordino.study.jaiswal2020.tables import Look, PaperFigure
from sordino.study.jaiswal2020.variants import LAMBDAS

MARGIN: Final = 0.05
"""The largest difference in U that counts as small: the paper calls drops of up to 0.03 minor."""

YES, NO, CANNOT_TELL = "Yes", "No", "Cannot tell"

LEAKAGE: Final = PaperFigure("L", "leakage")
PRIVACY: Final = PaperFigure("P", "privacy")
UTILITY: Final = PaperFigure("U", "uar")
GENDER_GAP: Final = PaperFigure("U(M) − U(F)", "uar_difference")
MEMBERSHIP: Final = PaperFigure("MI", "membership")

Direction = Literal["rises", "falls", "unchanged", "kept", "differs"]


@dataclass(frozen=True)
class Side:
    """One side of a claim: an embedding, with a setting of a sweep, on all streams or on one."""

    release: str
    stream: str = ""
    condition: str = ""


@dataclass(frozen=True)
class Claim:
    """A figure of `after` against that of `before`."""

    figure: PaperFigure
    direction: Direction
    after: Side
    before: Side


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis of the paper in our words, and the claims that it consists of."""

    words: str
    claims: tuple[Claim, ...]


_GENERAL, _PRIVATE, _SPEAKER = (Side(name) for name in ("general", "private", "private-speaker"))
_WEAKEST, _STRONGEST = (
    Side("private", condition=f"lambda={at:g}") for at in (LAMBDAS[0], LAMBDAS[-1])
)

HYPOTHESES: Final = (
    Hypothesis(
        "embeddings of both streams leak more gender than those of one",
        tuple(
            Claim(LEAKAGE, "rises", Side("general", "both"), Side("general", stream))
            for stream in ("audio", "text")
        ),
    ),
    Hypothesis("privacy training raises P", (Claim(PRIVACY, "rises", _PRIVATE, _GENERAL),)),
    Hypothesis("privacy training costs little U", (Claim(UTILITY, "kept", _PRIVATE, _GENERAL),)),
    Hypothesis(
        "a stronger adversary raises P and leaves U unchanged",
        (
            Claim(PRIVACY, "rises", _STRONGEST, _WEAKEST),
            Claim(UTILITY, "unchanged", _STRONGEST, _WEAKEST),
        ),
    ),
    Hypothesis(
        "privacy training changes U unequally for men and women",
        (Claim(GENDER_GAP, "differs", _PRIVATE, _GENERAL),),
    ),
    Hypothesis(
        "heads on each stream raise P, compared with one on the joint embedding",
        (Claim(PRIVACY, "rises", Side("private-streams", "both"), Side("private", "both")),),
    ),
    Hypothesis(
        "embeddings against the speaker lower MI",
        (Claim(MEMBERSHIP, "falls", _SPEAKER, _GENERAL),),
    ),
)
"""One for each question, in the paper's order."""


def verdicts(look: Look) -> list[str]:
    """The answer to each hypothesis with its tests; empty where the run lacks a section."""
    tests = [[_test(look, claim) for claim in hypothesis.claims] for hypothesis in HYPOTHESES]
    p_values = iter(benjamini_hochberg([test.p for row in tests for test in row]).p)
    texts = []
    for hypothesis, row in zip(HYPOTHESES, tests, strict=True):
        adjusted = [float(next(p_values)) for _ in row]
        if any(math.isnan(p) for p in adjusted):
            texts.append("")
            continue
        compared = list(zip(hypothesis.claims, row, adjusted, strict=True))
        parts = [answer(claim.direction, test, p) for claim, test, p in compared]
        figures = "; ".join(
            f"{_title(claim)} {signed(test.difference)} "
            f"[{', '.join(number(limit) for limit in difference_limits(test))}], p {p_value(p)}"
            for claim, test, p in compared
        )
        texts.append(f"**{joined(parts)}**: {hypothesis.words} ({figures}).")
    return texts


def answer(direction: Direction, test: TTest, p: float) -> str:
    """Yes, no, or cannot tell, from a test with an adjusted p-value.

    >>> rise = corrected_resampled_t([0.7, 0.71, 0.72], [0.5, 0.5, 0.5], 0.25)
    >>> answer("rises", rise, rise.p), answer("falls", rise, rise.p), answer("kept", rise, rise.p)
    ('Yes', 'No', 'Yes')
    """
    low, high = difference_limits(test)
    within = low > -MARGIN and high < MARGIN
    sure = p < 0.05
    positive = test.difference > 0
    yes, no = {
        "rises": (sure and positive, sure and not positive),
        "falls": (sure and not positive, sure and positive),
        "unchanged": (within, sure and abs(test.difference) > MARGIN),
        "kept": (low > -MARGIN, high < -MARGIN),
        "differs": (sure, within),
    }[direction]
    if yes:
        return YES
    return NO if no else CANNOT_TELL


def joined(answers: Sequence[str]) -> str:
    """The answer to several claims together: no if one is no, yes if all are yes.

    >>> joined(["Yes", "Cannot tell"]), joined(["Cannot tell", "No"])
    ('Cannot tell', 'No')
    """
    if NO in answers:
        return NO
    return YES if set(answers) == {YES} else CANNOT_TELL


def difference_limits(test: TTest) -> tuple[float, float]:
    """The 95 % interval of the difference, with the standard error and degrees of freedom of the
    test.
    """
    half = float(stdtrit(test.df, 0.975)) * test.error
    return test.difference - half, test.difference + half


def _title(claim: Claim) -> str:
    """The sign of the figure, and the stream on the other side if it is another one."""
    stream = claim.before.stream
    other = stream != claim.after.stream
    return f"{claim.figure.sign} against {stream}" if other else claim.figure.sign


def _test(look: Look, claim: Claim) -> TTest:
    """The corrected test of a claim over folds and seeds; NaN without pairs."""
    pairs = []
    for task in look.tasks:
        for stream in look.features:
            sides = [
                look.folds(side.stream or stream, task, side.release, claim.figure, side.condition)
                for side in (claim.after, claim.before)
            ]
            if not np.isnan(sides).all(axis=1).any():
                pairs.append(sides)
    if not pairs:
        return TTest(math.nan, math.nan, 0, math.nan, math.nan)
    after, before = np.mean(pairs, axis=0)
    valid = ~np.isnan(after - before)
    return corrected_resampled_t(after[valid], before[valid], look.test_share)
