"""Log mel energies of a corpus: a sequence of frames for each utterance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.features.extract import CACHE, compute
from sordino.signal.filterbank import BANDS, Filterbank


def frames(
    corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> list[NDArray[np.float32]]:
    """The log mel energies of each utterance, `(frames, 40)` float32 each, in the corpus' row
    order.

    A frame has 25 ms and starts every 10 ms (`sordino.signal.filterbank`). `cache` is the folder of
    computed frames, by the checksum of the recording and the configuration; `None` caches nothing.
    `jobs` is the number of processes, 0 for one per core; it changes no value. Frames are cached at
    once, so a stopped run resumes. The arrays are read-only, and byte-identical recordings share
    one.

    Raises `AudioError` for an unusable recording, with the number of its row; `StorageError` for an
    absent recording and where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from sordino.corpora import table
    >>> from sordino.signal import audio
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> file = audio.write(folder / "noise.wav", noise)
    >>> rows = pandas.DataFrame({"file": [str(file)], "speaker": ["anna"]})
    >>> [sequence.shape for sequence in frames(table.make("noise", rows), cache=folder, jobs=1)]
    [(98, 40)]
    """
    return compute(Filterbank(), (-1, BANDS), corpus, cache, jobs)
