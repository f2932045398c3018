"""The share of an emotion among utterances, from decisions that are wrong at known rates.

    h          hit rate: share of the required utterances that pass
    f          false-pass rate: share of the other utterances that pass
    s          share of all utterances that pass, s = π h + (1 - π) f
    π = (s - f) / (h - f)                                    Rogan and Gladen 1978; Forman 2008

h and f are those of one person. The rates of a card are those of the speakers of a fit, so a new
person's rates are predicted: their mean, and the spread over persons. For each emotion the number
of passes of a speaker is beta-binomial,

    k_u ~ Binomial(n_u, p_u),   p_u ~ Beta(p (1/ρ - 1), (1 - p) (1/ρ - 1)),   sd² = ρ p (1 - p)

f depends on the unknown mix of the other emotions of a person. The mix counts as uniform on the
simplex: with E other emotions that pass with shares f_e, and the spread of f over persons,

    E[f] = mean f_e        Var[f] = sd² + Σ (f_e - E[f])² / (E (E + 1))

The second term is the variance of Σ w_e f_e over w ~ Dirichlet(1, ..., 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, stdtrit

from sordino.errors import SordinoError
from sordino.types import Codes

RATE_SPEAKERS: Final = 8
"""Speakers per emotion without which the spread over persons is unknown."""

SHARE_UTTERANCES: Final = 5
"""Utterances without which a share is not estimated."""

SMALLEST_DIFFERENCE: Final = 0.15
"""Difference of h and f below which a decision says too little."""

MOST_EMOTIONS: Final = 64
"""Emotions that a card may have."""

REQUIRED, REST = "required", "others"
"""Keys of a card: the required role, and neutral and sensitive emotions together."""

MOST_COUNT: Final = 10**9
"""The largest number of speakers or utterances that a card may state."""


@dataclass(frozen=True)
class PassRate:
    """The share of the utterances of one emotion that pass, over persons.

    Raises `SordinoError` for a share outside [0, 1], a spread that no distribution on [0, 1] with
    this mean has, and counts outside 0 to `MOST_COUNT`.
    """

    share: float
    """The mean over persons, in [0, 1]."""
    sd: float
    """The standard deviation over persons, in [0, sqrt(share (1 - share))]."""
    speakers: int
    utterances: int

    def __post_init__(self) -> None:
        numbers = (self.share, self.sd)
        valid = all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers)
        if not (valid and self.sd**2 <= self.share * (1 - self.share) + 1e-3):
            raise SordinoError(
                f"pass share {_text(self.share)} with spread {_text(self.sd)}, expected a share "
                "from 0 to 1 and at most the spread of two points: fit the bundle again"
            )
        for count in (self.speakers, self.utterances):
            if type(count) is not int or not 0 <= count <= MOST_COUNT:
                raise SordinoError(
                    f"{_text(count)} speakers or utterances, expected a whole number from 0 to "
                    f"{MOST_COUNT}: fit the bundle again"
                )

    @classmethod
    def from_card(cls, entry: object) -> PassRate:
        """The rate of an entry of a card: an object with `share`, `sd`, `speakers` and
        `utterances`. Raises `SordinoError` for any other content.
        """
        names = ("share", "sd", "speakers", "utterances")
        if not isinstance(entry, Mapping) or any(name not in entry for name in names):
            raise SordinoError(
                f"a rate without {', '.join(names)}, expected these four numbers: fit the bundle "
                "again"
            )
        return cls(*(entry[name] for name in names))

    def card(self) -> dict[str, float | int]:
        """The entry of a card, with four digits."""
        share, sd = round(self.share, 4), round(self.sd, 4)
        return {"share": share, "sd": sd, "speakers": self.speakers, "utterances": self.utterances}

    def randomised(self, factor: float, uniform: float) -> PassRate:
        """The rate after randomised response, which contracts differences by `factor` towards
        `uniform`, the share of a random bin.
        """
        share = factor * self.share + (1 - factor) * uniform
        return replace(self, share=share, sd=factor * self.sd)

    @property
    def mean_variance(self) -> float:
        """The variance of the mean over persons."""
        return self.sd**2 / max(self.speakers, 1)

    @property
    def variance(self) -> float:
        """The variance of a new person's rate: the spread over persons, and the error of the
        mean.
        """
        return (
            self.sd**2
            + self.mean_variance
            + self.share * (1 - self.share) / max(self.utterances, 1)
        )

    @classmethod
    def fit(cls, passed: Codes, speaker: NDArray[np.str_]) -> PassRate:
        """The rate of one emotion, from decisions `(n,)`, 1 for a pass, and their speakers `(n,)`.

        Mean and spread are the posterior means of the beta-binomial distribution under a flat prior
        of p and of the square root of ρ (Gelman 2006 for the prior of a spread). With few
        speakers the spread is larger than by moments and never zero. Raises `SordinoError` without
        a decision and for decisions other than 0 and 1.
        """
        passed = np.asarray(passed)
        if not len(passed) or len(passed) != len(speaker) or not np.isin(passed, (0, 1)).all():
            raise SordinoError(
                f"{len(passed)} decisions of {len(speaker)} utterances, expected 0 or 1 for each "
                "of one or more: add utterances of the emotion"
            )
        _, person = np.unique(speaker, return_inverse=True)
        n = np.bincount(person)
        k = np.bincount(person, weights=passed)
        p, root = np.meshgrid(_SHARES, _ROOTS, indexing="ij")
        size = 1 / root**2 - 1
        a, b = (p * size)[..., None], ((1 - p) * size)[..., None]
        likelihood = (betaln(k + a, n - k + b) - betaln(a, b)).sum(axis=-1)
        weight = np.exp(likelihood - likelihood.max())
        weight /= weight.sum()
        share = float((weight * p).sum())
        spread = float((weight * root**2 * p * (1 - p)).sum())
        return cls(share, math.sqrt(spread), len(n), len(passed))


_SHARES: Final = (np.arange(100) + 0.5) / 100
_ROOTS: Final = (np.arange(40) + 0.5) / 50
"""The grid of the posterior: p, and the square root of ρ up to .8."""


class Moments(NamedTuple):
    """Mean and variance of the rate of a new person."""

    mean: float
    """The mean over persons."""
    variance: float
    """The variance over persons, with the error of the mean."""


@dataclass(frozen=True)
class Rates:
    """The pass rates of one policy of a bundle: of the required emotion, and of each other one."""

    required: PassRate
    others: tuple[PassRate, ...]
    """Of each other emotion."""
    rest: PassRate
    """Of all other emotions together."""
    further: tuple[float, float] = (0.0, 0.0)
    """Further variances of h and of f: of a simulated user with few recordings, which repeat."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.others) < MOST_EMOTIONS:
            raise SordinoError(
                f"rates of {len(self.others)} other emotions, expected 1 to {MOST_EMOTIONS - 1}: "
                "fit the bundle again"
            )

    @classmethod
    def fit(
        cls, passed: Codes, emotion: NDArray[np.str_], speaker: NDArray[np.str_], required: str
    ) -> Rates:
        """The rates from decisions `(n,)` with emotions and speakers `(n,)`. Raises `SordinoError`
        without an utterance of the required and of another emotion.
        """
        rows = {label: emotion == label for label in dict.fromkeys([required, *sorted({*emotion})])}
        first, *others = [PassRate.fit(passed[row], speaker[row]) for row in rows.values()]
        other = emotion != required
        return cls(first, tuple(others), PassRate.fit(passed[other], speaker[other]))

    @classmethod
    def from_card(cls, card_policy: object) -> Rates:
        """The rates of the entry of one policy under `audit` of a bundle's card.

        The card is the content of a file from outside: anything but bounded, finite numbers in
        their ranges raises `SordinoError`.
        """
        content = card_policy.get("rates") if isinstance(card_policy, Mapping) else None
        emotions, roles = (
            content.get(name) if isinstance(content, Mapping) else None
            for name in ("emotions", "roles")
        )
        if not isinstance(emotions, Mapping) or not isinstance(roles, Mapping):
            raise SordinoError(
                "a card without pass rates, expected `rates` with `emotions` and `roles`: fit the "
                "bundle with this version, and with a release that has bins"
            )
        if len(emotions) > MOST_EMOTIONS:
            raise SordinoError(
                f"rates of {len(emotions)} emotions, expected at most {MOST_EMOTIONS}: fit the "
                "bundle again"
            )
        others = [
            PassRate.from_card(entry)
            for entry in emotions.values()
            if not (isinstance(entry, Mapping) and entry.get("role") == REQUIRED)
        ]
        required, rest = (PassRate.from_card(roles.get(name)) for name in (REQUIRED, REST))
        return cls(required, tuple(others), rest)

    @property
    def hit(self) -> Moments:
        """h of a new person."""
        return Moments(self.required.share, self.required.variance + self.further[0])

    @property
    def false_pass(self) -> Moments:
        """f of a new person with an unknown mix of the other emotions."""
        mean = float(np.mean([rate.share for rate in self.others]))
        return Moments(mean, self.rest.variance + self.mix_variance + self.further[1])

    @property
    def mix_variance(self) -> float:
        """The variance of f over mixes of the other emotions."""
        shares = np.array([rate.share for rate in self.others])
        return float(shares.var() / (len(shares) + 1))

    @property
    def speakers(self) -> int:
        """Speakers of the emotion with the fewest."""
        return min(rate.speakers for rate in (self.required, *self.others))


