"""Kernel least squares with scores that are linear in the labels: see `kernels`.

    s_b = K_ba (K_aa + ρ n k̄ I)⁻¹ (y_a - mean y_a)

Labels that are constant within speakers are combinations of the indicators S of speakers, also when
they are shuffled over speakers: y_a - mean y_a = S T. So the equation is solved for the columns of
S, which are fewer than those of y. For the linear kernel K = Z Z' and few dimensions the inverse is
that of a matrix of dimensions, not of rows: Z_b (Z_a' Z_a + ρ n k̄ I)⁻¹ Z_a' S T.

Kernels and vectors lie on a device (`arrays`); labels and scores are in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sordino.attack.attackers import arrays, ties
from sordino.attack.attackers.arrays import Array
from sordino.attack.attackers.ties import Distinct
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix, Rows


@dataclass(frozen=True)
class Labels:
    """Labels of the training rows of one split, as a product `basis @ mixture`."""

    basis: Matrix
    """`(training rows, any)`."""
    mixture: Matrix | None
    """`(any, columns)`; `None` for the identity."""

    def scores(self, rows: Array, solution: Array) -> Matrix:
        """The scores `rows @ solution @ mixture`; `solution` is that of the basis. See
        `ties.zero_rounding`.
        """
        values, size = rows @ solution, abs(solution)
        if self.mixture is None:
            return arrays.to_numpy(ties.zero_rounding(values, rows, size.mean(axis=1)))
        mixture = arrays.like(self.mixture, values)
        weights = size @ abs(mixture).mean(axis=1)
        return arrays.to_numpy(ties.zero_rounding(values @ mixture, rows, weights))


class LabelCodes:
    """Equal rows of labels `(n, columns)`, found once for all splits."""

    def __init__(self, labels: Matrix) -> None:
        self.labels = labels
        self.codes = ties.copies(labels) if labels.shape[1] > 1 else None

    def centred(self, train: Rows) -> Labels:
        """The labels of the training rows minus their mean."""
        labels = self.labels[train] - self.labels[train].mean(axis=0)
        if self.codes is None:
            return Labels(labels, None)
        _, first, code = np.unique(self.codes[train], return_index=True, return_inverse=True)
        if len(first) >= labels.shape[1]:
            return Labels(labels, None)
        return Labels((code[:, None] == np.arange(len(first))).astype(np.float64), labels[first])


def ridge_scores(
    kernels: Sequence[Array],
    labels: Matrix,
    plan: SplitPlan,
    ridges: Sequence[float],
    weight: Matrix | None = None,
    level: float | None = None,
    distinct: Distinct | None = None,
) -> Matrix:
    """Scores of attackers on the rows of the first kernel, with each ridge, `(ridges, kernels, n,
    columns)`.

    The first kernel is of all rows with themselves, or of `distinct` ones with themselves; a
    further one of other rows with these. With `weight` `(n,)` kernels are centred at the training
    rows of each split; `level` is their mean diagonal.
    """
    scores = np.full((len(ridges), len(kernels), *labels.shape), np.nan)
    code = np.arange(len(labels)) if distinct is None else distinct.code
    if level is None:
        level = float(np.mean(arrays.to_numpy(kernels[0].diagonal())[code[plan.train_rows]]))
    level, codes = level or 1.0, LabelCodes(labels)
    for train, test in plan.splits:
        split_labels = codes.centred(train)
        rows, inverse, count = np.unique(code[train], return_inverse=True, return_counts=True)
        right = split_labels.basis
        if len(rows) < len(train):
            right = np.stack([np.bincount(inverse, column) for column in right.T], 1)
            right /= count[:, None]
        else:
            rows = code[train]
        gram = kernels[0][np.ix_(rows, rows)]
        test_grams = [kernels[0][np.ix_(code[test], rows)]]
        test_grams += [kernel[np.ix_(test, rows)] for kernel in kernels[1:]]
        if weight is not None:
            near, far = (arrays.like(weight[part], gram) for part in (train, test))
            test_grams = [centre(gram, near, far, products) for products in test_grams]
            gram = centre(gram, near, near)
        right = arrays.like(right, gram)
        for i, ridge in enumerate(ridges):
            solution = solve_ridge(gram, ridge * len(train) * level / count, right)
            for j, products in enumerate(test_grams):
                scores[i, j, test] = split_labels.scores(products, solution)
    return scores


def linear_ridge_scores(
    vectors: Sequence[Array],
    labels: Matrix,
    plan: SplitPlan,
    ridges: Sequence[float],
    distinct: Distinct,
) -> Matrix:
    """`ridge_scores` of the kernel z·z' / d, from the vectors `(n, d)` themselves.

    The first vectors train, and have these `distinct` rows; further ones are others on the same
    scale.
    """
    z, dimensions = vectors[0], vectors[0].shape[1]
    size = min(len(distinct.first), *(len(split.train) for split in plan.splits))
    if not 0 < dimensions < size:
        trained = z[distinct.first]
        grams = [rows @ trained.T / max(dimensions, 1) for rows in (trained, *vectors[1:])]
        return ridge_scores(grams, labels, plan, ridges, distinct=distinct)
    scores = np.full((len(ridges), len(vectors), *labels.shape), np.nan)
    level = float((z[plan.train_rows] ** 2).mean()) if len(z) else 0.0
    level, codes = level or 1.0, LabelCodes(labels)
    for train, test in plan.splits:
        split_labels, rows = codes.centred(train), z[train]
        basis = arrays.like(split_labels.basis, rows)
        moments, right = rows.T @ rows / dimensions, rows.T @ basis / dimensions
        for i, ridge in enumerate(ridges):
            solution = solve_ridge(moments, ridge * len(train) * level, right)
            for j, others in enumerate(vectors):
                scores[i, j, test] = split_labels.scores(others[test], solution)
    return scores


def solve_ridge(gram: Array, ridge: Matrix | float, right: Array) -> Array:
    """(gram + ridge I)⁻¹ right; a ridge that is lost to rounding error is increased. `ridge` may
    be one number for each row.
    """
    for factor in (1, 1e3, 1e6):
        solution = arrays.solve_positive(gram, ridge * factor, right)
        if solution is not None:
            return solution
    return arrays.library(right).zeros_like(right)  # no solution: all scores are 0


def centre(train: Array, weight: Array, test_weight: Array, test: Array | None = None) -> Array:
    """Inner products of training units with one another, or of test units with them, from the
    weighted mean of the training units; units of weight 0 are at this mean.
    """
    share = weight / max(weight.sum(), 1.0)
    rows, mean = (train if test is None else test), share @ train
    centred = rows - (rows @ share)[:, None] - mean + mean @ share
    return centred * test_weight[:, None] * weight
