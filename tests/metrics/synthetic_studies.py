"""Synthetic studies with a known true figure, to count how often an interval over speakers misses
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sordino.metrics import (
    Interval,
    auc,
    detail_r2,
    f1,
    interval,
    leakage_feng,
    privacy,
    uar,
    unchanged,
)


@dataclass(frozen=True)
class Study:
    """One sample: a metric on row positions, with the labels that `interval` takes."""

    statistic: Callable[[Any], float]
    speaker: Any
    draw: Any
    gender: Any
    group: Any = None
    bounds: tuple[float, float] = (0.0, 1.0)

    def interval(self) -> Interval:
        return interval(
            self.statistic,
            self.speaker,
            draw=self.draw,
            stratum=self.gender,
            group=self.group,
            bounds=self.bounds,
        )

    def value(self) -> float:
        return float(
            np.nanmean(
                [self.statistic(np.flatnonzero(self.draw == d)) for d in np.unique(self.draw)]
            )
        )


Situation = Callable[[np.random.Generator, int, int], Study]


def _frame(rng: np.random.Generator, speakers: int, draws: int, rows: tuple[int, int]):
    """Gender and draw of each speaker, and the speaker of each row; half of each gender, uneven
    numbers of rows.
    """
    gender = np.arange(speakers) % 2
    draw = np.arange(speakers) * draws // speakers
    return gender, draw, np.repeat(np.arange(speakers), rng.integers(*rows, speakers))


def auc_of_constant_secret(shift: float, effect: float) -> Situation:
    """AUC of gender: a shift between genders, a speaker effect of this standard deviation, noise of
    1 per row.
    """

    def sample(rng: np.random.Generator, speakers: int, draws: int) -> Study:
        gender, draw, who = _frame(rng, speakers, draws, (8, 25))
        score = (shift * gender + rng.normal(0, effect, speakers))[who] + rng.normal(size=who.size)
        male = gender[who] == 1
        return Study(lambda rows: auc(male[rows], score[rows]), who, draw[who], gender[who], male)

    return sample


def auc_within_speakers(shift: float, effect: float, own_shift: float) -> Situation:
    """AUC of sensitive against neutral: every speaker has both, with a level and a shift of their
    own.
    """

    def sample(rng: np.random.Generator, speakers: int, draws: int) -> Study:
        gender, draw, who = _frame(rng, speakers, draws, (16, 40))
        level, speaker_shift = (
            rng.normal(0, effect, speakers),
            rng.normal(shift, own_shift, speakers),
        )
        sensitive = rng.random(who.size) < 0.6
        score = level[who] + speaker_shift[who] * sensitive + rng.normal(size=who.size)
        return Study(
            lambda rows: auc(sensitive[rows], score[rows]), who, draw[who], gender[who], sensitive
        )

    return sample


def roles(shift: float, effect: float, metric: str, suppressed: float = 0) -> Situation:
    """F1 or U of the required role, or UAR, of a risk model that is biased otherwise for each
    speaker.

    `suppressed` makes it see the required role less, as a release does to a role it hides.
    """

    def sample(rng: np.random.Generator, speakers: int, draws: int) -> Study:
        gender, draw, who = _frame(rng, speakers, draws, (16, 40))
        truth = rng.choice(3, who.size, p=[0.2, 0.27, 0.53])
        logits = rng.normal(size=(who.size, 3)) + rng.normal(0, effect, (speakers, 3))[who]
        logits[np.arange(who.size), truth] += shift
        released = logits - [0, suppressed, 0]
        before = logits.argmax(axis=1)
        if metric == "f1":
            guess = released.argmax(axis=1)
            return Study(
                lambda rows: f1(truth[rows], guess[rows], "required"), who, draw[who], gender[who]
            )
        if metric == "uar":
            return Study(lambda rows: uar(truth[rows], before[rows]), who, draw[who], gender[who])
        change = rng.normal(0, 0.7, logits.shape) + rng.normal(0, effect, (speakers, 3))[who]
        after, speakers_before = (released + change).argmax(axis=1)[before == 1], who[before == 1]
        ones = np.ones(speakers_before.size, dtype=int)
        return Study(
            lambda rows: unchanged(ones[rows], after[rows], "required"),
            speakers_before,
            draw[speakers_before],
            gender[speakers_before],
        )

    return sample


def gender_head(shift: float, effect: float, metric: str) -> Situation:
    """Privacy (1 - UAR) or accuracy of a gender classifier with a speaker effect."""

    def sample(rng: np.random.Generator, speakers: int, draws: int) -> Study:
        gender, draw, who = _frame(rng, speakers, draws, (8, 25))
        score = ((2 * gender - 1) * shift + rng.normal(0, effect, speakers))[who] + rng.normal(
            size=who.size
        )
        truth, guess = gender[who], (score > 0).astype(int)
        function = privacy if metric == "privacy" else leakage_feng
        return Study(lambda rows: function(truth[rows], guess[rows]), who, draw[who], truth, truth)

    return sample


def detail(noise: float, effect: float) -> Situation:
    """R² of vectors from noisy ones; level and noise differ between speakers."""

    def sample(rng: np.random.Generator, speakers: int, draws: int) -> Study:
        gender, draw, who = _frame(rng, speakers, draws, (8, 25))
        x = rng.normal(size=(who.size, 3)) + rng.normal(0, effect, (speakers, 3))[who]
        guess = (
            x + rng.normal(size=x.shape) * noise * np.exp(rng.normal(0, 0.3, speakers))[who, None]
        )
        return Study(
            lambda rows: detail_r2(x[rows], guess[rows]),
            who,
            draw[who],
            gender[who],
            bounds=(-np.inf, 1.0),
        )

    return sample


SITUATIONS: dict[str, Situation] = {
    "auc constant .50": auc_of_constant_secret(0, 1),
    "auc constant .80": auc_of_constant_secret(1.7, 1),
    "auc constant .95": auc_of_constant_secret(2.5, 0.4),
    "auc constant .95, very unlike speakers": auc_of_constant_secret(3.3, 1),
    "auc within .50": auc_within_speakers(0, 1, 0.7),
    "auc within .88": auc_within_speakers(2.4, 1, 0.6),
    "auc within .95": auc_within_speakers(3, 0.7, 0.6),
    "f1 .38": roles(0.4, 0.8, "f1"),
    "f1 .04": roles(1.8, 0.6, "f1", suppressed=4.2),
    "f1 .75": roles(1.8, 0.6, "f1"),
    "f1 .97": roles(3.6, 0.6, "f1"),
    "unchanged .05": roles(1.8, 0.5, "unchanged", suppressed=4),
    "unchanged .68": roles(0.2, 0.8, "unchanged"),
    "unchanged .86": roles(2.6, 0.5, "unchanged"),
    "unchanged .96": roles(4, 0.5, "unchanged"),
    "uar .58": roles(1, 0.7, "uar"),
    "privacy .50": gender_head(0, 1, "privacy"),
    "privacy .20": gender_head(1.2, 1, "privacy"),
    "privacy .05": gender_head(2.3, 1, "privacy"),
    "leakage .50": gender_head(0, 1, "accuracy"),
    "leakage .95": gender_head(2.3, 1, "accuracy"),
    "detail .75": detail(0.5, 0.5),
    "detail -.19": detail(1.1, 0.5),
}


def truth_of(situation: Situation, speakers: int, draws: int, samples: int = 1000) -> float:
    """The expected figure of a study of this size."""
    rng = np.random.default_rng(7)
    return float(np.mean([situation(rng, speakers, draws).value() for _ in range(samples)]))


def misses(
    situation: Situation,
    speakers: int,
    draws: int,
    samples: int,
    method: Callable[[Study, np.random.Generator], tuple[float, float]] | None = None,
) -> tuple[float, float, float]:
    """The shares of studies with the low limit above the truth and with the high limit below it,
    and the mean width.
    """
    truth = truth_of(situation, speakers, draws)
    rng, method_rng = np.random.default_rng(11), np.random.default_rng(13)
    limits = []
    for _ in range(samples):
        study = situation(rng, speakers, draws)
        if method is None:
            result = study.interval()
            limits.append((result.low, result.high))
        else:
            limits.append(method(study, method_rng))
    low, high = np.array(limits).T
    defined = ~np.isnan(low)
    return (
        float(np.mean(low[defined] > truth)),
        float(np.mean(high[defined] < truth)),
        float(np.mean((high - low)[defined])),
    )


def percentile_bootstrap(
    study: Study, rng: np.random.Generator, resamples: int = 200
) -> tuple[float, float]:
    """The usual limits, which are too narrow with few speakers: quantiles over resampled speakers,
    one draw.
    """
    rows = [np.flatnonzero(study.speaker == who) for who in np.unique(study.speaker)]
    values = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(rows), len(rows))
        values.append(study.statistic(np.concatenate([rows[who] for who in chosen])))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
