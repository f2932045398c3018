"""CREMA-D, the crowd-sourced emotional multimodal actors dataset: 91 actors, 12 sentences, six
emotions.

Cao, Cooper, Keutmann, Gur, Nenkova and Verma 2014, IEEE Transactions on Affective Computing 5(4),
377-390.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from sordino import define
from sordino.corpora import sheet, table
from sordino.corpora.adapters import layout
from sordino.corpora.labels import quote
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

NAME: Final = "cremad"
LAYOUT: Final = (
    "AudioWAV/1001_DFA_ANG_XX.wav ... with VideoDemographics.csv beside AudioWAV (WAV or FLAC)"
)

LabelSource = Literal["intended", "perceived"]

EMOTION_CODES: Final = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
INTENSITIES: Final = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}
"""XX is unspecified: only the sentence IEO has three levels. One official name, 1040_ITH_SAD_X, has
one X.
"""

SENTENCES: Final = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}

_NAME: Final = re.compile(
    rf"(?P<actor>[0-9]{{4}})_(?P<sentence>{'|'.join(SENTENCES)})"
    rf"_(?P<emotion>{'|'.join(EMOTION_CODES)})_(?P<intensity>{'|'.join(INTENSITIES)})"
)


def parse(name: str) -> dict[str, str]:
    """The labels in a file name: actor, sentence, intended emotion, intensity.

    Raises `CorpusError` for a name of another form.

    >>> parse("1001_IEO_HAP_LO")["emotion"], parse("1001_IEO_HAP_LO")["intensity"]
    ('happy', 'low')
    """
    field = layout.fields(
        name, _NAME, "<actor>_<sentence>_<emotion>_<intensity> such as 1001_DFA_ANG_XX"
    )
    return {
        "speaker": field["actor"],
        "emotion": EMOTION_CODES[field["emotion"]],
        "intensity": INTENSITIES[field["intensity"]],
        "transcript": SENTENCES[field["sentence"]],
    }


def load(root: Path, labels: LabelSource = "intended") -> Corpus:
    """The corpus under a folder that has `AudioWAV` and `VideoDemographics.csv`.

    `labels="intended"` takes the emotion in the file name, as do the counts of Feng and Narayanan
    (2021). `"perceived"` takes the vote of listeners to the voice alone (column `VoiceVote` of
    `processedResults/summaryTable.csv`); a tie is the emotion `other`.

    Raises `CorpusError` for a missing table, and for a table without an actor or a recording.
    """
    if labels not in ("intended", "perceived"):
        raise CorpusError(
            f"labels {labels!r}, expected 'intended' or 'perceived': choose one of them"
        )
    files = layout.recordings(root, "AudioWAV/*", LAYOUT)
    rows = pd.DataFrame([{"file": str(file), **parse(file.stem)} for file in files])
    actors = _actors(root / "VideoDemographics.csv")
    unknown = sorted(set(rows["speaker"]) - set(actors))
    if unknown:
        raise CorpusError(
            f"{root}: {len(unknown)} actor(s) without a row in VideoDemographics.csv: add them"
        )
    rows["gender"] = [actors[actor][0] for actor in rows["speaker"]]
    rows["age"] = [actors[actor][1] for actor in rows["speaker"]]
    if labels == "perceived":
        rows["emotion"] = _perceived(root / "processedResults" / "summaryTable.csv", files)
    return table.make(NAME, rows)


def _actors(path: Path) -> dict[str, tuple[str, float]]:
    """Actor to gender and age in years."""
    actors: dict[str, tuple[str, float]] = {}
    for number, row in sheet.read(path, ("actorid", "age", "sex")):
        try:
            actors[row["actorid"]] = (define.gender(row["sex"]), float(row["age"]))
        except ValueError as error:
            raise CorpusError(
                f"{path}, row {number}: age {quote(row['age'])}, expected years: correct it"
            ) from error
    return actors


def _perceived(path: Path, files: list[Path]) -> list[str]:
    """The perceived emotion of each recording; `VoiceVote` is a letter, or letters joined by colons
    in a tie.
    """
    letters = {code[0]: emotion for code, emotion in EMOTION_CODES.items()}
    votes = {
        row["filename"]: letters.get(row["voicevote"], "other")
        for _, row in sheet.read(path, _VOTES)
    }
    missing = sum(_official(file.stem) not in votes for file in files)
    if missing:
        raise CorpusError(
            f"{path}: no vote for {missing} recording(s), expected one each: get the official table"
        )
    return [votes[_official(file.stem)] for file in files]


_VOTES: Final = ("filename", "voicevote")


def _official(stem: str) -> str:
    """The name in the official tables, where every unspecified intensity is XX."""
    return f"{stem}X" if stem.endswith("_X") else stem
