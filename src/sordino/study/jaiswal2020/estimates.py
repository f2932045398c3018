"""From the guesses of the study to `estimates.csv`: one row an estimate, with chance and an
interval over speakers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import Null
from sordino.columns import ESTIMATE_COLUMNS
from sordino.corpora.dimensions import LEVELS
from sordino.define import GENDERS, Knowledge
from sordino.metrics.bound import bound, identification_bound
from sordino.report.estimates import bounded
from sordino.types import Statistic

STUDY: Final = "jaiswal2020"

ON_D1: Final = "measured on D1"
"""The condition of P as the paper measures it: on the speakers whom the network was trained on."""

CONTROL: Final = "control"
"""The condition of membership of a network that was trained without any of those asked for."""

NULL: Final = "null"
"""The condition of P where there is nothing to learn, gender being shuffled; its limits hold 95 %
of the shuffles.
"""

_ATTACK: Final[dict[str, Any]] = {"knowledge": Knowledge.SEMI_INFORMED, "attacker": "best"}
KEYS: Final = ["features", "task", "release", "condition"]


def measure(
    guesses: pd.DataFrame, units: Mapping[str, Any], people: pd.DataFrame, corpus: str, seed: int
) -> pd.DataFrame:
    """The estimates that follow from guesses (`columns.EMBEDDING_COLUMNS`), in the columns of the
    contract.

    `people` has `speaker` and `gender` (0 female, 1 male, -1 unknown) of each utterance; `units`
    are their records. The column `required` holds the primary task that an embedding was trained
    for. For every embedding there is one headline row (`split` = all) a metric and group, then one
    for each fold.
    """
    guesses = guesses.assign(
        speaker=people["speaker"].to_numpy()[guesses["row"]],
        gender=people["gender"].to_numpy()[guesses["row"]],
    )
    lines: list[dict[str, Any]] = []
    groups: Any = guesses.groupby(KEYS, sort=False)
    for key, table in groups:
        fixed = dict(zip(KEYS, map(str, key), strict=True))
        for asked, rows in table.groupby("asked", sort=False):
            for line in _lines(str(asked), rows.reset_index(drop=True), fixed["task"]):
                condition = " ".join(
                    part for part in (fixed["condition"], line.pop("condition", "")) if part
                )
                lines.append({**fixed, **line, "required": fixed["task"], "condition": condition})
        lines += [{**fixed, "required": fixed["task"], **line} for line in _nulls(fixed, units)]
    estimates = pd.DataFrame(lines).assign(study=STUDY, corpus=corpus, seed=seed)
    words = {"group": "", "attacker": "", "k": ""}
    return (
        estimates.reindex(columns=list(ESTIMATE_COLUMNS))
        .astype(dict.fromkeys(words, object))
        .fillna(words)
    )


def _lines(asked: str, table: pd.DataFrame, task: str) -> Iterator[dict[str, Any]]:
    """The estimates of one question to one embedding."""
    if asked == "emotion":
        yield from _emotion(table, task)
    elif asked == "leakage":
        yield from _every(
            table, _uar, {"knowledge": Knowledge.IGNORANT, "target": "gender", "metric": "leakage"}
        )
    elif asked == "decision":
        yield from _bounds(table)
    elif asked == "verification":
        yield from _every(
            table,
            _auc,
            {"knowledge": Knowledge.SEMI_INFORMED, "target": "speaker", "metric": "auc"},
            secret=False,
        )
    elif asked in ("membership", "control"):
        condition = "" if asked == "membership" else CONTROL
        yield from _every(
            table,
            _uar,
            _ATTACK | {"target": "speaker", "metric": "membership", "condition": condition},
        )
    else:
        patient = (
            {"knowledge": Knowledge.PATIENT, "k": int(table["k"].max())}
            if asked == "patient"
            else {}
        )
        condition = ON_D1 if asked == "privacy-d1" else ""
        where = (
            _ATTACK | {"target": "gender", "metric": "privacy", "condition": condition} | patient
        )
        yield from _every(table, _privacy, where)


def _emotion(table: pd.DataFrame, task: str) -> Iterator[dict[str, Any]]:
    """UAR of the primary task, of each gender, and the difference, from posteriors averaged over
    seeds.
    """
    table = table.assign(draw=table["draw"].str.split(" ").str[0])
    keys = ["draw", "row", "truth", "speaker", "gender"]
    posterior = table.pivot_table(index=keys, columns="prediction", values="score").reset_index()
    said = posterior.drop(columns=keys).to_numpy().argmax(axis=1)
    table = posterior[keys].assign(prediction=said)
    where = {"knowledge": Knowledge.IGNORANT, "target": task}
    yield from _every(table, _uar, where | {"metric": "uar"}, secret=False, chance=1 / 3)
    for place, gender in enumerate(GENDERS):
        own = table[table["gender"] == place].reset_index(drop=True)
        if len(own):
            of_gender = where | {"metric": "uar_by_gender", "group": str(gender)}
            yield from _every(own, _uar, of_gender, secret=False, chance=1 / 3)
    known = table[table["gender"] >= 0].reset_index(drop=True)
    if known["gender"].nunique() == 2:
        yield from _every(
            known, _difference, where | {"metric": "uar_difference"}, secret="gender", chance=0.0
        )


def _bounds(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What no attacker exceeds who sees one vector that was drawn: of gender, and of who of the
    tested speaks.

    Of gender also where the class is known. Each speaker was binned by a release that was fitted on
    others. An attacker knows which network it was, so networks of several seeds have a bound each,
    and the largest figures are told.
    """
    table = table.assign(seed=table["draw"].str.partition(" ")[2])
    known, count = table[table["gender"] >= 0], len(LEVELS)
    given = {"": known} | {
        f"given {name}": known[known["truth"] == place] for place, name in enumerate(LEVELS)
    }
    for condition, rows in given.items():
        if rows["gender"].nunique() == 2:
            tv, high, auc, auc_high = np.max(
                [_of_gender(one, count) for _, one in rows.groupby("seed")], axis=0
            )
            where = {
                "target": "gender",
                "condition": condition,
                "split": "all",
                "n": rows["row"].nunique(),
            }
            for line in bounded(tv, high, auc, auc_high, rows["speaker"].nunique()):
                yield {**line, **where}
    draws = [(seed, rows) for (seed, _), rows in table.groupby(["seed", "draw"])]
    people = np.array([rows["speaker"].nunique() for _, rows in draws])
    found = [
        identification_bound(rows["prediction"].to_numpy(), rows["speaker"].to_numpy(), count)
        for _, rows in draws
    ]
    of_seed = pd.Series(found).groupby([seed for seed, _ in draws]).mean()
    yield {
        "target": "speaker",
        "metric": "bound_uar",
        "split": "all",
        "n": table["row"].nunique(),
        "value": float(of_seed.max()),
        "high": float(np.minimum(count / people, 1).mean()),
        "speakers": table["speaker"].nunique(),
        "chance": float((1 / people).mean()),
    }


