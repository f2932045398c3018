"""Retrained attackers: trained on speakers of their own, measured on others, by the split of a
study.

attacker's speakers   cross-fitted by speaker, to select the best attacker and its threshold
test speakers         scored by attackers that were trained on all of the attacker's speakers
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
from sordino.attack.secret import MAX_FOLDS, SPEAKERS_PER_CLASS, Secret
from sordino.attack.significance.null_distribution import Null, nulls
from sordino.attack.significance.permutation_test import label_columns
from sordino.attack.splits import Split, SplitPlan
from sordino.errors import AttackError
from sordino.types import Rows

FloatVectors = NDArray[np.floating[Any]]
"""Vectors in any floating-point precision, shape (n, dimensions)."""

READER: Final = "bin"
"""The attacker that reads the bin of a released vector and ignores its numbers otherwise."""

COUNTER: Final = "prototype"
"""The attacker that counts the prototypes of a release with few different vectors."""


@dataclass(frozen=True)
class RetrainResult:
    """Guesses on test rows (`columns.GUESS_COLUMNS`)."""

    guesses: pd.DataFrame
    """One row per utterance and family."""
    patient: pd.DataFrame
    """Guesses of patient attackers: one row per group of utterances and way of pooling."""
    quality: dict[str, float]
    """The AUC of each family on the attacker's speakers."""
    null: dict[int, Null]
    """The null distribution of the best attacker's UAR, by k."""

    @property
    def best(self) -> pd.DataFrame:
        """The guesses of the best attacker: one row per utterance."""
        return self.guesses[self.guesses["best"]].reset_index(drop=True)

    @property
    def chosen(self) -> str:
        """The family of the best attacker."""
        return str(self.best["attacker"].iloc[0])


def retrain(
    x: FloatVectors,
    secret: Rows,
    speaker: NDArray[np.str_],
    train: Rows,
    test: Rows,
    *,
    families: Sequence[str] = QUICK,
    ks: Sequence[int] = (),
    shuffles: int = 0,
    seed: int = 0,
) -> RetrainResult:
    """Predictions for `test` rows by attackers that were trained on `train` rows of other speakers.

    - `x`: vectors `(n, d)`; `secret`: `(n,)`, codes from 0 (-1: unknown, such rows are left out);
      `speaker`: `(n,)`.
    - `ks`: utterances per speaker of patient attackers, for a binary secret.
    - `shuffles`: shuffles of the secret over the attacker's and over the test speakers, for the
      null distribution of single and pooled predictions.

    If the test rows have one value of the secret, there are guesses but their UAR is NaN. Raises
    `AttackError` for missing vectors, a speaker in both parts, or fewer than two of the attacker's
    speakers for a value.
    """
    train, test = labelled_rows(x, secret, speaker, [train, test])
    shared = sorted(set(speaker[train]) & set(speaker[test]))
    if shared:
        raise AttackError(
            f"speaker {shared[0]} is in training and test, expected one of them: split by speaker"
        )
    plan = splits.holdout(train, test, deal_folds(speaker[train], secret[train], seed))
    return retrain_by_plan(
        x, secret, speaker, plan, families=families, ks=ks, shuffles=shuffles, seed=seed
    )


def retrain_by_plan(
    x: FloatVectors,
    secret: Rows,
    speaker: NDArray[np.str_],
    plan: SplitPlan,
    *,
    families: Sequence[str] = QUICK,
    ks: Sequence[int] = (),
    shuffles: int = 0,
    seed: int = 0,
) -> RetrainResult:
    """The same as `retrain`, by any plan of splits."""
    rows = np.unique(np.concatenate([part for split in plan.splits for part in split]))
    plan = SplitPlan(
        tuple(Split(*(np.searchsorted(rows, part) for part in split)) for split in plan.splits),
        plan.measured,
    )
    attribute = _as_secret(secret[rows], speaker[rows])
    if attribute.within and shuffles:
        raise AttackError(
            "a secret within speakers, expected one value per speaker: the chance level is "
            "1 / values"
        )
    test = np.zeros(len(rows), np.intp)
    test[np.concatenate([plan.splits[index].test for index in plan.measured])] = 1
    shuffled = attribute.shuffles(test, shuffles, seed)
    z = np.asarray(x[rows], np.float64)
    columns = label_columns(attribute, shuffled)
    attackers = scores(z, columns, plan, families, len(attribute.classes), seed)
    unshuffled = [attacker.column(0, shuffled.shape[1]) for attacker in attackers]
    guesses = selection.predict(attribute, plan, unshuffled, all_splits=bool(ks))
    measured = guesses[guesses["side"].isin(plan.measured)].reset_index(drop=True)
    best = guesses[guesses["best"]]
    pooled = [patient_guesses(z, attribute, plan, best, k, families, seed) for k in ks]
    null = nulls(attribute, shuffled, plan, attackers, (1, *ks)) if shuffles else {}
    patient = pd.concat(pooled, ignore_index=True) if pooled else measured[:0]
    measured, patient = (
        table.assign(speaker=speaker[rows[table["row"]]], row=rows[table["row"]])
        for table in (measured, patient)
    )
    return RetrainResult(measured, patient, selection.quality(attribute, plan, unshuffled), null)


