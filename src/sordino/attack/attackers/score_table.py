"""Scores and test statistics of attackers as a unit on disk: one table of numbers, and a record of
their names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from sordino.attack.attackers.kernels import Scores
from sordino.attack.secret import Secret
from sordino.attack.significance.permutation_test import AttackerStatistic
from sordino.attack.splits import SplitPlan
from sordino.types import Matrix

SCORE_ROOMS: Final = ("attack", "metrics")
"""The packages that decide scores."""


@dataclass(frozen=True)
class ScoreTable:
    """Attackers' scores of the secret, and their statistics on it and on its shuffles."""

    scores: tuple[Scores, ...]
    statistics: tuple[AttackerStatistic, ...]

    def pack(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        """All numbers in one column, and the record of their attackers."""
        arrays = [
            values
            for score in self.scores
            for values in (score.values, score.transferred)
            if values is not None
        ]
        arrays += [values for item in self.statistics for values in (item.statistic, item.auc)]
        numbers = np.concatenate([values.ravel() for values in arrays]) if arrays else np.zeros(0)
        record = {
            "scores": [
                [
                    score.family,
                    score.setting,
                    score.per_speaker,
                    score.tested,
                    score.values.shape[1],
                    score.transferred is not None,
                ]
                for score in self.scores
            ],
            "reached": [[item.family, item.setting, item.pooled] for item in self.statistics],
        }
        return pd.DataFrame({"value": numbers}), record


def unpack(
    table: pd.DataFrame, record: Mapping[str, Any], secret: Secret, columns: int
) -> ScoreTable:
    """The inverse of `pack`. Raises `ValueError` for numbers or names that do not match this secret
    and number of columns.
    """
    if (
        list(table.columns) != ["value"]
        or table["value"].dtype != np.float64
        or set(record) != {"scores", "reached"}
    ):
        raise ValueError("its table or its record is not one of scores")
    source = _Numbers(table["value"].to_numpy())
    speakers = len(secret.first)
    scores, statistics = [], []
    for entry in record["scores"]:
        _check_types(entry, (str, str, bool, bool, int, bool))
        family, setting, per_speaker, tested, width, transferred = entry
        count = (speakers if per_speaker else len(secret.values)) * width
        values = source.take(count).reshape(-1, width)
        others = source.take(count).reshape(-1, width) if transferred else None
        scores.append(Scores(family, setting, values, per_speaker, tested, transferred=others))
    for family, setting, pooled in record["reached"]:
        _check_types((family, setting, pooled), (str, str, bool))
        statistic, auc = source.take(columns), source.take(columns)
        statistics.append(AttackerStatistic(family, setting, pooled, statistic, auc))
    widths = {score.values.shape[1] for score in scores}
    width = len(secret.classes) if len(secret.classes) > 2 else 1
    if source.remaining or not statistics or widths != {width}:
        raise ValueError("its numbers are not as many as it names")
    if not all(np.isfinite([item.statistic, item.auc]).all() for item in statistics):
        raise ValueError("a number is not finite")
    return ScoreTable(tuple(scores), tuple(statistics))


class _Numbers:
    """An array that is read piece by piece."""

    def __init__(self, values: Matrix) -> None:
        self._values, self._position = values, 0

    @property
    def remaining(self) -> int:
        return len(self._values) - self._position

    def take(self, count: int) -> Matrix:
        if not 0 < count <= self.remaining:
            raise ValueError("its numbers are fewer than it names")
        self._position += count
        return self._values[self._position - count : self._position]


def _check_types(values: tuple[object, ...], types: tuple[type, ...]) -> None:
    if any(type(value) is not kind for value, kind in zip(values, types, strict=True)):
        raise ValueError("its record names no scores")


def audit_key(
    x: Matrix,
    secret: Secret,
    shuffled: Matrix,
    plan: SplitPlan,
    seed: int,
    others: Matrix | None = None,
) -> str:
    """The digest of the inputs that all units of one audit share."""
    sha = hashlib.sha256(
        json.dumps([secret.name, secret.classes, secret.within, seed, plan.measured]).encode()
    )
    parts = [rows.astype(np.int64) for split in plan.splits for rows in split]
    tables = [x, secret.values, shuffled, *([] if others is None else [others])]
    for values in (*tables, secret.speaker.astype(np.int64), *parts):
        sha.update(
            f"{values.shape} {values.dtype.str}".encode() + np.ascontiguousarray(values).tobytes()
        )
    return sha.hexdigest()


def class_and_parameters(settings: Sequence[BaseEstimator]) -> Iterator[list[Any]]:
    """Class and parameters of each estimator."""
    for setting in settings:
        kind, parameters = type(setting), sorted(setting.get_params().items())
        yield [kind.__module__, kind.__qualname__, repr(parameters)]


def is_cacheable(settings: Sequence[BaseEstimator]) -> bool:
    """Whether `class_and_parameters` determines the estimators: those of scikit-learn with plain
    parameters.
    """
    plain = (str, int, float, bool, tuple, type(None))
    values = [
        value
        for setting in settings
        for parameter in setting.get_params().values()
        for value in _flatten(parameter)
    ]
    from_sklearn = all(type(setting).__module__.startswith("sklearn.") for setting in settings)
    return from_sklearn and all(isinstance(value, plain) for value in values)


def _flatten(value: object) -> list[object]:
    """The keys and values of a mapping (class weights), else the value itself."""
    return [*value, *value.values()] if isinstance(value, dict) else [value]
