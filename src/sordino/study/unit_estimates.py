"""Estimates from the records of units: the bounds of drawn releases, and the null of the patient
attacker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from sordino.attack.significance.null_distribution import null_range
from sordino.define import Knowledge
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import bounded
from sordino.report.tables import Cell, Table, limits, number, with_interval
from sordino.report.verdict import NONE
from sordino.study.shipped_membership import SPACE_PARTS

NULL_METRIC: Final = "auc_null"
"""The AUC of an attack when the secret is shuffled over speakers: its mean over shuffles, and the
range of 95 %.
"""

MEMBERSHIP: Final = {"recording": "membership_recording", "speaker": "membership"}
"""The metrics of membership inference by what ships."""

_PART_NAMES: Final = {
    NONE: "scaling and principal components",
    "part=scaling": "scaling alone",
    "part=components": "principal components alone",
    "drawn+rae-25": "prototypes, means, covariance and network of drawn+rae-25",
}

UNIT_METRICS: Final = ("bound_auc", "bound_uar", "bound_advantage", NULL_METRIC)
"""The metrics of these estimates."""


def bound_rows(estimates: pd.DataFrame, units: Mapping[str, Any]) -> pd.DataFrame:
    """Rows `bound_auc`, `bound_uar` and `bound_advantage` of drawn releases, as means over draws;
    `high` is the mean of the upper limits.
    """
    lines: list[dict[str, Any]] = []
    for required, release, draws in _by_release(units, "bounds"):
        for key in dict.fromkeys(key for draw in draws for key in draw):
            target, _, side_information = key.partition(" given ")
            mean = pd.DataFrame([draw[key] for draw in draws if key in draw]).mean(skipna=False)
            columns = {
                "release": release,
                "required": required,
                "target": target,
                "group": side_information,
                "low": np.nan,
            }
            figures_of = (mean["tv"], mean["tv_high"], mean["auc"], mean["auc_high"])
            lines += [{**columns, **line} for line in bounded(*figures_of, mean["speakers"])]
    return _complete(lines, estimates)


def null_rows(estimates: pd.DataFrame, units: Mapping[str, Any]) -> pd.DataFrame:
    """Rows `auc_null` of the patient attacker on gender, for each policy, and with an empty
    `required` for the mean over policies.

    A value of the null is the mean over draws for one number of shuffle. Policies of one draw have
    the same shuffles, so that their mean keeps the dependence between policies.
    """
    values: dict[tuple[str, str, str], list[list[float]]] = {}
    for required, release, draws in _by_release(units, "patient_null"):
        for draw in draws:
            for k, auc in draw.items():
                for policy in (required, ""):
                    values.setdefault((policy, release, k), []).append(auc)
    lines = []
    for (required, release, k), auc_of_draws in values.items():
        mean = np.mean(auc_of_draws, axis=0)
        low, high = null_range(mean.tolist())
        lines.append(
            {
                "release": release,
                "required": required,
                "knowledge": str(Knowledge.PATIENT),
                "attacker": "best",
                "target": "gender",
                "metric": NULL_METRIC,
                "k": int(k),
                "value": float(mean.mean()),
                "low": low,
                "high": high,
                "chance": 0.5,
            }
        )
    return _complete(lines, estimates)


def membership_rows(estimates: pd.DataFrame, units: Mapping[str, Any]) -> pd.DataFrame:
    """Rows `membership_recording` and `membership` of what ships, for each policy, and with an
    empty `required` for the mean over policies: AUCs of the best attacker with one part
    (`sordino.study.shipped_membership`). The `condition` of the rows of `none` names the part of
    the scaled space; it is empty for the whole of it.

    The interval is that of the mean over games (Student's t); the games of a run share speakers.
    Policies of one draw have the same games, so that their mean counts as one.
    """
    values: dict[tuple[str, str, str], list[list[float]]] = {}
    for required, part, draws in _by_release(units, "membership"):
        for question in dict.fromkeys(question for draw in draws for question in draw):
            auc = [game for draw in draws for game in draw[question]]
            values.setdefault((part, question, required), []).append(auc)
            values.setdefault((part, question, ""), []).append(auc)
    lines = []
    for (part, question, required), of_policies in values.items():
        # of a policy with too few speakers in some draws, fewer games are known
        games = np.mean([auc[: min(map(len, of_policies))] for auc in of_policies], axis=0)
        mean, error = float(games.mean()), float(games.std(ddof=1) / np.sqrt(len(games)))
        reach = float(stats.t.ppf(0.975, len(games) - 1)) * error
        lines.append(
            {
                "release": NONE if part in SPACE_PARTS else part,
                "condition": f"part={part}" if part in SPACE_PARTS else "",
                "required": required,
                "knowledge": str(Knowledge.INFORMED),
                "attacker": "best",
                "target": "membership",
                "metric": MEMBERSHIP[question],
                "value": mean,
                "low": max(mean - reach, 0.0),
                "high": min(mean + reach, 1.0),
                "chance": 0.5,
            }
        )
    return _complete(lines, estimates)


def membership_table(estimates: pd.DataFrame) -> Table:
    """The membership inference of what ships, as means over policies."""
    shipped = estimates[of_units(estimates) & (estimates["target"] == "membership")]
    shipped = shipped[shipped["required"] == ""]
    look = Estimates(shipped)
    rows = []
    for release, condition in dict.fromkeys(
        zip(shipped["release"], shipped["condition"], strict=True)
    ):
        cells = [
            cell
            for metric in MEMBERSHIP.values()
            for cell in with_interval(
                look.find(metric=metric, release=release, condition=condition)
            )
        ]
        name = _PART_NAMES.get(condition or release, f"prototypes of {release}")
        rows.append([Cell(name, "name"), *cells])
    heads = [
        [("", 1), ("a recording, AUC", 2), ("a speaker, AUC", 2)],
        [(name, 1) for name in ("part", *("value", "95 % interval") * 2)],
    ]
    return Table("Membership inference by what ships", heads, [rows])


def of_units(estimates: pd.DataFrame) -> pd.Series:
    """Whether each row is an estimate of this module."""
    shipped = (estimates["target"] == "membership") & (
        estimates["knowledge"] == str(Knowledge.INFORMED)
    )
    return shipped | estimates["metric"].isin(UNIT_METRICS)


def patient_table(look: Estimates, estimates: pd.DataFrame) -> Table:
    """The patient attacker on gender with the most utterances beside its null; `look` has the means
    over policies too.
    """
    k = max(look.patience, default=0)
    null = Estimates(estimates[estimates["metric"] == NULL_METRIC])
    groups = []
    for release in look.releases:
        rows = []
        for required in (*look.required, ""):
            estimate = look("auc", release, required, knowledge=Knowledge.PATIENT, k=k)
            shuffled = null.find(release=release, required=required, k=k)
            rows.append(
                [
                    *(Cell(name, "name") for name in (release, required or "mean of policies")),
                    *with_interval(estimate),
                    Cell(limits(shuffled), "interval"),
                    Cell(_verdict(estimate, shuffled), "name"),
                ]
            )
        groups.append(rows)
    names = ("release", "required", "AUC", "95 % interval", "null, 95 %", "")
    caption = f"Patient attacker on gender with {k} utterances, and its null"
    return Table(caption, [[(name, 1) for name in names]], groups)


def null_text(estimates: pd.DataFrame, release: str, k: int) -> str:
    """The range of the null of the mean over policies, as text; empty without one."""
    null = Estimates(estimates[estimates["metric"] == NULL_METRIC])
    shuffled = null.find(release=release, required="", k=k)
    return "" if np.isnan(shuffled.low) else f"{number(shuffled.low)} to {number(shuffled.high)}"


def _verdict(estimate: Estimate, null: Estimate) -> str:
    if np.isnan(estimate.value) or np.isnan(null.low):
        return ""
    if estimate.value > null.high:
        return "above"
    return "below" if estimate.value < null.low else "within"


def _by_release(
    units: Mapping[str, Any], key: str
) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """Required emotion, release, and the records of all draws under `key` of a unit's record."""
    records: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for unit, record in units.items():
        for release, figures in record.get(key, {}).items():
            records.setdefault((unit.rpartition("-")[0], release), []).append(figures)
    for (required, release), draws in records.items():
        yield required, release, draws


def _complete(lines: list[dict[str, Any]], estimates: pd.DataFrame) -> pd.DataFrame:
    """Rows with the columns of `estimates`, and its study, features, seed and corpora."""
    first = estimates.iloc[0]
    shared = {
        "study": first["study"],
        "corpus": max(set(estimates["corpus"]), key=lambda name: name.count("+")),
        "features": first["features"],
        "seed": first["seed"],
        "split": "all",
    }
    empty = dict.fromkeys(("knowledge", "attacker", "group", "k", "condition", "n", "speakers"), "")
    rows = [{**empty, **shared, **line} for line in lines]
    return pd.DataFrame(rows, columns=list(estimates.columns))
