"""MELD, the multimodal emotion lines data set: dialogues of a television series, here as text.

Poria et al. 2019, ACL, 527-536 (GPL-3.0). The source is the three tables of the release, or one
table of all lines:

    {train,dev,test}_sent_emo.csv   Utterance, Speaker, Emotion, Sentiment, Dialogue_ID,
                                    Utterance_ID, ...; in the folder or below it
    utterances.csv                  split, dialogue, utt, speaker, emotion, sentiment, transcript,
                                    and optionally gender

There is no sound: `file` is the table itself, and lines of two speakers never count as one
recording (see `Corpus.checksums`). Sentiment is a stand-in for valence. Only the six main
characters, with 83 % of the lines, have a gender. Characters who speak together, such as "Ross and
Rachel", are a separate speaker without gender.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from sordino import define
from sordino.corpora import sheet, table
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
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder, expected {LAYOUT}: check the path")
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
    return table.make(NAME, pd.DataFrame(lines).sort_values(["split", "dialogue", "utt"]))


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
