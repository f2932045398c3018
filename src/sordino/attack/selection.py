"""From scores to guesses: selects an attacker on other speakers than it is measured on, and
predicts.

The threshold between two values also is the best one for *other* rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack.attackers.kernels import Scores
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.splits import SplitPlan
from sordino.columns import GUESS_COLUMNS
from sordino.types import Matrix, Rows

BEST: Final = "best"


def predict(
    secret: Secret,
    plan: SplitPlan,
    attackers: Sequence[Scores],
    transferred: Sequence[Scores] | None = None,
    all_splits: bool = False,
) -> pd.DataFrame:
    """Guesses of each family on the measured rows (`columns.GUESS_COLUMNS`), by its best setting on
    the rows of the selection.

    `best` marks the guesses of the best of all families. `transferred` are scores of the same
    attackers on other vectors: these are guessed, and have no part in the selection. With
    `all_splits`, rows of splits that are not measured are guessed too.
    """
    single = [index for index, attacker in enumerate(attackers) if not attacker.per_speaker]
    tables = []
    for split in range(len(plan.splits)) if all_splits else plan.measured:
        rows, selection_rows = plan.splits[split].test, plan.selection_rows(split)
        areas = {
            index: _selection_auc(secret, attackers[index].values, selection_rows)
            for index in single
        }
        best = max(single, key=areas.__getitem__)
        for family in dict.fromkeys(attackers[index].family for index in single):
            chosen = max(
                (index for index in single if attackers[index].family == family),
                key=areas.__getitem__,
            )
            predictions = predict_rows(
                secret,
                attackers[chosen].values,
                rows,
                selection_rows,
                transferred[chosen].values if transferred else None,
            )
            labels = {
                "row": rows,
                "speaker": secret.speaker[rows],
                "truth": truth(secret)[rows],
                "k": 1,
                "side": split,
            }
            mark = {"attacker": family, "best": chosen == best}
            tables.append(pd.DataFrame({**labels, **predictions, **mark}))
    return pd.concat(tables, ignore_index=True)[list(GUESS_COLUMNS)]


def predict_speakers(secret: Secret, plan: SplitPlan, attackers: Sequence[Scores]) -> pd.DataFrame:
    """Guesses of the best attacker on whole speakers, one row per speaker; empty for a secret
    within speakers.
    """
    speaker_attackers = [attacker for attacker in attackers if attacker.per_speaker]
    if not speaker_attackers:
        return pd.DataFrame(columns=[*GUESS_COLUMNS])
    first = secret.first
    speaker_secret = Secret(
        secret.name, secret.values[first], secret.classes, np.arange(len(first)), within=False
    )
    counts = np.bincount(secret.speaker)
    table = predict(
        speaker_secret,
        plan.of_speakers(secret.speaker),
        [
            Scores(attacker.family, attacker.setting, attacker.values)
            for attacker in speaker_attackers
        ],
    )
    table = table[table["best"]].reset_index(drop=True)
    return table.assign(k=counts[table["speaker"]], row=first[table["speaker"]])


def quality(secret: Secret, plan: SplitPlan, attackers: Sequence[Scores]) -> dict[str, float]:
    """The AUC of each family's best setting on the rows of the selection, the mean over measured
    splits.
    """
    areas: dict[str, list[float]] = {}
    for split in plan.measured:
        rows = plan.selection_rows(split)
        for family in dict.fromkeys(attacker.family for attacker in attackers):
            best = max(
                _selection_auc(secret, attacker.values, rows)
                for attacker in attackers
                if attacker.family == family and not attacker.per_speaker
            )
            areas.setdefault(family, []).append(best)
    return {family: float(np.mean(values)) for family, values in areas.items()}


def _selection_auc(secret: Secret, values: Matrix, rows: Rows) -> float:
    return float(permutation_test.areas(secret, secret.values[rows, None], values[rows])[0])


def truth(secret: Secret) -> NDArray[Any]:
    """Codes of classes as integers, or the values of a continuous secret."""
    return secret.values.astype(np.intp) if secret.classes else secret.values


def predict_rows(
    secret: Secret,
    values: Matrix,
    rows: Rows,
    selection_rows: Rows,
    transferred: Matrix | None = None,
) -> dict[str, Any]:
    """Prediction and score of `rows`; for two classes the threshold is the best one for the
    `selection_rows`.

    `transferred` are the scores to predict from, if these are not those of the selection.
    """
    scores = (values if transferred is None else transferred)[rows]
    if not secret.classes:
        return {"prediction": np.nan, "score": scores[:, 0]}
    if len(secret.classes) > 2:
        return {"prediction": scores.argmax(axis=1), "score": np.nan}
    reference = values[selection_rows, 0]
    margin = scores[:, 0] - threshold(secret.values[selection_rows] == 1, reference)
    margin = margin / max(float(reference.std()), 1e-12)  # splits have different scales
    return {"prediction": (margin > 0).astype(np.intp), "score": margin}


def threshold(positive: NDArray[np.bool_], score: Matrix) -> float:
    """The score above which the prediction "yes" has the highest unweighted average recall."""
    order = np.argsort(score, kind="stable")
    yes, ordered = positive[order], score[order]
    recall = (yes.sum() - np.cumsum(yes)) / max(yes.sum(), 1) + np.cumsum(~yes) / max(
        (~yes).sum(), 1
    )
    best = int(np.argmax(recall[:-1])) if len(recall) > 1 else 0
    return float((ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2)
