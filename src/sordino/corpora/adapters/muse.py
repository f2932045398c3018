"""MuSE, the multimodal stressed emotion data set: emotional monologues of 28 people, once calm and
once under stress.

Jaiswal et al. 2020, LREC, 1499-1510; available on request. No public page describes its files. The
layout here is common to the published readers of the corpus:

    SurveyInformation/Emotion data from crowdsourcing (....csv
        (or "Survey Information (Questions, Data etc)/")
        Sentence_name, Gender, Activation_Mean, Valence_Mean, ...; the clips were rated in random
        order
    Stressed/Audio/Stressed Question Monologue Audio/*.wav
    NotStressed/Audio/Non Stressed Question Monologue Audio [Sentence Split]/*.wav
    Combined/Utterance Transcripts/*.txt    (optional) one utterance per file

The first two digits of a name are its speaker. There are no labels of emotion: every utterance is
`other`.
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
"""Points of the annotators' rating scale."""

LENGTH_SECONDS: Final = (3.0, 25.0)
"""The range of lengths in Jaiswal and Mower Provost (2020), both ends included."""

_LABELS: Final = "Survey*/Emotion data from crowdsourcing*.csv"
_COLUMNS: Final = ("sentence_name", "gender", "activation_mean", "valence_mean")
_NAME: Final = re.compile(r"(?P<speaker>[0-9]{2}).*")


def labels(path: Path) -> dict[str, dict[str, str | float]]:
    """Utterance to gender, activation and valence, from the table of ratings.

    Activation and valence are means over annotators on the scale 1 (calm, negative) to 9 (excited,
    positive).
    """
    utterances: dict[str, dict[str, str | float]] = {}
    for number, row in sheet.read(path, _COLUMNS):
        where = f"{path}, row {number}"
        utterances[row["sentence_name"].removesuffix(".wav")] = {
            "gender": define.gender(row["gender"]),
            "activation": sheet.parse_number(where, row, "activation_mean"),
            "valence": sheet.parse_number(where, row, "valence_mean"),
            "scale": SCALE,
        }
    return utterances


def load(root: Path, seconds: tuple[float, float] | None = LENGTH_SECONDS) -> Corpus:
    """The corpus under a folder with `Stressed`, `NotStressed` and the table of ratings.

    `seconds` selects utterances of these lengths, both ends included, as Jaiswal and Mower Provost
    (2020) do; `None` selects all. Recordings without a rating are left out, as are ratings without
    a recording.

    Raises `CorpusError` without the table, for one that rates none of the recordings, and where no
    recording has such a length.
    """
    files = layout.recordings(root, "*/Audio/*Question Monologue Audio*/*", LAYOUT)
    tables = sorted(root.glob(_LABELS))
    if len(tables) != 1:
        raise CorpusError(
            f"{root}: {len(tables)} tables of ratings, expected one, {_LABELS}: get the official "
            "folder"
        )
    ratings = labels(tables[0])
    rated = [file for file in files if file.stem in ratings]
    if not rated:
        raise CorpusError(
            f"{tables[0]}: rates none of {len(files)} recording(s): get the official table"
        )
    selected = (
        rated
        if seconds is None
        else [file for file in track(rated, "lengths", len(rated)) if _fits(file, *seconds)]
    )
    if not selected:
        raise CorpusError(
            f"{root}: none of {len(rated)} recording(s) of a length in {seconds} s: widen `seconds`"
        )
    words = layout.transcripts(root, "Combined/Utterance Transcripts/*")
    rows = [
        {
            "file": str(file),
            **layout.fields(file.stem, _NAME, "the two digits of its speaker in front"),
            **ratings[file.stem],
            "emotion": "other",
            "transcript": words.get(file.stem, ""),
        }
        for file in selected
    ]
    return table.make(NAME, pd.DataFrame(rows))


def _fits(file: Path, shortest: float, longest: float) -> bool:
    return shortest <= audio.duration(file) <= longest
