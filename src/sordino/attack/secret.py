"""A secret as an audit sees it: its values, whether they change within a speaker, and how it is
shuffled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from sordino.attack.splits import deal
from sordino.corpora import labels
from sordino.errors import AttackError
from sordino.types import Rows

FOLDS: Final = 5
"""At most so many folds of speakers."""

LEVEL: Final = 0.05
"""Of the test that tells a leak."""


@dataclass(frozen=True, eq=False)
class Secret:
    """A secret of n rows whose speakers are known."""

    name: str
    values: NDArray[np.float64]
    """Codes from 0 of `classes`; of a continuous secret, such as age, its values. `(n,)`"""
    classes: tuple[str, ...]
    """Names of the values in the order of their codes; none where the secret is continuous."""
    speaker: Rows
    """Codes from 0, `(n,)`."""
    within: bool
    """Whether it changes within speakers (an emotion) instead of between them (gender)."""

    @classmethod
    def of(cls, name: str, values: ArrayLike, speaker: ArrayLike) -> Secret:
        """Numbers with more than ten different values are continuous, all else is a class.

        A secret that changes within more than half of the speakers is one within them: whoever has
        one value alone is not shuffled. Raises `AttackError` for one value, values or speakers that
        are missing, another number of rows, and a secret that changes within fewer: a mistake in
        the labels, or not, and nobody could say what to shuffle.
        """
        given, named = np.asarray(values), np.asarray(speaker)
        if given.shape != named.shape or given.ndim != 1 or not given.size:
            raise AttackError(
                f"{name}: values {given.shape}, speakers {named.shape}, expected one each a row"
            )
        for what, some in (("values", given), ("speakers", named)):
            if missing := int(_missing(some).sum()):
                raise AttackError(
                    f"{name}: {missing} {what} are missing, expected one a row: drop them"
                )
        named = named.astype(str) if named.dtype == object else named
        people = np.unique(named, return_inverse=True)[1].astype(np.intp)
        numbers = np.issubdtype(given.dtype, np.number) and len(np.unique(given)) > FEW_VALUES
        if _missing(given).any():
            raise AttackError(
                f"{name}: {int(_missing(given).sum())} values are missing, expected one a row: "
                "drop them"
            )
        given = (
            given.astype(np.float64)
            if numbers
            else given
            if np.issubdtype(given.dtype, np.number)
            else given.astype(str)
        )
        names, codes = np.unique(given, return_inverse=True)
        if len(names) < 2:
            raise AttackError(
                f"{name}: one value, {names[0]!s}, in all rows, expected two or more: nothing to "
                "tell"
            )
        changing = _changes(codes, people)
        if 0 < changing.mean() <= 0.5:
            raise AttackError(
                f"{name}: changes within {int(changing.sum())} of {len(changing)} speakers, "
                "expected most (an emotion) "
                "or none (gender): correct the labels"
            )
        if numbers:
            return cls(name, given.astype(np.float64), (), people, bool(changing.any()))
        return cls(
            name,
            codes.astype(np.float64),
            tuple(map(str, names.tolist())),
            people,
            bool(changing.any()),
        )

    @property
    def chance(self) -> float:
        """Of the unweighted average recall; 1/2 of a continuous secret, which is ranked."""
        return 1 / len(self.classes) if self.classes else 0.5

    def folds(self, seed: int = 0) -> Rows:
        """The fold of each row, `(n,)`: speakers dealt evenly over the values of the secret.

        There are `FOLDS`, or fewer where a value has fewer speakers, or where with fewer the secret
        can be shuffled in more ways.
        """
        names, counts = self.speaker.astype(str), self._rarest()
        codes = np.unique(self.values, return_inverse=True)[1].astype(np.intp)
        for count in range(min(FOLDS, counts), 1, -1):
            fold = deal(names, codes, seed, count)
            if count == 2 or self.arrangements(fold) >= 2 / LEVEL:
                return fold
        if 2 < len(self.classes) == len(np.unique(self.speaker)):
            raise AttackError(
                f"{self.name}: every speaker has another value, expected an attribute that "
                "speakers share: "
                "re-identification asks who speaks (`attack.identity.identify`, and the page of "
                "every audit)"
            )
        raise AttackError(
            f"{self.name}: a value has {counts} speaker(s), expected two or more, one to learn "
            "from and one to test: "
            "add speakers"
        )

    def arrangements(self, fold: Rows) -> float:
        """In how many ways `shuffles` can deal the values: a test at level 0.05 needs 20."""
        logs = 0.0
        of, _ = self._units
        for group in self._groups(fold):
            counts = np.unique(of[group], return_counts=True)[1]
            logs += gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
        return float(np.rint(np.exp(logs))) if logs < _MANY else float(np.inf)

    def shuffles(self, fold: Rows, count: int, seed: int = 0) -> NDArray[np.float64]:
        """The secret, then `count` times shuffled, `(n, 1 + count)`.

        A secret between speakers is shuffled over the speakers of a fold, one within them over the
        rows of a speaker. So every training set keeps its numbers: given the folds, all these
        arrangements are equally likely where the vectors say nothing of the secret, and the test
        that follows is exact.
        """
        random = np.random.default_rng([seed, 1])  # not the stream that dealt the folds
        table = np.repeat(self.values[:, None], 1 + count, axis=1)
        (of, unit), groups = self._units, self._groups(fold)
        for column in range(1, 1 + count):
            mixed = of.copy()
            for group in groups:
                mixed[group] = random.permutation(of[group])
            table[:, column] = mixed[unit]
        return table

    @property
    def first(self) -> Rows:
        """The first row of each speaker."""
        return np.unique(self.speaker, return_index=True)[1].astype(np.intp)

    @property
    def _units(self) -> tuple[NDArray[np.float64], Rows]:
        """What is shuffled, rows or speakers: their values, and the unit of each row."""
        if self.within:
            return self.values, np.arange(len(self.values))
        return self.values[self.first], self.speaker

    def _groups(self, fold: Rows) -> Sequence[Rows]:
        """Units that may change places: the rows of a speaker, or the speakers of a fold."""
        among = self.speaker if self.within else fold[self.first]
        return [np.flatnonzero(among == one) for one in np.unique(among)]

    def _rarest(self) -> int:
        """Speakers of the value that fewest have; of a continuous secret, all."""
        if not self.classes:
            return len(np.unique(self.speaker))
        return min(
            len(np.unique(self.speaker[self.values == code])) for code in range(len(self.classes))
        )


FEW_VALUES: Final = 10
"""Numbers with no more different values than this are classes."""

_MANY: Final = 30.0
"""The logarithm of more arrangements than anybody counts."""


def labels_of(name: str, values: ArrayLike) -> NDArray[Any]:
    """The values of a secret, `(n,)`: numbers as they are, all else as text.

    Raises `AttackError` for a label that is spelt in two ways, for several kinds in one column, and
    for missing ones.
    """
    given = np.asarray(values) if isinstance(values, np.ndarray | pd.Series) else None
    if given is not None and given.ndim == 1 and given.dtype.kind in "iuf":
        return given
    written = labels.require(name, values, AttackError, column=name)
    plain: list[Any] = np.asarray(values, dtype=object).tolist()
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in plain)
    return np.asarray(plain) if numbers else written


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if np.issubdtype(values.dtype, np.floating):
        missing: NDArray[np.bool_] = ~np.isfinite(values)
        return missing
    empty: NDArray[np.bool_] = np.array([str(value) == "" for value in values.tolist()])
    return empty | np.asarray(pd.isna(values))


def _changes(codes: Rows, speaker: Rows) -> NDArray[np.bool_]:
    """Whether each speaker has several values."""
    return np.array([len(np.unique(codes[speaker == one])) > 1 for one in np.unique(speaker)])
