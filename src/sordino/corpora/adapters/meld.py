"""MELD, the multimodal emotion lines data set: dialogues of a television series, here as text.

Poria et al. 2019, ACL, 527-536 (GPL-3.0). The source is the three tables of the release, or one
table of all lines:

    {train,dev,test}_sent_emo.csv   Utterance, Speaker, Emotion, Sentiment, Dialogue_ID,
                                    Utterance_ID, ...; in the folder or below it
    utterances.csv                  split, dialogue, utt, speaker, emotion, sentiment, transcript,
                                    and optionally gender

`meld` has no sound: `file` is the table itself, and lines of two speakers never count as one
recording (see `Corpus.checksums`). `meld_sound` has the sound of the videos, extracted to WAV or
FLAC with the names of the release (`ffmpeg -i dia0_utt0.mp4 dia0_utt0.wav`). Sentiment is a
stand-in for valence. Only the six main characters, with 83 % of the lines, have a gender.
Characters who speak together, such as "Ross and Rachel", are a separate speaker without gender.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import inside, sheet, table
from sordino.corpora.adapters import layout
from sordino.corpora.dimensions import SENTIMENT
from sordino.corpora.labels import quote
from sordino.corpora.sheet import Row
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

NAME: Final = "meld"
LAYOUT: Final = (
    "train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv (train.tar.gz unpacked), "
    "or utterances.csv"
)

SPLITS: Final = ("train", "dev", "test")

SOUND_NAME: Final = "meld_sound"
SOUND_FOLDERS: Final = {
    "train_splits": "train",
    "dev_splits_complete": "dev",
    "output_repeated_splits_test": "test",
}
SOUND_LAYOUT: Final = (
    "train_splits/dia0_utt0.wav ..., dev_splits_complete/ and output_repeated_splits_test/, "
    "extracted from the videos, with the tables (WAV or FLAC)"
)

CHARACTER_GENDERS: Final = {
    "Chandler": "male",
    "Joey": "male",
    "Monica": "female",
    "Phoebe": "female",
    "Rachel": "female",
    "Ross": "male",
}

_COMPLETE_COLUMNS: Final = (
    "split",
    "dialogue",
    "utt",
    "speaker",
    "emotion",
    "sentiment",
    "transcript",
)
_RELEASE_COLUMNS: Final = (
    "dialogue_id",
    "utterance_id",
    "speaker",
    "emotion",
    "sentiment",
    "utterance",
)
_NAMES: Final = {"dialogue_id": "dialogue", "utterance_id": "utt", "utterance": "transcript"}
_QUOTES: Final = {
    code: bytes([code]).decode("cp1252", errors="ignore") for code in range(0x80, 0xA0)
}
"""The release encodes quotes and dashes of Windows-1252 as control characters of the same number.
"""


def load(root: Path) -> Corpus:
    """The corpus under a folder with the tables; its lines are in the order train, dev, test,
    dialogue, line.

    Raises `CorpusError`, with the number of the row where there is one, for a missing or duplicate
    table, a line without speaker or position, and an unknown sentiment.
    """
    return table.make(NAME, _all_lines(root, LAYOUT))


def _key(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def load_sound(root: Path) -> Corpus:
    """The corpus of the lines with a recording, under a folder with the tables and the sounds.

    Lines without a recording are left out, as are recordings without a line and the repeated videos
    of the release (`final_videos_test...`).

    Raises `CorpusError` as `load` does, for a folder without recordings, and for tables that have
    a line for none of them.
    """
    lines = _all_lines(root, SOUND_LAYOUT)
    files = layout.recordings(root, "**/dia*_utt*", SOUND_LAYOUT, _key)
    file_of = {
        f"{SOUND_FOLDERS[file.parent.name]}/{file.stem}": inside.within(root, str(file), str(file))
        for file in files
        if file.parent.name in SOUND_FOLDERS
    }
    keys = "dia" + lines["dialogue"].astype(str) + "_utt" + lines["utt"].astype(str)
    recordings = [
        file_of.get(f"{SPLITS[split]}/{key}")
        for split, key in zip(lines["split"], keys, strict=True)
    ]
    lines = lines.assign(file=pd.Series(recordings, index=lines.index, dtype=object))
    lines = lines[lines["file"].notna()]
    if not len(lines):
        raise CorpusError(
            f"{root}: a line for none of {len(files)} recording(s), expected {SOUND_LAYOUT}: get "
            "the official tables"
        )
    return table.make(SOUND_NAME, lines)


def _all_lines(root: Path, expected: str) -> pd.DataFrame:
    """The lines of the tables under a folder, in the order of the release."""
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder, expected {expected}: check the path")
    complete = root / "utterances.csv"
    if complete.is_file():
        lines = [
            _line(complete, number, row) for number, row in sheet.read(complete, _COMPLETE_COLUMNS)
        ]
    else:
        lines = [line for split in SPLITS for line in _lines(_table(root, split), split)]
    if not lines:
        raise CorpusError(
            f"{root}: no lines below the header, expected one an utterance: get the official tables"
        )
    return pd.DataFrame(lines).sort_values(["split", "dialogue", "utt"])


def _table(root: Path, split: str) -> Path:
    """The release's table of one split."""
    name = f"{split}_sent_emo.csv"
    paths = sorted(file for file in root.glob(f"**/{name}") if file.is_file())
    if len(paths) != 1:
        raise CorpusError(
            f"{root}: {name} is there {len(paths)} times, expected once ({LAYOUT}): choose that "
            "folder"
        )
    return paths[0]


def _lines(path: Path, split: str) -> list[dict[str, str | int]]:
    rows = sheet.read(path, _RELEASE_COLUMNS)
    return [
        _line(path, number, {_NAMES.get(k, k): v for k, v in row.items()} | {"split": split})
        for number, row in rows
    ]


def _line(path: Path, number: int, row: Row) -> dict[str, str | int]:
    """One utterance with canonical labels, and its position in the release."""
    where = f"{path}, row {number}"
    if not row["speaker"]:
        raise CorpusError(f"{where}: no speaker, expected one in every row: fill it in")
    if row["split"] not in SPLITS or not (row["dialogue"].isdecimal() and row["utt"].isdecimal()):
        raise CorpusError(
            f"{where}: no position, expected {', '.join(SPLITS)} and numbers of dialogue and "
            "line: correct it"
        )
    if row["sentiment"].lower() not in SENTIMENT:
        raise CorpusError(
            f"{where}: sentiment {quote(row['sentiment'])}, expected {', '.join(SENTIMENT)}: "
            "correct it"
        )
    return {
        "file": str(path),
        "speaker": row["speaker"],
        "gender": define.gender(row.get("gender", CHARACTER_GENDERS.get(row["speaker"], ""))),
        "emotion": define.emotion(row["emotion"]),
        "sentiment": row["sentiment"].lower(),
        "transcript": row["transcript"].translate(_QUOTES),
        "split": SPLITS.index(row["split"]),
        "dialogue": int(row["dialogue"]),
        "utt": int(row["utt"]),
    }
