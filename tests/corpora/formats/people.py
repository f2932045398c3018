"""Four utterances of two people, and their labels in any format."""

from __future__ import annotations

import os
from pathlib import Path

from sordino.corpora.table import Corpus
from tests.corpora.synthetic_trees import recording

ROWS = (
    ("a1.wav", "anna", "female", "happy"),
    ("a2.wav", "anna", "female", "neutral"),
    ("b1.wav", "ben", "male", "happy"),
    ("b2.wav", "ben", "male", "sad"),
)
"""Recording, speaker, gender, emotion."""


def sounds(folder: Path) -> Path:
    """The four recordings, all different."""
    for number, (file, *_) in enumerate(ROWS):
        recording(folder / file, number)
    return folder


def labels(corpus: Corpus) -> tuple[tuple[str, str, str, str], ...]:
    """Recording, speaker without its corpus, gender and emotion of each row."""
    rows = corpus.table[["file", "speaker", "gender", "emotion"]].itertuples(index=False)
    return tuple(
        (os.path.basename(file), speaker.partition("/")[2], gender, emotion)  # noqa: PTH119
        for file, speaker, gender, emotion in rows
    )
