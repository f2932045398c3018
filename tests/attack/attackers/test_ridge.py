"""Shared factors of least squares give the scores of one equation for each labelling."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.attack.attackers.kernels import scores
from sordino.attack.attackers.ridge import LabelCodes, linear_ridge_scores, ridge_scores
from sordino.attack.attackers.ties import copies, distinct
from sordino.attack.splits import crossfit
from sordino.types import Matrix, Rows

RIDGES = (0.1, 1e-6)


def table(dimensions: int = 7) -> tuple[Matrix, Matrix, Rows]:
    """Vectors of 12 speakers, 40 labellings of them, and the speakers."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), random.integers(2, 6, 12))
    labels = random.integers(0, 2, (12, 40))[speaker].astype(np.float64)
    return random.normal(size=(len(speaker), dimensions)), labels, speaker


def by_definition(gram: Matrix, labels: Matrix, fold: Rows, ridge: float) -> Matrix:
    """s_b = K_ba (K_aa + ρ n k̄ I)⁻¹ (y_a - mean y_a), with a general inverse."""
    expected = np.empty(labels.shape)
    for code in np.unique(fold):
        a, b = np.flatnonzero(fold != code), np.flatnonzero(fold == code)
        size = ridge * len(a) * np.diag(gram).mean()
        inverse = np.linalg.inv(gram[np.ix_(a, a)] + size * np.eye(len(a)))
        expected[b] = gram[np.ix_(b, a)] @ inverse @ (labels[a] - labels[a].mean(axis=0))
    return expected


def test_scores_of_many_labellings_are_those_of_the_equation() -> None:
    x, labels, speaker = table()
    fold = speaker % 3
    gram = (1 + x @ x.T) ** 2
    values = ridge_scores([gram], labels, crossfit(fold), RIDGES)
    for ridge, (actual,) in zip(RIDGES, values, strict=True):
        np.testing.assert_allclose(actual, by_definition(gram, labels, fold, ridge), atol=1e-7)


@pytest.mark.parametrize("dimensions", [7, 60])
def test_linear_scores_are_those_of_the_linear_kernel(dimensions: int) -> None:
    x, labels, speaker = table(dimensions)
    plan = crossfit(speaker % 3)
    expected = ridge_scores([x @ x.T / dimensions, -x @ x.T / dimensions], labels, plan, RIDGES)
    actual = linear_ridge_scores([x, -x], labels, plan, RIDGES, distinct(copies(x)))
    np.testing.assert_allclose(actual, expected, atol=1e-9)


def test_equal_rows_are_solved_as_one() -> None:
    x, labels, speaker = table()
    fold = speaker % 3
    x = np.round(x[:, :2]) @ np.ones((2, 5))
    rows = distinct(copies(x))
    assert len(rows.first) < len(x) / 2
    gram = (1 + x @ x.T) ** 2
    few = gram[np.ix_(rows.first, rows.first)]
    values = ridge_scores([few], labels, crossfit(fold), RIDGES, distinct=rows)
    for ridge, (actual,) in zip(RIDGES, values, strict=True):
        np.testing.assert_allclose(actual, by_definition(gram, labels, fold, ridge), atol=1e-6)


def test_labels_are_the_product_of_their_factors() -> None:
    _, labels, speaker = table()
    train = np.flatnonzero(speaker > 3)
    factors = LabelCodes(labels).centred(train)
    assert factors.basis.shape == (len(train), 8)
    assert factors.mixture is not None
    centred = labels[train] - labels[train].mean(axis=0)
    np.testing.assert_allclose(factors.basis @ factors.mixture, centred, atol=1e-12)


def test_other_vectors_are_scored_as_a_new_split_would() -> None:
    x, labels, speaker = table()
    plan = crossfit(speaker % 3)
    attackers = list(scores(x, labels, plan, others=x))
    transferred = [attacker for attacker in attackers if attacker.transferred is not None]
    families = {attacker.family for attacker in transferred}
    assert families == {"linear", "quadratic", "cubic"}
    for attacker in transferred:
        assert attacker.transferred is not None
        np.testing.assert_allclose(attacker.transferred, attacker.values, atol=1e-9)
