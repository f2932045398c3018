"""How often the upper limit of a bound is below the truth, and its price, by simulation.

Each population draws the speakers of one corpus: the probability of value 1 of the secret, and
those of the bins given the value. The truth is the total variation for one utterance of a random
speaker. Two limits are compared:

    limit    `sordino.metrics.bound`, without normality
    t        the earlier limit: Student's t on differences within speakers, or Welch's t

    python benchmarks/bound_coverage.py
    python benchmarks/bound_coverage.py --simulations 1500 --json coverage.json
    python benchmarks/bound_coverage.py --simulations 150 --grid

`--grid` takes a hundred populations with a minority: of 3 to 20 % of the speakers, with other
frequencies of the secret and other shares of the bins.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from sordino.metrics.bound import shares_of
from sordino.metrics.speaker_limit import LIMIT_LEVEL, upper_limit
from sordino.types import Codes, Matrix

COUNTS: Final = (8, 12, 20, 34)
UTTERANCES: Final = 24
"""Utterances of each speaker."""

DRAWS: Final = 2_000
"""Random weights of a limit: fewer than in the product, for speed."""


class Speakers(NamedTuple):
    """The speakers of one simulated corpus."""

    rate: Matrix
    """The probability of value 1, `(speakers,)`."""
    bins: Matrix
    """The probabilities of the bins given the value, `(speakers, 2, bins)`."""


Population = Callable[[np.random.Generator, int], Speakers]


def _halves(count: int) -> Matrix:
    """A secret that is constant within speakers: half of them have each value."""
    values: Matrix = np.asarray(np.arange(count) % 2, np.float64)
    return values


def _two_bins(high_0: Matrix, high_1: Matrix) -> Matrix:
    high = np.stack([high_0, high_1], axis=1)
    return np.stack([1 - high, high], axis=2)


def minority(random: np.random.Generator, count: int) -> Speakers:
    """A tenth of the men are always in the high bin; all other speakers are in it at 2 %."""
    rate = _halves(count)
    high = np.where((random.random(count) < 0.1) & (rate == 1), 1.0, 0.02)
    return Speakers(rate, _two_bins(high, high))


def minorities(random: np.random.Generator, count: int) -> Speakers:
    """The same, and a tenth of the women are never in it; the other women are in it at 50 %."""
    rate = _halves(count)
    unusual = random.random(count) < 0.1
    high = np.where(rate == 1, np.where(unusual, 1.0, 0.5), np.where(unusual, 0.0, 0.5))
    return Speakers(rate, _two_bins(high, high))


def fifth(random: np.random.Generator, count: int) -> Speakers:
    """A fifth of the men are always in the high bin, the others never; women are in it at 5 %."""
    rate = _halves(count)
    men = np.where(random.random(count) < 0.2, 1.0, 0.0)
    high = np.where(rate == 1, men, 0.05)
    return Speakers(rate, _two_bins(high, high))


def minority_within(random: np.random.Generator, count: int) -> Speakers:
    """Sensitive utterances of a tenth of the speakers are always in the high bin, all else at
    2 %.
    """
    high = np.where(random.random(count) < 0.1, 1.0, 0.02)
    return Speakers(np.full(count, 0.5), _two_bins(np.full(count, 0.02), high))


def opposites_within(random: np.random.Generator, count: int) -> Speakers:
    """The same, and their neutral utterances never are."""
    unusual = random.random(count) < 0.1
    high_0, high_1 = np.where(unusual, 0.0, 0.3), np.where(unusual, 1.0, 0.3)
    return Speakers(np.full(count, 0.75), _two_bins(high_0, high_1))


def frequency(random: np.random.Generator, count: int) -> Speakers:
    """Speakers differ in how often they are sensitive, and equally in how often they pass."""
    rate = random.uniform(0.1, 0.9, count)
    return Speakers(rate, _two_bins(rate, rate))


def frequency_minority(random: np.random.Generator, count: int) -> Speakers:
    """A tenth are nearly always sensitive and always in the high bin; the others seldom."""
    unusual = random.random(count) < 0.1
    high = np.where(unusual, 1.0, 0.02)
    return Speakers(np.where(unusual, 0.95, 0.4), _two_bins(high, high))


def varied(random: np.random.Generator, count: int) -> Speakers:
    """Very different speakers, and a difference of .15 between genders."""
    rate = _halves(count)
    high = np.where(rate == 1, random.beta(1.1, 0.9, count), random.beta(0.8, 1.2, count))
    return Speakers(rate, _two_bins(high, high))


def varied_within(random: np.random.Generator, count: int) -> Speakers:
    """Very different speakers, and a difference of .1 between the values of each."""
    low = random.uniform(0, 0.9, count)
    return Speakers(np.full(count, 0.6), _two_bins(low, low + 0.1))


def three_bins(random: np.random.Generator, count: int) -> Speakers:
    """Three bins, different speakers, and a difference of .2 between genders."""
    rate = _halves(count)
    men, women = random.dirichlet([1, 1.5, 2.5], count), random.dirichlet([2, 1.25, 1.75], count)
    bins = np.where(rate[:, None] == 1, men, women)
    return Speakers(rate, np.stack([bins, bins], axis=1))


def three_bins_minority(random: np.random.Generator, count: int) -> Speakers:
    """The sensitive utterances of a tenth fall in the third of three bins, all else seldom."""
    usual = np.array([0.9, 0.08, 0.02])
    unusual = np.where((random.random(count) < 0.1)[:, None], [0.0, 0.0, 1.0], usual)
    bins = np.stack([np.broadcast_to(usual, unusual.shape), unusual], axis=1)
    return Speakers(np.full(count, 0.5), bins)


POPULATIONS: Final[dict[str, Population]] = {
    population.__name__: population
    for population in (
        minority,
        minorities,
        fifth,
        minority_within,
        opposites_within,
        frequency,
        frequency_minority,
        varied,
        varied_within,
        three_bins,
        three_bins_minority,
    )
}


@dataclass(frozen=True)
class Mixed:
    """Unusual and usual speakers: their probabilities of value 1 and of the high bin."""

    unusual: float
    """The share of unusual speakers."""
    rates: tuple[float, float]
    highs: tuple[float, float]

    def __call__(self, random: np.random.Generator, count: int) -> Speakers:
        kind = np.where(random.random(count) < self.unusual, 0, 1)
        high = np.take(self.highs, kind)
        return Speakers(np.take(self.rates, kind), _two_bins(high, high))


def grid() -> dict[str, Population]:
    """The populations of `--grid` with a total variation of .01 or more."""
    shares, rates, highs = (0.03, 0.05, 0.1, 0.2), (0.95, 0.05, 0.5), (1.0, 0.0)
    populations = [
        Mixed(share, (rate, usual), (high, low))
        for share, rate, usual, high, low in product(
            shares, rates, (0.1, 0.4, 0.9), highs, (0.02, 0.5)
        )
    ]
    return {str(population): population for population in populations if truth(population) >= 0.01}


def truth(population: Population) -> float:
    """The total variation for one utterance of a random speaker, from many speakers."""
    rate, bins = population(np.random.default_rng(1), 400_000)
    means = [
        (weight[:, None] * bins[:, value]).mean(axis=0) / weight.mean()
        for value, weight in enumerate((1 - rate, rate))
    ]
    return float(np.abs(means[1] - means[0]).sum() / 2)


def sample(population: Population, count: int, random: np.random.Generator) -> Matrix:
    """The shares of one corpus, `(speakers, 2, bins)` (`sordino.metrics.bound.shares_of`)."""
    rate, bins = population(random, count)
    speaker = np.repeat(np.arange(count), UTTERANCES)
    secret: Codes = (random.random(len(speaker)) < rate[speaker]).astype(np.intp)
    edges = bins[speaker, secret].cumsum(axis=1)[:, :-1]
    codes = (random.random((len(speaker), 1)) > edges).sum(axis=1)
    return shares_of(codes, secret, speaker, bins.shape[2])


def t_limit(shares: Matrix) -> float:
    """The earlier limit: one subset in m at a level of .05 / m, t distributed."""
    weight = shares.sum(axis=2)
    present = weight > 0
    high = shares / np.maximum(weight, 1e-12)[:, :, None]
    bins, limits = shares.shape[2], []
    level = 1 - LIMIT_LEVEL / (2 * (2 ** (bins - 1) - 1))
    for code in range(1, 2 ** (bins - 1)):
        f = high[:, :, code >> np.arange(bins) & 1 == 1].sum(axis=2)
        if (present.sum(axis=1) > 1).any():
            both = present.all(axis=1)
            groups, d = [(f[:, 1] - f[:, 0])[both]], float((f[:, 1] - f[:, 0])[both].mean())
        else:
            groups = [f[present[:, value], value] for value in (1, 0)]
            d = float(groups[0].mean() - groups[1].mean())
        parts = np.array([group.var(ddof=1) / len(group) for group in groups])
        sizes = np.array([len(group) for group in groups])
        equal = sizes[parts < 1e-24]
        margin = 1 - (1 - level) ** (1 / equal.min()) if len(equal) else 0.0
        if parts.sum() >= 1e-24:
            freedom = parts.sum() ** 2 / (parts**2 / (sizes - 1)).sum()
            margin += float(stats.t.ppf(level, freedom) * parts.sum() ** 0.5)
        limits.append(abs(d) + margin)
    return float(max(limits))


def row(name: str, population: Population, count: int, simulations: int) -> dict[str, Any]:
    """The share of misses and the mean of both limits, for one population and number."""
    random, exact = np.random.default_rng(count), truth(population)
    limits = []
    for _ in range(simulations):
        shares = sample(population, count, random)
        limits.append((upper_limit(shares, draws=DRAWS), t_limit(shares)))
    # the truth has a standard error of .0005
    missed, mean = (np.array(limits) < exact - 1e-3).mean(axis=0), np.mean(limits, axis=0)
    names = ("missed", "missed_t", "limit", "limit_t")
    figures = dict(zip(names, [*missed.tolist(), *mean.tolist()], strict=True))
    return {"population": name, "speakers": count, "truth": exact, **figures}


def main() -> None:
    """Print one row per population and number of speakers; exit 1 if the limit misses too often."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--simulations", type=int, default=40, help="corpora for each row")
    parser.add_argument("--grid", action="store_true", help="populations with a minority")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()
    table = pd.DataFrame(
        [
            row(name, population, count, arguments.simulations)
            for name, population in (grid() if arguments.grid else POPULATIONS).items()
            for count in COUNTS
        ]
    )
    print(table.round(3).to_string(index=False))
    error = (LIMIT_LEVEL * (1 - LIMIT_LEVEL) / arguments.simulations) ** 0.5
    allowed = LIMIT_LEVEL + 3 * error
    print(f"allowed: {allowed:.3f}; largest share of misses: {table['missed'].max():.3f}")
    if arguments.json:
        records = {"allowed": allowed, "rows": table.to_dict("records")}
        arguments.json.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    sys.exit(int(table["missed"].max() > allowed))


if __name__ == "__main__":
    main()
