"""Estimates of tracking: error, coverage and width, as rows of `estimates.csv`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pandas as pd

from sordino import metrics
from sordino.columns import ESTIMATE_COLUMNS
from sordino.define import Knowledge
from sordino.study.tracking.simulation import PRIOR_SHARE
from sordino.study.tracking.units import STUDY
from sordino.types import Matrix, Rows

METRICS: Final = {
    "tracking_error": "mean absolute error of the estimated share",
    "tracking_coverage": "share of days with the true share inside the 95 % limits",
    "tracking_width": "mean distance of the limits",
}

TARGET: Final = "share"
"""The value of the column `target`."""

SHARE_BANDS: Final = ((0.0, 0.2), (0.2, 0.4), (0.4, 1.0))
"""Ranges of true shares with rows of their own."""


def condition(utterances: int) -> str:
    """The value of the column `condition`.

    >>> condition(50)
    'utterances=50'
    """
    return f"utterances={utterances}"


def band(limits: tuple[float, float]) -> str:
    """The value of the column `group` for a range of true shares.

    >>> band((0.2, 0.4))
    'share=0.2-0.4'
    """
    return f"share={limits[0]:g}-{limits[1]:g}"


def tracking_estimates(days: pd.DataFrame, corpus: str, features: str, seed: int) -> pd.DataFrame:
    """The rows of `estimates.csv` from the days of all users (`simulation.days_of_users`).

    Means over days and users, with intervals over test speakers. `required` is empty for the mean
    over policies, `group` for that over shares. `n` counts days. The chance level of the error is
    the error of `prior-share`.
    """
    values = days.assign(
        tracking_error=(days["estimate"] - days["truth"]).abs(),
        tracking_coverage=(days["low"] <= days["truth"]) & (days["truth"] <= days["high"]),
        tracking_width=days["high"] - days["low"],
    ).dropna(subset="estimate")
    lines = [line for scope, rows in _scopes(values) for line in _lines(scope, rows)]
    constant: dict[str, Any] = {
        "study": STUDY,
        "corpus": corpus,
        "features": features,
        "knowledge": str(Knowledge.IGNORANT),
        "attacker": "",
        "target": TARGET,
        "k": "",
        "split": "all",
        "seed": seed,
    }
    table = pd.DataFrame(lines).assign(**constant)
    return _with_chance(table)[list(ESTIMATE_COLUMNS)]


def _scopes(values: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The days of each row of the table, and its labels."""
    for key, rows in values.groupby(["release", "utterances"], sort=False):
        release, utterances = str(key[0]), int(str(key[1]))
        for required in ("", *dict.fromkeys(rows["required"])):
            policy = rows[rows["required"] == required] if required else rows
            labels = {"release": release, "condition": condition(utterances), "required": required}
            yield labels | {"group": ""}, policy
            for limits in SHARE_BANDS:
                inside = policy["truth"].between(*limits, inclusive="left")
                if inside.any():
                    yield labels | {"group": band(limits)}, policy[inside]


def _lines(labels: dict[str, Any], rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for metric in METRICS:
        mean = partial(_mean, rows[metric].to_numpy(dtype=float))
        figure = metrics.interval(mean, rows["speaker"], stratum=rows["gender"])
        yield labels | {"metric": metric} | vars(figure)


def _mean(values: Matrix, positions: Rows) -> float:
    """The mean at these positions; NaN without any."""
    return float(values[positions].mean()) if len(positions) else float("nan")


def _with_chance(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the error of the trivial estimate as chance level of errors."""
    keys = ["condition", "required", "group"]
    error = table["metric"] == "tracking_error"
    prior = table[error & (table["release"] == PRIOR_SHARE)].set_index(keys)["value"]
    labels = pd.MultiIndex.from_frame(table[keys])
    return table.assign(chance=prior.reindex(labels).to_numpy()).assign(
        chance=lambda rows: rows["chance"].where(error)
    )
