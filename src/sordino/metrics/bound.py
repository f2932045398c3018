"""What no attacker can exceed who sees one released bin: total variation, and its upper limit over
speakers.

With p and q the shares of the bins for the two values of a secret, TV = ½ Σ|pᵢ − qᵢ| = max over bin
subsets A of p(A) − q(A). By the data-processing inequality every attacker who sees what depends on
the bin alone has

    advantage <= TV        UAR <= ½ + TV / 2        AUC <= ½ + ½ Σ_{i<j} |pᵢ qⱼ − pⱼ qᵢ| <= ½ + TV − TV² / 2

and for two bins AUC <= ½ + TV / 2. The limit is one over speakers: f_u(A) is the share of speaker
u's utterances in A.

    secret constant within speakers    Welch's t on f_u(A) of either value
    secret within speakers             one-sample t on f_u(A | one) − f_u(A | other)
    limit                              max over A of |d(A)| + t(1 − 0.05 / m) · SE,  m = 2 (2^(K−1) − 1) signed subsets
    all n speakers of a value alike    and the share of a population that so many people may all have missed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sordino.errors import SordinoError
from sordino.metrics.utility import same_length

LEVEL: Final = 0.05
"""How often the limit may lie below the truth."""

ALIKE: Final = 1e-12
"""Speakers whose shares differ by no more are all alike."""


@dataclass(frozen=True)
class Bound:
    """Of one secret: total variation as estimated, and its upper limit at 95 %; NaN where speakers
    are too few.
    """

    tv: float
    high: float
    bins: int
    auc: float
    """The bound on the AUC that the estimated shares give."""
    speakers: int

    @property
    def auc_high(self) -> float:
        """The bound on the AUC at the upper limit."""
        high = min(self.high, 1.0)
        return 0.5 + high / 2 if self.bins == 2 else 0.5 + high - high**2 / 2

    @property
    def uar(self) -> float:
        """The bound on the unweighted average recall, as estimated."""
        return 0.5 + self.tv / 2

    @property
    def uar_high(self) -> float:
        """The same at the upper limit."""
        return 0.5 + min(self.high, 1.0) / 2

    def randomised(self, epsilon: float) -> Bound:
        """After randomised response over the bins, which contracts every difference by one factor."""
        return self.contracted(contraction(epsilon, self.bins))

    def contracted(self, keep: float) -> Bound:
        """After noise that contracts total variation to `keep` of it, 0 to 1.

        For two bins the AUC contracts as it does; for more that is not so, and what total variation
        allows is taken.
        """
        tv = self.tv * keep
        exact = self.bins == 2 or keep == 1
        auc = 0.5 + (self.auc - 0.5) * keep if exact else min(self.auc, 0.5 + tv - tv**2 / 2)
        return Bound(tv, self.high * keep, self.bins, auc, self.speakers)


def contraction(epsilon: float, bins: int) -> float:
    """By how much K-ary randomised response contracts total variation: (e^ε − 1) / (e^ε + K − 1).

    >>> contraction(0.0, 2), round(contraction(np.log(3), 2), 3)
    (0.0, 0.5)
    """
    return float(-np.expm1(-epsilon) / (1 + (bins - 1) * np.exp(-epsilon)))


def contraction_together(channels: Iterable[tuple[float, int]]) -> float:
    """By how much several randomised bins of one utterance contract total variation together: 1 − Π
    (1 − ηᵢ).

    `channels` are epsilon and number of bins of each. With probability 1 − ηᵢ what is said of bin i
    is uniform, whatever the bin; with Π (1 − ηᵢ) all of it is, as long as each has chance of its
    own. Together they are (Σ ε)-differentially private.

    >>> round(contraction_together([(np.log(3), 2), (np.log(3), 2)]), 3)
    0.75
    """
    return 1 - float(np.prod([1 - contraction(epsilon, bins) for epsilon, bins in channels]))


def composed(epsilon: float, count: int) -> float:
    """The total variation that no attacker exceeds who sees `count` utterances, each randomised
    with ε (pure DP).

    (e^{kε} − 1) / (e^{kε} + 1): without randomised response there is no such bound, since
    utterances of one speaker are independent only given the speaker.

    >>> round(composed(0.1, 20), 3)
    0.762
    """
    return float(np.tanh(count * epsilon / 2))


def bound(
    bins: NDArray[np.integer[Any]],
    secret: NDArray[np.integer[Any]],
    speaker: NDArray[Any],
    count: int,
) -> Bound:
    """The bound from the bins of cross-fitted utterances: `bins` `(n,)` codes below `count`,
    `secret` `(n,)` 0 or 1.

    Each speaker was binned by a procedure that never saw them, or the limit means nothing. Raises
    `SordinoError` for a secret without both values, and a bin that is none.
    """
    same_length(bins=bins, secret=secret, speaker=np.asarray(speaker))
    if set(np.unique(secret).tolist()) != {0, 1}:
        raise SordinoError("a secret without both values, expected 0 and 1: leave other rows out")
    if len(bins) and (bins.min() < 0 or bins.max() >= count):
        raise SordinoError(f"a bin of {bins.max()}, expected 0 to {count - 1}: count the bins anew")
    people, codes = np.unique(speaker, return_inverse=True)
    shares, present = _shares(bins, secret, codes, count)
    within = bool((present.sum(axis=1) > 1).any())
    p, q = (_mean(shares, present, value, within) for value in (1, 0))
    limits = [_limit(shares, present, subset, count, within) for subset in _subsets(count)]
    cross = sum(abs(p[i] * q[j] - p[j] * q[i]) for i, j in combinations(range(count), 2))
    return Bound(
        float(np.abs(p - q).sum() / 2), max(limits), count, float(0.5 + cross / 2), len(people)
    )


def identified(bins: NDArray[np.integer[Any]], speaker: NDArray[Any], count: int) -> float:
    """The unweighted average recall that nobody exceeds who tells from one bin which of n speakers
    it is of.

    Σ_b max_u f_u(b) / n, where f_u(b) is the share of speaker u's rows in bin b: who knows all
    shares names the speaker of the largest. It is no more than `count` / n, whatever the shares.

    >>> identified(np.array([0, 1, 0, 0]), np.array(["a", "a", "b", "b"]), 2)
    0.75
    """
    codes = np.unique(speaker, return_inverse=True)[1]
    shares = _shares(bins, np.zeros(len(codes), np.intp), codes, count)[0][:, 0]
    return float(shares.max(axis=0).sum() / len(shares))


def _shares(
    bins: NDArray[np.integer[Any]],
    secret: NDArray[np.integer[Any]],
    codes: NDArray[np.intp],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The share of each speaker's rows of each value in each bin, `(speakers, 2, bins)`, and
    whether there are any.
    """
    counts = np.zeros((codes.max() + 1, 2, count))
    np.add.at(counts, (codes, secret, bins), 1)
    total = counts.sum(axis=2, keepdims=True)
    return counts / np.maximum(total, 1), total[:, :, 0] > 0


