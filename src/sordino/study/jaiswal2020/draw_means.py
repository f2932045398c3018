"""Means over draws of a statistic of embeddings, and paired differences between two embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import metrics
from sordino.define import Knowledge
from sordino.types import Rows, Statistic

DIFFERENCES: Final = ("uar_difference", "uar_against_general", "cost")
"""Metrics in [-1, 1]."""

_ROW: Final = ["draw", "row", "truth", "speaker", "gender"]
_CLAIM: Final = [*_ROW, "claim"]


def over_draws(
    table: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], Statistic],
    where: Mapping[str, Any],
    secret: bool | str = True,
    chance: float = 0.5,
) -> Iterator[dict[str, Any]]:
    """The mean over draws, then each draw."""
    if not len(table):
        return
    for split in ("all", *dict.fromkeys(table["draw"])):
        rows = table if split == "all" else table[table["draw"] == split].reset_index(drop=True)
        within = "truth" if secret is True else secret
        interval = metrics.interval(
            statistic(rows),
            rows["speaker"],
            draw=rows["draw"],
            stratum=rows["gender"],
            group=rows[within] if within else None,
            bounds=(-1.0, 1.0) if where["metric"] in DIFFERENCES else (0.0, 1.0),
        )
        yield {
            **where,
            "split": split,
            **asdict(interval),
            "chance": chance,
        }


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """One row per test row: the likeliest class of the posteriors, averaged over seeds."""
    table = table.assign(draw=table["draw"].str.split(" ").str[0])
    posterior = table.pivot_table(index=_ROW, columns="prediction", values="score").reset_index()
    return posterior[_ROW].assign(prediction=posterior.drop(columns=_ROW).to_numpy().argmax(axis=1))


def against_general(guesses: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """U of each embedding minus U of `general`, on the same test rows: the interval is that of the
    paired difference over speakers.
    """
    emotion = guesses[guesses["asked"] == "emotion"]
    for (features, task), table in emotion.groupby(["features", "task"], sort=False):
        of_embedding = {
            (str(release), str(condition)): averaged(rows)
            for (release, condition), rows in table.groupby(["release", "condition"], sort=False)
        }
        general = of_embedding.pop(("general", ""), None)
        if general is None:
            continue
        for (release, condition), rows in of_embedding.items():
            pairs = rows.merge(general, on=_ROW, suffixes=("", "_reference"))
            names = {"features": features, "release": release, "condition": condition}
            where = {
                **names,
                "required": task,
                "knowledge": Knowledge.IGNORANT,
                "target": task,
                "metric": "uar_against_general",
            }
            yield from over_draws(pairs, _uar_gain, where, secret=False, chance=0.0)


def task_costs(guesses: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What a second primary task adds to a first: the figure of the embedding of both tasks minus
    that of the embedding of the first alone, on the same test rows. The metric is `cost`, and the
    group the first task: the emotion, `speaker` or `age`.

    The figure of an emotion and of age is the recall of a retrained head, that of the speaker the
    AUC of verification.
    """
    general = guesses[guesses["release"] == "general"]
    for (features, emotion), table in general.groupby(["features", "task"], sort=False):
        for condition in dict.fromkeys(table["condition"]):
            tasks = str(condition).removeprefix("tasks=").split("+")
            for task in tasks if len(tasks) > 1 else ():
                question = {"speaker": "verification", "age": "retrained-age"}.get(
                    task, "retrained"
                )
                alone = "" if task == emotion else f"tasks={task}"
                asked = table[table["asked"] == question]
                both, single = (
                    _claims(asked[asked["condition"] == name]) for name in (condition, alone)
                )
                pairs = both.merge(single, on=_CLAIM, suffixes=("", "_reference"))
                where = {
                    "features": features,
                    "release": "general",
                    "condition": condition,
                    "required": emotion,
                    "knowledge": Knowledge.SEMI_INFORMED,
                    "target": task,
                    "metric": "cost",
                    "group": task,
                }
                statistic = _auc_gain if task == "speaker" else _uar_gain
                of_age = task == "age"
                pairs = one_draw(pairs) if of_age else pairs
                yield from over_draws(pairs, statistic, where, secret=of_age, chance=0.0)


def _claims(table: pd.DataFrame) -> pd.DataFrame:
    """The guesses with the number of the claim of identity of each row."""
    return table.assign(claim=table.groupby(["draw", "row"]).cumcount())


def one_draw(table: pd.DataFrame) -> pd.DataFrame:
    """All folds as one draw, for a secret whose classes not every fold has."""
    return table.assign(draw="all folds")


def _auc_gain(table: pd.DataFrame) -> Statistic:
    reference = auc_statistic(table.assign(score=table["score_reference"]))
    return _difference(auc_statistic(table), reference)


def _uar_gain(table: pd.DataFrame) -> Statistic:
    reference = uar_statistic(table.assign(prediction=table["prediction_reference"]))
    return _difference(uar_statistic(table), reference)


def _difference(statistic: Statistic, reference: Statistic) -> Statistic:
    return lambda rows: statistic(rows) - reference(rows)


def uar_statistic(table: pd.DataFrame) -> Statistic:
    truth, prediction = truth_and_prediction(table)
    return lambda rows: metrics.uar(truth[rows], prediction[rows])


def privacy_statistic(table: pd.DataFrame) -> Statistic:
    truth, prediction = truth_and_prediction(table)
    return lambda rows: metrics.privacy(truth[rows], prediction[rows])


def auc_statistic(table: pd.DataFrame) -> Statistic:
    truth, score = table["truth"].to_numpy() == 1, table["score"].to_numpy()
    return lambda rows: metrics.auc(truth[rows], score[rows])


def difference_statistic(table: pd.DataFrame) -> Statistic:
    truth, prediction = truth_and_prediction(table)
    gender = table["gender"].to_numpy()
    return lambda rows: metrics.uar_difference(truth[rows], prediction[rows], gender[rows])


def truth_and_prediction(table: pd.DataFrame) -> tuple[Rows, Rows]:
    return table["truth"].to_numpy().astype(np.intp), table["prediction"].to_numpy().astype(np.intp)
