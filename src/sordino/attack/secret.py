"""A secret in an audit: its values, whether they change within a speaker, and its shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from sordino.attack.splits import deal_speakers
from sordino.corpora import labels
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

MAX_FOLDS: Final = 5
"""The largest number of folds of speakers."""

SPEAKERS_PER_CLASS: Final = 2
"""Speakers with each value that an attacker needs: one for training, one for selection."""

TEST_LEVEL: Final = 0.05
"""The level of the test for a leak."""

MAX_CLASSES: Final = 10
"""Numbers with more distinct values than this are continuous."""

_LOG_MANY: Final = 30.0
"""A logarithm of the number of arrangements above which the number is infinite."""


@dataclass(frozen=True, eq=False)
class Secret:
    """A secret of n rows with known speakers."""

    name: str
    values: Matrix
    """Codes from 0 of `classes`, or the values of a continuous secret such as age, `(n,)`."""
    classes: tuple[str, ...]
    """Names of the values in the order of their codes; empty for a continuous secret."""
    speaker: Rows
    """Codes from 0, `(n,)`."""
    within: bool
    """Whether it changes within speakers (an emotion) instead of between them (gender)."""

    @classmethod
    def of(cls, name: str, values: ArrayLike, speaker: ArrayLike) -> Secret:
        """A secret from labels `(n,)` and speakers `(n,)`.

        Numbers with more than ten distinct values are continuous, all other values are classes. A
        secret that changes within more than half of the speakers is a secret within speakers;
        speakers with a single value are then not shuffled.

        Raises `AttackError` for a single value, missing values or speakers, arrays of different
        lengths, and a secret that changes within at most half of the speakers: such labels are
        probably wrong, and no shuffle is valid for them.
        """
        column, speakers = np.asarray(values), np.asarray(speaker)
        if column.shape != speakers.shape or column.ndim != 1 or not column.size:
            raise AttackError(
                f"{name}: values {column.shape}, speakers {speakers.shape}, expected one each a row"
            )
        for noun, array in (("values", column), ("speakers", speakers)):
            if missing := int(_missing(array).sum()):
                raise AttackError(
                    f"{name}: {missing} {noun} are missing, expected one a row: drop them"
                )
        speakers = speakers.astype(str) if speakers.dtype == object else speakers
        codes = np.unique(speakers, return_inverse=True)[1].astype(np.intp)
        numeric = np.issubdtype(column.dtype, np.number)
        continuous = numeric and len(np.unique(column)) > MAX_CLASSES
        if continuous:
            column = column.astype(np.float64)
        elif not numeric:
            column = column.astype(str)
        names, classes = np.unique(column, return_inverse=True)
        if len(names) < 2:
            raise AttackError(
                f"{name}: one value, {names[0]!s}, in all rows, expected two or more: nothing can "
                "be inferred"
            )
        changes = _changes_within(classes, codes)
        if 0 < changes.mean() <= 0.5:
            raise AttackError(
                f"{name}: changes within {int(changes.sum())} of {len(changes)} speakers, "
                "expected most (an emotion) or none (gender): correct the labels"
            )
        within = bool(changes.any())
        if continuous:
            return cls(name, column.astype(np.float64), (), codes, within)
        texts = tuple(map(str, names.tolist()))
        return cls(name, classes.astype(np.float64), texts, codes, within)

    @property
    def chance(self) -> float:
        """The chance level of the UAR; 1/2 for a continuous secret, which is ranked."""
        return 1 / len(self.classes) if self.classes else 0.5

    @property
    def metric(self) -> str:
        """The headline metric: `auc`, or `uar` for more than two classes. The AUC of a continuous
        secret is its concordance.
        """
        return "auc" if len(self.classes) in (0, 2) else "uar"

    def folds(self, seed: int = 0) -> Rows:
        """The fold of each row, `(n,)`: speakers dealt evenly over the values of the secret.

        There are up to `MAX_FOLDS` folds: fewer if a value has fewer speakers, or if fewer folds
        allow more arrangements. Raises `AttackError` for a value with one speaker.
        """
        names, speakers = self.speaker.astype(str), self._rarest()
        codes = np.unique(self.values, return_inverse=True)[1].astype(np.intp)
        for count in range(min(MAX_FOLDS, speakers), SPEAKERS_PER_CLASS - 1, -1):
            fold = deal_speakers(names, codes, seed, count)
            if count == SPEAKERS_PER_CLASS or self.arrangements(fold) >= 2 / TEST_LEVEL:
                return fold
        if 2 < len(self.classes) == len(np.unique(self.speaker)):
            raise AttackError(
                f"{self.name}: every speaker has another value, expected an attribute that "
                "speakers share: re-identification is another attack "
                "(`attack.identity.identify`, and the page of every audit)"
            )
        raise AttackError(
            f"{self.name}: a value has {speakers} speaker(s), expected two or more, one for "
            "training and one for the test: add speakers"
        )

    def arrangements(self, fold: Rows) -> float:
        """The number of arrangements that `shuffles` can draw: a test at level 0.05 needs 20."""
        log_count = 0.0
        values, _ = self._units
        for group in self._groups(fold):
            counts = np.unique(values[group], return_counts=True)[1]
            log_count += gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
        return float(np.rint(np.exp(log_count))) if log_count < _LOG_MANY else float(np.inf)

    def shuffles(self, fold: Rows, count: int, seed: int = 0) -> Matrix:
        """The secret and `count` shuffles of it, `(n, 1 + count)`.

        A secret between speakers is shuffled over the speakers of a fold, a secret within speakers
        over the rows of a speaker. So every training set keeps its counts. Given the folds, all
        arrangements are equally likely if the vectors are independent of the secret, and the test
        is exact.
        """
        random = np.random.default_rng([seed, 1])  # another stream than that of the folds
        table = np.repeat(self.values[:, None], 1 + count, axis=1)
        (values, unit), groups = self._units, self._groups(fold)
        for column in range(1, 1 + count):
            shuffled = values.copy()
            for group in groups:
                shuffled[group] = random.permutation(values[group])
            table[:, column] = shuffled[unit]
        return table

    def bent(self, table: Matrix, count: int) -> tuple[Secret, Matrix]:
        """A continuous secret as cos(π · count · rank), and its `shuffles` likewise; ranks are from
        0 to 1.

        An attacker that predicts the rank itself misses a relation that rises and falls, such as
        the distance from 45 years: that of count 2.
        """
        units = np.sort(self.values if self.within else self.values[self.first])
        ends = [np.searchsorted(units, table, side) for side in ("left", "right")]
        values = np.cos(np.pi * count * (ends[0] + ends[1]) / (2 * len(units)))
        return replace(self, values=values[:, 0]), values

    @property
    def first(self) -> Rows:
        """The first row of each speaker."""
        return np.unique(self.speaker, return_index=True)[1].astype(np.intp)

    @property
    def _units(self) -> tuple[Matrix, Rows]:
        """The values of the units of shuffling, rows or speakers, and the unit of each row."""
        if self.within:
            return self.values, np.arange(len(self.values))
        return self.values[self.first], self.speaker

    def _groups(self, fold: Rows) -> Sequence[Rows]:
        """Units that are exchanged: the rows of a speaker, or the speakers of a fold."""
        codes = self.speaker if self.within else fold[self.first]
        return [np.flatnonzero(codes == code) for code in np.unique(codes)]

    def _rarest(self) -> int:
        """The number of speakers of the rarest value; for a continuous secret, of all speakers."""
        if not self.classes:
            return len(np.unique(self.speaker))
        return min(
            len(np.unique(self.speaker[self.values == code])) for code in range(len(self.classes))
        )


def labels_of(name: str, values: ArrayLike) -> NDArray[Any]:
    """The values of a secret, `(n,)`: numbers stay numbers, all other values become text.

    Raises `AttackError` for two spellings of one label, several types in one column, and missing
    labels.
    """
    array = np.asarray(values) if isinstance(values, np.ndarray | pd.Series) else None
    if array is not None and array.ndim == 1 and array.dtype.kind in "iuf":
        return array
    texts = labels.require_texts(name, values, AttackError, column=name)
    objects: list[Any] = np.asarray(values, dtype=object).tolist()
    numeric = all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in objects
    )
    return np.asarray(objects) if numeric else texts


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if np.issubdtype(values.dtype, np.floating):
        missing: NDArray[np.bool_] = ~np.isfinite(values)
        return missing
    empty: NDArray[np.bool_] = np.array([str(value) == "" for value in values.tolist()])
    return empty | np.asarray(pd.isna(values))


def _changes_within(codes: Rows, speaker: Rows) -> NDArray[np.bool_]:
    """Whether each speaker has several values."""
    return np.array([len(np.unique(codes[speaker == code])) > 1 for code in np.unique(speaker)])
