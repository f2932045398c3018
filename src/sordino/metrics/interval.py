"""Confidence intervals over speakers, for any metric and for its mean over draws.

Utterances of one speaker are dependent, so the speaker is the unit. Each speaker's *influence* on
the metric follows from leaving the speaker out and from counting the speaker twice. The variance of
the influences gives the standard error.

    θ = mean over draws of θ_d        the estimate; θ_d is the metric on the rows of draw d
    I_u = (θ(u twice) - θ(u left out)) / 2
    V = Σ_h m_h / (m_h - 1) · Σ_{u in h} (I_u - mean_h I)²        h: strata, m_h: their speakers
    df = V² / Σ_h (V_h² / (m_h - 1))             Satterthwaite 1946; V_h: h's term of V
    limits: g⁻¹(g(θ) ± t(df) · √V · g'(θ))       g: logit for a metric in [0, 1]

Leaving one out alone is the jackknife (Tukey 1958). It overstates an influence by m / (m - 1), with
m the number of speakers that share a mean with u. This factor depends on the metric (all speakers
for accuracy, those of u's class for an AUC) and is 4/3 with four speakers. Counting u twice
understates an influence by m / (m + 1). Half the difference is correct to 1 / m² for every metric,
without knowledge of the metric.

`docs/auditor/metrics.md` compares alternatives by simulation: percentile bootstrap (too narrow),
bootstrap-t (no better near 1, a hundred times the work), Obuchowski's 1997 clustered placement
values (as good, for AUC only), limits on the raw scale (too short a lower side near 1), Korn and
Graubard's 1998 (worse near 1).
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
"""With fewer speakers in a group, the limits are NaN."""

_NO_SPREAD: Final = 1e-9
"""A standard error below this is rounding error."""


@dataclass(frozen=True)
class Interval:
    """A metric with its limits over speakers, and its numbers of rows and speakers."""

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
        """The interval rounded to `digits` after the point."""
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
    All labels are (n,). Pass only rows that the metric uses: for `unchanged` those with the role as
    prediction before release, for `distinguish` the sensitive and neutral ones. `n` and `speakers`
    count these rows.

    - `draw`: the draw of each row; None means one draw. A draw with an undefined metric is left
      out. A speaker in several draws is left out of all of them at once.
    - `stratum`: the attribute that the split balances (gender): speakers are compared within draw
      and stratum. A stratum with a single speaker joins the largest other one of its draw, or of
      any draw if there is none.
    - `group`: the values of a secret. Each needs `MINIMUM_SPEAKERS` different speakers, which may
      be the same ones (a secret within speakers, as emotion) or not (gender); with fewer, the
      limits are NaN. Without `group`, this number of speakers is needed in total.
    - `bounds`: the metric's range, which contains the limits: (0, 1), (-1, 1), (-inf, 1) or (-inf,
      inf).
    - `confidence`: two-sided; 0.95 leaves 2.5 % on each side.

    For a metric with two bounds the limits are never wider than Clopper and Pearson's for that
    share of so many speakers, each with all rows correct or all rows wrong, which is the maximum
    variance between speakers. (The number of speakers is at most that of the smallest group times
    the number of groups; unequal numbers of rows reduce it, Kish 1965.) These are the limits if no
    speaker has an influence, as with perfect classification; without two bounds the limits then
    equal the value. If a draw has no value without a speaker, the draw's distance from the mean of
    the others counts as that speaker's influence; with one draw the limits are NaN.

    The limits cover the sampling of test speakers, not of the speakers of the fit of a model or an
    attacker. In simulations with 6 speakers or more, a 95 % interval misses by 0 to 4 % per side.
    In a single draw the side towards chance is missed by 5 to 8 % if speakers differ strongly and
    the metric is near its bound (.95), or for an R²; over five draws of seven speakers by at most
    4 %.

    >>> correct = np.array([1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1])
    >>> interval(lambda rows: float(correct[rows].mean()), "aabbccddeeff").rounded(3)
    Interval(value=0.75, low=0.383, high=0.936, n=12, speakers=6)
    """
    _check_range(bounds, confidence)
    person = _label_codes(speaker)
    draws, strata, groups = (_align(labels, person.size) for labels in (draw, stratum, group))
    theta = {d: statistic(np.flatnonzero(draws == d)) for d in range(draws.max(initial=-1) + 1)}
    theta = {d: value for d, value in theta.items() if not np.isnan(value)}
    rows = np.flatnonzero(np.isin(draws, list(theta)))
    value = float(np.mean(list(theta.values()))) if theta else float("nan")
    speakers = np.unique(person[rows]).size
    counts = [
        np.unique(person[rows][groups[rows] == g]).size for g in range(groups.max(initial=0) + 1)
    ]
    if min(counts) < MINIMUM_SPEAKERS:
        return Interval(value, float("nan"), float("nan"), rows.size, speakers)
    influence = _influences(statistic, theta, person, draws)
    error, df = _standard_error(influence, _strata(person[rows], draws[rows], strata[rows]))
    effective = [_effective_speakers(person[rows][groups[rows] == g]) for g in range(len(counts))]
    size, tail = min(speakers, len(counts) * min(effective)), (1 - confidence) / 2
    low, high = _confidence_limits(value, error, df, bounds, tail, size)
    return Interval(value, low, high, rows.size, speakers)


