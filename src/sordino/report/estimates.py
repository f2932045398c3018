"""From predictions of an audit of releases to its estimates, the rows of `estimates.csv`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.columns import ESTIMATE_COLUMNS
from sordino.define import GENDERS, ROLES, Knowledge, Role, role_classes
from sordino.report.estimate_table import TARGETS, auc_of
from sordino.types import Rows, Statistic

_DETAIL_TARGETS: Final = ("intensity", "reconstruction")


@dataclass(frozen=True)
class Measure:
    """One metric of a table of predictions: functions of row positions, and the counted rows."""

    metric: str
    statistic: Statistic
    chance: Statistic
    rows: Rows
    group: str = ""
    target: str = ""
    secret: NDArray[np.intp] | None = None
    """Secret of each of `rows`. An interval needs enough speakers with each of its values."""


def measure(
    predictions: pd.DataFrame,
    *,
    study: str = "",
    features: str = "",
    seed: int = 0,
    breakdown: bool = True,
) -> pd.DataFrame:
    """The estimates of predictions (`columns.PREDICTION_COLUMNS`), as `columns.ESTIMATE_COLUMNS`.

    For every release, required emotion, level of knowledge and target, each metric and group has
    one headline row: the unweighted mean over draws, with its interval over speakers. In this row,
    `split` is "all" and `attacker` is "best", or empty for utility. With `breakdown`, further rows
    follow for each attacker, each draw and, if there are several, each corpus; this takes ten times
    as long. `k` is empty except for the patient attacker, which is measured only in draws with
    enough utterances per speaker.
    """
    keys = ["release", "required", "knowledge", "target", "k"]
    corpora = list(
        dict.fromkeys(predictions["corpus"].iloc[np.argsort(predictions["row"], kind="stable")])
    )
    lines: list[dict[str, Any]] = []
    for key, table in _groups(predictions, keys):
        labels = dict(zip(keys, key, strict=True))
        for scope, rows in islice(_scopes(table, corpora), None if breakdown else 1):
            for figure in _measures(labels, rows):
                lines.append({**labels, **scope, **_line(figure, rows)})
    estimates = _one_detail(pd.DataFrame(lines))
    estimates = estimates.assign(study=study, features=features, seed=seed, condition="")
    estimates["k"] = estimates["k"].where(estimates["knowledge"] == str(Knowledge.PATIENT), "")
    return estimates[list(ESTIMATE_COLUMNS)].reset_index(drop=True)


def pooled(
    predictions: pd.DataFrame,
    *,
    study: str = "",
    features: str = "",
    seed: int = 0,
    breakdown: bool = True,
) -> pd.DataFrame:
    """The same estimates as means over required emotions; `required` is empty.

    These rows are not part of `estimates.csv`. Every draw under every policy counts as one draw. A
    speaker takes part under all policies, and the interval treats these rows as one speaker.
    """
    draw = predictions["draw"].astype(str) + " " + predictions["required"]
    return measure(
        predictions.assign(draw=draw, required=""),
        study=study,
        features=features,
        seed=seed,
        breakdown=breakdown,
    )


def headline(estimates: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The headline rows over all corpora together in which these columns have these values."""
    corpora = estimates["corpus"].str.count(r"\+")
    rows: pd.Series[bool] = (estimates["split"] == "all") & (corpora == corpora.max())
    rows &= estimates["attacker"].isin(["best", ""])
    for column, value in values.items():
        rows &= estimates[column] == value
    return estimates.loc[rows]


