"""Several policies on one utterance: what an attacker sees who has every release of it, and what
bounds that attacker.

A bundle can serve several policies. Whoever collects what two of them let out of the same utterance
sees both bins, and what one policy hides may be what the other one keeps: under one that keeps
*happy*, happy utterances are told that another one turns into neutral ones. So several policies
cost, and how much is counted, not added up:

    P, Q      laws of the bins (B₁, ..., Bₘ) together for the two values of a secret
    bound     ½ Σ |P − Q| over all Π Kᵢ combinations, which no attacker exceeds (data processing, as for one bin)

The sum of the single total variations is no bound. Let B₁ be a coin and B₂ the same coin where the
secret is 0, the other side where it is 1: each alone says nothing, both together say all. (Only
bins that are independent given the secret have 1 − Π (1 − TVᵢ), which is at most the sum.)
Randomised response does add up, if each policy has chance of its own: together the releases are (Σ
εᵢ)-differentially private, and total variation is contracted by 1 − Π (1 − ηᵢ)
(`sordino.metrics.bound.joint_contraction`). With one key for all, flips would come together and
nothing would hold: a device that serves two policies needs a key for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, bound, joint_contraction
from sordino.release.drawn.fit import DrawnFitter, Space, crossfitted
from sordino.release.protocol import Readable, Release
from sordino.release.training_rows import secrets
from sordino.types import Vectors

MOST: Final = 16
"""Combinations of bins that a bound is given for: an upper limit looks at every subset of them."""


class Joint:
    """What several releases let out of each row, side by side: `(n, d)` to `(n, releases · d)`. It
    is never shipped.
    """

    name = "together"

    def __init__(self, releases: Sequence[Release]) -> None:
        self.releases = tuple(releases)

    @property
    def config(self) -> Mapping[str, Any]:
        return {"releases": [one.hash for one in self.releases]}

    @property
    def hash(self) -> str:
        return hashlib.sha256(" ".join(one.hash for one in self.releases).encode()).hexdigest()[:12]

    def __call__(self, z: Vectors) -> Vectors:
        return np.concatenate([one(z) for one in self.releases], axis=1)

    def save(self, path: str | Path) -> None:
        """Refused: what is shipped is each of them."""
        raise ReleaseError(
            f"{path}: several releases at once are for audits, expected one: save each"
        )


class JointDrawn(Joint):
    """The same of drawn releases, whose bins can be read: one number for each combination."""

    def __init__(self, releases: Sequence[Any]) -> None:
        super().__init__(releases)
        self._each: tuple[Any, ...] = tuple(releases)

    @property
    def bins(self) -> int:
        """How many combinations there are."""
        return int(np.prod([one.bins for one in self._each]))

    def read(self, out: Vectors) -> NDArray[np.intp]:
        """The combination that each row of released vectors stands for, `(n,)`."""
        own = np.split(out, len(self._each), axis=1)
        return combined(
            [one.read(part) for one, part in zip(self._each, own, strict=True)],
            [one.bins for one in self._each],
        )


def joint(releases: Sequence[Release]) -> Joint:
    """What several releases let out together. Raises `ReleaseError` for none."""
    if not releases:
        raise ReleaseError("no release, expected two or more to look at together: name some")
    return (
        JointDrawn(releases)
        if all(isinstance(one, Readable) for one in releases)
        else Joint(releases)
    )


def combined(bins: Sequence[NDArray[np.intp]], counts: Sequence[int]) -> NDArray[np.intp]:
    """One code for each combination of bins, `(n,)`, the last one counting fastest.

    >>> combined([np.array([0, 1]), np.array([2, 0])], [2, 3])
    array([2, 3])
    """
    codes: NDArray[np.intp] = np.ravel_multi_index(tuple(bins), tuple(counts)).astype(np.intp)
    return codes


def joint_bounds(
    fitters: Mapping[str, DrawnFitter], space: Space, corpus: Corpus, part: Part
) -> dict[tuple[str, str, str], Bound]:
    """What no attacker exceeds who sees one utterance as released under every policy.

    `fitters` are by the name of their policy. Keys are that name, then secret and what is known
    beside it as in `sordino.release.bounds`: each policy has secrets of its own. The whole
    procedure is cross-fitted, as there. Raises `ReleaseError` for more than 16 combinations of
    bins.
    """
    if 2 ** len(fitters) > MOST:
        raise ReleaseError(
            f"{len(fitters)} policies, expected at most {MOST} combinations of bins: leave "
            "policies out"
        )
    rows = np.sort(part.rows)
    each = [crossfitted(fitter, space, corpus, rows) for fitter in fitters.values()]
    counts = [count for _, count in each]
    if (count := int(np.prod(counts))) > MOST:
        raise ReleaseError(
            f"{count} combinations of bins, expected at most {MOST}: leave policies or `detail` out"
        )
    bins = combined([one for one, _ in each], counts)
    keep = joint_contraction(
        (one.epsilon, k) for one, k in zip(fitters.values(), counts, strict=True)
    )
    found = {}
    for name, fitter in fitters.items():
        for (secret, given), values in secrets(fitter.policy, corpus, rows).items():
            known = values >= 0
            if set(values[known].tolist()) == {0, 1}:
                one = bound(bins[known], values[known], corpus.speaker[rows][known], count)
                found[name, secret, given] = one.contracted(keep)
    return found
