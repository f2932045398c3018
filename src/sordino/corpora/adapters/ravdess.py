"""RAVDESS, the Ryerson audio-visual database of emotional speech and song: its speech, audio only.

Livingstone and Russo 2018, PLoS ONE 13(5), e0196391. 24 actors say two statements in eight
emotions. `calm` is a separate emotion; a policy that does not name it leaves it out, as Feng and
Narayanan (2021) do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from sordino.corpora import table
from sordino.corpora.adapters import layout
from sordino.corpora.table import Corpus

NAME: Final = "ravdess"
LAYOUT: Final = (
    "Actor_01/03-01-01-01-01-01-01.wav ... Actor_24/ "
    "(Audio_Speech_Actors_01-24 unpacked; WAV or FLAC)"
)

EMOTION_CODES: Final = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
INTENSITIES: Final = {"01": "normal", "02": "strong"}
STATEMENTS: Final = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

_NAME: Final = re.compile(
    r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-"
    r"(?P<statement>0[12])-0[12]-(?P<actor>0[1-9]|1[0-9]|2[0-4])"
)


def parse(name: str) -> dict[str, str]:
    """The labels in a file name: modality, channel, emotion, intensity, statement, repetition,
    actor.

    Odd actors are male, even ones female. Raises `CorpusError` for a name of another form.

    >>> parse("03-01-05-02-01-02-07")["emotion"], parse("03-01-05-02-01-02-07")["gender"]
    ('angry', 'male')
    """
    field = layout.fields(
        name, _NAME, "03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>"
    )
    return {
        "speaker": field["actor"],
        "gender": "male" if int(field["actor"]) % 2 else "female",
        "emotion": EMOTION_CODES[field["emotion"]],
        "intensity": INTENSITIES[field["intensity"]],
        "transcript": STATEMENTS[field["statement"]],
    }


def load(root: Path) -> Corpus:
    """The corpus under a folder with `Actor_01` to `Actor_24`. Songs (`03-02-...`) are skipped."""
    files = layout.recordings(root, "Actor_*/03-01-*", LAYOUT)
    return table.make(
        NAME, pd.DataFrame([{"file": str(file), **parse(file.stem)} for file in files])
    )
