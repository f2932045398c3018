"""From guesses to `estimates.csv`: one row per estimate, with chance and interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
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
from sordino.study.jaiswal2020.variant_run import MEMBERSHIP_QUESTIONS
from sordino.types import Rows, Statistic

STUDY: Final = "jaiswal2020"

ON_D1: Final = "measured on D1"
"""The condition of P as the paper measures it: on the training speakers of the network."""

MEMBERSHIP_CONTROL: Final = "control"
"""The condition of membership inference on a network that was trained without its candidates."""

NULL: Final = "null"
"""The condition of P under shuffled gender. Its limits contain 95 % of the shuffles."""

LIKELIHOOD: Final = {
    "likelihood": "likelihood ratio",
    "likelihood-training": "likelihood ratio, training recordings",
    "likelihood-control": "likelihood ratio, control",
}
"""The conditions of membership inference by likelihood ratios, by question."""

RETRAINED: Final = {"retrained": "", "retrained-clean": "without noise"}
"""The conditions of the primary task by a head that a legitimate user trains, by question."""

DIFFERENCES: Final = ("uar_difference", "uar_against_general")
"""Metrics in [-1, 1]."""

FALSE_POSITIVES: Final = (0.1, 0.01)
"""Rates of false positives q of `tpr@fpr=q`; it needs 1 / q different speakers."""

_ATTACK: Final[dict[str, Any]] = {"knowledge": Knowledge.SEMI_INFORMED, "attacker": "best"}
EMBEDDING_KEYS: Final = ["features", "task", "release", "condition"]


def measure_embeddings(
    guesses: pd.DataFrame, units: Mapping[str, Any], speakers: pd.DataFrame, corpus: str, seed: int
) -> pd.DataFrame:
    """The estimates from guesses (`columns.EMBEDDING_COLUMNS`), in the columns of the
    contract.

    - `units`: the records of the units by name.
    - `speakers`: `speaker` and `gender` (0 female, 1 male, -1 unknown) of each utterance.

    The column `required` has the primary task of an embedding. Every embedding has one headline row
    (`split` = all) per metric and group, and one row per fold.
    """
    guesses = guesses.assign(
        speaker=speakers["speaker"].to_numpy()[guesses["row"]],
        gender=speakers["gender"].to_numpy()[guesses["row"]],
    )
    lines: list[dict[str, Any]] = []
    groups: Any = guesses.groupby(EMBEDDING_KEYS, sort=False)
    for key, table in groups:
        fixed = dict(zip(EMBEDDING_KEYS, map(str, key), strict=True))
        for question, rows in table.groupby("asked", sort=False):
            for line in _lines(str(question), rows.reset_index(drop=True), fixed["task"]):
                condition = " ".join(
                    part for part in (fixed["condition"], line.pop("condition", "")) if part
                )
                lines.append({**fixed, **line, "required": fixed["task"], "condition": condition})
        for line in (*_nulls(fixed, units), *_epsilon(fixed, units)):
            lines.append({**fixed, "required": fixed["task"], **line})
    lines += _against_general(guesses)
    estimates = pd.DataFrame(lines).assign(study=STUDY, corpus=corpus, seed=seed)
    words = {"group": "", "attacker": "", "k": ""}
    return (
        estimates.reindex(columns=list(ESTIMATE_COLUMNS))
        .astype(dict.fromkeys(words, object))
        .fillna(words)
    )


def _lines(question: str, table: pd.DataFrame, task: str) -> Iterator[dict[str, Any]]:
    """The estimates for one question to one embedding."""
    if question == "emotion":
        yield from _emotion(table, task)
    elif question == "leakage":
        yield from _over_draws(
            table, _uar, {"knowledge": Knowledge.IGNORANT, "target": "gender", "metric": "leakage"}
        )
    elif question == "decision":
        yield from decision_bounds(table)
    elif question == "verification":
        yield from _over_draws(
            table,
            _auc,
            {"knowledge": Knowledge.SEMI_INFORMED, "target": "speaker", "metric": "auc"},
            secret=False,
        )
    elif question in MEMBERSHIP_QUESTIONS:
        condition = MEMBERSHIP_CONTROL if question == MEMBERSHIP_CONTROL else ""
        yield from _over_draws(
            table,
            _uar,
            _ATTACK | {"target": "speaker", "metric": "membership", "condition": condition},
        )
    elif question in LIKELIHOOD:
        yield from _likelihood(table, LIKELIHOOD[question])
    elif question in RETRAINED:
        where = {"knowledge": Knowledge.SEMI_INFORMED, "target": task, "metric": "uar"}
        condition = RETRAINED[question]
        yield from _over_draws(
            table, _uar, where | {"condition": condition}, secret=False, chance=1 / 3
        )
    else:
        patient = (
            {"knowledge": Knowledge.PATIENT, "k": int(table["k"].max())}
            if question == "patient"
            else {}
        )
        condition = ON_D1 if question == "privacy-d1" else ""
        where = (
            _ATTACK | {"target": "gender", "metric": "privacy", "condition": condition} | patient
        )
        yield from _over_draws(table, _privacy, where)


def _emotion(table: pd.DataFrame, task: str) -> Iterator[dict[str, Any]]:
    """UAR of the primary task, UAR of each gender, and their difference, from posteriors averaged
    over seeds.
    """
    table = _averaged(table)
    where = {"knowledge": Knowledge.IGNORANT, "target": task}
    yield from _over_draws(table, _uar, where | {"metric": "uar"}, secret=False, chance=1 / 3)
    for code, gender in enumerate(GENDERS):
        rows = table[table["gender"] == code].reset_index(drop=True)
        if len(rows):
            of_gender = where | {"metric": "uar_by_gender", "group": str(gender)}
            yield from _over_draws(rows, _uar, of_gender, secret=False, chance=1 / 3)
    with_gender = table[table["gender"] >= 0].reset_index(drop=True)
    if with_gender["gender"].nunique() == 2:
        yield from _over_draws(
            with_gender,
            _difference,
            where | {"metric": "uar_difference"},
            secret="gender",
            chance=0.0,
        )


def _averaged(table: pd.DataFrame) -> pd.DataFrame:
    """One row per test row: the likeliest class of the posteriors, averaged over seeds."""
    table = table.assign(draw=table["draw"].str.split(" ").str[0])
    keys = ["draw", "row", "truth", "speaker", "gender"]
    posterior = table.pivot_table(index=keys, columns="prediction", values="score").reset_index()
    return posterior[keys].assign(prediction=posterior.drop(columns=keys).to_numpy().argmax(axis=1))


def _against_general(guesses: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """U of each embedding minus U of `general`, on the same test rows: the interval is that of the
    paired difference over speakers.
    """
    emotion = guesses[guesses["asked"] == "emotion"]
    for (features, task), table in emotion.groupby(["features", "task"], sort=False):
        of_embedding = {
            (str(release), str(condition)): _averaged(rows)
            for (release, condition), rows in table.groupby(["release", "condition"], sort=False)
        }
        general = of_embedding.pop(("general", ""), None)
        if general is None:
            continue
        general = general.rename(columns={"prediction": "of_general"})
        for (release, condition), rows in of_embedding.items():
            both = rows.merge(general, on=["draw", "row", "truth", "speaker", "gender"])
            names = {"features": features, "release": release, "condition": condition}
            where = {
                **names,
                "required": task,
                "knowledge": Knowledge.IGNORANT,
                "target": task,
                "metric": "uar_against_general",
            }
            yield from _over_draws(both, _gain, where, secret=False, chance=0.0)


def _gain(table: pd.DataFrame) -> Statistic:
    truth, prediction = _arrays(table)
    general = table["of_general"].to_numpy().astype(np.intp)
    return lambda rows: (
        metrics.uar(truth[rows], prediction[rows]) - metrics.uar(truth[rows], general[rows])
    )


def _likelihood(table: pd.DataFrame, condition: str) -> Iterator[dict[str, Any]]:
    """AUC within each network, and rates of true positives over all networks together.

    A rate of false positives q needs 1 / q different speakers that are no members: with fewer, not
    one of them may be a false positive.
    """
    where = {
        "knowledge": Knowledge.SEMI_INFORMED,
        "attacker": "likelihood ratio",
        "target": "membership",
        "condition": condition,
    }
    yield from _over_draws(table, _auc, where | {"metric": "auc"})
    member, score = table["truth"].to_numpy() == 1, table["score"].to_numpy()
    for rate in FALSE_POSITIVES:
        if table.loc[~member, "speaker"].nunique() < 1 / rate:
            continue
        statistic = partial(_tpr, member, score, rate)
        interval = metrics.interval(
            statistic, table["speaker"], stratum=table["gender"], group=table["truth"]
        )
        yield {
            **where,
            "metric": f"tpr@fpr={rate:g}",
            "split": "all",
            **asdict(interval),
            "chance": rate,
        }


def _tpr(member: NDArray[np.bool_], score: NDArray[np.float64], rate: float, rows: Rows) -> float:
    return metrics.tpr_at_fpr(member[rows], score[rows], rate)


def decision_bounds(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The bounds on every attacker with one drawn vector: of gender, also with the class as side
    information, and of the identity among the test speakers.

    Each speaker was binned by a release that was fitted on other speakers. An attacker knows which
    network was in use. So each of several seeds has a bound of its own, and the largest counts.
    """
    table = table.assign(seed=table["draw"].str.partition(" ")[2])
    with_gender, count = table[table["gender"] >= 0], len(LEVELS)
    conditions = {"": with_gender} | {
        f"given {name}": with_gender[with_gender["truth"] == level]
        for level, name in enumerate(LEVELS)
    }
    for condition, rows in conditions.items():
        if rows["gender"].nunique() == 2:
            tv, high, auc, auc_high = np.max(
                [_of_gender(guesses, count) for _, guesses in rows.groupby("seed")], axis=0
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
    speakers = np.array([rows["speaker"].nunique() for _, rows in draws])
    bounds = [
        identification_bound(rows["prediction"].to_numpy(), rows["speaker"].to_numpy(), count)
        for _, rows in draws
    ]
    of_seed = pd.Series(bounds).groupby([seed for seed, _ in draws]).mean()
    yield {
        "target": "speaker",
        "metric": "bound_uar",
        "split": "all",
        "n": table["row"].nunique(),
        "value": float(of_seed.max()),
        "high": float(np.minimum(count / speakers, 1).mean()),
        "speakers": table["speaker"].nunique(),
        "chance": float((1 / speakers).mean()),
    }


def _of_gender(table: pd.DataFrame, count: int) -> tuple[float, ...]:
    """Total variation and AUC, each with its limit. NaN if several networks binned one speaker, as
    in pairs: opposite errors of these networks would cancel in a mean.
    """
    if table["gender"].nunique() < 2 or (table.groupby("speaker")["draw"].nunique() > 1).any():
        return (math.nan,) * 4
    prediction, gender, speaker = (
        table[name].to_numpy() for name in ("prediction", "gender", "speaker")
    )
    limits = bound(prediction, gender, speaker, count)
    return limits.tv, limits.high, limits.auc, limits.auc_high


def _over_draws(
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


def _nulls(fixed: Mapping[str, str], units: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The null of P for one and for several utterances, from the records of the units."""
    records = _records(fixed, units)
    nulls = [null for record in records for null in record.get("nulls", [])]
    for k in dict.fromkeys(k for null in nulls for k in null):
        mean = Null.mean([Null(tuple(null[k])) for null in nulls])
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


def _records(fixed: Mapping[str, str], units: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of all units of an embedding."""
    name = "-".join(fixed[key] for key in EMBEDDING_KEYS if fixed[key])
    return [record for unit, record in units.items() if unit.rpartition("-")[0] == name]


def _epsilon(fixed: Mapping[str, str], units: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The largest epsilon of differential privacy that an accountant counted for a speaker."""
    configs = [
        network["config"] for record in _records(fixed, units) for network in record["networks"]
    ]
    spent = [config["accounted"] for config in configs if config.get("accounted")]
    if spent:
        yield {
            "knowledge": Knowledge.INFORMED,
            "target": "membership",
            "metric": "epsilon",
            "condition": fixed["condition"],
            "split": "all",
            "value": max(spent),
        }


def _uar(table: pd.DataFrame) -> Statistic:
    truth, prediction = _arrays(table)
    return lambda rows: metrics.uar(truth[rows], prediction[rows])


def _privacy(table: pd.DataFrame) -> Statistic:
    truth, prediction = _arrays(table)
    return lambda rows: metrics.privacy(truth[rows], prediction[rows])


def _auc(table: pd.DataFrame) -> Statistic:
    truth, score = table["truth"].to_numpy() == 1, table["score"].to_numpy()
    return lambda rows: metrics.auc(truth[rows], score[rows])


def _difference(table: pd.DataFrame) -> Statistic:
    truth, prediction = _arrays(table)
    gender = table["gender"].to_numpy()
    return lambda rows: metrics.uar_difference(truth[rows], prediction[rows], gender[rows])


def _arrays(table: pd.DataFrame) -> tuple[Rows, Rows]:
    return table["truth"].to_numpy().astype(np.intp), table["prediction"].to_numpy().astype(np.intp)
