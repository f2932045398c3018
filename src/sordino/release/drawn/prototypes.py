"""The outputs of a drawn release: mean vectors of several speakers, from which no single speaker
can be recognised.

A prototype is the mean of 10 utterances of one emotion, half of either gender, of different
speakers. It is the mean of 6 or 8 where 10 would leave only one prototype. The prototypes of a bin
use disjoint utterances. Eligible utterances have a cross-fitted posterior that agrees with their
label and is above the median.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.types import Rows, Vectors

LARGEST_SIZE: Final = 10
SMALLEST_SIZE: Final = 6
"""Utterances in a prototype. Fewer speakers than the smallest size make one prototype of all."""

FEWEST_SPEAKERS: Final = 4
"""Fewer speakers than this could be recognised from their mean."""


def prototypes(
    z: Vectors,
    posterior: NDArray[np.float64],
    speaker: NDArray[np.str_],
    gender: Rows,
    seed: int,
    name: str,
) -> Vectors:
    """The prototypes of one bin, `(count, d)`, from eligible rows.

    - `z`: `(n, d)`; `posterior`: of their label, `(n,)`; `gender`: 0, 1 or -1, `(n,)`.
    - `name`: names the bin in errors.

    Raises `ReleaseError` for fewer than four speakers. Warns where the speakers suffice only for
    one mean of all.
    """
    speakers = len(np.unique(speaker))
    if speakers < FEWEST_SPEAKERS:
        raise ReleaseError(
            f"{speakers} speaker(s) sound like {name} among those fitted on, expected "
            f"{FEWEST_SPEAKERS} or more: a mean of fewer speakers would reveal them: add speakers"
        )
    women, men = (len(np.unique(speaker[gender == code])) for code in (0, 1))
    both_genders = min(women, men) > 0
    size = min(LARGEST_SIZE, 2 * min(women, men) if both_genders else speakers // 2 * 2)
    if speakers < SMALLEST_SIZE or size < SMALLEST_SIZE:
        warnings.warn(
            f"{speakers} speakers sound like {name}, {women} women and {men} men: one prototype is "
            "the mean of all, add speakers for more",
            stacklevel=2,
        )
        return _balanced_mean(z, speaker)[None]
    random = np.random.default_rng(seed)
    certain = posterior >= np.median(posterior)
    pools = (
        [random.permutation(np.flatnonzero(certain & (gender == code))) for code in (0, 1)]
        if both_genders
        else [random.permutation(np.flatnonzero(certain))]
    )
    # two smaller prototypes are better than one large one
    for smaller in range(size, SMALLEST_SIZE - 1, -2):
        means = _disjoint_means(z, pools, speaker, smaller)
        if len(means) > 1:
            break
    return np.stack(means).astype(np.float32) if means else _balanced_mean(z, speaker)[None]


def _disjoint_means(
    z: Vectors, pools: list[Rows], speaker: NDArray[np.str_], size: int
) -> list[Vectors]:
    """Means of `size` rows of different speakers each; as many as the pools allow without reuse of
    a row.
    """
    means = []
    while len(rows := _take(pools, speaker, size // len(pools))) == size:
        means.append(z[rows].mean(axis=0))
        pools = [pool[~np.isin(pool, rows)] for pool in pools]
    return means


def _take(pools: list[Rows], speaker: NDArray[np.str_], size: int) -> Rows:
    """`size` rows of each pool, of different speakers; fewer where a pool has fewer speakers."""
    rows = []
    for pool in pools:
        first = np.unique(speaker[pool], return_index=True)[1]
        rows.append(pool[np.sort(first)][:size])
    return np.concatenate(rows)


def _balanced_mean(z: Vectors, speaker: NDArray[np.str_]) -> Vectors:
    """The mean over speakers of their means."""
    means = [z[speaker == name].mean(axis=0) for name in np.unique(speaker)]
    mean: Vectors = np.mean(means, axis=0).astype(np.float32)
    return mean
