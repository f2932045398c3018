"""A corpus of short synthetic sounds: activation in the level, gender in the pitch, words that
depend on activation; and readers of the estimates.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.signal import audio
from sordino.study.jaiswal2020.variants import JaiswalOptions

EMOTIONS = ("sad", "neutral", "happy")
WORDS = ("slow grey rain", "table door lamp", "bright loud sun")

QUICK = JaiswalOptions(normalise="corpus", epochs=20, families=("linear",), shuffles=4, word_dims=8)
KEYS = [
    "features",
    "release",
    "condition",
    "required",
    "knowledge",
    "target",
    "metric",
    "group",
    "k",
]


def corpus(
    folder: Path, speakers: int = 20, utterances: int = 6, seed: int = 0, words: bool = True
) -> Corpus:
    """`speakers` of both genders in turn; sad, neutral and happy are low, mid and high by the
    derived labels.
    """
    random = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        female = speaker % 2 == 0
        pitch = (210 if female else 110) * random.uniform(0.95, 1.05)
        for number in range(utterances):
            level = number % 3
            seconds = np.arange(int(16000 * random.uniform(0.2, 0.35))) / 16000
            voice = np.sin(2 * np.pi * pitch * (1 + 0.2 * level) * seconds) * (0.05 + 0.1 * level)
            sound = voice + random.normal(0, 0.02, len(seconds))
            transcript = (
                " ".join(random.permutation([*WORDS[level].split(), "the"])) if words else ""
            )
            rows.append(
                {
                    "file": str(audio.write(folder / f"{speaker:02d}-{number}.wav", sound)),
                    "speaker": f"{speaker:02d}",
                    "gender": "female" if female else "male",
                    "emotion": EMOTIONS[level],
                    "transcript": transcript,
                }
            )
    return table.make("planted", pd.DataFrame(rows))


def read(out: Path) -> pd.DataFrame:
    """The estimates of a study on disk."""
    return pd.read_csv(out / "estimates.csv", keep_default_na=False)


def headline(out: Path, **where: str) -> pd.DataFrame:
    """The headline rows of a study on disk that have these cells."""
    table = read(out)
    table = table[table["split"] == "all"]
    for column, value in where.items():
        table = table[table[column] == value]
    return table
