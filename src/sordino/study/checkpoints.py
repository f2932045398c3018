"""Units of a study on disk: a killed run resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import pandas as pd

from sordino.checkpoints import Checkpoints, Finished, identity
from sordino.storage import Location

StudyUnit = TypeVar("StudyUnit")
"""A part of a study that is computed by itself."""

CODE_ROOMS: Final = (
    "attack",
    "corpora",
    "export",
    "features",
    "metrics",
    "nn",
    "release",
    "signal",
    "study",
)
CODE_PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "torch")
"""The code and the packages that the results of a study depend on."""


def gather_units(
    units: Mapping[str, StudyUnit],
    keys: Mapping[str, str],
    compute: Callable[[Sequence[StudyUnit]], Iterable[Finished]],
    folder: Location,
    label: str,
    columns: Iterable[str],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The tables of all units as one, and the record of each unit by name.

    - `keys`: by name of the unit, a text that all its inputs determine.
    - `compute`: computes the units that are not on disk.
    - `label`: the name of the units on the progress bar.
    - `columns`: the columns of every table.
    """
    expected = set(columns)

    def check(table: pd.DataFrame, _: dict[str, Any]) -> None:
        if set(table.columns) != expected:
            raise ValueError("its table has other columns")

    shared = identity(CODE_ROOMS, CODE_PACKAGES)
    unit_keys = {name: f"{shared} {key}" for name, key in keys.items()}
    results = Checkpoints(unit_keys, folder, label, check).gather(
        lambda names: compute([units[name] for name in names])
    )
    return pd.concat([table for table, _ in results.values()], ignore_index=True), {
        name: record for name, (_, record) in results.items()
    }
