"""Tests of the difference of two models: paired t-tests over folds, and their adjustment for
multiple testing.

Jaiswal and Mower Provost (2020, section 5) compare models by a paired t-test over folds and adjust
by Benjamini and Hochberg. Folds and seeds share training data, so their differences are correlated
and that test rejects too often: in a simulation with two equally good models, three seeds of five
folds, it rejects 31 % of the time at 5 %. The corrected resampled t-test (Nadeau and Bengio 2003)
then rejects 3 %, but also has less power. Report both.

    d_i = a_i - b_i, i = 1..k                  mean m, variance s² (k - 1)
    paired      t = m / √(s² / k)
    corrected   t = m / √(s² (1 / k + ρ / (1 - ρ)))
                ρ: share of test rows, so ρ / (1 - ρ) = test rows / training rows
    both        k - 1 degrees of freedom, two-sided
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr
from scipy.stats import false_discovery_control

from sordino.errors import SordinoError


@dataclass(frozen=True)
class TTest:
    """The mean difference of two models, its t statistic, the two-sided p and the standard error of
    the difference; NaN if undefined.
    """

    difference: float
    t: float
    df: int
    p: float
    error: float


@dataclass(frozen=True)
class Adjusted:
    """Adjusted p-values, and whether each is below the level; both (n,)."""

    p: NDArray[np.float64]
    significant: NDArray[np.bool_]


def paired_t(a: ArrayLike, b: ArrayLike) -> TTest:
    """Student's t-test of paired values, as in the paper: it rejects too often if folds share
    training data.

    `a` and `b` (k,) are the metric of two models on the same folds (and seeds), in any unit. If all
    differences are equal, t is infinite and p = 0, or p = 1 if they are 0. NaN with fewer than two
    pairs.

    >>> test = paired_t([0.7, 0.6, 0.8], [0.6, 0.4, 0.5])
    >>> round(test.difference, 3), round(test.t, 3), test.df, round(test.p, 4)
    (0.2, 3.464, 2, 0.0742)
    """
    return _t_test(a, b, 0.0)


def corrected_resampled_t(a: ArrayLike, b: ArrayLike, test_share: float) -> TTest:
    """The same with a variance for shared training data (Nadeau and Bengio 2003).

    `test_share` is ρ, the share of test rows among test and training rows, in (0, 1): with three
    folds for training, one for early stopping and one for the test it is 1/4. A larger share makes
    fewer differences significant. The correction is for random splits; for one round of disjoint
    test folds it is conservative.

    >>> test = corrected_resampled_t([0.7, 0.6, 0.8], [0.6, 0.4, 0.5], test_share=0.25)
    >>> round(test.t, 3), round(test.p, 4)
    (2.449, 0.134)
    """
    if not 0 < test_share < 1:
        raise SordinoError(
            f"test_share {test_share} came, expected between 0 and 1: tested / (tested + trained) "
            "rows"
        )
    return _t_test(a, b, test_share / (1 - test_share))


def benjamini_hochberg(
    p: Sequence[float] | NDArray[np.floating[Any]], alpha: float = 0.05
) -> Adjusted:
    """p-values adjusted for multiple testing, with a false discovery rate of `alpha`.

    Benjamini and Hochberg 1995: the smallest over j >= i of p_(j) · n / j, for independent or
    positively dependent tests. `p` (n,) in [0, 1]. A p of NaN (an undefined test) stays NaN, is not
    significant and is not counted.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).p.round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or ((values < 0) | (values > 1)).any():
        raise SordinoError(
            f"p-values of shape {values.shape} came, expected (n,) in [0, 1]: pass p, not t"
        )
    if not 0 < alpha < 1:
        raise SordinoError(f"alpha {alpha} came, expected between 0 and 1: 0.05 is usual")
    adjusted, defined = values.copy(), ~np.isnan(values)
    if defined.any():
        adjusted[defined] = false_discovery_control(values[defined], method="bh")
    return Adjusted(adjusted, adjusted < alpha)


def _t_test(a: ArrayLike, b: ArrayLike, shared: float) -> TTest:
    """The paired t-test with `shared` added to 1 / k."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise SordinoError(
            f"shapes {first.shape} and {second.shape} came, expected twice (k,): pair the folds"
        )
    differences = first - second
    if not np.isfinite(differences).all():
        raise SordinoError(
            "a value that is not finite came, expected one of each model a fold: leave that fold "
            "out"
        )
    k = len(differences)
    mean = float(differences.mean()) if k else float("nan")
    if k < 2:
        return TTest(mean, float("nan"), k - 1, float("nan"), float("nan"))
    error = float(np.sqrt(differences.var(ddof=1) * (1 / k + shared)))
    t = float(np.copysign(np.inf, mean)) if mean else 0.0  # all folds are equal
    if error > 0:
        t = mean / error
    return TTest(mean, t, k - 1, float(2 * stdtr(k - 1, -abs(t))), error)
