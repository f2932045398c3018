"""The units of a study on disk: a killed run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sordino.checkpoints import Checkpoints, Finished, identity

ROOMS: Final = ("attack", "corpora", "features", "metrics", "nn", "release", "signal", "study")
PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "torch")
"""The code, and the packages, that the results of a study follow from."""


def gathered(
    keys: Mapping[str, str],
    compute: Callable[[Sequence[str]], Iterable[Finished]],
    folder: Path,
    what: str,
    columns: Iterable[str],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The tables of all units, one below the other, and the record of each by name.

    `keys` has for each unit, by name, its inputs; `compute` is given the names of the units that
    are not on disk. `what` names them on the bar, `columns` are those of every table.
    """
    expected = set(columns)

    def check(table: pd.DataFrame, _: dict[str, Any]) -> None:
        if set(table.columns) != expected:
            raise ValueError("its table has other columns")

    shared = identity(ROOMS, PACKAGES)
    decided = {name: f"{shared} {key}" for name, key in keys.items()}
    units = Checkpoints(decided, folder, what, check).gather(compute)
    return pd.concat([table for table, _ in units.values()], ignore_index=True), {
        name: record for name, (_, record) in units.items()
    }
