"""Vectors of a known structure, with their corpus and one split into the three parties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sordino.corpora import split, table
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.policy import Policy
from sordino.types import Codes, Vectors

POLICY: Final = Policy(required="sad", sensitive=("happy", "angry"))
"""The policy of the checks."""

SYNTHETIC_EMOTIONS: Final = ("neutral", "sad", "happy", "angry")
DIMS: Final = 16


@dataclass(frozen=True)
class SyntheticVectors:
    """Vectors `(utterances, 16)`, their corpus, and one draw of the three parties."""

    z: Vectors
    corpus: Corpus
    parts: Parts

    @property
    def role(self) -> Codes:
        """The role of each utterance under `POLICY`, `(utterances,)`."""
        return self.corpus.roles(POLICY)


def synthetic_vectors(
    speakers: int = 24,
    rows: int = 12,
    emotion: float = 5.0,
    gender: float = 1.5,
    voice: float = 0.3,
    seed: int = 0,
) -> SyntheticVectors:
    """Half of the speakers are women; each has equally many utterances of four emotions, half of
    them strong.

    In a rotated basis, each emotion but neutral moves one axis by `emotion`, a strong one by half
    as much again. Gender moves a fourth axis by plus or minus `gender`. Each speaker has an offset
    of standard deviation `voice`, and each utterance noise of standard deviation 0.5.

    >>> synthetic_vectors(speakers=8, rows=4).z.shape
    (32, 16)
    """
    random = np.random.default_rng(seed)
    lines = [
        {
            "file": f"{speaker}-{row}.wav",
            "speaker": f"{speaker:02d}",
            "gender": ("female", "male")[speaker % 2],
            "emotion": SYNTHETIC_EMOTIONS[row % 4],
            "intensity": "" if row % 4 == 0 else ("normal", "strong")[row // 4 % 2],
        }
        for speaker in range(speakers)
        for row in range(rows)
    ]
    corpus = table.make("synthetic-vectors", pd.DataFrame(lines))
    base = random.normal(0, 0.5, (len(lines), DIMS))
    base += np.repeat(random.normal(0, voice, (speakers, DIMS)), rows, axis=0)
    strength = emotion * np.where(corpus.column("intensity") == "strong", 1.5, 1.0)
    for axis, name in enumerate(SYNTHETIC_EMOTIONS[1:]):
        base[:, axis] += np.where(corpus.column("emotion") == name, strength, 0)
    base[:, 3] += gender * np.where(corpus.genders() == 1, 1, -1)
    basis = np.linalg.qr(random.normal(size=(DIMS, DIMS)))[0]
    parts = split.three_party(corpus, 0, sums=corpus.column("file"))
    return SyntheticVectors((base @ basis).astype(np.float32), corpus, parts)
