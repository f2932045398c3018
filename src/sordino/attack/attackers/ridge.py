"""Kernel least squares with scores that are linear in the labels: see `kernels`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sordino.attack.attackers import ties
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix


def ridge_scores(
    kernels: Sequence[Matrix],
    labels: Matrix,
    plan: SplitPlan,
    ridges: Sequence[float],
    weight: Matrix | None = None,
    level: float | None = None,
) -> Matrix:
    """Scores of attackers on the rows of the first kernel, with each ridge, `(ridges, kernels, n,
    columns)`.

    The first kernel is of all rows with themselves, a further one of other rows with these. With
    `weight` `(n,)` kernels are centred at the training rows of each split; `level` is their mean
    diagonal.
    """
    scores = np.full((len(ridges), len(kernels), *labels.shape), np.nan)
    if level is None:
        level = float(np.mean(np.diag(kernels[0])[plan.train_rows]))
    level = level or 1.0
    for train, test in plan.splits:
        centred = labels[train] - labels[train].mean(axis=0)
        gram = kernels[0][np.ix_(train, train)]
        test_grams = [kernel[np.ix_(test, train)] for kernel in kernels]
        if weight is not None:
            near, far = weight[train], weight[test]
            test_grams = [centre(gram, near, far, rows) for rows in test_grams]
            gram = centre(gram, near, near)
        for i, ridge in enumerate(ridges):
            weights = solve_ridge(gram, ridge * len(train) * level, centred)
            for j, rows in enumerate(test_grams):
                scores[i, j, test] = ties.zero_rounding(rows @ weights, rows, weights)
    return scores


def solve_ridge(gram: Matrix, ridge: float, right: Matrix) -> Matrix:
    """(gram + ridge I)⁻¹ right; a ridge that is lost to rounding error is increased."""
    for factor in (1, 1e3, 1e6):
        regularised = gram.copy()
        regularised[np.diag_indices_from(regularised)] += ridge * factor
        try:
            cholesky = cho_factor(regularised, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            continue
        solution: Matrix = cho_solve(cholesky, right, check_finite=False)
        return solution
    return np.zeros_like(right)  # no solution: all scores are 0


def centre(
    train: Matrix, weight: Matrix, test_weight: Matrix, test: Matrix | None = None
) -> Matrix:
    """Inner products of training units with one another, or of test units with them, from the
    weighted mean of the training units; units of weight 0 are at this mean.
    """
    share = weight / max(weight.sum(), 1.0)
    rows, mean = (train if test is None else test), share @ train
    centred: Matrix = rows - (rows @ share)[:, None] - mean + mean @ share
    return centred * test_weight[:, None] * weight
