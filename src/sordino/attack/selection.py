"""From scores to guesses: which attacker guesses, chosen on speakers it is not measured on, and
what it says.

The threshold between two values, too, is where guesses of *other* rows are best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import columns
from sordino.attack.attackers.kernels import Scores
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.splits import Plan
from sordino.types import Matrix, Rows

BEST: Final = "best"


def guess(
    secret: Secret,
    plan: Plan,
    heard: Sequence[Scores],
    applied: Sequence[Scores] | None = None,
    every: bool = False,
) -> pd.DataFrame:
    """Each family's guesses of the measured rows (`columns.VECTOR_PREDICTIONS`), by the setting
    that did best on the other sides.

    `best` marks the guesses of the best of all families. `applied` are the same attackers' scores
    of other vectors, by which they are not chosen. With `every`, rows of sides that are not
    measured are guessed too.
    """
    single = [place for place, said in enumerate(heard) if not said.whole]
    tables = []
    for side in range(len(plan.sides)) if every else plan.measured:
        rows, other = plan.sides[side].test, plan.others(side)
        quality = {place: _quality(secret, heard[place].values, other) for place in single}
        best = max(single, key=quality.__getitem__)
        for family in dict.fromkeys(heard[place].family for place in single):
            chosen = max(
                (place for place in single if heard[place].family == family),
                key=quality.__getitem__,
            )
            said = say(
                secret,
                heard[chosen].values,
                rows,
                other,
                applied[chosen].values if applied else None,
            )
            of = {
                "row": rows,
                "speaker": secret.speaker[rows],
                "truth": truth(secret)[rows],
                "k": 1,
                "side": side,
            }
            tables.append(pd.DataFrame({**of, **said, "attacker": family, "best": chosen == best}))
    return pd.concat(tables, ignore_index=True)[list(columns.VECTOR_PREDICTIONS)]


def guess_whole(secret: Secret, plan: Plan, heard: Sequence[Scores]) -> pd.DataFrame:
    """What the best attacker who sees whole speakers says of each; empty for a secret within
    speakers.
    """
    whole = [said for said in heard if said.whole]
    if not whole:
        return pd.DataFrame(columns=[*columns.VECTOR_PREDICTIONS])
    first = secret.first
    people = Secret(
        secret.name, secret.values[first], secret.classes, np.arange(len(first)), within=False
    )
    counts = np.bincount(secret.speaker)
    found = guess(
        people,
        plan.of_people(secret.speaker),
        [Scores(one.family, one.setting, one.values) for one in whole],
    )
    found = found[found["best"]].reset_index(drop=True)
    return found.assign(k=counts[found["speaker"]], row=first[found["speaker"]])


def quality(secret: Secret, plan: Plan, heard: Sequence[Scores]) -> dict[str, float]:
    """The AUC of each family's best setting on the rows that it is chosen by, the mean over
    measured sides.
    """
    found: dict[str, list[float]] = {}
    for side in plan.measured:
        other = plan.others(side)
        for family in dict.fromkeys(said.family for said in heard):
            own = [
                _quality(secret, said.values, other)
                for said in heard
                if said.family == family and not said.whole
            ]
            found.setdefault(family, []).append(max(own))
    return {family: float(np.mean(aucs)) for family, aucs in found.items()}


def _quality(secret: Secret, values: Matrix, rows: Rows) -> float:
    return float(permutation_test.areas(secret, secret.values[rows, None], values[rows])[0])


def truth(secret: Secret) -> NDArray[Any]:
    """Codes of classes as whole numbers, or the values of a continuous secret."""
    return secret.values.astype(np.intp) if secret.classes else secret.values


def say(
    secret: Secret, values: Matrix, rows: Rows, other: Rows, applied: Matrix | None = None
) -> dict[str, Any]:
    """Prediction and score of `rows`; of two classes the threshold is where guesses of the `other`
    rows are best.

    `applied` are the scores that are guessed by where they are not those the threshold is chosen
    by.
    """
    own = (values if applied is None else applied)[rows]
    if not secret.classes:
        return {"prediction": np.nan, "score": own[:, 0]}
    if len(secret.classes) > 2:
        return {"prediction": own.argmax(axis=1), "score": np.nan}
    margin = own[:, 0] - threshold(secret.values[other] == 1, values[other, 0])
    margin = margin / max(
        float(values[other, 0].std()), 1e-12
    )  # attackers of other sides have other scales
    return {"prediction": (margin > 0).astype(np.intp), "score": margin}


def threshold(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The score above which guessing yes has the highest unweighted average recall."""
    order = np.argsort(score, kind="stable")
    yes, ordered = positive[order], score[order]
    recall = (yes.sum() - np.cumsum(yes)) / max(yes.sum(), 1) + np.cumsum(~yes) / max(
        (~yes).sum(), 1
    )
    best = int(np.argmax(recall[:-1])) if len(recall) > 1 else 0
    return float((ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2)
