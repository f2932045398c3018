"""From an audit's predictions to `estimates.csv`: one row an estimate, with chance and an interval
over speakers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.columns import ESTIMATES
from sordino.define import ROLES, Knowledge, Role
from sordino.types import Statistic

DETAIL: Final = ("intensity", "reconstruction")

Table = pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """One metric on some predictions: the value on row positions, its chance level, and the rows
    that it rests on.
    """

    metric: str
    statistic: Statistic
    chance: Statistic
    rows: NDArray[np.intp]
    group: str = ""
    target: str = ""
    within: NDArray[np.intp] | None = None
    """The secret of each of `rows`: each of its values needs speakers enough."""


def measure(
    predictions: Table, *, study: str = "", features: str = "", seed: int = 0, alone: bool = True
) -> Table:
    """The estimates that follow from predictions (`columns.RELEASE_PREDICTIONS`), in the columns of the
    contract.

    For every release, required emotion, level of knowledge and target there is one headline row a
    metric and group (`split` = all, `attacker` = best, empty for utility): the unweighted mean over
    draws, with its interval over speakers. Then the same for each attacker, each draw and, where
    there are several, each corpus. `k` is empty but for the patient attacker, who is measured in
    draws whose speakers have so many utterances. Without `alone` there are headline rows only, in a
    tenth of the time.
    """
    keys = ["release", "required", "knowledge", "target", "k"]
    corpora = list(
        dict.fromkeys(predictions["corpus"].iloc[np.argsort(predictions["row"], kind="stable")])
    )
    name = "+".join(corpora)
    lines: list[dict[str, Any]] = []
    for key, table in _groups(predictions, keys):
        fixed = dict(zip(keys, key, strict=True))
        for scope, chosen in islice(_scopes(table, corpora, name), None if alone else 1):
            for figure in _figures(fixed["target"], fixed["knowledge"], chosen):
                lines.append({**fixed, **scope, **_line(figure, chosen)})
    estimates = pd.DataFrame(lines)
    estimates = _one_detail(estimates).assign(
        study=study, features=features, seed=seed, condition=""
    )
    estimates["k"] = estimates["k"].where(estimates["knowledge"] == str(Knowledge.PATIENT), "")
    return estimates[list(ESTIMATES)].reset_index(drop=True)


def pooled(
    predictions: Table, *, study: str = "", features: str = "", seed: int = 0, alone: bool = True
) -> Table:
    """The same for the mean over required emotions, with `required` empty: not a part of
    `estimates.csv`.

    Every draw under every policy counts as a draw of its own. A speaker is heard under all
    policies, and is left out of all of them at once: the interval is one over speakers still.
    """
    draw = predictions["draw"].astype(str) + " " + predictions["required"]
    return measure(
        predictions.assign(draw=draw, required=""),
        study=study,
        features=features,
        seed=seed,
        alone=alone,
    )


def headline(estimates: Table, **where: str) -> Table:
    """The headline rows, of all corpora together, whose columns have these values."""
    together = estimates["corpus"].map(lambda name: name.count("+")).max()
    chosen: pd.Series[bool] = (estimates["split"] == "all") & (
        estimates["corpus"].str.count(r"\+") == together
    )
    chosen &= estimates["attacker"].isin(["best", ""])
    for column, value in where.items():
        chosen &= estimates[column] == value
    return estimates.loc[chosen]


def _groups(table: Table, keys: list[str]) -> Iterator[tuple[Any, Table]]:
    """Groups in the order in which they first come."""
    yield from table.groupby(keys, sort=False)


def _scopes(table: Table, corpora: list[str], name: str) -> Iterator[tuple[dict[str, str], Table]]:
    """Which rows make a line: best attacker and each attacker over all draws; best in each draw, in
    each corpus.
    """
    retrains = table["knowledge"].iloc[0] != Knowledge.IGNORANT
    best = table[table["best"]]
    label = (
        "" if (table["attacker"] == "").all() or table["target"].iloc[0] == "emotion" else "best"
    )
    yield {"corpus": name, "attacker": label, "split": "all"}, best
    if retrains:
        for attacker, rows in _groups(table, ["attacker"]):
            yield {"corpus": name, "attacker": attacker[0], "split": "all"}, rows
    for draw, rows in _groups(best, ["draw"]):
        yield {"corpus": name, "attacker": label, "split": str(draw[0])}, rows
    if len(corpora) > 1:
        for corpus in corpora:
            rows = best[best["corpus"] == corpus]
            if len(rows):
                yield {"corpus": corpus, "attacker": label, "split": "all"}, rows


def _line(figure: Figure, table: Table) -> dict[str, Any]:
    rows = figure.rows
    labels = {name: table[name].to_numpy()[rows] for name in ("speaker", "draw", "gender")}
    found = metrics.interval(
        lambda chosen: figure.statistic(rows[chosen]),
        labels["speaker"],
        draw=labels["draw"],
        stratum=labels["gender"],
        group=figure.within,
        bounds=(-np.inf, 1.0)
        if figure.metric == "detail" and figure.target == "reconstruction"
        else (0.0, 1.0),
    )
    chances = [
        figure.chance(rows[labels["draw"] == draw]) for draw in dict.fromkeys(labels["draw"])
    ]
    return {
        "target": figure.target,
        "metric": figure.metric,
        "group": figure.group,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "speakers": found.speakers,
        "chance": float(np.mean(chances)) if chances else float("nan"),
    }


def _figures(target: str, knowledge: str, table: Table) -> Iterable[Figure]:
    if target == "emotion":
        return _utility(table)
    if target in ("gender", "age"):
        return _attribute(table, target, leakage=knowledge == Knowledge.IGNORANT)
    if target == "speaker":
        return _told(table, "auc", target)
    if target in DETAIL:
        return _detail(target, table)
    if target == "membership":
        return _membership(table)
    if target == "required-vs-rest":
        return _told(table, "utility_auc", target)
    return _told(table, "distinguish", target)


def _arrays(table: Table) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return (
        table["truth"].to_numpy().astype(int),
        table["prediction"].to_numpy().astype(int),
        table["score"].to_numpy(),
    )


def _utility(table: Table) -> Iterator[Figure]:
    truth, after, _ = _arrays(table)
    before = table["before"].to_numpy().astype(int)
    everything = np.arange(len(truth))
    for place, role in enumerate(ROLES):
        told = np.flatnonzero(before == place)
        rightly = np.flatnonzero((before == place) & (truth == place))

        def f1(rows: NDArray[np.intp], role: str = role) -> float:
            return metrics.f1(truth[rows], after[rows], role)

        def prior(rows: NDArray[np.intp], role: int = place) -> float:
            return float(np.mean(truth[rows] == role))

        def stays(rows: NDArray[np.intp], role: int = place) -> float:
            return float(np.mean(after[rows] == role)) if len(rows) else float("nan")

        shares = {
            draw: float(np.mean(after[table["draw"] == draw] == place))
            for draw in table["draw"].unique()
        }
        expected = float(np.mean(list(shares.values())))

        def constant(rows: NDArray[np.intp], value: float = expected) -> float:  # noqa: ARG001
            return value

        yield Figure("f1", f1, prior, everything, role, "emotion")
        yield Figure("unchanged", stays, constant, told, role, "emotion")
        yield Figure("unchanged_among_true_positives", stays, constant, rightly, role, "emotion")


def _attribute(table: Table, target: str, leakage: bool) -> Iterator[Figure]:
    truth, guess, score = _arrays(table)
    everything = np.arange(len(truth))

    def majority(rows: NDArray[np.intp]) -> float:
        return float(max(np.mean(truth[rows]), 1 - np.mean(truth[rows])))

    def accuracy(rows: NDArray[np.intp]) -> float:
        return metrics.leakage_feng(truth[rows], guess[rows])

    def privacy(rows: NDArray[np.intp]) -> float:
        return metrics.privacy(truth[rows], guess[rows])

    def auc(rows: NDArray[np.intp]) -> float:
        return metrics.auc(truth[rows] == 1, score[rows])

    if leakage:
        yield Figure("leakage", accuracy, majority, everything, target=target, within=truth)
    yield Figure("privacy", privacy, _half, everything, target=target, within=truth)
    yield Figure("auc", auc, _half, everything, target=target, within=truth)


def _told(table: Table, metric: str, target: str) -> Iterator[Figure]:
    """The AUC of a secret that changes within speakers."""
    truth, _, score = _arrays(table)

    def auc(rows: NDArray[np.intp]) -> float:
        return metrics.auc(truth[rows] == 1, score[rows])

    yield Figure(metric, auc, _half, np.arange(len(truth)), target=target, within=truth)


def _membership(table: Table) -> Iterator[Figure]:
    truth, guess, score = _arrays(table)
    everything = np.arange(len(truth))
    for metric, statistic in (
        ("membership", lambda rows: metrics.membership(truth[rows], guess[rows])),
        ("auc", lambda rows: metrics.auc(truth[rows] == 1, score[rows])),
    ):
        yield Figure(metric, statistic, _half, everything, target="membership", within=truth)


def _detail(kind: str, table: Table) -> Iterator[Figure]:
    truth, prediction, score = (table[name].to_numpy() for name in ("truth", "prediction", "score"))

    def recall(rows: NDArray[np.intp]) -> float:
        return metrics.uar(truth[rows].astype(int), prediction[rows].astype(int))

    def ranked(rows: NDArray[np.intp]) -> float:
        return metrics.auc(truth[rows] == truth.max(), score[rows])

    def explained(rows: NDArray[np.intp]) -> float:
        return float(1 - prediction[rows].sum() / truth[rows].sum()) if len(rows) else float("nan")

    def share(rows: NDArray[np.intp]) -> float:
        return 1 / max(1, len(np.unique(truth[rows])))

    everything = np.arange(len(truth))
    if kind == "intensity":
        yield Figure("detail", recall, share, everything, Role.REQUIRED, kind, truth.astype(int))
        if not np.isnan(score).any():
            yield Figure(
                "detail_auc", ranked, _half, everything, Role.REQUIRED, kind, truth.astype(int)
            )
    else:
        yield Figure("detail", explained, lambda rows: 0.0, everything, Role.REQUIRED, kind)  # noqa: ARG005


def bounded(
    tv: float, tv_high: float, auc: float, auc_high: float, speakers: float
) -> Iterator[dict[str, Any]]:
    """The lines of one bound, `high` being its upper limit: `bound_auc`, `bound_uar` and
    `bound_advantage`.
    """
    for metric, value, high, chance in (
        ("bound_auc", auc, auc_high, 0.5),
        ("bound_uar", 0.5 + tv / 2, 0.5 + min(tv_high, 1) / 2, 0.5),
        ("bound_advantage", tv, min(tv_high, 1), 0.0),
    ):
        yield {
            "metric": metric,
            "value": value,
            "high": high,
            "chance": chance,
            "speakers": int(speakers),
        }


def _half(rows: NDArray[np.intp]) -> float:  # noqa: ARG001
    return 0.5


def _one_detail(estimates: Table) -> Table:
    """Detail is the UAR of intensity where a corpus labels it, else R²: one row a scope, with
    target `emotion`.
    """
    detail = estimates["metric"] == "detail"
    keys = ["release", "required", "corpus", "split"]
    labelled = set(
        estimates.loc[detail & (estimates["target"] == "intensity"), keys].itertuples(
            index=False, name=None
        )
    )
    scopes = list(estimates[keys].itertuples(index=False, name=None))
    second = (estimates["target"] == "reconstruction") & np.array(
        [scope in labelled for scope in scopes]
    )
    kept = estimates[~second].copy()
    kept.loc[kept["metric"].isin(["detail", "detail_auc"]), "target"] = "emotion"
    return kept
