"""The hidden attributes that the scorer of a drawn release models beside the emotion."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sordino.corpora.hidden import entry_codes
from sordino.policy import LEVEL_COLUMN, Policy, hidden_columns
from sordino.types import Codes

MOST_GROUPS: Final = 32
"""Combinations of values that a scorer models, each with weights of its own."""


def scorer_factors(policy: Policy, labels: pd.DataFrame, gender: Codes) -> list[Codes]:
    """The values of each attribute that the scorer models, `(rows,)` each, -1 where unknown.

    Gender where it is hidden, then every hidden column once, with the edges that come first; those
    of an intersection one by one, since their contributions to the features are added. Attributes
    beyond 32 combinations of values are left out, with a warning, and so are emotions within a
    level. `labels` are the rows of a
    corpus' table, `gender` their genders.
    """
    every_row = np.arange(len(labels))
    factors = {"gender": gender} if "gender" in policy.hide else {}
    for entry in policy.columns:
        for hidden in hidden_columns(entry):
            name = hidden.column
            if name not in factors and not name.startswith(LEVEL_COLUMN):
                factors[name] = entry_codes(labels, hidden.entry, every_row).codes
    return _within(factors, MOST_GROUPS)


def _within(factors: dict[str, Codes], most: int) -> list[Codes]:
    modelled, groups = [], 1
    for name, codes in factors.items():
        count = int(codes.max(initial=-1)) + 1
        if groups * max(count, 1) > most:
            warnings.warn(
                f"hide {name}: the scorer models at most {most} combinations of hidden values, so "
                "the release is not fitted against it: the audit measures it all the same",
                stacklevel=4,
            )
        elif count > 1 or name == "gender":
            modelled.append(codes)
            groups *= max(count, 1)
    return modelled


def combinations(shifts: Sequence[np.ndarray]) -> np.ndarray:
    """The sums of one shift of each attribute, `(combinations, d)`; each of `shifts` is `(values,
    d)`.

    >>> combinations([np.array([[1.0], [2.0]]), np.array([[10.0], [20.0]])]).ravel().tolist()
    [11.0, 21.0, 12.0, 22.0]
    """
    total, *further = shifts
    for shift in further:
        total = (total[:, None] + shift).reshape(-1, shift.shape[1])
    return total
