"""Bounds on every attacker with one released bin: total variation, and its upper limit over
speakers.

The attacker has one vector of a random speaker. For a speaker u let X_u(s, b) be the share of the
speaker's utterances with value s of the secret and bin b, and W_u(s) = Σ_b X_u(s, b). The shares of
the bins for the two values are

    p_b = E_u[X_u(1, b)] / E_u[W_u(1)]        q_b = E_u[X_u(0, b)] / E_u[W_u(0)]
    TV  = ½ Σ |p_b − q_b| = max over bin subsets A of p(A) − q(A)

So a difference within speakers counts, and so does one between speakers: of those with value 1 more
often and of those with value 0. By the data-processing inequality every attacker with data that
depend on the bin alone has

    advantage <= TV
    UAR <= ½ + TV / 2
    AUC <= ½ + ½ Σ_{i<j} |pᵢ qⱼ − pⱼ qᵢ| <= ½ + TV − TV² / 2

and for two bins AUC <= ½ + TV / 2. The limit is a confidence limit over speakers
(`sordino.metrics.speaker_limit`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import SordinoError
from sordino.metrics.speaker_limit import upper_limit
from sordino.metrics.utility import same_length
from sordino.types import Matrix

SPEAKERS_PER_LIMIT: Final = 8
"""Speakers that a limit needs; of a secret within speakers, those with both values."""

SPEAKERS_PER_GROUP: Final = 2
"""Speakers with each value of a secret that a limit needs."""

NO_BOUND: Final = "no bound, because it varies within some speakers, but not within most"


@dataclass(frozen=True)
class Bound:
    """The estimated total variation for one secret, and its upper limit at 95 %; NaN with too few
    speakers. Both are NaN for a secret that varies within some speakers, but not within most.
    """

    tv: float
    high: float
    bins: int
    auc: float
    """The bound on the AUC from the estimated shares."""
    speakers: int
    """The speakers that the limit needs eight of: those with both values of a secret that varies
    within speakers, or all.
    """

    @property
    def absence(self) -> str:
        """Why there is no bound, in words; empty where there is one.

        >>> Bound(0.1, 0.2, 2, 0.55, 20).absence
        ''
        """
        return "" if np.isfinite(self.tv) else NO_BOUND

    @property
    def auc_high(self) -> float:
        """The bound on the AUC at the upper limit."""
        return 0.5 + self.high / 2 if self.bins == 2 else 0.5 + self.high - self.high**2 / 2

    @property
    def uar(self) -> float:
        """The estimated bound on the unweighted average recall."""
        return 0.5 + self.tv / 2

    @property
    def uar_high(self) -> float:
        """The bound on the unweighted average recall at the upper limit."""
        return 0.5 + self.high / 2

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

    All speakers count equally. The limit is valid only if the bins of each speaker come from a
    procedure that was fitted on other speakers. It is NaN for fewer than eight `speakers`, and for
    a value that fewer than two speakers have.

    Raises `SordinoError` for a secret without both values, for a secret that varies within some
    speakers and is constant within most, and for a bin outside 0 to `count` - 1.
    """
    same_length(bins=bins, secret=secret, speaker=np.asarray(speaker))
    if set(np.unique(secret).tolist()) != {0, 1}:
        raise SordinoError("a secret without both values, expected 0 and 1: leave other rows out")
    if bins.min() < 0 or bins.max() >= count:
        raise SordinoError(f"a bin of {bins.max()}, expected 0 to {count - 1}: count the bins anew")
    shares = shares_of(bins, secret, speaker, count)
    p, q = (shares[:, value].sum(axis=0) / shares[:, value].sum() for value in (1, 0))
    cross = sum(abs(p[i] * q[j] - p[j] * q[i]) for i, j in combinations(range(count), 2))
    speakers, enough = _compared(shares)
    high = upper_limit(shares) if enough else float("nan")
    return Bound(float(np.abs(p - q).sum() / 2), high, count, float(0.5 + cross / 2), speakers)


def _compared(shares: Matrix) -> tuple[int, bool]:
    """The speakers with both values, or all if none has; and whether they suffice for a limit.

    Raises `SordinoError` if some speakers have both values, but not more than half of them.
    """
    present = shares.sum(axis=2) > 0
    both = int(present.all(axis=1).sum())
    if 0 < 2 * both <= len(present):
        raise SordinoError(
            f"a secret that varies within {both} and is constant within {len(present) - both} "
            "speakers, expected it to vary within none or more than half: correct the "
            "labels, or leave speakers with one value out"
        )
    speakers = both or len(present)
    return speakers, speakers >= SPEAKERS_PER_LIMIT and min(
        present.sum(axis=0)
    ) >= SPEAKERS_PER_GROUP


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
    shares = shares_of(bins, np.zeros(len(bins), np.intp), speaker, count)[:, 0]
    return float(shares.max(axis=0).sum() / len(shares))


def shares_of(
    bins: NDArray[np.integer[Any]],
    secret: NDArray[np.integer[Any]],
    speaker: NDArray[Any],
    count: int,
) -> Matrix:
    """The share of each speaker's rows with each value and bin, `(speakers, 2, count)`; the sum is
    1 for each speaker.
    """
    codes = np.unique(speaker, return_inverse=True)[1]
    counts = np.zeros((codes.max() + 1, 2, count))
    np.add.at(counts, (codes, secret, bins), 1)
    shares: Matrix = counts / counts.sum(axis=(1, 2), keepdims=True)
    return shares
