"""IEMOCAP, the interactive emotional dyadic motion capture database: ten actors in five sessions of
two.

Busso et al. 2008, Language Resources and Evaluation 42(4), 335-359. `happy` is the listeners'
label happiness; `excited` is a separate emotion. Utterances without agreement of the listeners
(`xxx`) are `other`.
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

NAME: Final = "iemocap"
LAYOUT: Final = (
    "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav ... Session5/, "
    "with dialog/EmoEvaluation and dialog/transcriptions in each session (WAV or FLAC)"
)
SCALE: Final = 5.0
"""Points of the listeners' rating scale."""

_NAME: Final = re.compile(
    r"(?P<dialogue>(?P<session>Ses0[1-5])[FM]_\w+)_(?P<gender>[FM])(?:XX)?[0-9]+"
)
_NUMBER: Final = r"\s*([0-9]+(?:\.[0-9]+)?)\s*"
_LABEL: Final = re.compile(
    rf"\[{_NUMBER}-{_NUMBER}\]\s+(\S+)\s+(\w+)\s+\[{_NUMBER},{_NUMBER},{_NUMBER}\]\s*"
)
"""`[6.2901 - 8.2357]   Ses01F_impro01_F000     neu     [2.5000, 2.5000, 2.5000]`: valence,
activation, dominance.
"""
_TURN: Final = re.compile(r"(\S+)\s+\[[0-9. -]+\]:\s*(.*)")
"""`Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`"""


def parse(name: str) -> dict[str, str]:
    """Speaker, gender, session and dialogue in the name of an utterance.

    The letter after the session is the actor with the motion capture markers, and the last letter
    is the actor who speaks. Raises `CorpusError` for a name of another form.

    >>> parse("Ses01F_impro01_M003")["speaker"], parse("Ses01F_impro01_M003")["dialogue"]
    ('Ses01M', 'Ses01F_impro01')
    """
    field = layout.fields(name, _NAME, "a turn such as Ses01F_impro01_F000")
    return {
        "speaker": field["session"] + field["gender"],
        "gender": define.gender(field["gender"]),
        "session": field["session"],
        "dialogue": field["dialogue"],
    }


def labels(text: str) -> dict[str, dict[str, str | float]]:
    """Utterance to emotion, activation, valence and their scale, from the text of an
    `EmoEvaluation` file.

    Activation and valence are means over listeners on the scale 1 (calm, negative) to 5 (excited,
    positive). Lines of single listeners between the summaries are skipped.
    """
    utterances: dict[str, dict[str, str | float]] = {}
    for line in text.splitlines():
        match = _LABEL.fullmatch(line)
        if match:
            _, _, name, emotion, valence, activation, _ = match.groups()
            utterances[name] = {
                "emotion": define.emotion(emotion),
                "activation": float(activation),
                "valence": float(valence),
                "scale": SCALE,
            }
    return utterances


def transcripts(text: str) -> dict[str, str]:
    """Utterance to its words, from the text of a `transcriptions` file."""
    turns = (_TURN.fullmatch(line.strip()) for line in text.splitlines())
    return {turn[1]: turn[2] for turn in turns if turn}


def load(root: Path) -> Corpus:
    """The corpus under a folder with `Session1` to `Session5`.

    Recordings without a line in the label file of their dialogue are left out, as are lines without
    a recording. Both actors are audible in each recording, hence the column `session`.

    Raises `CorpusError` for a dialogue without a label file, or with one that labels none of its
    recordings.
    """
    files = layout.recordings(root, "Session[1-5]/sentences/wav/*/*", LAYOUT)
    dialogues: dict[Path, list[Path]] = {}
    for file in files:
        name = f"{parse(file.stem)['dialogue']}.txt"
        dialogues.setdefault(file.parents[3] / "dialog" / "EmoEvaluation" / name, []).append(file)
    rows = [row for path, turns in dialogues.items() for row in _rows(path, turns)]
    return table.make(NAME, pd.DataFrame(rows).sort_values("file", kind="stable"))


def _rows(path: Path, turns: list[Path]) -> list[dict[str, str | float]]:
    """The utterances of one dialogue; `path` is its label file."""
    emotions = labels(_text(path))
    words = transcripts(_text(path.parents[1] / "transcriptions" / path.name, absent=""))
    rows: list[dict[str, str | float]] = [
        {
            "file": str(turn),
            **parse(turn.stem),
            **emotions[turn.stem],
            "transcript": words.get(turn.stem, ""),
        }
        for turn in turns
        if turn.stem in emotions
    ]
    if not rows:
        raise CorpusError(
            f"{path}: labels none of {len(turns)} recording(s), expected lines such as "
            "`[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5, 2.5, 2.5]`: get the official file"
        )
    return rows


def _text(path: Path, absent: str | None = None) -> str:
    if not path.is_file():
        if absent is not None:
            return absent
        raise CorpusError(f"{path}: no such label file, expected {LAYOUT}: unpack it too")
    with as_storage_error(path):
        return path.read_text(encoding="utf-8", errors="replace")
