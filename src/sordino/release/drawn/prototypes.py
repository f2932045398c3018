"""What a drawn release lets out: mean vectors of several people, none of whom can be told from
them.

A prototype is the mean of 10 utterances of one emotion, half of either gender, of different
speakers; of 6 or 8 where 10 leave but one. Utterances of a bin's prototypes are disjoint. Only
those are eligible whose cross-fitted posterior agrees with their label, the surer half of them.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.types import Rows, Vectors

MOST: Final = 10
LEAST: Final = 6
"""Utterances in a prototype; and speakers, of whom fewer make one prototype of all."""

REFUSED: Final = 4
"""Fewer speakers than this could be told from their mean."""


def prototypes(
    z: Vectors,
    sure: NDArray[np.float64],
    speaker: NDArray[np.str_],
    gender: Rows,
    seed: int,
    what: str,
) -> Vectors:
    """The prototypes of one bin, `(count, d)`, from eligible rows.

    - `z`: `(n, d)`; `sure`: the posterior of their label, `(n,)`; `gender`: 0, 1 or -1, `(n,)`.
    - `what`: names the bin in errors.

    Raises `ReleaseError` for fewer than four speakers; warns where fewer than six make it one mean
    of all.
    """
    people = len(np.unique(speaker))
    if people < REFUSED:
        raise ReleaseError(
            f"{people} speaker(s) sound like {what} among those fitted on, expected {REFUSED} or "
            "more: a mean of fewer "
            "people could be told from what is released: add speakers"
        )
    genders = [len(np.unique(speaker[gender == one])) for one in (0, 1)]
    size = min(MOST, 2 * min(genders) if min(genders) else people // 2 * 2)
    if people < LEAST or size < LEAST:
        warnings.warn(
            f"{people} speakers sound like {what}, {genders[0]} women and {genders[1]} men: one "
            "prototype is the mean "
            "of all, add speakers for more",
            stacklevel=2,
        )
        return _balanced_mean(z, speaker)[None]
    random = np.random.default_rng(seed)
    surest = sure >= np.median(sure)
    pools = (
        [random.permutation(np.flatnonzero(surest & (gender == one))) for one in (0, 1)]
        if min(genders)
        else [random.permutation(np.flatnonzero(surest))]
    )
    for fewer in range(
        size, LEAST - 1, -2
    ):  # several to draw from matter more than many people in each
        made = _made(z, pools, speaker, fewer)
        if len(made) > 1:
            break
    return np.stack(made).astype(np.float32) if made else _balanced_mean(z, speaker)[None]


def _made(z: Vectors, pools: list[Rows], speaker: NDArray[np.str_], size: int) -> list[Vectors]:
    """Means of `size` rows of different speakers, for as long as there are such; no row is in two."""
    made = []
    while len(chosen := _take(pools, speaker, size // len(pools))) == size:
        made.append(z[chosen].mean(axis=0))
        pools = [pool[~np.isin(pool, chosen)] for pool in pools]
    return made


def _take(pools: list[Rows], speaker: NDArray[np.str_], size: int) -> Rows:
    """`size` rows of each pool, of different speakers; fewer where a pool has no more such."""
    chosen = []
    for pool in pools:
        first = np.unique(speaker[pool], return_index=True)[1]
        chosen.append(pool[np.sort(first)][:size])
    return np.concatenate(chosen)


def _balanced_mean(z: Vectors, speaker: NDArray[np.str_]) -> Vectors:
    """The mean over speakers of their means."""
    means = [z[speaker == one].mean(axis=0) for one in np.unique(speaker)]
    mean: Vectors = np.mean(means, axis=0).astype(np.float32)
    return mean