def _influences(
    statistic: Statistic, theta: dict[int, float], person: Rows, draws: Rows
) -> NDArray[np.float64]:
    """Half the change of the mean over draws from leaving a speaker out to counting it twice:
    (speakers,).
    """
    influence = np.zeros(person.max() + 1)
    for d, value in theta.items():
        rows = np.flatnonzero(draws == d)
        rows = rows[np.argsort(person[rows], kind="stable")]
        speakers, starts = np.unique(person[rows], return_index=True)
        for speaker, start, stop in zip(speakers, starts, [*starts[1:], rows.size], strict=True):
            without = statistic(np.concatenate([rows[:start], rows[stop:]]))
            if np.isnan(without):
                further = [theta[draw] for draw in theta if draw != d]
                effect = value - np.mean(further) if further else np.nan
            else:
                effect = (statistic(np.concatenate([rows, rows[start:stop]])) - without) / 2
            influence[speaker] += effect / len(theta)
    return influence


def _strata(person: Rows, draws: Rows, strata: Rows) -> list[list[int]]:
    """The speakers of each stratum, one draw and label; a single speaker joins another stratum."""
    members: dict[tuple[int, int], list[int]] = {}
    for speaker in np.unique(person):
        rows = person == speaker
        members.setdefault((draws[rows].min(), strata[rows].min()), []).append(speaker)
    while len(members) > 1 and (
        single := min((key for key in members if len(members[key]) == 1), default=None)
    ):
        speakers = members.pop(single)
        near = [key for key in members if key[0] == single[0]] or list(members)
        members[max(near, key=lambda key: (len(members[key]), key))].extend(speakers)
    return list(members.values())


def _standard_error(influence: NDArray[np.float64], strata: list[list[int]]) -> tuple[float, float]:
    """The standard error of a sum of influences, and its degrees of freedom (Satterthwaite
    1946).
    """
    sizes = np.array([len(speakers) for speakers in strata])
    parts = np.array([len(speakers) * influence[speakers].var(ddof=1) for speakers in strata])
    total = float(parts.sum())
    df = total**2 / float(np.sum(parts**2 / (sizes - 1))) if total > 0 else float("nan")
    return total**0.5, df


def _effective_speakers(person: Rows) -> float:
    """The effective number of speakers: (Σ w)² / Σ w², with w the number of rows of a speaker (Kish
    1965).
    """
    weights = np.bincount(person)
    return float(weights.sum() ** 2 / np.sum(weights**2))


def _confidence_limits(
    value: float, error: float, df: float, bounds: tuple[float, float], tail: float, speakers: float
) -> tuple[float, float]:
    """The limits inside `bounds`, with the probability `tail` beyond each."""
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


def _label_codes(labels: Iterable[Hashable]) -> Rows:
    """Codes 0, 1, ... of labels, in the order of their texts, for any order of rows: (n,)."""
    column = list(labels)
    order = {label: code for code, label in enumerate(sorted(dict.fromkeys(column), key=str))}
    return np.array([order[label] for label in column], dtype=np.intp)


def _align(labels: Iterable[Hashable] | None, n: int) -> Rows:
    """Codes of labels, one per row; None is one label for all rows: (n,)."""
    codes = np.zeros(n, dtype=np.intp) if labels is None else _label_codes(labels)
    if codes.size != n:
        raise SordinoError(
            f"{codes.size} labels beside {n} speakers came, expected one of each a row: align the "
            "rows"
        )
    return codes


def _check_range(bounds: tuple[float, float], confidence: float) -> None:
    low, high = bounds
    if not (low < high < np.inf or bounds == (-np.inf, np.inf)):
        raise SordinoError(
            f"bounds {bounds} came, expected (0, 1), (-1, 1), (-inf, 1) or (-inf, inf): choose one"
        )
    if not 0 < confidence < 1:
        raise SordinoError(f"confidence {confidence} came, expected between 0 and 1: 0.95 is usual")