class Prevalence(NamedTuple):
    """An estimated share with its 95 % limits; NaN if `cannot_tell` has a reason."""

    share: float
    """The estimate, in [0, 1]."""
    low: float
    """The lower limit."""
    high: float
    """The upper limit."""
    cannot_tell: str = ""
    """Why there is no estimate; empty if there is one."""


def prevalence(flagged: int, total: int, rates: Rates) -> Prevalence:
    """The share of the required emotion among `total` utterances of one person, `flagged` of which
    passed: (s - f) / (h - f), clipped to [0, 1].

    The limits are the smallest and the largest π that s does not reject, where s varies by
    binomial error and by the rates of a new person:

        |s - m| <= t sqrt(π² Var[h] + (1 - π)² Var[f] + m (1 - m) / n),   m = π E[h] + (1 - π) E[f]

    with the t quantile of the number of speakers. They hold for each π, without a prior. Several
    days of one person have narrower limits with `sordino.metrics.trend`. Raises `SordinoError` for
    counts with `flagged` outside 0 to `total`.

    >>> rates = Rates(PassRate(0.8, 0.1, 24, 200), (PassRate(0.1, 0.05, 24, 400),) * 2,
    ...               PassRate(0.1, 0.05, 24, 800))
    >>> [round(number, 2) for number in prevalence(24, 60, rates)[:3]]
    [0.43, 0.21, 0.72]
    >>> prevalence(1, 2, rates).cannot_tell
    '2 utterances, 5 are needed'
    """
    if not 0 <= flagged <= total:
        raise SordinoError(
            f"{flagged} of {total} utterances passed, expected 0 to {total}: count each once"
        )
    if reason := insufficient(total, rates):
        return Prevalence(math.nan, math.nan, math.nan, reason)
    s, h, f = flagged / total, rates.hit, rates.false_pass
    share = np.linspace(0, 1, 1001)
    mean = share * h.mean + (1 - share) * f.mean
    variance = share**2 * h.variance + (1 - share) ** 2 * f.variance + mean * (1 - mean) / total
    variance += 1e-12  # of exact rates at 0 or 1
    distance = np.abs(s - mean) / np.sqrt(variance)
    accepted = share[distance <= max(stdtrit(rates.speakers - 1, 0.975), distance.min())]
    value = min(max((s - f.mean) / (h.mean - f.mean), 0.0), 1.0)
    return Prevalence(value, min(value, float(accepted[0])), max(value, float(accepted[-1])))


def insufficient(utterances: int, rates: Rates) -> str:
    """Why so many utterances and these rates give no share; empty if they do."""
    if utterances < SHARE_UTTERANCES:
        return f"{utterances} utterances, {SHARE_UTTERANCES} are needed"
    if rates.speakers < RATE_SPEAKERS:
        return f"rates of {rates.speakers} speakers, {RATE_SPEAKERS} are needed"
    difference = rates.hit.mean - rates.false_pass.mean
    if difference < SMALLEST_DIFFERENCE:
        needed = f"{SMALLEST_DIFFERENCE:g} is needed"
        return f"hits and false passes differ by {difference:.2f}, {needed}"
    return ""


def _text(value: object) -> str:
    """A value from outside for a message: a number, or the name of its type."""
    small = isinstance(value, float) or (isinstance(value, int) and abs(value) <= MOST_COUNT)
    return f"{value:g}" if small else f"of type {type(value).__name__}"
