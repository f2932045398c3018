"""The upper confidence limit of a total variation over speakers, without normality.

For a speaker u let X_u(s, b) be the share of the speaker's utterances with value s of a secret and
bin b, and W_u(s) = Σ_b X_u(s, b). A subset A of bins separates the values by

    d(A) = E[X_u(1, A)] / E[W_u(1)] − E[X_u(0, A)] / E[W_u(0)]

Random weights D ~ Dirichlet(1, ..., 1) over the n speakers and two further ones replace the
expectations: the first further speaker always has value 1 and falls in A, the second always has
value 0 and never falls in A.

    U(A)     the quantile 1 − α of d(A) over the weights
    limit    max over A of U(A)

- For one mean in [0, 1] this is the bound of Gaffke (2005; Learned-Miller and Thomas 2020). For
  shares of 0 and 1 it is that of Clopper and Pearson (1934).
- For a secret that is constant within speakers, normalised weights of the two groups are
  independent. So U is the melded limit of Fay, Proschan and Brittain (2015), and inverts Fisher's
  exact test for shares of 0 and 1.
- TV = d(A*) for one unknown A*. The limit is below TV only if U(A*) is, which has the probability
  α. So the maximum over subsets needs no correction for their number.

The proof covers shares of 0 and 1. For other shares coverage is a conjecture (Learned-Miller and
Thomas 2020) that `benchmarks/bound_coverage.py` tests.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sordino.types import Matrix

LIMIT_LEVEL: Final = 0.05
"""The probability that the limit is below the truth."""

LIMIT_DRAWS: Final = 10_000
"""Random weights. The level of the limit has a standard error of .002."""

LIMIT_TABLE: Final = 2**27
"""Draws times subsets of bins: with more than 13 bins there are fewer draws, for speed."""

_CHUNK: Final = 128
"""Speakers, or subsets of bins, whose draws are in memory at once."""


def upper_limit(shares: Matrix, level: float = LIMIT_LEVEL, draws: int = LIMIT_DRAWS) -> float:
    """The limit of the total variation between two values of a secret, 0 to 1.

    `shares` `(speakers, 2, bins)` has the share of each speaker's utterances with each value and
    bin, with a sum of 1 for each speaker. The weights are the same in every call, and the order of
    speakers does not matter.
    """
    bins = shares.shape[2]
    difference, first = _difference(shares, min(draws, LIMIT_TABLE // 2**bins))
    codes = np.arange(1, 2**bins - 1)  # without the empty subset and the whole
    limits = []
    for start in range(0, len(codes), _CHUNK):
        subsets = codes[start : start + _CHUNK, None] >> np.arange(bins) & 1
        separation = subsets.astype(np.float64) @ difference + first  # (subsets, draws)
        limits.append(np.quantile(separation, 1 - level, axis=1).max())
    return float(max(limits))


def _difference(shares: Matrix, draws: int) -> tuple[Matrix, Matrix]:
    """p − q under random weights, `(bins, draws)`, and the weight of the further speaker in p,
    `(draws,)`.

    A Dirichlet weight is a gamma variable over the sum of all. Equal speakers share one gamma
    variable.
    """
    random = np.random.default_rng(0)
    rows, counts = np.unique(shares.reshape(len(shares), -1), axis=0, return_counts=True)
    further = random.exponential(size=(2, draws))
    total = np.zeros((rows.shape[1], draws))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        weight = random.gamma(counts[part, None], size=(len(counts[part]), draws))
        total += rows[part].T @ weight
    value_0, value_1 = total.reshape(2, -1, draws)
    sum_1 = value_1.sum(axis=0) + further[1]
    difference: Matrix = value_1 / sum_1 - value_0 / (value_0.sum(axis=0) + further[0])
    return difference, further[1] / sum_1
