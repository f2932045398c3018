"""Singling out, linkability and rank disclosure: what scores of identity reveal.

The first two are criteria of Opinion 05/2014 of the Article 29 Working Party, as Vauquier et al.
(2025, Interspeech) compute them. Scores are similarities of test utterances to known speakers, from
any attacker.

    linkability    P(the true speaker has the highest score among N speakers)
    singling out   P(a predicate of a known speaker holds for exactly one utterance of N)
    rank bits      log2 N - H(rank of the true speaker): Bäckström et al. (2025)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sordino.errors import SordinoError
from sordino.metrics.utility import same_length
from sordino.types import Rows

SINGLING_OUT_CHANCE: Final = float(np.exp(-1))
"""Singling out by a predicate that holds for each of N utterances with probability 1/N, for a large
N: (1 - 1/N)^(N - 1) is 0.38 for N = 24.
"""


def better_scores(scores: NDArray[np.floating[Any]], speaker: Rows) -> NDArray[np.int64]:
    """The numbers of other speakers that score above the true one, and as high, `(n, 2)`.

    `scores` is `(n, speakers)`, `speaker` `(n,)` the true columns. The first number plus 1 is the
    best rank of the true speaker, their sum plus 1 the worst.

    >>> better_scores(np.array([[0.1, 0.9, 0.1], [0.4, 0.2, 0.3]]), np.array([0, 0])).tolist()
    [[1, 1], [0, 0]]
    """
    same_length(scores=scores[:, 0], speaker=speaker)
    true = scores[np.arange(len(scores)), speaker][:, None]
    return np.stack([np.sum(scores > true, axis=1), np.sum(scores == true, axis=1) - 1], axis=1)


def linkability(better: NDArray[np.int64], speakers: int, candidates: int) -> float:
    """The probability that an attacker links an utterance to its speaker among `candidates`, in [0,
    1]; chance is 1 / `candidates`.

    The candidates are the true speaker and random others of all `speakers`. With m speakers above
    the true one, none of them is drawn with probability

        C(speakers - 1 - m, candidates - 1) / C(speakers - 1, candidates - 1)

    (Vauquier et al. 2025, the estimator "exact" of their package). Equal scores are in random
    order, so that equal vectors link at chance; the package counts them as links. `better` `(n, 2)`
    is that of `better_scores`. NaN without rows. Raises `SordinoError` for a number of candidates
    outside of 1 to `speakers`.

    >>> linkability(np.array([[0, 0], [1, 0]]), speakers=3, candidates=3)
    0.5
    >>> linkability(np.array([[0, 2]]), speakers=3, candidates=2)
    0.5
    """
    if not 1 <= candidates <= speakers:
        raise SordinoError(
            f"{candidates} candidates of {speakers} speakers, expected 1 to {speakers}: choose "
            "another number"
        )
    if not len(better):
        return float("nan")
    drawn, others = candidates - 1, speakers - 1
    behind = others - np.arange(speakers, dtype=np.float64)  # speakers below the true one
    left = np.maximum(behind - drawn, 0)
    terms = gammaln(behind + 1) - gammaln(left + 1) - gammaln(others + 1)
    chances = np.where(behind >= drawn, np.exp(terms + gammaln(others - drawn + 1)), 0.0)
    sums = np.append(0, np.cumsum(chances))
    first, ties = better.T
    return float(np.mean((sums[first + ties + 1] - sums[first]) / (ties + 1)))


def isolated(
    test: NDArray[np.floating[Any]], calibration: NDArray[np.floating[Any]], speaker: Rows
) -> NDArray[np.bool_]:
    """Whether the predicate of each known speaker holds for exactly one test utterance, `(N,)`.

    The mean is *singling out*; chance is `SINGLING_OUT_CHANCE`.

    The predicate of speaker u is a score above a threshold, which lies midway between the c-th and
    the next of all calibration scores, with c the number of calibration utterances of u (Vauquier
    et al. 2025; Cohen and Nissim 2020). So it holds for one in N utterances.

    - `test`: scores of each speaker's predicate on one utterance of each speaker, `(N, N)`.
    - `calibration`: its scores on other utterances of the same speakers, `(N, m)`; `speaker` `(m,)`
      are their codes.

    Raises `SordinoError` for a speaker without calibration utterances or without those of others.

    >>> test = np.array([[0.9, 0.2, 0.1], [0.3, 0.4, 0.35], [0.5, 0.5, 0.6]])
    >>> isolated(test, test, np.arange(3)).tolist()
    [True, True, True]
    >>> isolated(test, test - 0.2, np.arange(3)).tolist()
    [True, False, False]
    """
    same_length(predicate=test[:, 0], utterance=test[0], calibration=calibration[:, 0])
    counts = np.bincount(speaker, minlength=len(test))
    if counts.min() < 1 or counts.max() >= calibration.shape[1]:
        raise SordinoError(
            f"a speaker with {counts.min()} of {calibration.shape[1]} calibration utterances, "
            "expected one or more, and one or more of others: drop the speaker"
        )
    ordered = -np.sort(-calibration, axis=1)
    rows = np.arange(len(test))
    thresholds = (ordered[rows, counts - 1] + ordered[rows, counts]) / 2
    single: NDArray[np.bool_] = np.sum(test > thresholds[:, None], axis=1) == 1
    return single


def rank_bits(better: NDArray[np.int64], speakers: int) -> float:
    """Bits on the identity of a speaker that the rank of the true speaker discloses: log2(speakers)
    minus the entropy of the rank; chance is 0, at most log2(speakers).

    Similarity rank disclosure (Bäckström et al. 2025, from the histogram of ranks). The entropy has
    the correction of Miller (1955) for few utterances, so that a value can be below 0. Equal scores
    share their ranks. `better` `(n, 2)` is that of `better_scores`. NaN without rows.

    >>> better = np.array([[0, 0], [0, 0], [1, 0], [3, 0]])
    >>> round(rank_bits(np.repeat(better, 1000, axis=0), speakers=4), 2)
    0.5
    """
    if not len(better):
        return float("nan")
    first, ties = better.T
    share = np.zeros(speakers + 1)  # steps of the histogram of ranks
    np.add.at(share, first, 1 / (ties + 1))
    np.add.at(share, first + ties + 1, -1 / (ties + 1))
    share = np.cumsum(share)[:speakers] / len(better)
    seen = share[share > 1e-12]
    entropy = -float(np.sum(seen * np.log2(seen)))
    correction = (len(seen) - 1) / (2 * len(better) * np.log(2))
    return float(np.log2(speakers) - entropy - correction)
