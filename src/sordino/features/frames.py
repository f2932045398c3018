"""From a corpus to its frames: a sequence of log mel energies for each utterance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.features.extract import CACHE, each
from sordino.signal.filterbank import BANDS, Filterbank


def frames(
    corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> list[NDArray[np.float32]]:
    """The log mel energies of each utterance, `(frames, 40)` float32 each, in the corpus' row
    order.

    A frame is 25 ms, one starts every 10 ms (`sordino.signal.filterbank`). `cache` is the folder
    where they are kept, by the checksum of the recording and the configuration, `None` keeps
    nothing; `jobs` is the number of processes, 0 one for every core, and changes no value. What is
    computed is kept at once, so a run that was stopped goes on. The arrays are read-only, and
    byte-identical recordings share one.

    Raises `AudioError` for a recording that cannot be used, with the number of its row;
    `StorageError` for one that is not there and where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from sordino.corpora import table
    >>> from sordino.signal import audio
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> rows = pandas.DataFrame({"file": [str(audio.write(folder / "noise.wav", noise))], "speaker": ["one"]})
    >>> [sequence.shape for sequence in frames(table.make("noise", rows), cache=folder, jobs=1)]
    [(98, 40)]
    """
    return each(Filterbank(), (-1, BANDS), corpus, cache, jobs)
