"""The rows that an audit is made of: all of a small table, and of a large one as many as its time
and memory allow.

Time is predicted, not measured: the same table and options give the same rows on any machine. A
large table is audited in under two minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import memory
from sordino.attack.attackers.kernels import FAMILIES
from sordino.errors import AttackError
from sordino.types import Rows

SECONDS: Final = 60.0
"""That the default number of rows may take on two cores, for all secrets together, predicted. It is
half of what is promised: the page takes time too, and processors differ.
"""

SMALL: Final = 4000
"""A table of so many rows is audited whole, if memory allows: with all families it takes more than
two minutes.
"""

LEAST: Final = 400
"""So many rows are drawn from a large table whatever they cost, if memory allows."""

LARGE: Final = 4000
"""No more rows are drawn unless more are asked for."""

PEOPLE: Final = 500
"""Speakers that are drawn at most: intervals leave out each in turn."""

SEVERAL: Final = 5
"""With more rows than that for each of `PEOPLE`, there may be more speakers: patient attackers need
some rows each.
"""

RAREST: Final = 10
"""Speakers of each value of the secret at least, where there are so many."""

COSTS: Final[dict[str, tuple[float, float, float]]] = {
    "logistic": (0.1, 1.0, 1.0),
    "svm-linear": (0.1, 1.0, 1.0),
    "svm-poly": (0.2, 2.2, 1.0),
    "svm-rbf": (0.3, 2.2, 1.0),
    "forest": (1.1, 1.1, 0.5),
    "boosting": (0.4, 1.0, 1.0),
    "mlp": (0.65, 1.2, 0.3),
    "deep": (2.6, 1.1, 0.1),
}
"""Seconds of cross-fitting one labelling of 1,000 rows of 64 dimensions, and the powers by which
they grow with rows and with dimensions. A family that is not listed counts as the dearest in each.
"""

_DEAREST: Final = tuple(max(cost[place] for cost in COSTS.values()) for place in range(3))


def seconds(
    rows: int, dimensions: int, families: Sequence[str], columns: int, audits: int = 1
) -> float:
    """Time of audits of this size on two cores, about; `columns` are the secret and its shuffles.

    Attackers share the cores. Who speaks is asked once, on one of them, by all that there are of
    `machines`.
    """
    quick = (
        1e-9 * rows**3
        + (8e-9 * columns + 1.6e-6 + 8e-10 * dimensions) * rows**2
        + 1.2e-5 * columns * rows
    )
    total = quick if any(family in FAMILIES for family in families) else 0.0
    for family in families:
        if family not in FAMILIES:
            once, by_rows, by_dimensions = COSTS.get(family, _DEAREST)
            grown = (rows / 1000) ** by_rows * max(1.0, dimensions / 64) ** by_dimensions
            total += (
                (columns + 3) * once * grown
            )  # three: other settings are fitted on the secret alone
    return audits * total / 2 + quick


def needed(rows: int, dimensions: int, columns: int, processes: int) -> int:
    """Bytes of memory that an audit of this size takes at once, about."""
    return processes * 8 * (9 * rows * rows + 12 * rows * columns + 5 * rows * dimensions)


def count(
    there: int,
    dimensions: int,
    families: Sequence[str],
    columns: int,
    *,
    audits: int = 1,
    processes: int = 1,
    asked: int | None = None,
) -> int:
    """How many rows of those that are `there` are audited: as many as `asked` for, or as time and
    memory allow.

    `audits` share the time. Raises `AttackError` where what was asked for does not fit the memory,
    or 200 rows do not.
    """
    free = memory.free()
    most = there if asked is None else min(there, asked)
    if asked is None and there > SMALL:
        steps = [size for size in range(LARGE, 0, -100) if size <= there] or [there]
        fits = (
            size
            for size in steps
            if seconds(size, dimensions, families, columns, audits) <= SECONDS
        )
        most = max(next(fits, 0), min(there, LEAST))
    while (
        asked is None
        and free is not None
        and most > 200
        and needed(most, dimensions, columns, processes) > free
    ):
        most = max(200, most * 3 // 4)
    take = needed(most, dimensions, columns, processes)
    if free is not None and take > free:
        raise AttackError(
            f"{most:,} rows of {dimensions:,} dimensions take about {memory.gigabytes(take)} of "
            f"memory in {processes} "
            f"process(es), {memory.gigabytes(free)} may be taken: audit fewer rows, or use fewer "
            "processes"
        )
    return most


def drawn(speaker: NDArray[Any], secret: NDArray[Any], most: int, seed: int) -> Rows:
    """Row positions, ascending: all, or `most` at random, the same number of each speaker as far as
    there are.

    Every speaker stays, unless there are more than `PEOPLE` and more than a row in `SEVERAL`: then
    some do, at random, of a rare value of the secret at least `RAREST`.
    """
    if len(speaker) <= most:
        return np.arange(len(speaker))
    random = np.random.default_rng(seed)
    order = random.permutation(len(speaker))
    people = pd.factorize(speaker[order])[0]
    turn = pd.Series(people).groupby(people).cumcount().to_numpy()
    allowed = min(most, max(PEOPLE, most // SEVERAL))
    if people.max() >= allowed:
        chosen = _of_some(people, secret[order], allowed)
        order, turn = order[chosen], turn[chosen]
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _of_some(people: Rows, secret: NDArray[Any], most: int) -> NDArray[np.bool_]:
    """Whether each row is of one of `most` speakers, who are numbered in a random order."""
    first = np.unique(people, return_index=True)[1]
    value = pd.factorize(secret[first])[0]
    kept = np.zeros(len(first), bool)
    if len(np.unique(value)) <= max(most // RAREST, 1):
        kept = pd.Series(value).groupby(value).cumcount().to_numpy() < RAREST
    kept[np.flatnonzero(~kept)[: max(most - int(kept.sum()), 0)]] = True
    chosen: NDArray[np.bool_] = kept[people]
    return chosen