def _groups(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Groups in the order of their first rows."""
    yield from table.groupby(keys, sort=False)


def _scopes(
    table: pd.DataFrame, corpora: list[str]
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The rows of each estimate: all draws for the best and for each attacker, each draw, each
    corpus.
    """
    name = "+".join(corpora)
    retrained = table["knowledge"].iloc[0] != Knowledge.IGNORANT
    best = table[table["best"]]
    unnamed = (table["attacker"] == "").all() or table["target"].iloc[0] == "emotion"
    label = "" if unnamed else "best"
    yield {"corpus": name, "attacker": label, "split": "all"}, best
    if retrained:
        for attacker, rows in _groups(table, ["attacker"]):
            yield {"corpus": name, "attacker": attacker[0], "split": "all"}, rows
    for draw, rows in _groups(best, ["draw"]):
        yield {"corpus": name, "attacker": label, "split": str(draw[0])}, rows
    if len(corpora) > 1:
        for corpus in corpora:
            rows = best[best["corpus"] == corpus]
            if len(rows):
                yield {"corpus": corpus, "attacker": label, "split": "all"}, rows


def _line(measure: Measure, table: pd.DataFrame) -> dict[str, Any]:
    rows = measure.rows
    labels = {name: table[name].to_numpy()[rows] for name in ("speaker", "draw", "gender")}
    explained = measure.metric == "detail" and measure.target == "reconstruction"
    interval = metrics.interval(
        lambda positions: measure.statistic(rows[positions]),
        labels["speaker"],
        draw=labels["draw"],
        stratum=labels["gender"],
        group=measure.secret,
        bounds=(-np.inf, 1.0) if explained else (0.0, 1.0),
    )
    chances = [
        measure.chance(rows[labels["draw"] == draw]) for draw in dict.fromkeys(labels["draw"])
    ]
    return {
        "target": measure.target,
        "metric": measure.metric,
        "group": measure.group,
        **asdict(interval),
        "chance": float(np.mean(chances)) if chances else float("nan"),
    }


def _measures(labels: Mapping[str, Any], table: pd.DataFrame) -> Iterable[Measure]:
    target, knowledge = labels["target"], labels["knowledge"]
    if target == "emotion":
        return _utility(table, labels["required"])
    if target == "decision":
        return _decision(table)
    if target in ("gender", "age") or "=" in target:
        return _attribute(table, target, leakage=knowledge == Knowledge.IGNORANT)
    if target in _DETAIL_TARGETS:
        return _detail(target, table)
    if target == "membership":
        return _membership(table)
    return _auc(table, target)


def _arrays(table: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return (
        table["truth"].to_numpy().astype(int),
        table["prediction"].to_numpy().astype(int),
        table["score"].to_numpy(),
    )


def _utility(table: pd.DataFrame, required: str) -> Iterator[Measure]:
    """F1 and U of every role. Of several required emotions, joined by + in `required`, those of the
    role are means over them, and each has its own: the group is its name.
    """
    truth, after, _ = _arrays(table)
    before = table["before"].to_numpy().astype(int)
    classes = 1 + max(int(codes.max()) for codes in (truth, before, after))
    groups = {role: role_classes(role, classes) for role in ROLES}
    emotions = required.split("+")
    if len(emotions) > 1:
        codes = role_classes(Role.REQUIRED, len(ROLES) + len(emotions) - 1)
        groups |= {name: (code,) for name, code in zip(emotions, codes, strict=True)}
    all_rows = np.arange(len(truth))
    for group, codes in groups.items():
        predicted = np.flatnonzero(np.isin(before, codes))
        true_positives = np.flatnonzero(np.isin(before, codes) & (truth == before))

        def f1(rows: Rows, codes: Sequence[int] = codes) -> float:
            return _mean(
                metrics.f1(truth[rows] == code, after[rows] == code, Role.REQUIRED)
                for code in codes
            )

        def prior(rows: Rows, codes: Sequence[int] = codes) -> float:
            return _mean(float(np.mean(truth[rows] == code)) for code in codes)

        def unchanged(rows: Rows, codes: Sequence[int] = codes) -> float:
            return _mean(
                float(np.mean(after[rows[before[rows] == code]] == code))
                for code in codes
                if (before[rows] == code).any()
            )

        shares = {
            draw: _mean(float(np.mean(after[table["draw"] == draw] == code)) for code in codes)
            for draw in table["draw"].unique()
        }
        mean_share = float(np.mean(list(shares.values())))

        def constant(rows: Rows, value: float = mean_share) -> float:  # noqa: ARG001
            return value

        yield Measure("f1", f1, prior, all_rows, group, "emotion")
        yield Measure("unchanged", unchanged, constant, predicted, group, "emotion")
        yield Measure(
            "unchanged_among_true_positives", unchanged, constant, true_positives, group, "emotion"
        )


def _mean(values: Iterable[float]) -> float:
    """The mean of values; NaN for none."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else float("nan")


def _decision(table: pd.DataFrame) -> Iterator[Measure]:
    """F1 of the decision for the required emotion, and the share of decisions that differ from
    those on clean recordings. Chance of the latter is that of independent decisions.
    """
    truth, decision, _ = _arrays(table)
    clean, rows = table["before"].to_numpy().astype(int), np.arange(len(table))

    def f1(rows: Rows) -> float:
        return metrics.f1(truth[rows], decision[rows], Role.REQUIRED)

    def prior(rows: Rows) -> float:
        return float(np.mean(truth[rows] == Role.REQUIRED))

    def changed(rows: Rows) -> float:
        return float(np.mean(decision[rows] != clean[rows]))

    def independent(rows: Rows) -> float:
        before, after = float(clean[rows].mean()), float(decision[rows].mean())
        return before * (1 - after) + after * (1 - before)

    yield Measure("decision_f1", f1, prior, rows, str(Role.REQUIRED), "emotion")
    yield Measure("decision_changed", changed, independent, rows, str(Role.REQUIRED), "emotion")


def _attribute(table: pd.DataFrame, target: str, leakage: bool) -> Iterator[Measure]:
    truth, prediction, score = _arrays(table)
    rows = np.arange(len(truth))

    def majority(rows: Rows) -> float:
        return float(max(np.mean(truth[rows]), 1 - np.mean(truth[rows])))

    def accuracy(rows: Rows) -> float:
        return metrics.leakage_feng(truth[rows], prediction[rows])

    def privacy(rows: Rows) -> float:
        return metrics.privacy(truth[rows], prediction[rows])

    def auc(rows: Rows) -> float:
        return metrics.auc(truth[rows] == 1, score[rows])

    if leakage:
        yield Measure("leakage", accuracy, majority, rows, target=target, secret=truth)
    yield Measure("privacy", privacy, _half, rows, target=target, secret=truth)
    yield Measure(auc_of(target), auc, _half, rows, target=target, secret=truth)


def _auc(table: pd.DataFrame, target: str) -> Iterator[Measure]:
    """The AUC of a secret within speakers; that of a single emotion for women and men too."""
    truth, _, score = _arrays(table)

    def auc(rows: Rows) -> float:
        return metrics.auc(truth[rows] == 1, score[rows])

    groups = {"": np.arange(len(truth))}
    if target.endswith("-vs-neutral") and target not in TARGETS.values():
        gender = table["gender"].to_numpy()
        groups |= {name: np.flatnonzero(gender == code) for code, name in enumerate(GENDERS)}
    for group, rows in groups.items():
        if len(rows):
            yield Measure(auc_of(target), auc, _half, rows, group, target, truth[rows])


def _membership(table: pd.DataFrame) -> Iterator[Measure]:
    truth, prediction, score = _arrays(table)
    rows = np.arange(len(truth))
    for metric, statistic in (
        ("membership", lambda rows: metrics.membership(truth[rows], prediction[rows])),
        ("auc", lambda rows: metrics.auc(truth[rows] == 1, score[rows])),
    ):
        yield Measure(metric, statistic, _half, rows, target="membership", secret=truth)


def _detail(target: str, table: pd.DataFrame) -> Iterator[Measure]:
    truth, prediction, score = (table[name].to_numpy() for name in ("truth", "prediction", "score"))
    rows, required = np.arange(len(truth)), str(Role.REQUIRED)

    def uar(rows: Rows) -> float:
        return metrics.uar(truth[rows].astype(int), prediction[rows].astype(int))

    def auc(rows: Rows) -> float:
        return metrics.auc(truth[rows] == truth.max(), score[rows])

    def r_squared(rows: Rows) -> float:
        return float(1 - prediction[rows].sum() / truth[rows].sum()) if len(rows) else float("nan")

    def uniform(rows: Rows) -> float:
        return 1 / max(1, len(np.unique(truth[rows])))

    if target == "intensity":
        levels = truth.astype(int)
        yield Measure("detail", uar, uniform, rows, required, target, levels)
        if not np.isnan(score).any():
            yield Measure("detail_auc", auc, _half, rows, required, target, levels)
    else:
        yield Measure("detail", r_squared, lambda rows: 0.0, rows, required, target)  # noqa: ARG005


def bounded(
    tv: float, tv_high: float, auc: float, auc_high: float, speakers: float
) -> Iterator[dict[str, Any]]:
    """The rows `bound_auc`, `bound_uar` and `bound_advantage` of a bound with its upper limits.

    `tv` is the total variation, `tv_high` and `auc_high` are upper confidence limits.
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


def _half(rows: Rows) -> float:  # noqa: ARG001
    return 0.5


def _one_detail(estimates: pd.DataFrame) -> pd.DataFrame:
    """One `detail` row per scope, with target `emotion`: UAR of intensity, or R² without labels."""
    detail = estimates["metric"] == "detail"
    keys = ["release", "required", "corpus", "split"]
    intensity = estimates.loc[detail & (estimates["target"] == "intensity"), keys]
    labelled = set(intensity.itertuples(index=False, name=None))
    scopes = estimates[keys].itertuples(index=False, name=None)
    redundant = (estimates["target"] == "reconstruction") & np.array(
        [scope in labelled for scope in scopes]
    )
    estimates = estimates[~redundant].copy()
    estimates.loc[estimates["metric"].isin(["detail", "detail_auc"]), "target"] = "emotion"
    return estimates
