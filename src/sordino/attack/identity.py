"""Speaker identification (closed set) and verification of known speakers from vectors.

The attacker has labelled utterances of the tested speakers. The utterances of each speaker are
dealt to folds. Each utterance is scored against every speaker, one against the rest, by attackers
that were trained on the other folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sordino import metrics
from sordino.attack.attackers import kernels
from sordino.attack.secret import MAX_FOLDS
from sordino.attack.splits import crossfit
from sordino.errors import AttackError
from sordino.types import Rows

MAX_CALIBRATION: Final = 9
"""Utterances of a speaker that place the threshold of singling out (Vauquier et al. 2025)."""


@dataclass(frozen=True)
class Identification:
    """Scores of the best attacker on each utterance; the best is selected per fold on the other
    folds.
    """

    speaker: Rows
    """The true speaker, `(n,)`, codes from 0."""
    scores: NDArray[np.float64]
    """Similarity of each utterance to each speaker, `(n, speakers)`."""
    family: tuple[str, ...]
    """The best family of each fold."""

    @property
    def prediction(self) -> Rows:
        """The speaker with the highest score, `(n,)`."""
        return np.asarray(self.scores.argmax(axis=1), np.intp)

    @property
    def chance(self) -> float:
        """The chance level of the unweighted average recall."""
        return 1 / self.speakers

    @property
    def speakers(self) -> int:
        """The number of known speakers."""
        return int(self.scores.shape[1])

    def isolations(self, draws: int = 20, seed: int = 0) -> pd.DataFrame:
        """Attempts to single out an utterance: for each random draw, the predicate of each speaker.

        A draw has one test utterance of each speaker, and up to `MAX_CALIBRATION` others that place
        the threshold (`metrics.isolated`). Columns `speaker` and `single`.
        """
        random, tables = np.random.default_rng(seed), []
        for _ in range(draws):
            order = random.permutation(len(self.speaker))
            turn = pd.Series(order).groupby(self.speaker[order]).cumcount().to_numpy()
            test = order[turn == 0][np.argsort(self.speaker[order[turn == 0]])]
            others = order[(turn > 0) & (turn <= MAX_CALIBRATION)]
            single = metrics.isolated(
                self.scores[test].T, self.scores[others].T, self.speaker[others]
            )
            tables.append(pd.DataFrame({"speaker": np.arange(len(single)), "single": single}))
        return pd.concat(tables, ignore_index=True)

    def trials(self, impostors: int = 20, seed: int = 0) -> pd.DataFrame:
        """Verification trials: each utterance with its own speaker, and with up to `impostors`
        random other speakers.

        Columns `row`, `positive` and `score`.
        """
        random, (rows, speakers) = np.random.default_rng(seed), self.scores.shape
        count = min(impostors, speakers - 1)
        claims = np.argsort(random.random((rows, speakers - 1)), axis=1)[:, :count]
        claims += claims >= self.speaker[:, None]  # no impostor claim names the true speaker
        claims = np.concatenate([self.speaker[:, None], claims], axis=1)
        row = np.repeat(np.arange(rows), 1 + count)
        positive = np.tile(np.arange(1 + count) == 0, rows)
        return pd.DataFrame(
            {"row": row, "positive": positive, "score": self.scores[row, claims.ravel()]}
        )


def identify(
    X: ArrayLike,
    groups: ArrayLike,
    *,
    families: Sequence[str] = kernels.KERNEL_FAMILIES,
    seed: int = 0,
) -> Identification:
    """The speaker of each row of `X` `(n, d)`; `groups` `(n,)` are the true speakers.

    Raises `AttackError` for fewer than two speakers, and for a speaker with a single utterance,
    which leaves nothing to train on.

    >>> random = np.random.default_rng(0)
    >>> speaker = np.repeat(np.arange(4), 10)
    >>> voices = 3 * random.normal(size=(4, 5))[speaker]
    >>> result = identify(voices + random.normal(size=(40, 5)), speaker)
    >>> float(np.mean(result.prediction == speaker)) > 0.9
    True
    """
    kernels.check_families(families)
    x, speaker = known_speakers(X, groups)
    folds = deal(speaker, seed)
    truth = np.eye(speaker.max() + 1)[speaker]
    attackers = list(kernels.scores(x, truth, crossfit(folds), None, families))
    correct = np.array([attacker.values.argmax(axis=1) == speaker for attacker in attackers])
    scores, family = np.empty_like(truth), []
    for fold in np.unique(folds):
        best = attackers[int(np.argmax(correct[:, folds != fold].mean(axis=1)))]
        values = best.values[folds == fold]
        spread = max(float(values.std()), 1e-12)  # attackers have different scales
        scores[folds == fold] = (values - values.mean()) / spread
        family.append(best.family)
    return Identification(speaker, scores, tuple(family))


def known_speakers(X: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.floating[Any]], Rows]:
    """The vectors `(n, d)` and the codes of their speakers `(n,)`; raises the errors of
    `identify`.
    """
    x, labels = kernels.check_vectors(X), np.asarray(groups)
    if len(x) != len(labels):
        raise AttackError(
            f"{len(x)} vectors, {len(labels)} speakers, expected one of each per row: align them"
        )
    names, speaker, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise AttackError(
            f"{len(names)} speaker(s), one with {counts.min()} utterance(s), expected two of each: "
            "drop the others"
        )
    return x, speaker.astype(np.intp)


def deal(speaker: Rows, seed: int) -> Rows:
    """The fold of each utterance, `(n,) -> (n,)`: each speaker's are dealt in random order."""
    order = np.random.default_rng(seed).permutation(len(speaker))
    turn = pd.Series(order).groupby(speaker[order]).cumcount().to_numpy()
    folds = np.empty(len(speaker), dtype=np.intp)
    folds[order] = turn % MAX_FOLDS
    return folds
