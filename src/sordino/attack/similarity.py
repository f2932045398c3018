"""Re-identification by cosine similarity, without training: the attacker of speaker verification.

    enrolment   the mean of a speaker's utterances in the other folds, each of unit length
    score       cosine of an utterance and an enrolment
    pairs       cosine of two single utterances

It is strong for vectors that were made to compare speakers, such as those of `voice-print`, and the
attacker of Vauquier et al. (2025). For other vectors a trained attacker is stronger
(`sordino.attack.identity`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sordino.attack.identity import Identification, deal, known_speakers
from sordino.types import Matrix


def identify_by_cosine(X: ArrayLike, groups: ArrayLike, *, seed: int = 0) -> Identification:
    """The similarity of each row of `X` `(n, d)` to each speaker; `groups` `(n,)` are the true
    speakers.

    An utterance has no part in the enrolment that it is compared with. Raises the errors of
    `identify`.

    >>> random = np.random.default_rng(0)
    >>> speaker = np.repeat(np.arange(4), 10)
    >>> voices = 3 * random.normal(size=(4, 5))[speaker]
    >>> result = identify_by_cosine(voices + random.normal(size=(40, 5)), speaker)
    >>> float(np.mean(result.prediction == speaker)) > 0.9
    True
    """
    x, speaker = known_speakers(X, groups)
    unit, folds = unit_length(x), deal(speaker, seed)
    members = np.eye(speaker.max() + 1)[speaker]
    scores = np.empty_like(members)
    for fold in np.unique(folds):
        known = folds != fold
        enrolment = unit_length(members[known].T @ unit[known])
        scores[~known] = unit[~known] @ enrolment.T
    return Identification(speaker, scores, ("cosine",))


def pair_trials(
    X: ArrayLike, groups: ArrayLike, *, impostors: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Verification trials of pairs: each row with a random other one of its speaker, and with
    random rows of up to `impostors` other speakers.

    Columns `row`, `speaker` (the code of the first utterance), `positive` and `score`. Raises the
    errors of `identify`.
    """
    x, speaker = known_speakers(X, groups)
    unit, random = unit_length(x), np.random.default_rng(seed)
    rows, people = len(speaker), int(speaker.max()) + 1
    order = np.argsort(speaker, kind="stable")
    starts, counts = np.searchsorted(speaker[order], np.arange(people)), np.bincount(speaker)
    position = np.empty(rows, np.intp)
    position[order] = np.arange(rows) - starts[speaker[order]]
    step = 1 + random.integers(0, counts[speaker] - 1)  # to another utterance of the speaker
    same = order[starts[speaker] + (position + step) % counts[speaker]]
    claims = np.argsort(random.random((rows, people - 1)), axis=1)[:, :impostors]
    claims += claims >= speaker[:, None]
    others = order[starts[claims] + random.integers(0, counts[claims])]
    second = np.concatenate([same[:, None], others], axis=1)
    row = np.repeat(np.arange(rows), second.shape[1])
    return pd.DataFrame(
        {
            "row": row,
            "speaker": speaker[row],
            "positive": np.tile(np.arange(second.shape[1]) == 0, rows),
            "score": np.sum(unit[row] * unit[second.ravel()], axis=1),
        }
    )


def unit_length(x: NDArray[np.floating[Any]]) -> Matrix:
    """Rows of unit length, `(n, d) -> (n, d)`; zeros stay.

    >>> unit_length(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    peak = np.abs(x).max(axis=1, keepdims=True, initial=0)  # no square overflows
    scaled = x / np.where(peak > 0, peak, 1)
    return np.asarray(
        scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 0.5), np.float64
    )
