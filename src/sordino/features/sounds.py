"""Sounds that a feature set reads: the recordings of a corpus, and others with the same protocol.

Every sound has a key: all that determines its samples. A worker process reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.signal import audio


class SoundSource(Protocol):
    """Samples by a key."""

    @property
    def key(self) -> str:
        """All that determines the samples."""

    @property
    def file(self) -> str:
        """The recording that errors name."""

    def read(self, sampling_rate: int) -> NDArray[np.float32]:
        """The samples `(samples,)`. Raises `AudioError` and `StorageError`."""


@dataclass(frozen=True)
class Recording:
    """An utterance: a recording, or a cut of one in seconds."""

    file: str
    start: float
    end: float
    key: str
    """Its checksum (`sordino.corpora.table.Corpus.checksums`)."""

    def read(self, sampling_rate: int = audio.SAMPLING_RATE) -> NDArray[np.float32]:
        """The samples `(samples,)`; see `sordino.signal.audio.read`."""
        return audio.read(self.file, self.start, self.end, sampling_rate)


def recordings_of(corpus: Corpus) -> list[Recording]:
    """The recording of each utterance, in row order."""
    # worker processes may have another working folder
    files = [str(Path(file).absolute()) for file in corpus.table["file"]]
    cuts = zip(corpus.table["start"], corpus.table["end"], strict=True)
    sums = corpus.checksums().tolist()
    return [
        Recording(file, float(start), float(end), key)
        for file, (start, end), key in zip(files, cuts, sums, strict=True)
    ]
