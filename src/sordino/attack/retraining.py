"""Attackers who learn from speakers of their own, measured on others: the split that a study
prescribes.

own speakers    cross-fitted by speaker: which attacker guesses, and from which score on it says yes
tested          guessed by who learnt from all own speakers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import selection, splits
from sordino.attack.attackers.families import QUICK, scores
from sordino.attack.pooling import patient_guesses
from sordino.attack.secret import FOLDS, Secret
from sordino.attack.significance.null_distribution import Null, nulls
from sordino.attack.significance.permutation_test import labels
from sordino.attack.splits import Plan, Side
from sordino.errors import AttackError
from sordino.types import Rows

Vectors = NDArray[np.floating[Any]]

READER: Final = "bin"
"""The attacker who reads which of a few things a released vector says, instead of learning from its
numbers.
"""


@dataclass(frozen=True)
class Retrained:
    """Guesses of tested rows (`columns.VECTOR_PREDICTIONS`)."""

    guesses: pd.DataFrame
    """One row an utterance and family."""
    patient: pd.DataFrame
    """What who sees several utterances of a speaker says: one row a group of them and way of
    pooling.
    """
    quality: dict[str, float]
    """Of each family: the AUC on the attacker's own speakers."""
    null: dict[int, Null]
    """What the best attacker gets of shuffles, by k."""

    @property
    def best(self) -> pd.DataFrame:
        """The guesses of the best attacker: one row an utterance."""
        return self.guesses[self.guesses["best"]].reset_index(drop=True)

    @property
    def chosen(self) -> str:
        """The family of the best attacker."""
        return str(self.best["attacker"].iloc[0])


def retrain(
    x: Vectors,
    secret: Rows,
    speaker: NDArray[np.str_],
    own: Rows,
    test: Rows,
    *,
    families: Sequence[str] = QUICK,
    ks: Sequence[int] = (),
    shuffles: int = 0,
    seed: int = 0,
) -> Retrained:
    """What attackers who learnt from `own` rows say of `test` rows, which are of other speakers.

    - `x`: vectors `(n, d)`; `secret`: `(n,)`, codes from 0 (-1: unknown, such rows are left out);
      `speaker`: `(n,)`.
    - `ks`: utterances of one speaker that patient attackers see, of a secret of two values.
    - `shuffles`: of the secret over the own and over the tested speakers, for the null of scores,
      single and pooled.

    Where the tested rows have one value of the secret, there are guesses but their UAR is NaN.
    Raises `AttackError` for vectors that are missing, a speaker on both sides, or fewer than two
    own speakers for a value.
    """
    own, test = usable(x, secret, speaker, [own, test])
    both = sorted(set(speaker[own]) & set(speaker[test]))
    if both:
        raise AttackError(
            f"speaker {both[0]} is learnt from and tested, expected one of it: split by speaker"
        )
    plan = splits.held(own, test, own_folds(speaker[own], secret[own], seed))
    return by_plan(x, secret, speaker, plan, families=families, ks=ks, shuffles=shuffles, seed=seed)


def by_plan(
    x: Vectors,
    secret: Rows,
    speaker: NDArray[np.str_],
    plan: Plan,
    *,
    families: Sequence[str] = QUICK,
    ks: Sequence[int] = (),
    shuffles: int = 0,
    seed: int = 0,
) -> Retrained:
    """The same by any plan."""
    rows = np.unique(np.concatenate([one for side in plan.sides for one in side]))
    plan = Plan(
        tuple(Side(*(np.searchsorted(rows, one) for one in side)) for side in plan.sides),
        plan.measured,
    )
    of = _secret(secret[rows], speaker[rows])
    if of.within and shuffles:
        raise AttackError(
            "a secret within speakers, expected one value a speaker: chance is 1 / values"
        )
    tested = np.zeros(len(rows), np.intp)
    tested[np.concatenate([plan.sides[place].test for place in plan.measured])] = 1
    shuffled = of.shuffles(tested, shuffles, seed)
    z = np.asarray(x[rows], np.float64)
    heard = scores(z, labels(of, shuffled), plan, families, len(of.classes), seed)
    first = [one.of(0, shuffled.shape[1]) for one in heard]
    every = selection.guess(of, plan, first, every=bool(ks))
    table = every[every["side"].isin(plan.measured)].reset_index(drop=True)
    best = every[every["best"]]
    waited = [patient_guesses(z, of, plan, best, k, families, seed) for k in ks]
    null = nulls(of, shuffled, plan, heard, (1, *ks)) if shuffles else {}
    patient = pd.concat(waited, ignore_index=True) if waited else table[:0]
    table, patient = (
        one.assign(speaker=speaker[rows[one["row"]]], row=rows[one["row"]])
        for one in (table, patient)
    )
    return Retrained(table, patient, selection.quality(of, plan, first), null)