def _mean(
    shares: NDArray[np.float64], present: NDArray[np.bool_], value: int, within: bool
) -> NDArray[np.float64]:
    """Speakers count alike; of a secret within speakers only those who have both values."""
    chosen = present.all(axis=1) if within else present[:, value]
    mean: NDArray[np.float64] = shares[chosen, value].mean(axis=0)
    return mean


def _subsets(count: int) -> Iterator[list[int]]:
    """One of every subset of bins and its complement, without the empty one: 2^(K−1) − 1."""
    for size in range(1, count):
        for subset in combinations(range(count), size):
            if count - 1 not in subset:
                yield list(subset)


def _limit(
    shares: NDArray[np.float64],
    present: NDArray[np.bool_],
    subset: list[int],
    count: int,
    within: bool,
) -> float:
    """|d(A)| + t · SE of one subset; NaN where a value has fewer than two speakers."""
    f = shares[:, :, subset].sum(axis=2)
    level = 1 - LEVEL / (2 * (2 ** (count - 1) - 1))
    both = present.all(axis=1)
    groups = (
        [(f[:, 1] - f[:, 0])[both]] if within else [f[present[:, value], value] for value in (1, 0)]
    )
    least = min(map(len, groups))
    if least < 2:
        return float("nan")
    d = groups[0].mean() - (0.0 if within else groups[1].mean())
    parts = [some.var(ddof=1) / len(some) for some in groups]
    error = float(np.sqrt(sum(parts)))
    alike = [len(some) for some, part in zip(groups, parts, strict=True) if part < ALIKE**2]
    unseen = _unseen(min(alike), level) if alike else 0.0
    if error < ALIKE:
        return float(abs(d) + unseen)
    freedom = error**4 / sum(
        part**2 / (len(some) - 1) for part, some in zip(parts, groups, strict=True)
    )
    return float(abs(d) + stats.t.ppf(level, freedom) * error + unseen)


def _unseen(people: int, level: float) -> float:
    """The largest share of a population that may be unlike all of so many people, and be missed by
    chance alone.

    Where people do not differ at all, their spread says nothing of those who were not asked: none
    of n is met with probability (1 − share)ⁿ.
    """
    return float(1 - (1 - level) ** (1 / people))
