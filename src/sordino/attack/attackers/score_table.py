"""What attackers say and reach, as a unit that can be kept: one table of numbers, and what they
are.
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
from sordino.attack.significance.permutation_test import Reached
from sordino.attack.splits import Plan
from sordino.types import Matrix

ROOMS: Final = ("attack", "metrics")
"""The code that scores follow from."""


@dataclass(frozen=True)
class Heard:
    """What attackers say of the secret, and what they reach on it and on its shuffles."""

    scores: tuple[Scores, ...]
    reached: tuple[Reached, ...]

    def packed(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        """All numbers, one below the other, and whose they are."""
        arrays = [score.values for score in self.scores]
        arrays += [values for one in self.reached for values in (one.reached, one.auc)]
        numbers = np.concatenate([values.ravel() for values in arrays]) if arrays else np.zeros(0)
        record = {
            "scores": [
                [one.family, one.setting, one.whole, one.tested, one.values.shape[1]]
                for one in self.scores
            ],
            "reached": [[one.family, one.setting, one.pooled] for one in self.reached],
        }
        return pd.DataFrame({"value": numbers}), record


def unpacked(table: pd.DataFrame, record: Mapping[str, Any], secret: Secret, columns: int) -> Heard:
    """The same again. Raises `ValueError` for numbers or names that cannot be of this secret and so
    many columns.
    """
    if (
        list(table.columns) != ["value"]
        or table["value"].dtype != np.float64
        or set(record) != {"scores", "reached"}
    ):
        raise ValueError("its table or its record is not one of scores")
    source = _Numbers(table["value"].to_numpy())
    people = len(secret.first)
    scores, reached = [], []
    for family, setting, whole, tested, width in record["scores"]:
        _typed((family, setting, whole, tested, width), (str, str, bool, bool, int))
        values = source.take((people if whole else len(secret.values)) * width).reshape(-1, width)
        scores.append(Scores(family, setting, values, whole, tested))
    for family, setting, pooled in record["reached"]:
        _typed((family, setting, pooled), (str, str, bool))
        reached.append(Reached(family, setting, pooled, source.take(columns), source.take(columns)))
    widths = {one.values.shape[1] for one in scores}
    if (
        source.left
        or not reached
        or widths != {len(secret.classes) if len(secret.classes) > 2 else 1}
    ):
        raise ValueError("its numbers are not as many as it names")
    if not all(np.isfinite(values).all() for one in reached for values in (one.reached, one.auc)):
        raise ValueError("a number is not finite")
    return Heard(tuple(scores), tuple(reached))


class _Numbers:
    """An array that is taken piece by piece."""

    def __init__(self, values: Matrix) -> None:
        self._values, self._at = values, 0

    @property
    def left(self) -> int:
        return len(self._values) - self._at

    def take(self, count: int) -> Matrix:
        if not 0 < count <= self.left:
            raise ValueError("its numbers are fewer than it names")
        self._at += count
        return self._values[self._at - count : self._at]


def _typed(values: tuple[object, ...], types: tuple[type, ...]) -> None:
    if any(type(value) is not kind for value, kind in zip(values, types, strict=True)):
        raise ValueError("its record names no scores")


def key(x: Matrix, secret: Secret, shuffled: Matrix, plan: Plan, seed: int) -> str:
    """The digest of all that units of one audit have in common."""
    sha = hashlib.sha256(
        json.dumps([secret.name, secret.classes, secret.within, seed, plan.measured]).encode()
    )
    sides = [rows.astype(np.int64) for side in plan.sides for rows in side]
    for values in (x, secret.values, secret.speaker.astype(np.int64), shuffled, *sides):
        sha.update(
            f"{values.shape} {values.dtype.str}".encode() + np.ascontiguousarray(values).tobytes()
        )
    return sha.hexdigest()


def described(settings: Sequence[BaseEstimator]) -> Iterator[list[Any]]:
    """Class and parameters of estimators, in full."""
    for one in settings:
        yield [type(one).__module__, type(one).__qualname__, repr(sorted(one.get_params().items()))]


def usable(settings: Sequence[BaseEstimator]) -> bool:
    """Whether the text of estimators says all of them: those of scikit-learn with plain parameters."""
    plain = (str, int, float, bool, tuple, type(None))
    values = [
        value
        for one in settings
        for parameter in one.get_params().values()
        for value in _parts(parameter)
    ]
    known = all(type(one).__module__.startswith("sklearn.") for one in settings)
    return known and all(isinstance(value, plain) for value in values)


def _parts(value: object) -> list[object]:
    """The keys and values of a mapping (class weights), else the value itself."""
    return [*value, *value.values()] if isinstance(value, dict) else [value]
