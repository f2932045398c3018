"""The sequences of a study: packed so that processes share them, and normalised for each training
set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.features.extract import CACHE
from sordino.features.frames import frames
from sordino.features.normalise import NormaliseFitter
from sordino.features.words import train, transcripts_of, word_sequences
from sordino.nn.sequences import Sequences
from sordino.signal.words import read
from sordino.storage import Location
from sordino.types import Rows


@dataclass(frozen=True)
class PackedSequences:
    """Sequences of different lengths in one array: `values` `(steps, width)`; sequence i ends
    before step `ends[i]`.
    """

    values: NDArray[np.float32]
    ends: Rows

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.float32]]) -> PackedSequences:
        """These sequences, `(steps, width)` each, in their order."""
        return cls(np.concatenate(rows), np.cumsum([len(row) for row in rows]))

    def rows(self) -> list[NDArray[np.float32]]:
        """The sequences again, as views."""
        return np.split(self.values, self.ends[:-1])


@dataclass(frozen=True)
class Material:
    """Inputs of networks: frames of sound, and vectors of words, or transcripts if the vectors are
    learned from those of the training speakers.
    """

    speaker: NDArray[np.str_]
    audio: PackedSequences | None
    text: PackedSequences | None
    transcripts: tuple[str, ...]
    normalise: str
    word_dims: int
    seed: int

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        streams: Sequence[str],
        *,
        normalise: str = "speaker",
        words: str | Path | None = None,
        word_dims: int = 50,
        features: str = "filterbank",
        cache: str | Location | None = CACHE,
        jobs: int = 0,
        seed: int = 0,
    ) -> Material:
        """The streams of a corpus: `audio`, `text` or both.

        `features` are those of the audio (`sordino.features.frames`). `words` is a file of word
        vectors. Without it, vectors of `word_dims` dimensions are learned from the transcripts of
        each training set.
        """
        audio = (
            PackedSequences.of(frames(corpus, cache, jobs, features))
            if "audio" in streams
            else None
        )
        transcripts: tuple[str, ...] = tuple(transcripts_of(corpus)) if "text" in streams else ()
        text = (
            PackedSequences.of(word_sequences(corpus, read(words)))
            if words and transcripts
            else None
        )
        return cls(corpus.speaker, audio, text, transcripts, normalise, word_dims, seed)

    def sequences(self, streams: Sequence[str], training: Rows) -> Sequences:
        """All utterances as inputs of a network that is trained on these rows. Normalisation and
        word vectors are fitted on these rows only.
        """
        sequences: dict[str, list[NDArray[np.float32]]] = {}
        if "audio" in streams and self.audio is not None:
            rows = self.audio.rows()
            scale = NormaliseFitter(self.normalise).fit([rows[row] for row in training])
            sequences["audio"] = scale(rows, self.speaker)
        if "text" in streams:
            sequences["text"] = self.text.rows() if self.text else self._learned(training)
        return Sequences.of(**sequences)

    def _learned(self, training: Rows) -> list[NDArray[np.float32]]:
        words = train([self.transcripts[row] for row in training], self.word_dims, self.seed)
        return [words(text) for text in self.transcripts]

    def hash(self, streams: Sequence[str]) -> str:
        """12 hexadecimal digits of all inputs of a network with these streams."""
        sha = hashlib.sha256(f"{self.seed}".encode())
        if "audio" in streams:
            sha.update(self.normalise.encode())
        if "text" in streams:
            sha.update(f"{self.word_dims} {self.transcripts}".encode())
        for name, packed in (("audio", self.audio), ("text", self.text)):
            if packed and name in streams:
                sha.update(np.ascontiguousarray(packed.values).tobytes() + packed.ends.tobytes())
        return sha.hexdigest()[:12]
