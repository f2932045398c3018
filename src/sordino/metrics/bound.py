"""Bounds on every attacker with one released bin: total variation, and its upper limit over
speakers.

With p and q the shares of the bins for the two values of a secret, TV = ½ Σ|pᵢ − qᵢ| = max over bin
subsets A of p(A) − q(A). By the data-processing inequality every attacker with data that depend on
the bin alone has

    advantage <= TV
    UAR <= ½ + TV / 2
    AUC <= ½ + ½ Σ_{i<j} |pᵢ qⱼ − pⱼ qᵢ| <= ½ + TV − TV² / 2

and for two bins AUC <= ½ + TV / 2. The limit is a confidence limit over speakers: f_u(A) is the
share of speaker u's utterances in A.

    secret constant within speakers    Welch's t on f_u(A) of the two values
    secret within speakers             one-sample t on f_u(A | 1) − f_u(A | 0)
    limit                              max over A of |d(A)| + t(1 − 0.05 / m) · SE,
                                       m = 2 (2^(K−1) − 1) signed subsets
    all n speakers of a value equal    plus the largest share of a population that a sample of n
                                       may miss
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

LIMIT_LEVEL: Final = 0.05
"""The probability that the limit is below the truth."""

SPEAKERS_PER_GROUP: Final = 2
"""Speakers with each value of a secret that a limit needs."""

EQUAL_SHARES: Final = 1e-12
"""Shares of speakers that differ by no more are equal."""


@dataclass(frozen=True)
class Bound:
    """The estimated total variation for one secret, and its upper limit at 95 %; NaN with too few
    speakers.
    """

    tv: float
    high: float
    bins: int
    auc: float
    """The bound on the AUC from the estimated shares."""
    speakers: int

    @property
    def auc_high(self) -> float:
        """The bound on the AUC at the upper limit."""
        high = min(self.high, 1.0)
        return 0.5 + high / 2 if self.bins == 2 else 0.5 + high - high**2 / 2

    @property
    def uar(self) -> float:
        """The estimated bound on the unweighted average recall."""
        return 0.5 + self.tv / 2

    @property
    def uar_high(self) -> float:
        """The bound on the unweighted average recall at the upper limit."""
        return 0.5 + min(self.high, 1.0) / 2

    def randomised(self, epsilon: float) -> Bound:
        """The bound after randomised response over the bins, which contracts all differences
        equally.
        """
        return self.contracted(contraction(epsilon, self.bins))

    def contracted(self, factor: float) -> Bound:
        """The bound after noise that multiplies total variation by `factor`, 0 to 1.

        For two bins the AUC contracts by the same factor. For more bins it does not, and its bound
        follows from total variation.
        """
        tv = self.tv * factor
        exact = self.bins == 2 or factor == 1
        auc = 0.5 + (self.auc - 0.5) * factor if exact else min(self.auc, 0.5 + tv - tv**2 / 2)
        return Bound(tv, self.high * factor, self.bins, auc, self.speakers)


def contraction(epsilon: float, bins: int) -> float:
    """The contraction of total variation by K-ary randomised response: (e^ε − 1) / (e^ε + K − 1).

    >>> contraction(0.0, 2), round(contraction(np.log(3), 2), 3)
    (0.0, 0.5)
    """
    return float(-np.expm1(-epsilon) / (1 + (bins - 1) * np.exp(-epsilon)))


def joint_contraction(channels: Iterable[tuple[float, int]]) -> float:
    """The joint contraction of total variation by several randomised bins of one utterance: 1 − Π
    (1 − ηᵢ).

    `channels` are epsilon and number of bins of each. With probability 1 − ηᵢ the output for bin i
    is uniform for any bin. With probability Π (1 − ηᵢ) all outputs are, if their random draws are
    independent. Jointly they are (Σ ε)-differentially private.

    >>> round(joint_contraction([(np.log(3), 2), (np.log(3), 2)]), 3)
    0.75
    """
    return 1 - float(np.prod([1 - contraction(epsilon, bins) for epsilon, bins in channels]))


def composition_bound(epsilon: float, count: int) -> float:
    """The bound on total variation for an attacker with `count` utterances, each randomised with ε
    (pure DP).

    (e^{kε} − 1) / (e^{kε} + 1). Without randomised response there is no such bound, because
    utterances of one speaker are independent only given the speaker.

    >>> round(composition_bound(0.1, 20), 3)
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

    The limit is valid only if the bins of each speaker come from a procedure that was fitted on
    other speakers. Raises `SordinoError` for a secret without both values, and for a bin outside 0
    to `count` - 1.
    """
    same_length(bins=bins, secret=secret, speaker=np.asarray(speaker))
    if set(np.unique(secret).tolist()) != {0, 1}:
        raise SordinoError("a secret without both values, expected 0 and 1: leave other rows out")
    if len(bins) and (bins.min() < 0 or bins.max() >= count):
        raise SordinoError(f"a bin of {bins.max()}, expected 0 to {count - 1}: count the bins anew")
    names, codes = np.unique(speaker, return_inverse=True)
    shares, present = _shares(bins, secret, codes, count)
    within = bool((present.sum(axis=1) > 1).any())
    p, q = (_mean_shares(shares, present, value, within) for value in (1, 0))
    limits = [_upper_limit(shares, present, subset, count, within) for subset in _subsets(count)]
    cross = sum(abs(p[i] * q[j] - p[j] * q[i]) for i, j in combinations(range(count), 2))
    return Bound(
        float(np.abs(p - q).sum() / 2), max(limits), count, float(0.5 + cross / 2), len(names)
    )


def identification_bound(
    bins: NDArray[np.integer[Any]], speaker: NDArray[Any], count: int
) -> float:
    """The bound on the unweighted average recall of speaker identification among n speakers from
    one bin.

    Σ_b max_u f_u(b) / n, where f_u(b) is the share of speaker u's rows in bin b: the optimal
    attacker predicts the speaker with the largest share. The bound is at most `count` / n for any
    shares.

    >>> identification_bound(np.array([0, 1, 0, 0]), np.array(["a", "a", "b", "b"]), 2)
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


