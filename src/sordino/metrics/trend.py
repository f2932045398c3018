"""The share of an emotion day by day, from the number of utterances that pass.

    day t            k_t ~ Binomial(n_t, π_t h + (1 - π_t) f)
    share            π_1 uniform on [0, 1]; π_t a random walk between 0 and 1, of τ a day
    person           h and f of the person: constant over days, drawn from the rates of a card
    τ                one of `DAY_STEPS`, equally likely before

The posterior of π_t is computed on a grid, by the forward and backward recursion of a hidden Markov
model (Rabiner 1989) for each pair (h, f) and each τ, and weighted by their likelihoods. So an
interval counts few utterances, and that the rates of this person are not known. Estimate and limits
are quantiles. Days may lack utterances.

A change point is a day from which the share of passes differs (`sordino.metrics.change_points`). h
and f do not matter for it, but f changes with the mix of the other emotions: a change that a new
mix alone may explain does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.special import betaincinv, ndtr

from sordino.errors import SordinoError
from sordino.metrics.change_points import change_points
from sordino.metrics.prevalence import Moments, Rates, insufficient
from sordino.types import Codes, Matrix

MOST_PERIODS: Final = 1100
"""Days of one call: three years."""

DAY_STEPS: Final = (0.01, 0.03, 0.1)
"""Standard deviations of the change of a share from one day to the next."""

SHARES: Final = 41
"""Points of the grid of shares."""

QUANTILES: Final = 12
"""Quantiles of h and of f: points of the grid of persons on each side."""

TAIL: Final = 0.025
"""Probability outside of a limit."""


@dataclass(frozen=True, eq=False)
class Trend:
    """Estimated shares with their limits, one per day; NaN if `cannot_tell` has a reason."""

    days: Codes
    share: Matrix
    """`(days,)`, in [0, 1]."""
    low: Matrix
    high: Matrix
    """95 % limits, `(days,)`."""
    change_points: tuple[int, ...] = ()
    """Days from which the share differs from before."""
    cannot_tell: str = ""
    """Why there is no estimate; empty if there is one."""


def trend(
    days: Sequence[int] | Codes,
    flagged: Sequence[int] | Codes,
    total: Sequence[int] | Codes,
    rates: Rates | Sequence[Rates],
) -> Trend:
    """The share of the required emotion on each day, with 95 % limits and change points.

    - `days`: numbers of days, ascending, each once; other periods (weeks) are as good.
    - `flagged`: utterances of each day that passed, `total`: all utterances of the day.
    - `rates`: of the bundle (`Rates.from_card`), or those of the bundle of each day where a bundle
      was replaced. A person with a high h under one bundle counts as one with a high h under the
      next.

    Without enough data, `cannot_tell` has the reason. Raises `SordinoError` for days that are not
    ascending, more than `MOST_PERIODS`, and for counts that are negative or exceed their total.
    """
    day, k, n = _checked(days, flagged, total)
    versions, version = _versions(rates, len(day))
    if reason := next(filter(None, (insufficient(int(n.sum()), item) for item in versions)), ""):
        empty = np.full(len(day), np.nan)
        return Trend(day, empty, empty, empty, (), reason)
    posterior = _posterior(day, k, n, versions, version)
    low, share, high = (_quantile(posterior, level) for level in (TAIL, 0.5, 1 - TAIL))
    changes = _changes(k, n, versions, version)
    return Trend(day, share, low, high, tuple(day[changes].tolist()))


def _checked(
    days: Sequence[int] | Codes, flagged: Sequence[int] | Codes, total: Sequence[int] | Codes
) -> tuple[Codes, Codes, Codes]:
    """The arguments as arrays. Raises `SordinoError` for values that are no counts."""
    arrays = [np.asarray(values) for values in (days, flagged, total)]
    lengths = {array.shape for array in arrays}
    integers = all(array.dtype.kind in "iu" or not array.size for array in arrays)
    if len(lengths) > 1 or arrays[0].ndim != 1 or not integers:
        raise SordinoError(
            "days, passes and utterances differ in length or are not whole numbers, expected one "
            "of each per day: align them"
        )
    day, k, n = (array.astype(np.intp) for array in arrays)
    if not 1 <= len(day) <= MOST_PERIODS or (np.diff(day) <= 0).any():
        raise SordinoError(
            f"{len(day)} days, expected 1 to {MOST_PERIODS} in ascending order: sum over weeks, or "
            "ask for a shorter time"
        )
    if (k < 0).any() or (k > n).any():
        raise SordinoError(
            "passes on a day below 0 or above its utterances, expected 0 to all: count every row "
            "once"
        )
    return day, k, n


def _versions(rates: Rates | Sequence[Rates], days: int) -> tuple[list[Rates], Codes]:
    """The different rates, and the position of those of each day."""
    if isinstance(rates, Rates):
        return [rates], np.zeros(days, np.intp)
    if len(rates) != days:
        raise SordinoError(f"{len(rates)} rates for {days} days, expected one per day: align them")
    versions = list(dict.fromkeys(rates))
    return versions, np.array([versions.index(item) for item in rates], np.intp)


def _posterior(day: Codes, k: Codes, n: Codes, versions: Sequence[Rates], version: Codes) -> Matrix:
    """The posterior of the share on the grid, `(days, SHARES)`."""
    grid = _grid()
    likelihood = _likelihood(k, n, versions, version, grid)
    posterior, peak = np.zeros((len(day), SHARES)), -np.inf
    for step in DAY_STEPS:
        log_weight, marginal = _smooth(likelihood, np.diff(day), step, grid)
        highest = max(peak, log_weight.max())
        posterior *= np.exp(peak - highest)
        posterior += np.einsum("p,dpg->dg", np.exp(log_weight - highest), marginal)
        peak = highest
    total: Matrix = posterior.sum(axis=1, keepdims=True)
    return posterior / total


def _grid() -> Matrix:
    return (np.arange(SHARES) + 0.5) / SHARES


def _likelihood(
    k: Codes, n: Codes, versions: Sequence[Rates], version: Codes, grid: Matrix
) -> Matrix:
    """The likelihood of each day, `(days, persons, SHARES)`, 1 at its highest on that day."""
    table = np.stack([_pass_shares(rates, grid) for rates in versions])  # (versions, persons, g)
    passes, fails = np.log(table), np.log1p(-table)
    evidence = k[:, None, None] * passes[version] + (n - k)[:, None, None] * fails[version]
    likelihood: Matrix = np.exp(evidence - evidence.max(axis=(1, 2), keepdims=True))
    return likelihood


def _pass_shares(rates: Rates, grid: Matrix) -> Matrix:
    """The share of passes at each share of the emotion, for each pair of rates, `(persons, g)`."""
    hit, false_pass = np.meshgrid(_quantiles(rates.hit), _quantiles(rates.false_pass))
    h, f = hit.ravel()[:, None], false_pass.ravel()[:, None]
    shares: Matrix = np.clip(grid * h + (1 - grid) * f, 1e-6, 1 - 1e-6)
    return shares


def _quantiles(rate: Moments) -> Matrix:
    """The centres of `QUANTILES` equally likely ranges of a beta distribution."""
    mean = min(max(rate.mean, 0.005), 0.995)
    size = max(mean * (1 - mean) / max(rate.variance, 1e-6) - 1, 1e-2)
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    quantiles: Matrix = betaincinv(mean * size, (1 - mean) * size, levels)
    return quantiles


def _walk(step: float, grid: Matrix) -> Matrix:
    """The probability of each share after a step from each share, `(SHARES, SHARES)`."""
    half = 0.5 / len(grid)
    upper = ndtr((grid[None] + half - grid[:, None]) / step)
    lower = ndtr((grid[None] - half - grid[:, None]) / step)
    kernel: Matrix = (upper - lower) / (upper - lower).sum(axis=1, keepdims=True)
    return kernel


def _smooth(likelihood: Matrix, gaps: Codes, step: float, grid: Matrix) -> tuple[Matrix, Matrix]:
    """The logarithm of the likelihood of each person, `(persons,)`, and the posterior of the share
    on each day of such a person, `(days, persons, g)`.
    """
    walks = {gap: _walk(step * np.sqrt(gap), grid) for gap in np.unique(gaps).tolist()}
    forward = np.empty_like(likelihood)
    log_weight = np.zeros(likelihood.shape[1])
    state = np.full(likelihood.shape[1:], 1 / len(grid))
    for t in range(len(likelihood)):
        if t:
            state = state @ walks[int(gaps[t - 1])]
        state = state * likelihood[t]
        total = np.maximum(state.sum(axis=1, keepdims=True), 1e-300)
        log_weight += np.log(total[:, 0])
        state = state / total
        forward[t] = state
    backward = np.ones_like(state)
    for t in range(len(likelihood) - 1, -1, -1):
        joint = forward[t] * backward
        forward[t] = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        if t:
            backward = (likelihood[t] * backward) @ walks[int(gaps[t - 1])].T
            backward = backward / np.maximum(backward.max(axis=1, keepdims=True), 1e-300)
    return log_weight, forward


def _quantile(posterior: Matrix, level: float) -> Matrix:
    """A quantile of each day, `(days,)`; linear within a cell of the grid."""
    below = np.concatenate([np.zeros((len(posterior), 1)), posterior.cumsum(axis=1)], axis=1)
    edges = np.linspace(0, 1, posterior.shape[1] + 1)
    return np.array([np.interp(level, row / row[-1], edges) for row in below])


def _changes(k: Codes, n: Codes, versions: Sequence[Rates], version: Codes) -> Codes:
    """Positions of the change points, within each run of days with one bundle."""
    edges = [0, *(np.flatnonzero(np.diff(version)) + 1).tolist(), len(version)]
    positions: list[int] = []
    for start, stop in pairwise(edges):
        mix = 2 * versions[version[start]].mix_variance ** 0.5
        found = change_points(k[start:stop], n[start:stop], mix)
        positions += [start + position for position in found]
    return np.array(positions, np.intp)
