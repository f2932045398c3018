"""Several policies on one utterance: the joint release, and the bound for an attacker that has
every released vector.

A bundle can serve several policies. An attacker with the vectors of two policies for the same
utterance reads both bins, and one policy may preserve an emotion that the other one hides: a policy
that preserves *happy* reveals happy utterances, which another policy turns into neutral ones. The
joint leakage is counted over combinations of bins, because leakages do not add up:

    P, Q      joint distributions of the bins (B₁, ..., Bₘ) for the two values of a secret
    bound     ½ Σ |P − Q| over all Π Kᵢ combinations; it holds for every attacker (data processing,
              as for one bin)

The sum of the single total variations is no bound. Let B₁ be a fair coin, and B₂ the same coin for
secret 0 and the inverted coin for secret 1: each alone reveals nothing, and both together reveal
the secret. (For bins that are independent given the secret the total variation is at most
1 − Π (1 − TVᵢ), which is at most the sum.) Randomised response does add up if each policy has a key
of its own: together the releases are (Σ εᵢ)-differentially private, and total variation is
contracted by 1 − Π (1 − ηᵢ) (`sordino.metrics.bound.joint_contraction`). With one key for all,
the flips would be identical and no guarantee would hold: a device derives one for each release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.copies import recorded
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, joint_contraction
from sordino.release.drawn.fit import DrawnFitter, Space, crossfit_bins
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.release.protocol import Readable, Release
from sordino.types import Vectors

MOST_COMBINATIONS: Final = 16
"""Combinations of bins that have a bound: the upper limit enumerates their subsets."""


class Joint:
    """The outputs of several releases for each row, concatenated: `(n, d)` to `(n, releases · d)`.
    It is for audits and never shipped.
    """

    name = "together"

    def __init__(self, releases: Sequence[Release]) -> None:
        self.releases = tuple(releases)

    @property
    def config(self) -> Mapping[str, Any]:
        return {"releases": [release.hash for release in self.releases]}

    @property
    def hash(self) -> str:
        return hashlib.sha256(" ".join(self.config["releases"]).encode()).hexdigest()[:12]

    def __call__(self, z: Vectors) -> Vectors:
        return np.concatenate([release(z) for release in self.releases], axis=1)

    def save(self, path: str | Path) -> None:
        """Raises `ReleaseError`: each release is shipped by itself."""
        raise ReleaseError(
            f"{path}: a joint release is for audits, expected one release: save each"
        )


class JointDrawn(Joint):
    """The joint release of drawn releases, from which the combination of bins can be read."""

    def __init__(self, releases: Sequence[Any]) -> None:
        super().__init__(releases)
        self._readable: tuple[Any, ...] = tuple(releases)

    @property
    def bins(self) -> int:
        """The number of combinations."""
        return int(np.prod([release.bins for release in self._readable]))

    def read(self, out: Vectors) -> NDArray[np.intp]:
        """The combination of bins of each row of released vectors, `(n,)`."""
        parts = np.split(out, len(self._readable), axis=1)
        return combine(
            [release.read(part) for release, part in zip(self._readable, parts, strict=True)],
            [release.bins for release in self._readable],
        )


def joint(releases: Sequence[Release]) -> Joint:
    """The joint release of several releases. Raises `ReleaseError` for none."""
    if not releases:
        raise ReleaseError("no release, expected two or more: name some")
    return (
        JointDrawn(releases)
        if all(isinstance(release, Readable) for release in releases)
        else Joint(releases)
    )


def combine(bins: Sequence[NDArray[np.intp]], counts: Sequence[int]) -> NDArray[np.intp]:
    """The code of each combination of bins, `(n,)`; the last bin varies fastest.

    >>> combine([np.array([0, 1]), np.array([2, 0])], [2, 3])
    array([2, 3])
    """
    codes: NDArray[np.intp] = np.ravel_multi_index(tuple(bins), tuple(counts)).astype(np.intp)
    return codes


def joint_bounds(
    fitters: Mapping[str, DrawnFitter], space: Space, corpus: Corpus, part: Part
) -> dict[tuple[str, str, str], Bound]:
    """The bounds for every attacker with one utterance as released under every policy.

    `fitters` are by the name of their policy. Keys are that name, the secret and the side
    information, as in `sordino.release.bounds`: each policy has its own secrets. The whole
    procedure is cross-fitted, as there. Raises `ReleaseError` for more than 16 combinations of
    bins.
    """
    if 2 ** len(fitters) > MOST_COMBINATIONS:
        raise ReleaseError(
            f"{len(fitters)} policies, expected at most {MOST_COMBINATIONS} combinations of bins: "
            "leave "
            "policies out"
        )
    rows = np.sort(part.rows)
    speakers = corpus.speaker[rows]

    def crossfit(fitter: DrawnFitter) -> tuple[NDArray[np.intp], int]:
        return crossfit_bins(
            lambda z, fold: fitter.fit(z, corpus, fold), space, speakers, rows, fitter.seed
        )

    codes = [crossfit(fitter) for fitter in fitters.values()]
    counts = [count for _, count in codes]
    if (count := int(np.prod(counts))) > MOST_COMBINATIONS:
        raise ReleaseError(
            f"{count} combinations of bins, expected at most {MOST_COMBINATIONS}: leave policies "
            "or `detail` out"
        )
    bins = combine([code for code, _ in codes], counts)
    factor = joint_contraction(
        (fitter.epsilon, k) for fitter, k in zip(fitters.values(), counts, strict=True)
    )
    measured = recorded(corpus.table)[rows]
    rows, bins, speaker = rows[measured], bins[measured], corpus.speaker[rows[measured]]
    codes_of = {name: corpus.secrets(fitter.policy, rows) for name, fitter in fitters.items()}
    return {
        (name, *key): result
        for name, codes in codes_of.items()
        for key, result in secret_bounds(bins, count, codes, speaker, factor).items()
    }
