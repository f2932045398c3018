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
from sordino.attack.attackers.ties import merge_rounding
from sordino.attack.secret import Secret
from sordino.attack.selection import predict
from sordino.attack.significance.permutation_test import label_columns
from sordino.attack.splits import Split, SplitPlan
from sordino.columns import GUESS_COLUMNS
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

POOL_SIZES: Final = (5, 20, 100)
"""Utterances per speaker of patient attackers."""

POOLED_SCORES: Final = "pooled scores"
POOLED_VECTORS: Final = "pooled vectors"


def groups(speaker: NDArray[Any], value: NDArray[Any], k: int | None, seed: int = 0) -> Rows:
    """The group of each row, `(n,)`, codes from 0: `k` random utterances of one speaker and one
    value of the secret.

    -1 marks rows that are left over. A speaker with fewer than `k` utterances forms one group, as
    does every speaker if `k` is None. Raises `AttackError` for a `k` below 1.
    """
    if k is not None and k < 1:
        raise AttackError(f"k of {k} utterances, expected 1 or more: 1, 5, 20 and 100 are usual")
    table = pd.DataFrame({"speaker": speaker, "value": value})
    order = np.random.default_rng(seed).permutation(len(table))
    cells = table.iloc[order].groupby(["speaker", "value"], sort=False)
    position, size = cells.cumcount(), cells["value"].transform("size")
    group_size = size if k is None else np.minimum(size, k)
    complete = position < size // group_size * group_size
    names = cells.ngroup().astype(str) + " " + (position // group_size).astype(str)
    group = np.full(len(table), -1, np.intp)
    group[order[complete]] = np.unique(names[complete], return_inverse=True)[1]
    return group


def pool_scores(guesses: pd.DataFrame, k: int | None = 20, seed: int = 0) -> pd.DataFrame:
    """Predictions of attackers with `k` utterances of one speaker (`groups`): the mean of their
    scores.

    Columns stay the same; `k` is the size of each group. If scores of one speaker are independent
    and Gaussian, a leak of d standard deviations has the AUC Φ(d / √2) for one utterance and Φ(√k ·
    d / √2) for k. Raises `AttackError` for a secret without scores.
    """
    if guesses["score"].isna().any():
        raise AttackError(
            "a score is NaN, expected a secret of 0 and 1: guesses of other secrets cannot be "
            "pooled"
        )
    rows = guesses[["row", "speaker", "truth"]].drop_duplicates("row").sort_values("row")
    rows["group"] = groups(rows["speaker"].to_numpy(), rows["truth"].to_numpy(), k, seed)
    grouped = guesses.merge(rows[rows["group"] >= 0], on=["row", "speaker", "truth"])
    cells = grouped.groupby(["attacker", "group"], sort=False)
    labels: Any = {name: (name, "first") for name in ("row", "speaker", "truth", "side", "best")}
    table: pd.DataFrame = cells.agg(
        **labels, score=("score", "mean"), k=("score", "size")
    ).reset_index()
    table["score"] = table.groupby("attacker")["score"].transform(
        lambda scores: merge_rounding(scores.to_numpy())
    )
    table["prediction"] = (table["score"] > 0).astype(np.intp)
    return table[list(GUESS_COLUMNS)]


def mean_vectors(x: NDArray[np.floating[Any]], group: Rows) -> tuple[Matrix, Rows]:
    """The mean vector of each group `(groups, d)`, and its first row; rows of group -1 are left
    out.
    """
    rows = np.flatnonzero(group >= 0)
    codes, counts = np.unique(group[rows], return_inverse=True, return_counts=True)[1:]
    total = np.zeros((len(counts), x.shape[1]))
    np.add.at(total, codes, x[rows])
    first = rows[np.unique(codes, return_index=True)[1]]
    mean: Matrix = total / counts[:, None]
    return mean, first


def patient_guesses(
    x: Matrix,
    secret: Secret,
    plan: SplitPlan,
    best: pd.DataFrame,
    k: int,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> pd.DataFrame:
    """Predictions from `k` utterances of one speaker in the measured splits, by both ways of
    pooling (`attacker`).

    `best` holds the best attackers' guesses of single utterances in every split: their scores are
    pooled. The other way trains new attackers on the mean vectors of `x` `(n, d)`. The column
    `best` marks the way with the higher AUC on the splits of the selection.
    """
    z, first = mean_vectors(x, groups(secret.speaker, secret.values, k, seed))
    group_secret = Secret(
        secret.name, secret.values[first], secret.classes, secret.speaker[first], secret.within
    )
    group_of_row = np.full(len(secret.values), -1, np.intp)
    group_of_row[first] = np.arange(len(first))
    parts = [
        Split(*(codes[codes >= 0] for codes in (group_of_row[rows] for rows in split)))
        for split in plan.splits
    ]
    group_plan = SplitPlan(tuple(parts), plan.measured)
    columns = label_columns(group_secret, group_secret.values[:, None])
    attackers = scores(z, columns, group_plan, families, len(group_secret.classes), seed)
    guesses = predict(group_secret, group_plan, attackers, all_splits=True)
    vectors = guesses[guesses["best"]].assign(row=lambda table: first[table["row"]])
    pooled = {POOLED_SCORES: pool_scores(best, k, seed), POOLED_VECTORS: vectors}
    return _mark_best(pooled, plan).assign(k=k)


def _mark_best(pooled: Mapping[str, pd.DataFrame], plan: SplitPlan) -> pd.DataFrame:
    """Guesses of the measured splits; `best` is the way of pooling with the highest AUC on the
    splits of the selection.
    """
    tables = []
    for index in plan.measured:
        areas = {
            name: _score_auc(table[table["side"].isin(plan.selection_splits(index))])
            for name, table in pooled.items()
        }
        best = max(areas, key=lambda name: areas[name])
        for name, table in pooled.items():
            tables.append(table[table["side"] == index].assign(attacker=name, best=name == best))
    return pd.concat(tables, ignore_index=True)


def _score_auc(table: pd.DataFrame) -> float:
    auc = metrics.auc(table["truth"].to_numpy() == 1, table["score"].to_numpy())
    return -1.0 if np.isnan(auc) else auc
