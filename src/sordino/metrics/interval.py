"""How sure a metric is: an interval over speakers, for any metric and for its mean over draws.

Utterances of one speaker are alike, so the speaker is the unit: each speaker's *influence* on the
metric is read off by leaving the speaker out and by counting the speaker twice, and the spread of
the influences gives the error.

    θ = mean over draws of θ_d        the estimate; θ_d is the metric on the rows of draw d
    I_u = (θ(u twice) - θ(u left out)) / 2
    V = Σ_h m_h / (m_h - 1) · Σ_{u in h} (I_u - mean_h I)²        h: strata, m_h: their speakers
    df = V² / Σ_h (V_h² / (m_h - 1))                               Satterthwaite 1946; V_h: h's term of V
    limits: g⁻¹(g(θ) ± t(df) · √V · g'(θ))                         g: logit for a metric in [0, 1]

Leaving one out alone is the jackknife (Tukey 1958). It overstates an influence by m / (m - 1), m
being the speakers that share a mean with u: a factor that depends on the metric (all speakers for
accuracy, those of u's own class for an AUC) and is 4/3 with four speakers. Counting u twice
understates it by m / (m + 1); half the difference is right to 1 / m² for every metric, so nothing
about the metric has to be known.

What was tried instead, by simulation, is told in `docs/auditor/metrics.md`: percentile bootstrap (too
narrow), bootstrap-t (no better near 1, a hundred times the work), Obuchowski's 1997 clustered
placement values (as good, for AUC only), limits on the raw scale (too short a lower side near 1),
Korn and Graubard's 1998 (worse near 1).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, logit, stdtrit

from sordino.errors import SordinoError
from sordino.types import Rows, Statistic

MINIMUM_SPEAKERS: Final = 4
"""With fewer speakers in a group, the limits are NaN: nobody can tell."""

_NO_SPREAD: Final = 1e-9
"""A standard error below this is rounding, not spread."""


@dataclass(frozen=True)
class Interval:
    """A metric with its limits over speakers, the rows and the speakers that it rests on."""

    value: float
    low: float
    high: float
    n: int
    speakers: int

    def folded(self) -> Interval:
        """The interval of min(p, 1 - p) for a p in [0, 1].

        >>> Interval(0.45, 0.3, 0.6, 100, 12).folded()
        Interval(value=0.45, low=0.3, high=0.5, n=100, speakers=12)
        """
        value, low, high = (min(p, 1 - p) for p in (self.value, self.low, self.high))
        top = 0.5 if self.low <= 0.5 <= self.high else max(low, high)
        return Interval(value, min(low, high), top, self.n, self.speakers)

    def rounded(self, digits: int) -> Interval:
        """The same with `digits` after the point."""
        value, low, high, n, speakers = astuple(self)
        return Interval(round(value, digits), round(low, digits), round(high, digits), n, speakers)


def interval(
    statistic: Statistic,
    speaker: Iterable[Hashable],
    *,
    draw: Iterable[Hashable] | None = None,
    stratum: Iterable[Hashable] | None = None,
    group: Iterable[Hashable] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    confidence: float = 0.95,
) -> Interval:
    """The unweighted mean over draws of a metric, with limits over speakers.

    `statistic(rows)` is the metric on these row positions (all of one draw; a row may come twice).
    All labels are (n,), and only rows that matter should come: for `unchanged` those predicted as
    the role before, for `distinguish` those that are sensitive or neutral. Then `n` and `speakers`
    count what the figure rests on.

    - `draw`: which draw a row is from; none means one draw. A draw in which the metric is not
      defined is left out. A speaker in several draws is left out of all of them at once.
    - `stratum`: what the split balances (gender): speakers are compared within draw and stratum. A
      stratum with a single speaker joins the largest other one of its draw, or of any draw where
      there is none.
    - `group`: the values of a secret. Each needs `MINIMUM_SPEAKERS` different speakers, be they the
      same ones (a secret within speakers, as emotion) or not (gender); below, the limits are NaN.
      Without it, so many in all are needed.
    - `bounds`: the metric's range, in which the limits stay: (0, 1), (-1, 1), (-inf, 1) or (-inf,
      inf).
    - `confidence`: two-sided; 0.95 leaves 2.5 % on each side.

    For a metric with two bounds the limits are never wider than Clopper and Pearson's for that
    share of so many speakers, each all right or all wrong: no speakers are less alike than that.
    (At most the smallest group's times the number of groups; speakers with unlike numbers of rows
    count for fewer, Kish 1965.) They are the limits where no speaker moves the metric, as when
    everyone is classified rightly; without two bounds those are the value. Where leaving a speaker
    out leaves a draw without a value, the draw's distance from the mean of the others counts as
    that speaker's influence; with one draw the limits are NaN.

    The limits cover the choice of the speakers measured, not of those that a model or an attacker
    was fitted on. Counted by simulation from 6 speakers on, a 95 % interval misses by 0 to 4 % per
    side. In a single draw the side that faces chance is missed by 5 to 8 % where speakers are very
    unlike and the metric is near its end (.95), or it is an R²; over five draws of seven speakers
    by no more than 4 %.

    >>> right = np.array([1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1])
    >>> interval(lambda rows: float(right[rows].mean()), "aabbccddeeff").rounded(3)
    Interval(value=0.75, low=0.383, high=0.936, n=12, speakers=6)
    """
    _check(bounds, confidence)
    person = _codes(speaker)
    draws, strata, groups = (_aligned(labels, person.size) for labels in (draw, stratum, group))
    theta = {d: statistic(np.flatnonzero(draws == d)) for d in range(draws.max(initial=-1) + 1)}
    theta = {d: value for d, value in theta.items() if not np.isnan(value)}
    used = np.flatnonzero(np.isin(draws, list(theta)))
    value = float(np.mean(list(theta.values()))) if theta else float("nan")
    people = np.unique(person[used]).size
    counts = [
        np.unique(person[used][groups[used] == g]).size for g in range(groups.max(initial=0) + 1)
    ]
    if min(counts) < MINIMUM_SPEAKERS:
        return Interval(value, float("nan"), float("nan"), used.size, people)
    influence = _influences(statistic, theta, person, draws)
    error, df = _spread(influence, _strata(person[used], draws[used], strata[used]))
    evidence = [_evidence(person[used][groups[used] == g]) for g in range(len(counts))]
    low, high = _limits(
        value, error, df, bounds, (1 - confidence) / 2, min(people, len(counts) * min(evidence))
    )
    return Interval(value, low, high, used.size, people)


def _influences(
    statistic: Statistic, theta: dict[int, float], person: Rows, draws: Rows
) -> NDArray[np.float64]:
    """Half of what it does to the mean over draws to count a speaker twice instead of not at all:
    (speakers,).
    """
    influence = np.zeros(person.max() + 1)
    for d, here in theta.items():
        rows = np.flatnonzero(draws == d)
        rows = rows[np.argsort(person[rows], kind="stable")]
        people, starts = np.unique(person[rows], return_index=True)
        for who, start, stop in zip(people, starts, [*starts[1:], rows.size], strict=True):
            without = statistic(np.concatenate([rows[:start], rows[stop:]]))
            if np.isnan(without):
                others = [value for other, value in theta.items() if other != d]
                effect = here - np.mean(others) if others else np.nan
            else:
                effect = (statistic(np.concatenate([rows, rows[start:stop]])) - without) / 2
            influence[who] += effect / len(theta)
    return influence


def _strata(person: Rows, draws: Rows, strata: Rows) -> list[list[int]]:
    """The speakers of each stratum: those of one draw and label, single speakers having joined
    another stratum.
    """
    members: dict[tuple[int, int], list[int]] = {}
    for who in np.unique(person):
        own = person == who
        members.setdefault((draws[own].min(), strata[own].min()), []).append(who)
    while len(members) > 1 and (
        single := min((key for key in members if len(members[key]) == 1), default=None)
    ):
        joining = members.pop(single)
        near = [key for key in members if key[0] == single[0]] or list(members)
        members[max(near, key=lambda key: (len(members[key]), key))].extend(joining)
    return list(members.values())


def _spread(influence: NDArray[np.float64], strata: list[list[int]]) -> tuple[float, float]:
    """The standard error of a sum of influences, and its degrees of freedom (Satterthwaite 1946)."""
    sizes = np.array([len(people) for people in strata])
    parts = np.array([len(people) * influence[people].var(ddof=1) for people in strata])  # V_h
    total = float(parts.sum())
    return total**0.5, total**2 / float(np.sum(parts**2 / (sizes - 1))) if total > 0 else float(
        "nan"
    )


def _evidence(person: Rows) -> float:
    """For how many speakers with equally many rows these count: (Σ w)² / Σ w², w being the rows of
    one (Kish 1965).
    """
    weights = np.bincount(person)
    return float(weights.sum() ** 2 / np.sum(weights**2))


def _limits(
    value: float, error: float, df: float, bounds: tuple[float, float], tail: float, speakers: float
) -> tuple[float, float]:
    """The limits that each leave `tail` outside, kept inside `bounds`."""
    low, high = bounds
    if np.isinf(low) or np.isnan(error):
        width = float(stdtrit(df, 1 - tail)) * error if error > _NO_SPREAD else error * 0
        if np.isinf(high) or value >= high:
            return value - width, value + width
        room = high - value
        return high - room * float(np.exp(width / room)), high - room * float(np.exp(-width / room))
    share = (value - low) / (high - low)  # in [0, 1]
    hits = share * speakers
    first = float(betaincinv(hits, speakers - hits + 1, tail)) if share > 0 else 0.0
    last = float(betaincinv(hits + 1, speakers - hits, 1 - tail)) if share < 1 else 1.0
    if error > _NO_SPREAD and 0 < share < 1:
        width = float(stdtrit(df, 1 - tail)) * error / (high - low) / (share * (1 - share))
        first = max(first, float(expit(logit(share) - width)))
        last = min(last, float(expit(logit(share) + width)))
    return low + (high - low) * first, low + (high - low) * last


def _codes(labels: Iterable[Hashable]) -> Rows:
    """Codes 0, 1, ... of labels, in the order of their texts, so that the order of the rows does
    not matter: (n,).
    """
    column = list(labels)
    order = {label: code for code, label in enumerate(sorted(dict.fromkeys(column), key=str))}
    return np.array([order[label] for label in column], dtype=np.intp)


def _aligned(labels: Iterable[Hashable] | None, n: int) -> Rows:
    """Codes of labels, one a row; no labels are one label for all: (n,)."""
    codes = np.zeros(n, dtype=np.intp) if labels is None else _codes(labels)
    if codes.size != n:
        raise SordinoError(
            f"{codes.size} labels beside {n} speakers came, expected one of each a row: align the "
            "rows"
        )
    return codes


def _check(bounds: tuple[float, float], confidence: float) -> None:
    low, high = bounds
    if not (low < high < np.inf or bounds == (-np.inf, np.inf)):
        raise SordinoError(
            f"bounds {bounds} came, expected (0, 1), (-1, 1), (-inf, 1) or (-inf, inf): choose one"
        )
    if not 0 < confidence < 1:
        raise SordinoError(f"confidence {confidence} came, expected between 0 and 1: 0.95 is usual")