def _mean_shares(
    shares: NDArray[np.float64], present: NDArray[np.bool_], value: int, within: bool
) -> NDArray[np.float64]:
    """The mean over speakers; for a secret within speakers over those with both values."""
    speakers = present.all(axis=1) if within else present[:, value]
    mean: NDArray[np.float64] = shares[speakers, value].mean(axis=0)
    return mean


def _subsets(count: int) -> Iterator[list[int]]:
    """One of each pair of a subset of bins and its complement, without the empty subset: 2^(K−1) −
    1.
    """
    for size in range(1, count):
        for subset in combinations(range(count), size):
            if count - 1 not in subset:
                yield list(subset)


def _upper_limit(
    shares: NDArray[np.float64],
    present: NDArray[np.bool_],
    subset: list[int],
    count: int,
    within: bool,
) -> float:
    """|d(A)| + t · SE of one subset; NaN if a value has fewer than two speakers."""
    f = shares[:, :, subset].sum(axis=2)
    level = 1 - LIMIT_LEVEL / (2 * (2 ** (count - 1) - 1))
    if within:
        groups = [(f[:, 1] - f[:, 0])[present.all(axis=1)]]
    else:
        groups = [f[present[:, value], value] for value in (1, 0)]
    if min(map(len, groups)) < SPEAKERS_PER_GROUP:
        return float("nan")
    d = groups[0].mean() - (0.0 if within else groups[1].mean())
    variances = [group.var(ddof=1) / len(group) for group in groups]
    error = float(np.sqrt(sum(variances)))
    sizes = [len(group) for group in groups]
    equal = [
        size for size, variance in zip(sizes, variances, strict=True) if variance < EQUAL_SHARES**2
    ]
    margin = _unsampled_share(min(equal), level) if equal else 0.0
    if error < EQUAL_SHARES:
        return float(abs(d) + margin)
    freedom = error**4 / sum(
        variance**2 / (size - 1) for variance, size in zip(variances, sizes, strict=True)
    )
    return float(abs(d) + stats.t.ppf(level, freedom) * error + margin)


def _unsampled_share(speakers: int, level: float) -> float:
    """The largest share of a population that differs from a sample of equal speakers and may be
    absent from it.

    Equal speakers have no variance, which is no evidence on other speakers: a sample of n contains
    none of such a share with probability (1 − share)ⁿ.
    """
    return float(1 - (1 - level) ** (1 / speakers))
