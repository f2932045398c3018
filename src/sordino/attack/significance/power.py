"""The power of an audit: the share of planted leaks of known size that its test would report.

`Decision.needed` is the AUC that an attacker must *reach*. The vectors may hold more than any
attacker reaches. So leaks are planted in the audited vectors themselves: the secret is shuffled,
and one random principal component w is shifted by the shuffled secret b,

    w' = w + δ b,    AUC of the best possible attacker on w' alone = Φ(δ / √2)

(of a Gaussian component). Two cheap attackers are scored on w', the screen of components and a
linear attacker on whole speakers. A leak counts as reported if one of them exceeds the critical
value of all attackers. The complete audit has more attackers, so its power for such leaks is at
least about this. Leaks of another kind need more rows or more speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.attack.attackers import kernels, scaling, screens
from sordino.attack.attackers.kernels import Scores
from sordino.attack.secret import Secret
from sordino.attack.significance.permutation_test import attacker_statistics, label_columns
from sordino.attack.splits import crossfit
from sordino.types import Matrix, Rows

PLANTED_AUCS: Final = (0.6, 0.7, 0.8)
"""AUCs of the best possible attacker with one utterance."""

PLANTED_TABLES: Final = 20
"""Planted tables for each AUC."""

SHUFFLES: Final = 39

_GROUP: Final = 10
"""Planted tables of one unit of work."""


def power(
    x: Matrix,
    secret: Secret,
    fold: Rows,
    critical: float,
    seed: int = 0,
    planted: Sequence[float] = PLANTED_AUCS,
    jobs: int = 1,
) -> dict[float, float]:
    """The share of tables with a leak of each planted AUC that the test would report.

    `x` `(n, d)` are the audited vectors, `fold` `(n,)` their folds, and `critical` is that of the
    `Decision`; `jobs` are processes, 0 for one per core. Without a dimension that varies, all
    shares are 0.
    """
    components = _components(x)
    if not components.shape[1]:
        return dict.fromkeys(planted, 0.0)
    random = np.random.default_rng([seed, 2])  # another stream than those of folds and shuffles
    tables = [
        _plant(secret, fold, components.shape[1], auc, random)
        for auc in planted
        for _ in range(PLANTED_TABLES)
    ]
    groups = [tables[start : start + _GROUP] for start in range(0, len(tables), _GROUP)]
    largest = np.concatenate(
        [
            *parallel.map(
                partial(_largest_of_tables, components, fold), groups, jobs=jobs, ordered=True
            )
        ]
    )
    reported = largest.reshape(len(planted), -1) >= critical
    return dict(zip(planted, reported.mean(axis=1).tolist(), strict=True))


@dataclass(frozen=True)
class _PlantedTable:
    """A shuffle of the secret, the component that it shifts, and the shift of each row."""

    secret: Secret
    component: int
    shift: Matrix
    seed: int
    """That of the shuffles of the test."""


def _plant(
    secret: Secret, fold: Rows, components: int, auc: float, random: np.random.Generator
) -> _PlantedTable:
    values = secret.shuffles(fold, 1, int(random.integers(2**31)))[:, 1]
    shuffled, component = replace(secret, values=values), int(random.integers(components))
    shift = _shift(shuffled, auc, random)
    return _PlantedTable(shuffled, component, shift, int(random.integers(2**31)))


def _largest_of_tables(
    components: Matrix, fold: Rows, tables: Sequence[_PlantedTable]
) -> NDArray[np.float64]:
    """The largest standardised statistic of each table."""
    largest = []
    with threadpool_limits(1):
        for table in tables:
            w = components.copy()
            w[:, table.component] += table.shift
            shuffles = table.secret.shuffles(fold, SHUFFLES, table.seed)
            largest.append(_largest(w, table.secret, fold, shuffles))
    return np.array(largest)


def _components(x: Matrix) -> Matrix:
    """Principal components of variance 1 of the standardised dimensions, `(n, any)`."""
    z = kernels.scale(x, True)
    if not z.shape[1]:
        return z
    left, size, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    components: Matrix = left[:, size > scaling.ROUNDING * size.max()] * np.sqrt(len(x))
    return components


def _shift(secret: Secret, auc: float, random: np.random.Generator) -> Matrix:
    """The shift of each row, `(n,)`, in standard deviations."""
    if secret.classes:
        code = random.integers(len(secret.classes))
        return np.where(secret.values == code, np.sqrt(2) * norm.ppf(auc), 0.0)
    rank, rho = rankdata(secret.values), 2 * auc - 1
    shift: Matrix = rho / np.sqrt(1 - rho**2) * (rank - rank.mean()) / rank.std()
    return shift


def _largest(w: Matrix, secret: Secret, fold: Rows, table: Matrix) -> float:
    """The largest statistic of the attackers on the secret, standardised by its shuffles."""
    labels, plan = label_columns(secret, table), crossfit(fold)
    attackers = [
        Scores("planted", name, values)
        for name, values in screens.screen(w, labels, plan, secret.speaker, secret.within)
    ]
    if not secret.within:
        attackers += kernels.linear_speakers(w, labels, plan, secret.speaker)
    largest = -np.inf
    for attacker in attackers:
        for item in attacker_statistics(secret, table, attacker):
            null = item.statistic[1:]
            largest = max(largest, (item.statistic[0] - null.mean()) / max(null.std(), 1e-12))
    return float(largest)