def either(one: Retrained, other: Retrained) -> Retrained:
    """Both attacks together; the best is that of the one whose attackers do better on their own
    speakers.
    """
    first = max(one.quality.values()) >= max(other.quality.values())
    pairs = ((one, first), (other, not first))
    guesses, patient = (
        pd.concat(
            [table.assign(best=table["best"] & ours) for table, ours in tables], ignore_index=True
        )
        for tables in (
            [(found.guesses, ours) for found, ours in pairs],
            [(found.patient, ours) for found, ours in pairs],
        )
    )
    return Retrained(guesses, patient, one.quality | other.quality, (one if first else other).null)


def reading(found: Retrained) -> Retrained:
    """The same attack under the name of who reads what is released: `found` is that on one column a
    bin.
    """
    told, pooled = (
        found.guesses.assign(attacker=READER),
        found.patient.assign(attacker=f"{READER}, pooled"),
    )
    patient = pooled[found.patient["best"].to_numpy(dtype=bool)]
    return replace(
        found, guesses=told, patient=patient, quality={READER: max(found.quality.values())}
    )


def own_folds(speaker: NDArray[np.str_], secret: Rows, seed: int = 0) -> Rows:
    """The fold of each own row: speakers dealt evenly over values, as many folds as the rarest
    value has speakers.
    """
    counts = [len(np.unique(speaker[secret == value])) for value in np.unique(secret)]
    if len(counts) < 2:
        raise AttackError(
            "the secret has one value among the attacker's speakers, expected two: nothing can be "
            "learnt"
        )
    if min(counts) < 2:
        raise AttackError(
            f"a value of the secret has {min(counts)} of the attacker's {len(np.unique(speaker))} "
            "speakers, "
            "expected two or more, some to learn from and some to choose by: add speakers"
        )
    return splits.deal(speaker, secret, seed, min(FOLDS, *counts))


def _secret(secret: Rows, speaker: NDArray[np.str_]) -> Secret:
    values, codes = np.unique(secret, return_inverse=True)
    people = np.unique(speaker, return_inverse=True)[1].astype(np.intp)
    within = bool(pd.Series(codes).groupby(people).nunique().max() > 1)
    return Secret(
        "secret", codes.astype(np.float64), tuple(map(str, values.tolist())), people, within
    )


def usable(x: Vectors, secret: Rows, speaker: NDArray[np.str_], rows: Sequence[Rows]) -> list[Rows]:
    """Each of `rows`, ascending, without those whose secret is unknown (-1); what cannot be
    attacked is refused.
    """
    if not len(x) == len(secret) == len(speaker):
        raise AttackError(
            f"{len(x)} vectors, {len(secret)} secrets, {len(speaker)} speakers, expected one a "
            "row: align the rows"
        )
    known = [np.unique(some[secret[some] >= 0]) for some in rows]
    if not all(map(len, known)):
        raise AttackError(
            f"{' and '.join(str(len(some)) for some in known)} rows of known secret to learn from "
            "and to test, "
            "expected some of each: add labelled utterances"
        )
    if not np.isfinite(x[np.concatenate(known)]).all():
        raise AttackError(
            "a vector is not finite, expected numbers: train the network anew, or drop the row"
        )
    return known
