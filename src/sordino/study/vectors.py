"""The vectors of a study: of recordings, and of their copies in other conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sordino.corpora.table import Corpus
from sordino.errors import FeatureError
from sordino.features import CACHE, FEATURE_SETS, extract
from sordino.features.copies import copy_vectors
from sordino.features.renderings import NoiseRecording
from sordino.features.vectors import TABLE_SUFFIXES
from sordino.types import Vectors


def feature_vectors(
    features: str,
    corpus: Corpus,
    emotions: Sequence[str],
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> Vectors:
    """The vector of each utterance with one of some emotions, `(utterances, d)`.

    A feature set is computed for these utterances only. A table of vectors must have every
    utterance of the corpus.
    """
    if features in FEATURE_SETS:
        return extract(features, corpus.with_emotions(emotions), cache, jobs)
    return extract(features, corpus)[corpus.table["emotion"].isin(emotions).to_numpy()]


def fitting_vectors(
    features: str,
    corpus: Corpus,
    emotions: Sequence[str],
    copies: int = 0,
    sounds: Sequence[NoiseRecording] = (),
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> Vectors:
    """The vectors of `feature_vectors`, followed by those of the copies of each utterance,
    `(rows, d)`.

    Raises `FeatureError` for copies of a table of vectors.
    """
    utterances = corpus.with_emotions(emotions)
    x = feature_vectors(features, corpus, emotions, cache, jobs)
    return np.concatenate([x, *copies_of(features, utterances, copies, sounds, cache, jobs)])


def copies_of(
    features: str,
    utterances: Corpus,
    copies: int,
    sounds: Sequence[NoiseRecording] = (),
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> list[Vectors]:
    """The vectors of each copy of all utterances, `(utterances, d)` each.

    Raises `FeatureError` for copies of a table of vectors.
    """
    if not copies:
        return []
    if Path(features).suffix.lower() in TABLE_SUFFIXES:
        raise FeatureError(
            f"conditions standard with {features}: a table of vectors has no recordings to copy, "
            "expected a feature set: name one, or set conditions to none"
        )
    return list(copy_vectors(features, utterances, copies, noises=sounds, cache=cache, jobs=jobs))
