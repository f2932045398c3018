"""How well a server tracks the share of an emotion in the speech of a user, by releases alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sordino.corpora import split
from sordino.corpora.split import Part, Parts, every_fourth
from sordino.corpora.table import Corpus
from sordino.features import CACHE
from sordino.study import protocol
from sordino.study.protocol import Inputs, Options
from sordino.study.vectors import feature_vectors

SPEAKER_FOLDS: Final = 5
"""Folds of speakers."""

RELEASES: Final = ("none", "drawn")
"""The releases that are evaluated by default."""


def fitting_inputs(
    corpus: Corpus,
    features: str,
    options: Options,
    emotions: Sequence[str],
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> Inputs:
    """Recordings, copies and one draw for each fold, which is the test of the draw."""
    utterances = protocol.select(corpus, emotions)
    sums = utterances.checksums()
    fold = split.folds(utterances, SPEAKER_FOLDS, options.seed, sums)
    emotion = utterances.column("emotion")
    draws = tuple(
        Parts(
            Part(*np.empty((2, 0), np.intp)),
            every_fourth(np.flatnonzero(fold != number), emotion),
            np.flatnonzero(fold == number),
            number,
        )
        for number in range(SPEAKER_FOLDS)
    )
    x = feature_vectors(features, corpus, emotions, options.fitted_copies, cache=cache, jobs=jobs)
    return Inputs(utterances, x, sums, draws)
