"""What attackers get where there is nothing to get: the same attack on shuffles of the secret over
speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sordino import metrics
from sordino.attack.attackers.kernels import Scores
from sordino.attack.pooling import patient
from sordino.attack.secret import Secret
from sordino.attack.selection import guess
from sordino.attack.splits import Plan
from sordino.types import Matrix


@dataclass(frozen=True)
class Null:
    """UARs of an attack where there is nothing to learn: one of each shuffle of the secret over
    speakers.
    """

    uar: tuple[float, ...]

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The range in which one more UAR would lie with this probability: what lies inside it
        means nothing.

        (1 + confidence) / (1 - confidence) shuffles are the least that tell it, 39 for 0.95 and 19
        for 0.9: the limits are their smallest and largest UAR. Fewer give these too.

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
        """The share of UARs at least as high, the found one counted as one of them (Phipson and
        Smyth 2010).

        >>> Null((0.3, 0.4, 0.5)).p_value(0.9)
        0.25
        """
        return (1 + sum(one >= uar for one in self.uar)) / (1 + len(self.uar))

    @staticmethod
    def mean(nulls: Sequence[Null]) -> Null:
        """The null of a mean over folds, from the null of each with as many shuffles.

        >>> Null.mean([Null((0.25, 0.5)), Null((0.75, 0.5))])
        Null(uar=(0.5, 0.5))
        """
        return Null(tuple(np.mean([one.uar for one in nulls], axis=0).tolist()))


def nulls(
    secret: Secret, shuffled: Matrix, plan: Plan, heard: Sequence[Scores], ks: Sequence[int] = (1,)
) -> dict[int, Null]:
    """The `Null` of the best attacker's guesses, for each k of `ks`; the best is chosen anew on
    every shuffle.

    `shuffled` `(n, 1 + shuffles)` has the secret first, `heard` are scores of all its columns. Few
    speakers have few shuffles, some of them near the truth: a real leak widens its own null.
    """
    columns = shuffled.shape[1]
    found: dict[int, list[float]] = {k: [] for k in ks}
    for column in range(1, columns):
        of = replace(secret, values=shuffled[:, column])
        said = [one.of(column, columns) for one in heard if one.tested]
        table = guess(of, plan, said)
        for k in ks:
            pooled = table[table["best"]] if k == 1 else patient(table[table["best"]], k, column)
            found[k].append(
                metrics.uar(pooled["truth"].to_numpy(), pooled["prediction"].to_numpy())
            )
    return {k: Null(tuple(uars)) for k, uars in found.items()}
