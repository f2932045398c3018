"""The vectors of a study: of recordings, and of their copies in other conditions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sordino.corpora.table import Corpus
from sordino.features import CACHE, FEATURE_SETS, extract, large
from sordino.features.copies import copy_vectors
from sordino.features.renderings import NoiseRecording
from sordino.storage import Location
from sordino.types import Vectors


def feature_vectors(
    features: str,
    corpus: Corpus,
    emotions: Sequence[str],
    copies: int = 0,
    noises: Sequence[NoiseRecording] = (),
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> Vectors:
    """The vector of each utterance with one of some emotions, followed by those of `copies` copies
    of each, `(rows, d)`.

    A feature set is computed for these utterances only. A table of vectors must have every
    utterance of the corpus. The other arguments and the errors are those of
    `sordino.features.extract` and `sordino.features.copies.copy_vectors`.
    """
    if features in FEATURE_SETS:
        x = extract(features, corpus.with_emotions(emotions), cache, jobs)
    else:
        rows = np.flatnonzero(corpus.table["emotion"].isin(emotions))
        x = large.select_rows(extract(features, corpus), rows)
    if not copies:
        return x
    utterances = corpus.with_emotions(emotions)
    copied = copy_vectors(features, utterances, copies, noises=noises, cache=cache, jobs=jobs)
    return np.concatenate([x, *copied])
