"""The patient attacker: several utterances of one speaker at a time, by pooling scores and by
pooling vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack.attackers.families import QUICK, scores
from sordino.attack.secret import Secret
from sordino.attack.selection import guess
from sordino.attack.significance.permutation_test import labels
from sordino.attack.splits import Plan, Side
from sordino.columns import VECTOR_PREDICTIONS
from sordino.errors import AttackError
from sordino.types import Rows

PATIENCE: Final = (5, 20, 100)
"""Utterances of one speaker that patient attackers see."""

SCORES: Final = "pooled scores"
VECTORS: Final = "pooled vectors"


def groups(speaker: NDArray[Any], value: NDArray[Any], k: int | None, seed: int = 0) -> Rows:
    """The group of each row, `(n,)`, codes from 0: at random, `k` utterances of one speaker (and
    value of the secret).

    -1 is left over. Who has fewer than `k` makes one group, as everyone does where `k` is None.
    """
    if k is not None and k < 1:
        raise AttackError(f"k of {k} utterances, expected 1 or more: 1, 5, 20 and 100 are usual")
    table = pd.DataFrame({"speaker": speaker, "value": value})
    order = np.random.default_rng(seed).permutation(len(table))
    by = table.iloc[order].groupby(["speaker", "value"], sort=False)
    place, size = by.cumcount(), by["value"].transform("size")
    share = size if k is None else np.minimum(size, k)  # the utterances of one group
    used = place < size // share * share
    names = by.ngroup().astype(str) + " " + (place // share).astype(str)
    found = np.full(len(table), -1, np.intp)
    found[order[used]] = np.unique(names[used], return_inverse=True)[1]
    return found


def patient(guesses: pd.DataFrame, k: int | None = 20, seed: int = 0) -> pd.DataFrame:
    """What attackers say who see `k` utterances of one speaker (`groups`): the mean of their
    scores.

    Columns stay; `k` says how many a group holds. Where scores of one speaker are independent and
    Gaussian, a leak of d standard deviations has the AUC Φ(d / √2) for one utterance and Φ(√k · d /
    √2) for k. Raises `AttackError` for a secret that has no scores.
    """
    if guesses["score"].isna().any():
        raise AttackError(
            "a score is NaN, expected a secret of 0 and 1: guesses of other secrets cannot be "
            "pooled"
        )
    rows = guesses[["row", "speaker", "truth"]].drop_duplicates("row").sort_values("row")
    rows["group"] = groups(rows["speaker"].to_numpy(), rows["truth"].to_numpy(), k, seed)
    of = guesses.merge(rows[rows["group"] >= 0], on=["row", "speaker", "truth"])
    pooled = of.groupby(["attacker", "group"], sort=False)
    kept: Any = {name: (name, "first") for name in ("row", "speaker", "truth", "side", "best")}
    table: pd.DataFrame = pooled.agg(
        **kept, score=("score", "mean"), k=("score", "size")
    ).reset_index()
    table["prediction"] = (table["score"] > 0).astype(np.intp)
    return table[list(VECTOR_PREDICTIONS)]


def means(x: NDArray[np.floating[Any]], group: Rows) -> tuple[NDArray[np.float64], Rows]:
    """The mean vector of each group `(groups, d)`, and its first row; rows of group -1 are left
    out.
    """
    used = np.flatnonzero(group >= 0)
    of, counts = np.unique(group[used], return_inverse=True, return_counts=True)[1:]
    total = np.zeros((len(counts), x.shape[1]))
    np.add.at(total, of, x[used])
    first = used[np.unique(of, return_index=True)[1]]
    mean: NDArray[np.float64] = total / counts[:, None]
    return mean, first


def patient_guesses(
    x: NDArray[np.float64],
    secret: Secret,
    plan: Plan,
    best: pd.DataFrame,
    k: int,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> pd.DataFrame:
    """What is said of `k` utterances of one speaker, in both ways (`attacker`), of the measured
    sides.

    `best` are the best attackers' guesses of single utterances, of every side; from their pooled
    scores, or from attackers who learn anew from the mean vectors of `x` `(n, d)`. `best` marks the
    way that does better on the sides that are chosen by.
    """
    z, first = means(x, groups(secret.speaker, secret.values, k, seed))
    few = Secret(
        secret.name, secret.values[first], secret.classes, secret.speaker[first], secret.within
    )
    place = np.full(len(secret.values), -1, np.intp)
    place[first] = np.arange(len(first))
    parts = [
        Side(*(some[some >= 0] for some in (place[one] for one in side))) for side in plan.sides
    ]
    fewer = Plan(tuple(parts), plan.measured)
    heard = scores(z, labels(few, few.values[:, None]), fewer, families, len(few.classes), seed)
    said = guess(few, fewer, heard, every=True)
    vectors = said[said["best"]].assign(row=lambda table: first[table["row"]])
    return _better({SCORES: patient(best, k, seed), VECTORS: vectors}, plan).assign(k=k)


def _better(pooled: Mapping[str, pd.DataFrame], plan: Plan) -> pd.DataFrame:
    """Guesses of the measured sides; `best` is the way of pooling with the highest AUC on those
    chosen by.
    """
    tables = []
    for side in plan.measured:
        found = {
            name: _auc(table[table["side"].isin(plan.choosing(side))])
            for name, table in pooled.items()
        }
        best = max(found, key=lambda name: found[name])
        for name, table in pooled.items():
            tables.append(table[table["side"] == side].assign(attacker=name, best=name == best))
    return pd.concat(tables, ignore_index=True)


def _auc(table: pd.DataFrame) -> float:
    auc = metrics.auc(table["truth"].to_numpy() == 1, table["score"].to_numpy())
    return -1.0 if np.isnan(auc) else auc
