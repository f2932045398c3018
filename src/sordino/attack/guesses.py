"""A table of guesses: what attackers say of embeddings, one utterance or several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack.attackers import Attacker, known_families
from sordino.errors import AttackError

COLUMNS: Final = {
    "row": "place of the utterance; of pooled ones, the first",
    "speaker": "its speaker",
    "side": "which attackers guessed it: the number of the fold of speakers that they never saw",
    "attacker": "family of the attacker",
    "best": "whether it had the highest AUC in cross-validation on its own rows, never on tested ones",
    "truth": "the secret",
    "prediction": "what the attacker says",
    "score": "how sure it is of value 1 of a secret of 0 and 1, above 0 if it says so; NaN for any other secret",
    "k": "how many utterances the score is pooled over",
}
"""The columns of a table of guesses: one row an utterance and attacker."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Side:
    """Attackers, the rows that they learnt from, and the rows that they guess."""

    own: Rows
    test: Rows
    attackers: tuple[Attacker, ...]

    @property
    def best(self) -> Attacker:
        """The one with the highest AUC on its own rows; the first of them where several have it."""
        return max(self.attackers, key=lambda one: one.validation_auc)


@dataclass(frozen=True)
class Found:
    """A table of guesses (`COLUMNS`) and the attackers who made them."""

    guesses: pd.DataFrame
    sides: tuple[Side, ...]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The best family of each side."""
        return tuple(side.best.family for side in self.sides)

    @property
    def best(self) -> pd.DataFrame:
        """The guesses of the best attackers: one row an utterance, from which P follows."""
        return self.guesses[self.guesses["best"]].reset_index(drop=True)


def found(e: NDArray[np.float32], secret: Rows, speaker: NDArray[np.str_], sides: Sequence[Side]) -> Found:
    """What each attacker of each side says of each of its tested rows.

    Embeddings `e` `(n, k)`, `secret` and `speaker` `(n,)`.
    """
    tables = []
    for place, side in enumerate(sides):
        x, rows = np.asarray(e[side.test], np.float32), side.test
        scored = set(np.unique(secret[side.own])) == {0, 1}
        for one in side.attackers:
            said = {"prediction": one.predict(x), "score": one.margin(x) if scored else np.nan}
            of = {"row": rows, "speaker": speaker[rows], "truth": secret[rows], "k": 1}
            tables.append(pd.DataFrame({**of, **said, "side": place, "attacker": one.family, "best": one is side.best}))
    return Found(pd.concat(tables, ignore_index=True)[list(COLUMNS)], tuple(sides))


def patient(guesses: pd.DataFrame, k: int | None = 20, seed: int = 0) -> pd.DataFrame:
    """What attackers say who see `k` utterances of one speaker: the mean of their scores, in the same columns.

    The utterances of a speaker (and value of the secret) are dealt at random to groups of `k`, the same for every
    attacker; what is left over is not used. Who has fewer than `k` makes one group, as everyone does where `k` is None;
    column `k` says how many a group holds.

    Where scores of one speaker are independent and Gaussian, a leak of d standard deviations has the AUC Φ(d / √2) for
    one utterance and Φ(√k · d / √2) for k. Raises `AttackError` for a secret that has no scores.
    """
    if guesses["score"].isna().any():
        raise AttackError("a score is NaN, expected a secret of 0 and 1: guesses of other secrets cannot be pooled")
    if k is not None and k < 1:
        raise AttackError(f"k of {k} utterances, expected 1 or more: 1, 5, 20 and 100 are usual")
    keys = ["speaker", "truth"]
    rows = guesses[["row", *keys]].drop_duplicates("row").sort_values("row")
    rows = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    place, size = rows.groupby(keys).cumcount(), rows.groupby(keys)["row"].transform("size")
    share = size if k is None else np.minimum(size, k)  # the utterances of one group
    rows = rows.assign(group=place // share)[place < size // share * share]
    pooled = guesses.merge(rows, on=["row", *keys]).groupby(["attacker", *keys, "group"], sort=False)
    kept: Any = {name: (name, "first") for name in ("row", "side", "best")}
    table: pd.DataFrame = pooled.agg(**kept, score=("score", "mean"), k=("score", "size")).reset_index()
    table["prediction"] = (table["score"] > 0).astype(np.intp)
    return table[list(COLUMNS)]


def usable(
    e: NDArray[np.float32], secret: Rows, speaker: NDArray[np.str_], rows: Sequence[Rows], families: Sequence[str]
) -> list[Rows]:
    """Each of `rows`, ascending, without those whose secret is unknown (-1); what cannot be attacked is refused."""
    known_families(families)
    if not len(e) == len(secret) == len(speaker):
        raise AttackError(
            f"{len(e)} embeddings, {len(secret)} secrets, {len(speaker)} speakers, expected one a row: align the rows"
        )
    known = [np.unique(some[secret[some] >= 0]) for some in rows]
    if not all(map(len, known)):
        raise AttackError(
            f"{' and '.join(str(len(some)) for some in known)} rows of known secret to learn from and to test, "
            "expected some of each: add labelled utterances"
        )
    if not np.isfinite(e[np.concatenate(known)]).all():
        raise AttackError("an embedding is not finite, expected numbers: train the network anew, or drop the row")
    return known
