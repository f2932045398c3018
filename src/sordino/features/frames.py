"""Sequences of a corpus: frames of log mel energies or of a speech encoder, for each utterance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.errors import FeatureError
from sordino.features.extract import CACHE, compute
from sordino.signal.feature_sets import SEQUENCES
from sordino.storage import Location


def frames(
    corpus: Corpus,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
    features: str = "filterbank",
) -> list[NDArray[np.float32]]:
    """The sequence of each utterance, `(steps, dims)` float32 each, in the corpus' row order.

    `features` is one of `SEQUENCES`: log mel energies of 25 ms every 10 ms
    (`sordino.signal.filterbank`), or steps of 80 ms of a speech encoder
    (`sordino.signal.encoder.frames`), which need the extra `speech`. `cache` is the folder of
    computed frames, by the checksum of the recording and the configuration; `None` caches nothing.
    `jobs` is the number of processes, 0 for one per core; it changes no value. Frames are cached at
    once, so a stopped run resumes. The arrays are read-only, and byte-identical recordings share
    one.

    Raises `FeatureError` for other features, `AudioError` for an unusable recording, with the
    number of its row; `StorageError` for an absent recording and where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from pathlib import Path
    >>> from sordino.corpora import table
    >>> from sordino.signal import audio
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> file = audio.write(folder / "noise.wav", noise)
    >>> rows = pandas.DataFrame({"file": [str(file)], "speaker": ["anna"]})
    >>> [sequence.shape for sequence in frames(table.make("noise", rows), cache=folder, jobs=1)]
    [(98, 40)]
    """
    if features not in SEQUENCES:
        raise FeatureError(
            f"features {features!r}, expected {' or '.join(SEQUENCES)} for sequences: choose one"
        )
    extractor = SEQUENCES[features]
    return compute(extractor, (-1, extractor.dims), corpus, cache, jobs)
