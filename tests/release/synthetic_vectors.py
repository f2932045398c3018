"""Vectors with a structure that is known: what is planted can be found, what is not cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora import split, table
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.policy import Policy
from sordino.release import Embedding

POLICY: Final = Policy(required="sad", sensitive=("happy", "angry"))
EMOTIONS: Final = ("neutral", "sad", "happy", "angry")
DIMS: Final = 16


@dataclass(frozen=True)
class Planted:
    """Vectors `(utterances, 16)`, their corpus, and one draw of the three parties."""

    z: NDArray[np.float32]
    corpus: Corpus
    parts: Parts

    @property
    def role(self) -> NDArray[np.intp]:
        return self.corpus.roles(POLICY)


def planted(
    speakers: int = 24,
    rows: int = 12,
    emotion: float = 5.0,
    gender: float = 1.5,
    voice: float = 0.3,
    seed: int = 0,
) -> Planted:
    """Half of the speakers are women; each says equally many utterances of four emotions, half of
    them strongly.

    In a rotated basis: each emotion but neutral moves one axis by `emotion`, strong ones half as
    much again; gender moves a fourth axis by plus or minus `gender`; every speaker has an own
    offset of standard deviation `voice`, and every utterance noise of standard deviation 0.5.
    """
    random = np.random.default_rng(seed)
    lines = [
        {
            "file": f"{speaker}-{row}.wav",
            "speaker": f"{speaker:02d}",
            "gender": ("female", "male")[speaker % 2],
            "emotion": EMOTIONS[row % 4],
            "intensity": "" if row % 4 == 0 else ("normal", "strong")[row // 4 % 2],
        }
        for speaker in range(speakers)
        for row in range(rows)
    ]
    corpus = table.make("planted", pd.DataFrame(lines))
    base = random.normal(0, 0.5, (len(lines), DIMS))
    base += np.repeat(random.normal(0, voice, (speakers, DIMS)), rows, axis=0)
    strength = emotion * np.where(corpus.column("intensity") == "strong", 1.5, 1.0)
    for axis, name in enumerate(EMOTIONS[1:]):
        base[:, axis] += np.where(corpus.column("emotion") == name, strength, 0)
    base[:, 3] += gender * np.where(corpus.genders() == 1, 1, -1)
    basis = np.linalg.qr(random.normal(size=(DIMS, DIMS)))[0]
    parts = split.three_party(corpus, 0, sums=corpus.column("file"))
    return Planted((base @ basis).astype(np.float32), corpus, parts)


def speakers_of(corpus: Corpus, rows: NDArray[np.intp]) -> set[str]:
    return set(corpus.speaker[rows].tolist())


def drawing(by: Embedding) -> Embedding:
    """What draws by the network of another: two prototypes of each of three classes, which mean
    nothing.
    """
    random, width = np.random.default_rng(0), by.network.shape.width
    prototypes = random.normal(size=(6, width)).astype(np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "bias": random.normal(size=3),
        "prototypes": prototypes,
        "bin": np.arange(6) // 2,
    }
    return Embedding(
        "drawn", by.config | {"task": "activation", "epsilon": "inf"}, by.network, arrays
    )
