"""Who speaks: a known speaker told from vectors, among all of them (closed set) and one against
another (verification).

The attacker has labelled utterances of the very people. Utterances of each speaker are dealt to
folds; each is scored against every speaker by attackers who learnt from the other folds, one
speaker against the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sordino.attack.attackers import kernels
from sordino.attack.secret import FOLDS
from sordino.attack.splits import crossfit
from sordino.errors import AttackError
from sordino.types import Rows


@dataclass(frozen=True)
class Identified:
    """What the best attacker says of each utterance, chosen for each fold on the others."""

    speaker: Rows
    """Codes from 0, `(n,)`: who it is."""
    scores: NDArray[np.float64]
    """How much each utterance is like each speaker, `(n, speakers)`."""
    family: tuple[str, ...]
    """The best family of each fold."""

    @property
    def said(self) -> Rows:
        """The speaker that each utterance is most like, `(n,)`."""
        said: Rows = self.scores.argmax(axis=1).astype(np.intp)
        return said

    @property
    def chance(self) -> float:
        """Of the unweighted average recall."""
        return 1 / int(self.scores.shape[1])

    def trials(self, impostors: int = 20, seed: int = 0) -> pd.DataFrame:
        """Claims to be verified: each utterance claimed by its speaker, and by up to so many others
        at random.

        Columns `row`, `positive` and `score`.
        """
        random, (rows, people) = np.random.default_rng(seed), self.scores.shape
        count = min(impostors, people - 1)
        others = np.argsort(random.random((rows, people - 1)), axis=1)[:, :count]
        others += others >= self.speaker[:, None]  # nobody is an impostor of their own
        claimed = np.concatenate([self.speaker[:, None], others], axis=1)
        row = np.repeat(np.arange(rows), 1 + count)
        positive = np.tile(np.arange(1 + count) == 0, rows)
        return pd.DataFrame(
            {"row": row, "positive": positive, "score": self.scores[row, claimed.ravel()]}
        )


def identify(
    X: ArrayLike, groups: ArrayLike, *, families: Sequence[str] = kernels.FAMILIES, seed: int = 0
) -> Identified:
    """Who speaks in each of the rows `X` `(n, d)`, whose speakers are `groups` `(n,)`.

    Raises `AttackError` for fewer than two speakers, or one with a single utterance: there is
    nothing to learn it from.

    >>> random = np.random.default_rng(0)
    >>> who = np.repeat(np.arange(4), 10)
    >>> voices = 3 * random.normal(size=(4, 5))[who]
    >>> float(np.mean(identify(voices + random.normal(size=(40, 5)), who).said == who)) > 0.9
    True
    """
    kernels.known_families(families)
    x, given = kernels.vectors(X), np.asarray(groups)
    if len(x) != len(given):
        raise AttackError(
            f"{len(x)} vectors, {len(given)} speakers, expected one each a row: align them"
        )
    names, speaker, counts = np.unique(given, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise AttackError(
            f"{len(names)} speaker(s), one with {counts.min()} utterance(s), expected two of each: "
            "drop the others"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    turn = pd.Series(order).groupby(speaker[order]).cumcount().to_numpy()
    fold = np.empty(len(x), dtype=np.intp)
    fold[order] = turn % FOLDS
    truth = np.eye(len(names))[speaker]
    every = list(kernels.scores(x, truth, crossfit(fold), None, families))
    right = np.array([said.values.argmax(axis=1) == speaker for said in every])
    scores, family = np.empty_like(truth), []
    for one in np.unique(fold):
        best = every[int(np.argmax(right[:, fold != one].mean(axis=1)))]
        own = best.values[fold == one]
        scores[fold == one] = (own - own.mean()) / max(
            float(own.std()), 1e-12
        )  # attackers have scales of their own
        family.append(best.family)
    return Identified(speaker.astype(np.intp), scores, tuple(family))
