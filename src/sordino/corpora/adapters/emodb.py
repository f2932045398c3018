"""EMO-DB, the Berlin database of emotional speech: ten actors, ten sentences, seven emotions, in
German.

Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss 2005, Interspeech, 1517-1520; names and ages from
its documentation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from sordino.corpora import table
from sordino.corpora.adapters import layout
from sordino.corpora.table import Corpus

NAME: Final = "emodb"
LAYOUT: Final = "wav/03a01Fa.wav ... (download.zip unpacked; WAV or FLAC)"

EMOTION_CODES: Final = {
    "A": "fearful",
    "E": "disgust",
    "F": "happy",
    "L": "bored",
    "N": "neutral",
    "T": "sad",
    "W": "angry",
}
"""First letters of Angst, Ekel, Freude, Langeweile, neutral, Trauer, Wut."""

SPEAKERS: Final = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
"""Gender and age in years."""

SENTENCES: Final = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",  # codespell:ignore
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",  # codespell:ignore
    # codespell:ignore
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",  # codespell:ignore
}

_NAME: Final = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})(?P<sentence>{'|'.join(SENTENCES)})"
    rf"(?P<letter>[{''.join(EMOTION_CODES)}])[a-z]?"
)


def parse(name: str) -> dict[str, str | float]:
    """The labels in a file name: speaker, sentence, letter of the emotion, version.

    Raises `CorpusError` for a name of another form.

    >>> parse("03a01Fa")["emotion"], parse("03a01Fa")["gender"]
    ('happy', 'male')
    """
    field = layout.fields(name, _NAME, "speaker, sentence, emotion, version such as 03a01Fa")
    gender, age = SPEAKERS[field["speaker"]]
    return {
        "speaker": field["speaker"],
        "gender": gender,
        "age": float(age),
        "emotion": EMOTION_CODES[field["letter"]],
        "transcript": SENTENCES[field["sentence"]],
    }


def load(root: Path) -> Corpus:
    """The corpus under a folder that has the recordings in `wav`."""
    files = layout.recordings(root, "wav/*", LAYOUT)
    return table.make(
        NAME, pd.DataFrame([{"file": str(file), **parse(file.stem)} for file in files])
    )