def merge(first: RetrainResult, second: RetrainResult) -> RetrainResult:
    """Both attacks in one result; the best attacker is that of the attack with the higher AUC on
    the attacker's speakers.
    """
    first_wins = max(first.quality.values()) >= max(second.quality.values())
    results = ((first, first_wins), (second, not first_wins))
    guesses, patient = (
        pd.concat(
            [table.assign(best=table["best"] & wins) for table, wins in tables], ignore_index=True
        )
        for tables in (
            [(result.guesses, wins) for result, wins in results],
            [(result.patient, wins) for result, wins in results],
        )
    )
    null = (first if first_wins else second).null
    return RetrainResult(guesses, patient, first.quality | second.quality, null)


def as_reader(result: RetrainResult, name: str = READER) -> RetrainResult:
    """The same attack under a name; `result` is that on one column per bin or prototype.

    The patient attack keeps the better way of pooling, on the attacker's speakers: of the pooled
    vectors it is a linear attack on the share of each bin or prototype.
    """
    guesses = result.guesses.assign(attacker=name)
    patient = result.patient.assign(attacker=f"{name}, pooled")
    patient = patient[result.patient["best"].to_numpy(dtype=bool)]
    quality = {name: max(result.quality.values())}
    return replace(result, guesses=guesses, patient=patient, quality=quality)


def deal_folds(speaker: NDArray[np.str_], secret: Rows, seed: int = 0) -> Rows:
    """The fold of each row of the attacker's speakers, dealt evenly over values of the secret.

    There are as many folds as the rarest value has speakers, at most `MAX_FOLDS`. Raises
    `AttackError` for a single value, or a value with one speaker.
    """
    counts = [len(np.unique(speaker[secret == value])) for value in np.unique(secret)]
    if len(counts) < 2:
        raise AttackError(
            "the secret has one value among the attacker's speakers, expected two: add labelled "
            "speakers"
        )
    if min(counts) < SPEAKERS_PER_CLASS:
        raise AttackError(
            f"a value of the secret has {min(counts)} of the attacker's {len(np.unique(speaker))} "
            "speakers, expected two or more, for training and for selection: add speakers"
        )
    return splits.deal_speakers(speaker, secret, seed, min(MAX_FOLDS, *counts))


def _as_secret(secret: Rows, speaker: NDArray[np.str_]) -> Secret:
    values, codes = np.unique(secret, return_inverse=True)
    speakers = np.unique(speaker, return_inverse=True)[1].astype(np.intp)
    within = bool(pd.Series(codes).groupby(speakers).nunique().max() > 1)
    return Secret(
        "secret", codes.astype(np.float64), tuple(map(str, values.tolist())), speakers, within
    )


def labelled_rows(
    x: FloatVectors, secret: Rows, speaker: NDArray[np.str_], parts: Sequence[Rows]
) -> list[Rows]:
    """Each of `parts`, ascending, without rows of unknown secret (-1).

    Raises `AttackError` for arrays of different lengths, an empty part, and vectors that are not
    finite.
    """
    if not len(x) == len(secret) == len(speaker):
        raise AttackError(
            f"{len(x)} vectors, {len(secret)} secrets, {len(speaker)} speakers, expected one per "
            "row: align the rows"
        )
    labelled = [np.unique(rows[secret[rows] >= 0]) for rows in parts]
    if not all(map(len, labelled)):
        raise AttackError(
            f"{' and '.join(str(len(rows)) for rows in labelled)} rows of known secret for "
            "training and test, expected some of each: add labelled utterances"
        )
    if not np.isfinite(x[np.concatenate(labelled)]).all():
        raise AttackError(
            "a vector is not finite, expected numbers: train the network anew, or drop the row"
        )
    return labelled