def _of_gender(table: pd.DataFrame, count: int) -> tuple[float, ...]:
    """Total variation and AUC, each with its limit; NaN where a speaker was binned by several
    networks (in pairs).

    Opposite errors of theirs would cancel in a mean, and no attacker need take it.
    """
    if table["gender"].nunique() < 2 or (table.groupby("speaker")["draw"].nunique() > 1).any():
        return (math.nan,) * 4
    prediction, gender, speaker = (
        table[name].to_numpy() for name in ("prediction", "gender", "speaker")
    )
    one = bound(prediction, gender, speaker, count)
    return one.tv, one.high, one.auc, one.auc_high


def _every(
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
        found = metrics.interval(
            statistic(rows),
            rows["speaker"],
            draw=rows["draw"],
            stratum=rows["gender"],
            group=rows[within] if within else None,
            bounds=(-1.0, 1.0) if where["metric"] == "uar_difference" else (0.0, 1.0),
        )
        yield {
            **where,
            "split": split,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "speakers": found.speakers,
            "chance": chance,
        }


def _nulls(fixed: Mapping[str, str], units: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The null of P, for one utterance and for several, from the records of an embedding's units."""
    name = "-".join(
        part
        for part in (fixed["features"], fixed["task"], fixed["release"], fixed["condition"])
        if part
    )
    records = [record for unit, record in units.items() if unit.rpartition("-")[0] == name]
    several = [null for record in records for null in record.get("nulls", [])]
    for k in dict.fromkeys(k for null in several for k in null):
        mean = Null.mean([Null(tuple(null[k])) for null in several])
        low, high = mean.privacy_limits()
        knowledge = Knowledge.SEMI_INFORMED if k == "1" else Knowledge.PATIENT
        condition = " ".join(part for part in (fixed["condition"], NULL) if part)
        yield {
            "knowledge": knowledge,
            "target": "gender",
            "metric": "privacy",
            "condition": condition,
            "split": "all",
            "attacker": "best",
            "k": "" if k == "1" else int(k),
            "value": 1 - float(np.mean(mean.uar)),
            "low": low,
            "high": high,
            "chance": 0.5,
        }


def _uar(table: pd.DataFrame) -> Statistic:
    truth, said = _arrays(table)
    return lambda rows: metrics.uar(truth[rows], said[rows])


def _privacy(table: pd.DataFrame) -> Statistic:
    truth, said = _arrays(table)
    return lambda rows: metrics.privacy(truth[rows], said[rows])


def _auc(table: pd.DataFrame) -> Statistic:
    truth, score = table["truth"].to_numpy() == 1, table["score"].to_numpy()
    return lambda rows: metrics.auc(truth[rows], score[rows])


def _difference(table: pd.DataFrame) -> Statistic:
    truth, said = _arrays(table)
    gender = table["gender"].to_numpy()
    return lambda rows: metrics.uar_difference(truth[rows], said[rows], gender[rows])


def _arrays(table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return table["truth"].to_numpy().astype(np.intp), table["prediction"].to_numpy().astype(np.intp)
