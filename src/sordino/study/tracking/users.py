"""Simulated users: days of utterances of one test speaker, with a known share of an emotion.

    share        linear over the days from one share to another, both uniform in their range
    utterance    required with the share of the day, else of another emotion by the mix of the user,
                 which is uniform on the simplex
    recording    one of the speaker's recordings of that emotion, at random: they repeat

A test speaker has a few recordings of each emotion, so the rates of a user are those of these
recordings. Their binomial error is not smaller with more utterances a day. It is added to the
predicted variance of the rates; a real user does not repeat recordings and needs no such term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.metrics.prevalence import Rates
from sordino.metrics.trend import trend
from sordino.types import Codes, Matrix


@dataclass(frozen=True)
class Simulation:
    """Settings of simulated users.

    - `days`: days of a user.
    - `shares`: the range of true shares.
    - `utterances`: numbers of utterances a day, each with its own rows of estimates.
    - `users`: users of each test speaker and required emotion; more narrow no interval over
      speakers.
    """

    days: int = 14
    shares: tuple[float, float] = (0.05, 0.6)
    utterances: tuple[int, ...] = (20, 50, 100, 200)
    users: int = 4


@dataclass(frozen=True)
class UserRecordings:
    """The recordings of one speaker under one policy: row and emotion, `(n,)`."""

    row: Codes
    emotion: NDArray[np.str_]
    required: str

    @property
    def by_emotion(self) -> dict[str, Codes]:
        """Positions of the recordings of each emotion, the required one first."""
        others = sorted({*self.emotion} - {self.required})
        return {label: np.flatnonzero(self.emotion == label) for label in (self.required, *others)}


@dataclass(frozen=True)
class User:
    """One simulated user: true shares, `(days,)`, and positions of recordings,
    `(days, utterances)`.
    """

    share: Matrix
    recording: Codes

    @property
    def distinct(self) -> float:
        """Different recordings of a day, on average."""
        return float(np.mean([len(np.unique(day)) for day in self.recording]))


def simulate(
    settings: Simulation, recordings: UserRecordings, utterances: int, random: np.random.Generator
) -> User:
    """A user with so many utterances a day."""
    start, end = random.uniform(*settings.shares, size=2)
    share = np.linspace(start, end, settings.days)
    first, *others = recordings.by_emotion.values()
    mix = random.dirichlet(np.ones(len(others)))
    required = random.random((settings.days, utterances)) < share[:, None]
    other = random.choice(len(others), size=required.shape, p=mix)
    kind = np.where(required, 0, 1 + other)
    recording = np.zeros(kind.shape, np.intp)
    for code, positions in enumerate((first, *others)):
        of_kind = kind == code
        recording[of_kind] = random.choice(positions, size=int(of_kind.sum()))
    return User(share, recording)


def with_repetition(rates: Rates, recordings: UserRecordings) -> Rates:
    """The rates of a user with these recordings, which repeat.

    A rate of m recordings has the binomial variance p (1 - p) / m around the person's. For f it is
    Σ w² p (1 - p) / m over the mix w, with E[w²] = 2 / (E (E + 1)).
    """
    sizes = [len(positions) for positions in recordings.by_emotion.values()]
    variances = [
        (rate.share * (1 - rate.share) - rate.sd**2) / size
        for rate, size in zip((rates.required, *rates.others), sizes, strict=True)
    ]
    count = len(rates.others)
    return replace(rates, further=(variances[0], 2 * sum(variances[1:]) / (count * (count + 1))))


def tracked(user: User, passed: Codes, rates: Rates) -> pd.DataFrame:
    """One row per day: the true share, its estimate and limits. `passed` has the decision about
    each recording.
    """
    flagged = passed[user.recording].sum(axis=1)
    days, utterances = user.recording.shape
    estimate = trend(np.arange(days), flagged, np.full(days, utterances), rates)
    return pd.DataFrame(
        {
            "day": estimate.days,
            "truth": user.share,
            "estimate": estimate.share,
            "low": estimate.low,
            "high": estimate.high,
        }
    )
