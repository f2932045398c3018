"""The null distribution: the same attack on shuffles of the secret over speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sordino import metrics
from sordino.attack.attackers.kernels import Scores
from sordino.attack.pooling import pool_scores
from sordino.attack.secret import Secret
from sordino.attack.selection import predict
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix


@dataclass(frozen=True)
class Null:
    """UARs of an attack under the null hypothesis, one per shuffle of the secret over speakers."""

    uar: tuple[float, ...]

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The range that contains one more UAR of the null with this probability.

        This needs (1 + confidence) / (1 - confidence) shuffles or more: 39 for 0.95 and 19 for 0.9.
        The limits are then their smallest and largest UAR. With fewer shuffles they are these too.

        >>> Null((0.0, 0.25, 0.5, 0.75, 1.0)).limits(0.5)
        (0.125, 0.875)
        """
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.uar, [tail, 1 - tail], method="weibull")
        return float(low), float(high)

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

        >>> Null.mean([Null((0.25, 0.5)), Null((0.75, 0.5))])
        Null(uar=(0.5, 0.5))
        """
        return Null(tuple(np.mean([null.uar for null in nulls], axis=0).tolist()))


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
    widens its own null.
    """
    columns = shuffled.shape[1]
    values: dict[int, list[float]] = {k: [] for k in ks}
    for column in range(1, columns):
        shuffle = replace(secret, values=shuffled[:, column])
        scores = [attacker.column(column, columns) for attacker in attackers if attacker.tested]
        table = predict(shuffle, plan, scores)
        best = table[table["best"]]
        for k in ks:
            pooled = best if k == 1 else pool_scores(best, k, column)
            uar = metrics.uar(pooled["truth"].to_numpy(), pooled["prediction"].to_numpy())
            values[k].append(uar)
    return {k: Null(tuple(uars)) for k, uars in values.items()}
