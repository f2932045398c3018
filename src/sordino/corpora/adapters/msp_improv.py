"""MSP-Improv: twelve actors improvise in pairs, six sessions of a woman and a man.

Busso et al. 2017, IEEE Transactions on Affective Computing 8(1), 67-80. The letters of a name say
which actor speaks: `MSP-IMPROV-S01A-F02-P-FM01` is target sentence 01 in anger, the woman of
session 2, natural interaction (P; R read, S other improvised, T target sentence), turn 01. The
emotion of an utterance is that of the listeners' agreement, not the intended one in its name; `X`
(no agreement) and `O` are `other`.

**The release stores activation inverted**, 1 for excited and 5 for calm, according to published
readers of it. The paper that uses it here does not mention this (Jaiswal and Mower Provost 2020 may
have exchanged low and high). The adapter inverts it again, 6 - A; `stored=True` keeps the stored
values. In both cases, anger must be more active than sadness.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import table
from sordino.corpora.adapters import layout
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.storage import as_storage_error

NAME: Final = "msp_improv"
LAYOUT: Final = (
    "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav ... session6/, also below Audio, with "
    "Evaluation.txt beside them "
    "(WAV or FLAC)"
)
EVALUATIONS: Final = ("Evaluation.txt", "Evalution.txt")  # codespell:ignore
"""The file of ratings; earlier releases have the second spelling."""

EMOTION_CODES: Final = {
    "A": "angry",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
    "O": "other",
    "X": "other",
}
SCALE: Final = 5.0
"""Points of the listeners' rating scale."""

ENOUGH: Final = 20
"""Utterances of anger and of sadness that suffice for a check of the direction of activation; the
corpus has over 700 of each.
"""

_NAME: Final = re.compile(
    r"MSP-IMPROV-S(?:0[1-9]|1[0-9]|20)[AHNS]-"
    r"(?P<speaker>(?P<gender>[FM])(?P<session>0[1-6]))-[PRST]-[FM]{2}[0-9]+"
)
_NUMBER: Final = r"\s*([0-9.]+|NaN)\s*"
_RATING: Final = re.compile(rf"UTD-(IMPROV-\S+)\.avi;\s*([A-Z]);\s*A:{_NUMBER};\s*V:{_NUMBER};.*")
"""`UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.200000; V:3.400000; D:2.600000 ; N:4.600000;`:
activation, valence, dominance, naturalness. Lines of single listeners follow each of these.
"""


def parse(name: str) -> dict[str, str]:
    """Speaker, gender and session in the name of an utterance. Raises `CorpusError` for a name of
    another form.

    >>> parse("MSP-IMPROV-S01A-F02-P-FM01")
    {'speaker': 'F02', 'gender': 'female', 'session': '02'}
    """
    field = layout.fields(
        name, _NAME, "MSP-IMPROV-S01A-F01-P-FM01: sentence and emotion, speaker, scene, turn"
    )
    return {**field, "gender": define.gender(field["gender"])}


def labels(text: str, stored: bool = False) -> dict[str, dict[str, str | float]]:
    """Utterance to emotion, activation and valence, from the text of `Evaluation.txt`.

    Activation and valence are means over listeners on the scale 1 (calm, negative) to 5 (excited,
    positive); with `stored`, activation is as in the file. Lines of single listeners are skipped.
    """
    utterances: dict[str, dict[str, str | float]] = {}
    for match in filter(None, (_RATING.fullmatch(line.strip()) for line in text.splitlines())):
        name, emotion, activation, valence = match.groups()
        utterances[f"MSP-{name}"] = {
            "emotion": EMOTION_CODES.get(emotion, "other"),
            "activation": float(activation) if stored else 1 + SCALE - float(activation),
            "valence": float(valence),
            "scale": SCALE,
        }
    return utterances


def load(root: Path, stored: bool = False) -> Corpus:
    """The corpus under a folder with `session1` to `session6` (or `Audio/session1` ...) and the
    file of ratings.

    `stored=True` keeps activation as the release stores it. Transcripts are optional
    (`All_human_transcriptions`). Both actors of a session are audible in each other's recordings,
    hence the column `session`. Recordings without a rating are left out, as are ratings without a
    recording.

    Raises `CorpusError` without the file of ratings, for one that rates none of the recordings, and
    where anger is less active than sadness.
    """
    files = layout.recordings(root, "**/session[1-6]/S*/[PRST]/*", LAYOUT)
    path = next((root / name for name in EVALUATIONS if (root / name).is_file()), None)
    if path is None:
        raise CorpusError(
            f"{root}: no {' or '.join(EVALUATIONS)}, expected {LAYOUT}: add the file of ratings"
        )
    with as_storage_error(path):
        ratings = labels(path.read_text(encoding="utf-8", errors="replace"), stored)
    words = layout.transcripts(root, "*[Tt]ranscriptions/**/*.txt")
    rows = [
        {
            "file": str(file),
            **parse(file.stem),
            **ratings[file.stem],
            "transcript": words.get(file.stem, ""),
        }
        for file in files
        if file.stem in ratings
    ]
    if not rows:
        raise CorpusError(
            f"{path}: rates none of {len(files)} recording(s), expected lines such as "
            "`UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.2; V:3.4; D:2.6 ; N:4.6;`: get the official "
            "file"
        )
    frame = pd.DataFrame(rows)
    _check_direction(path, frame, stored)
    return table.make(NAME, frame)


def _check_direction(path: Path, frame: pd.DataFrame, stored: bool) -> None:
    """Raise `CorpusError` where anger is less active than sadness, given enough of both."""
    angry, sad = (
        frame.loc[frame["emotion"] == emotion, "activation"] for emotion in ("angry", "sad")
    )
    if min(len(angry), len(sad)) >= ENOUGH and angry.mean() < sad.mean():
        raise CorpusError(
            f"{path}: with stored={stored} anger is rated {angry.mean():.2f} and sadness "
            f"{sad.mean():.2f}, expected "
            "more activation in anger: this release stores it the other way, so take "
            f"stored={not stored}"
        )
