"""The null distribution: the same attack on shuffles of the secret over speakers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sordino import metrics
from sordino.attack.attackers.kernels import Scores
from sordino.attack.attackers.ties import merge_rounding
from sordino.attack.pooling import groups
from sordino.attack.secret import Secret
from sordino.attack.selection import predict_rows
from sordino.attack.selection import truth as truth_of
from sordino.attack.significance.permutation_test import areas
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix, Rows


@dataclass(frozen=True)
class Null:
    """Figures of an attack under the null hypothesis, one per shuffle of the secret over
    speakers.
    """

    uar: tuple[float, ...]
    auc: tuple[float, ...] = ()
    """NaN for a secret of more than two classes."""

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The range that contains one more UAR of the null with this probability (`null_range`)."""
        return null_range(self.uar, confidence)

    def privacy_limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The same range of P = 1 - UAR."""
        low, high = self.limits(confidence)
        return 1 - high, 1 - low

    def p_value(self, uar: float) -> float:
        """The share of UARs at least as high as `uar`, which itself counts as one of them (Phipson
        and Smyth 2010).

        >>> Null((0.3, 0.4, 0.5)).p_value(0.9)
        0.25
        """
        return (1 + sum(value >= uar for value in self.uar)) / (1 + len(self.uar))

    @staticmethod
    def mean(nulls: Sequence[Null]) -> Null:
        """The null of a mean over folds, from the null of each fold with the same number of
        shuffles.

        >>> Null.mean([Null((0.25, 0.5)), Null((0.75, 0.5))]).uar
        (0.5, 0.5)
        """
        uar, auc = (
            np.mean([getattr(null, name) for null in nulls], axis=0) for name in ("uar", "auc")
        )
        return Null(tuple(uar.tolist()), tuple(auc.tolist()))


def null_range(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The range that contains one more figure of the null with this probability.

    This needs (1 + confidence) / (1 - confidence) shuffles or more: 39 for 0.95 and 19 for 0.9.
    The limits are then their smallest and largest figure. With fewer shuffles they are these too.

    >>> null_range((0.0, 0.25, 0.5, 0.75, 1.0), 0.5)
    (0.125, 0.875)
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def nulls(
    secret: Secret,
    shuffled: Matrix,
    plan: SplitPlan,
    attackers: Sequence[Scores],
    ks: Sequence[int] = (1,),
) -> dict[int, Null]:
    """The `Null` of the best attacker's guesses, for each k of `ks`; the best is selected anew on
    every shuffle.

    `shuffled` `(n, 1 + shuffles)` has the secret first, `attackers` are scores of all its columns.
    Few speakers have few shuffles, and some of these are close to the truth: a real leak then
    widens its own null. Estimators without scores of shuffles are left out.
    """
    if not any(attacker.tested for attacker in attackers):
        return {}
    rows = np.concatenate([plan.splits[split].test for split in plan.measured])
    group_of = {k: groups(secret.speaker[rows], secret.speaker[rows], k) for k in ks if k > 1}
    figures: dict[int, list[tuple[float, float]]] = {k: [] for k in ks}
    for truth, prediction, score in _guesses(secret, shuffled, plan, attackers):
        for k in ks:
            single = (truth, prediction, score)
            figures[k].append(_figures(*(single if k == 1 else _pool(truth, score, group_of[k]))))
    return {k: Null(*map(tuple, zip(*values, strict=True))) for k, values in figures.items()}


def _guesses(
    secret: Secret, shuffled: Matrix, plan: SplitPlan, attackers: Sequence[Scores]
) -> Iterator[tuple[Rows, Rows, Matrix]]:
    """Truth, prediction and score of the measured rows by the best attacker (`selection.predict`),
    for each shuffle; the areas of all shuffles are computed at once.
    """
    tested = [attacker for attacker in attackers if attacker.tested and not attacker.per_speaker]
    columns, best = shuffled.shape[1], {}
    for split in plan.measured:
        rows = plan.selection_rows(split)
        auc = [areas(secret, shuffled[rows], attacker.values[rows]) for attacker in tested]
        best[split] = np.argmax(auc, axis=0)
    for column in range(1, columns):
        shuffle = replace(secret, values=shuffled[:, column])
        parts = []
        for split, attacker in best.items():
            rows, values = plan.splits[split].test, tested[attacker[column]].column(column, columns)
            guess = predict_rows(shuffle, values.values, rows, plan.selection_rows(split))
            score = np.broadcast_to(guess["score"], len(rows))
            parts.append((truth_of(shuffle)[rows], guess["prediction"], score))
        truth, prediction, score = map(np.concatenate, zip(*parts, strict=True))
        yield truth, prediction, score


def _pool(truth: Rows, score: Matrix, group: Rows) -> tuple[Rows, Rows, Matrix]:
    """Truth, prediction and score of each group of rows: the mean of its scores."""
    grouped = group >= 0
    code = group[grouped]
    mean = merge_rounding(np.bincount(code, score[grouped]) / np.bincount(code))
    first = np.unique(code, return_index=True)[1]
    return truth[grouped][first], (mean > 0).astype(np.intp), mean


def _figures(truth: Rows, prediction: Rows, score: Matrix) -> tuple[float, float]:
    """UAR, and AUC; the AUC is NaN for more than two classes."""
    auc = math.nan if np.isnan(score).any() else metrics.auc(truth == 1, score)
    return metrics.uar(truth, prediction), auc
