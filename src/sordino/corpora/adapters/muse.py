"""MuSE, the multimodal stressed emotion data set: 28 people tell of what moved them, once calm and
once under stress.

Jaiswal et al. 2020, LREC, 1499-1510, who share it on request. No public page describes its files.
The layout here is the one that published readers of it agree on, and what they do not use is not
used here either:

    SurveyInformation/Emotion data from crowdsourcing (....csv     also "Survey Information (Questions, Data etc)/"
        Sentence_name, Gender, Activation_Mean, Valence_Mean, ...  annotators who heard the clips in random order
    Stressed/Audio/Stressed Question Monologue Audio/*.wav
    NotStressed/Audio/Non Stressed Question Monologue Audio [Sentence Split]/*.wav
    Combined/Utterance Transcripts/*.txt                           one utterance each; the folder may be absent

The first two digits of a name are its speaker. Nobody named emotions: every utterance is `other`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import sheet, table
from sordino.corpora.adapters import layout
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.progress import track
from sordino.signal import audio

NAME: Final = "muse"
LAYOUT: Final = (
    "Stressed/Audio/Stressed Question Monologue Audio/*.wav and the like in NotStressed, "
    "with SurveyInformation beside them (WAV or FLAC)"
)
SCALE: Final = 9.0
"""Points of the scale that the annotators rated on."""

SECONDS: Final = (3.0, 25.0)
"""The lengths that Jaiswal 2020 keeps, both included."""

_LABELS: Final = "Survey*/Emotion data from crowdsourcing*.csv"
_COLUMNS: Final = ("sentence_name", "gender", "activation_mean", "valence_mean")
_NAME: Final = re.compile(r"(?P<speaker>[0-9]{2}).*")


def labels(path: Path) -> dict[str, dict[str, str | float]]:
    """Utterance to gender, activation and valence, from the table of ratings.

    Activation and valence are means over annotators on the scale 1 (calm, negative) to 9 (excited,
    positive).
    """
    found: dict[str, dict[str, str | float]] = {}
    for number, row in sheet.read(path, _COLUMNS):
        place = f"{path}, row {number}"
        found[row["sentence_name"].removesuffix(".wav")] = {
            "gender": define.gender(row["gender"]),
            "activation": sheet.number(place, row, "activation_mean"),
            "valence": sheet.number(place, row, "valence_mean"),
            "scale": SCALE,
        }
    return found


def load(root: Path, seconds: tuple[float, float] | None = SECONDS) -> Corpus:
    """The corpus under a folder with `Stressed`, `NotStressed` and the table of ratings.

    `seconds` keeps utterances of these lengths, ends included, as Jaiswal 2020 does; `None` keeps
    all. Recordings that nobody rated are left out, as are ratings without a recording.

    Raises `CorpusError` when the table is absent or rates none of the recordings, and when no
    length fits.
    """
    files = layout.recordings(root, "*/Audio/*Question Monologue Audio*/*", LAYOUT)
    tables = sorted(root.glob(_LABELS))
    if len(tables) != 1:
        raise CorpusError(
            f"{root}: {len(tables)} tables of ratings, expected one, {_LABELS}: get the official "
            "folder"
        )
    known = labels(tables[0])
    rated = [file for file in files if file.stem in known]
    if not rated:
        raise CorpusError(
            f"{tables[0]}: rates none of {len(files)} recording(s): get the official table"
        )
    kept = (
        rated
        if seconds is None
        else [file for file in track(rated, "lengths", len(rated)) if _fits(file, *seconds)]
    )
    if not kept:
        raise CorpusError(
            f"{root}: none of {len(rated)} recording(s) of a length in {seconds} s: widen `seconds`"
        )
    said = layout.transcripts(root, "Combined/Utterance Transcripts/*")
    rows = [
        {
            "file": str(file),
            **layout.fields(file.stem, _NAME, "the two digits of its speaker in front"),
            **known[file.stem],
            "emotion": "other",
            "transcript": said.get(file.stem, ""),
        }
        for file in kept
    ]
    return table.make(NAME, pd.DataFrame(rows))


def _fits(file: Path, shortest: float, longest: float) -> bool:
    return shortest <= audio.duration(file) <= longest
