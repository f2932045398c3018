"""MSP-Podcast: turns of podcasts, selected automatically for their emotion and rated by a crowd. It
grows with each release.

Lotfian and Busso 2019, IEEE Transactions on Affective Computing 10(4), 471-483. Any release with
labels as CSV can be read; the labels of its part `Test3` are not public.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import pandas as pd

from sordino import define
from sordino.corpora import sheet, table
from sordino.corpora.adapters import layout
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

NAME: Final = "msp_podcast"
LAYOUT: Final = (
    "Audios/MSP-PODCAST_0001_0008.wav ... with Labels/labels_consensus.csv beside Audios "
    "(WAV or FLAC)"
)

Speakers = Literal["known", "all"]

CONSENSUS: Final = ("labels_consensus.csv", "labels_concensus.csv")
"""The table of labels; early releases have the second spelling."""

EMOTION_CODES: Final = {
    "A": "angry",
    "C": "contempt",
    "D": "disgust",
    "F": "fearful",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
    "U": "surprised",
    "O": "other",
    "X": "other",
}
"""`X` is no agreement."""

SCALE: Final = 7.0
"""Points of the crowd's rating scale."""

UNIDENTIFIED: Final = "unknown"
"""The label of an unidentified speaker or gender in the table."""

_COLUMNS: Final = ("filename", "emoclass", "emoact", "emoval", "spkrid", "gender")


def labels(path: Path) -> dict[str, dict[str, str | float]]:
    """Utterance to speaker, gender, emotion, activation and valence, from the table of labels.

    Activation and valence are means over listeners on the scale 1 (calm, negative) to 7 (excited,
    positive).
    """
    utterances: dict[str, dict[str, str | float]] = {}
    for number, row in sheet.read(path, _COLUMNS):
        where = f"{path}, row {number}"
        utterances[row["filename"].removesuffix(".wav")] = {
            "speaker": row["spkrid"] or UNIDENTIFIED,
            "gender": define.gender(row["gender"]),
            "emotion": EMOTION_CODES.get(row["emoclass"], "other"),
            "activation": sheet.parse_number(where, row, "emoact"),
            "valence": sheet.parse_number(where, row, "emoval"),
            "scale": SCALE,
        }
    return utterances


def load(root: Path, speakers: Speakers = "known") -> Corpus:
    """The corpus under a folder that has `Audios` (or `Audio`) and `Labels`.

    `speakers="known"` leaves out turns of unidentified speakers, who may also be in another part of
    a split. `"all"` includes them as one speaker of unknown gender. An identified speaker of
    unknown gender has no gender. Transcripts (`Transcripts`) are optional. Recordings without a
    label are left out, as are labels without a recording.

    Raises `CorpusError` without the table, for one that labels none of the recordings, and for
    another value of `speakers`.
    """
    if speakers not in ("known", "all"):
        raise CorpusError(f"speakers {speakers!r}, expected 'known' or 'all': choose one of them")
    files = layout.recordings(root, "Audio*/*", LAYOUT)
    path = next(
        (root / "Labels" / name for name in CONSENSUS if (root / "Labels" / name).is_file()), None
    )
    if path is None:
        raise CorpusError(
            f"{root}: no Labels/{CONSENSUS[0]}, expected {LAYOUT}: add the folder of labels"
        )
    label_of = labels(path)
    words = layout.transcripts(root, "Transcripts/*")
    rows = [
        {
            "file": str(file),
            **_anonymous(label_of[file.stem]),
            "transcript": words.get(file.stem, ""),
        }
        for file in files
        if file.stem in label_of and (speakers == "all" or not _is_unknown(label_of[file.stem]))
    ]
    if not rows:
        raise CorpusError(
            f"{path}: no label with a known speaker for any of {len(files)} recording(s): get the "
            "official table, or "
            "take speakers='all'"
        )
    return table.make(NAME, pd.DataFrame(rows))


def _is_unknown(label: dict[str, str | float]) -> bool:
    return str(label["speaker"]).lower() == UNIDENTIFIED


def _anonymous(label: dict[str, str | float]) -> dict[str, str | float]:
    """The label, without a gender for the unknown speaker, which stands for many people."""
    return {**label, "gender": ""} if _is_unknown(label) else label
