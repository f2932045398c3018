"""The rows of an audit or of a study's attackers: all rows of a small table, and a sample of a
large one within limits of time and memory.

Time is predicted, not measured: the same table and options give the same rows on any machine. A
large table is audited in under two minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import memory
from sordino.attack.attackers.kernels import KERNEL_FAMILIES
from sordino.attack.attackers.screens import SCREEN_FAMILIES
from sordino.corpora.split import Part, Parts
from sordino.errors import AttackError
from sordino.types import Codes, Rows

TIME_LIMIT_SECONDS: Final = 60.0
"""Predicted time on two cores of the default number of rows, for all secrets together. It is half
of the documented time: the page takes time too, and processors differ.
"""

COMPLETE_ROWS: Final = 4000
"""A table of up to this many rows is audited completely, if memory allows. With all families it
takes more than two minutes.
"""

MIN_ROWS: Final = 400
"""The smallest sample of a large table, whatever its time, if memory allows."""

MAX_ROWS: Final = 4000
"""The largest sample by default."""

PARTY_ROWS: Final = 2000
"""The rows of a party of a study that has more than `COMPLETE_ROWS`: informed attackers have two
parties, and kernels grow with the square of the rows.
"""

MAX_SPEAKERS: Final = 500
"""The largest number of sampled speakers: intervals leave out each speaker in turn."""

ROWS_PER_SPEAKER: Final = 5
"""If a sample has more rows than this for each of `MAX_SPEAKERS`, it may have more speakers:
patient attackers need several rows per speaker.
"""

MIN_SPEAKERS_PER_VALUE: Final = 10
"""The smallest number of sampled speakers for each value of the secret, as far as there are."""

FAMILY_COSTS: Final[dict[str, tuple[float, float, float]]] = {
    "logistic": (0.1, 1.0, 1.0),
    "svm-linear": (0.1, 1.0, 1.0),
    "svm-poly": (0.2, 2.2, 1.0),
    "svm-rbf": (0.3, 2.2, 1.0),
    "forest": (1.1, 1.1, 0.5),
    "boosting": (0.4, 1.0, 1.0),
    "mlp": (0.65, 1.2, 0.3),
    "deep": (2.6, 1.1, 0.1),
}
"""Seconds of cross-fitting one labelling of 1,000 rows of 64 dimensions, and the exponents of
growth with rows and with dimensions. A family that is not listed has the largest of each.
"""

_LARGEST_COST: Final = tuple(max(cost[i] for cost in FAMILY_COSTS.values()) for i in range(3))


def predict_seconds(
    rows: int, dimensions: int, families: Sequence[str], columns: int, audits: int = 1
) -> float:
    """Approximate time of audits of this size on two cores; `columns` are the secret and its
    shuffles.

    Attackers share the cores. Speaker identification runs once, on one core, with all kernel
    families.
    """
    quick = (
        1e-9 * rows**3
        + (8e-9 * columns + 1.6e-6 + 8e-10 * dimensions) * rows**2
        + 1.2e-5 * columns * rows
    )
    total = quick if any(family in KERNEL_FAMILIES for family in families) else 0.0
    screen = rows * (2e-5 * dimensions + 2e-6 * columns + 9e-4) / len(SCREEN_FAMILIES)
    for family in families:
        if family in SCREEN_FAMILIES:
            total += screen
        elif family not in KERNEL_FAMILIES:
            cost, by_rows, by_dimensions = FAMILY_COSTS.get(family, _LARGEST_COST)
            growth = (rows / 1000) ** by_rows * max(1.0, dimensions / 64) ** by_dimensions
            fits = columns + 3  # further settings are fitted on the secret alone
            total += fits * cost * growth
    return audits * total / 2 + quick


def predict_bytes(rows: int, dimensions: int, columns: int, processes: int) -> int:
    """Approximate peak memory of an audit of this size, in bytes."""
    return processes * 8 * (9 * rows * rows + 12 * rows * columns + 5 * rows * dimensions)


def count_rows(
    available: int,
    dimensions: int,
    families: Sequence[str],
    columns: int,
    *,
    audits: int = 1,
    processes: int = 1,
    limit: int | None = None,
) -> int:
    """The number of rows to audit out of `available`: up to `limit`, or as time and memory allow.

    `audits` share the time. Raises `AttackError` if the memory is too small for the `limit`, or for
    200 rows.
    """
    free = memory.free()
    rows = available if limit is None else min(available, limit)
    if limit is None and available > COMPLETE_ROWS:
        steps = [size for size in range(MAX_ROWS, 0, -100) if size <= available] or [available]
        fits = (
            size
            for size in steps
            if predict_seconds(size, dimensions, families, columns, audits) <= TIME_LIMIT_SECONDS
        )
        rows = max(next(fits, 0), min(available, MIN_ROWS))
    while (
        limit is None
        and free is not None
        and rows > 200
        and predict_bytes(rows, dimensions, columns, processes) > free
    ):
        rows = max(200, rows * 3 // 4)
    size = predict_bytes(rows, dimensions, columns, processes)
    if free is not None and size > free:
        raise AttackError(
            f"{rows:,} rows of {dimensions:,} dimensions take about {memory.gigabytes(size)} of "
            f"memory in {processes} process(es), {memory.gigabytes(free)} are free: audit fewer "
            "rows, or use fewer processes"
        )
    return rows


def sample_rows(
    speaker: NDArray[Any],
    secret: NDArray[Any],
    size: int,
    seed: int,
    further: Sequence[Codes] = (),
) -> Rows:
    """Row positions, ascending: all, or a random sample of `size`, the same number per speaker as
    far as there are.

    Every speaker is sampled, unless there are more than `MAX_SPEAKERS` and more than one per
    `ROWS_PER_SPEAKER` rows. Then speakers are sampled too, `MIN_SPEAKERS_PER_VALUE` or more of a
    rare value of the secret.

    `further` are other secrets, -1 where unknown. First of all, one row of each value is sampled
    from as many speakers, also of a value that varies within speakers.
    """
    if len(speaker) <= size:
        return np.arange(len(speaker))
    random = np.random.default_rng(seed)
    order = random.permutation(len(speaker))
    first = _rows_of_values(speaker[order], [codes[order] for codes in further])
    order = np.concatenate([order[first], order[~first]])
    first = np.arange(len(order)) < int(first.sum())
    speakers = pd.factorize(speaker[order])[0]
    turn = pd.Series(speakers).groupby(speakers).cumcount().to_numpy()
    limit = min(size, max(MAX_SPEAKERS, size // ROWS_PER_SPEAKER))
    if speakers.max() >= limit:
        mask = _sample_speakers(speakers, secret[order], limit)
        order, turn, first = order[mask], turn[mask], first[mask]
    turn = np.where(first, -1, turn)
    return np.sort(order[np.argsort(turn, kind="stable")[:size]])


def sample_parts(
    parts: Parts,
    speaker: NDArray[np.str_],
    gender: Rows,
    seed: int,
    attributes: Sequence[Codes] = (),
) -> Parts:
    """The rows of a study that its attackers have: all of a party of up to `COMPLETE_ROWS`, and
    `PARTY_ROWS` of a larger one, drawn as those of an audit (`sample_rows`).

    `speaker`, `gender` and each of the further `attributes`, whose rare values stay, are those of
    all rows of the study, `(utterances,)`.
    """
    counts = drawn_counts(parts)

    def drawn(party: str, rows: Rows) -> Rows:
        if party not in counts:
            return rows
        further = [codes[rows] for codes in attributes]
        return rows[sample_rows(speaker[rows], gender[rows], PARTY_ROWS, seed, further)]

    def part_of(party: str, part: Part) -> Part:
        rows = drawn(party, part.rows)
        return Part(*(side[np.isin(side, rows)] for side in (part.train, part.validation)))

    return replace(
        parts,
        risk=part_of("risk", parts.risk),
        transform=part_of("transform", parts.transform),
        test=drawn("test", parts.test),
    )


def drawn_counts(parts: Parts) -> dict[str, tuple[int, int]]:
    """For each party that attackers have a sample of: its rows there, and all its rows."""
    rows = {"risk": parts.risk.rows, "transform": parts.transform.rows, "test": parts.test}
    return {
        party: (PARTY_ROWS, len(every))
        for party, every in rows.items()
        if len(every) > COMPLETE_ROWS
    }


def _rows_of_values(speaker: NDArray[Any], secrets: Sequence[Codes]) -> NDArray[np.bool_]:
    """Whether each row is the first with a value of a secret from one of the first
    `MIN_SPEAKERS_PER_VALUE` speakers with it.
    """
    mask = np.zeros(len(speaker), bool)
    for codes in secrets:
        cells = pd.DataFrame({"speaker": speaker, "value": codes})
        firsts = cells[cells["value"] >= 0].drop_duplicates()
        turn = firsts.groupby("value").cumcount()
        mask[firsts.index[turn < MIN_SPEAKERS_PER_VALUE]] = True
    return mask


def _sample_speakers(speakers: Rows, secret: NDArray[Any], limit: int) -> NDArray[np.bool_]:
    """Whether each row belongs to one of `limit` speakers; codes of speakers are in random
    order.
    """
    first = np.unique(speakers, return_index=True)[1]
    value = pd.factorize(secret[first])[0]
    sample = np.zeros(len(first), bool)
    if len(np.unique(value)) <= max(limit // MIN_SPEAKERS_PER_VALUE, 1):
        turn = pd.Series(value).groupby(value).cumcount().to_numpy()
        sample = turn < MIN_SPEAKERS_PER_VALUE
    sample[np.flatnonzero(~sample)[: max(limit - int(sample.sum()), 0)]] = True
    mask: NDArray[np.bool_] = sample[speakers]
    return mask
