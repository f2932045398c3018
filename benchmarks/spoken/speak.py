"""Speak sentences of MELD with espeak-ng: REAL WORDS, MADE-UP SOUND.

No corpus at hand has both sound and free speech. This one exercises studies that need both. Words,
speakers, genders, emotions and sentiments are those of the six main characters of MELD. The sound
is synthetic: a voice for each character and a table of prosody for each emotion. So no figure of a
sound stream is evidence about people, and a difference between streams follows from the table.

    python benchmarks/spoken/speak.py --meld data/meld --out data/spoken
    sordino corpus check manifest data/spoken/manifest.csv
    sordino reproduce jaiswal2020 --corpus manifest=data/spoken/manifest.csv --only both-valence \
        --out spoken

espeak-ng (GPL-3.0) comes with the extra `demo`. A seed and a version of it give the same bytes. A
sentence is text for its C interface, never an option or markup; control characters are left out.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora import espeak, synthetic, table
from sordino.corpora.adapters import manifest, meld
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, SordinoError
from sordino.signal import audio

NAME: Final = "meld-espeak"
"""The name of the corpus on every page of results."""
NOTICE: Final = """\
REAL WORDS, MADE-UP SOUND. espeak-ng (espeakng-loader {version})
speaks sentences of MELD (Poria et al. 2019).
THE PROSODY OF EACH EMOTION IS A TABLE IN {file}.
NO FIGURE OF A SOUND STREAM ON THIS CORPUS IS EVIDENCE ABOUT PEOPLE."""


@dataclass(frozen=True)
class Timbre:
    """The voice of a character: a variant of espeak-ng, its lowest pitch in Hz, and its rate in
    percent of the usual one.
    """

    variant: str
    pitch_hz: int
    rate: int

    @property
    def description(self) -> str:
        """The text of an espeak-ng voice file."""
        return "\n".join(
            (
                "language en-us\ndictrules 3 6",
                espeak.variant(self.variant),
                f"pitch {self.pitch_hz} {1.4 * self.pitch_hz:.0f}",
                f"speed {self.rate}",
            )
        )


TIMBRES: Final = {
    "Chandler": Timbre("m1", 112, 104),
    "Joey": Timbre("m4", 98, 96),
    "Monica": Timbre("f1", 205, 106),
    "Phoebe": Timbre("f5", 190, 98),
    "Rachel": Timbre("f3", 215, 102),
    "Ross": Timbre("m3", 120, 100),
}
"""Gender is in pitch and formants, as in people; speakers of a gender differ in both and in rate.
"""

ACTING: Final = synthetic.ACTING | {
    "fearful": (4.0, -0.3, 0.12, 0.0),
    "disgust": (-1.5, -0.1, -0.12, 0.0),
    "surprised": (6.0, 0.5, 0.04, 3.0),
}
"""The change of an emotion from the neutral voice, in the units of `synthetic.ACTING`: semitones,
octaves of pitch range, octaves of rate, dB. The signs are those of Juslin and Laukka 2003, Psychol.
Bull. 129(5), table 7, for anger, fear, happiness and sadness. Those of disgust and surprise are
ours.
"""

OF_SENTIMENT: Final = {
    "negative": (-1.0, -0.15, 0.0, 0.0),
    "neutral": (0.0, 0.0, 0.0, 0.0),
    "positive": (1.0, 0.15, 0.0, 0.0),
}
"""The change of a sentiment, added to that of the emotion. Surprise has both sentiments in MELD:
without it the sound would say nothing of the valence of surprise.
"""

ROOM: Final = synthetic.Room(gain=1.0, noise=10 ** (-60 / 20), colour=0.8)
"""The room of all speakers, so that gender and speaker are in the voice alone."""

WORDS: Final = (3, 30)
"""Words of a sentence. Shorter ones have no melody, and are repeated by all speakers."""
CHARACTERS: Final = 200
"""The longest sentence: it bounds the time of its synthesis."""


def speak(lines: Corpus, folder: Path, utterances: int, seed: int) -> Corpus:
    """The corpus of spoken sentences, as its recordings and `manifest.csv` are in `folder`.

    - `lines`: MELD as text.
    - `utterances`: sentences of each character, in equal parts of the sentiments if possible.

    Raises `CorpusError` for a folder with files, and for a character with too few sentences;
    `DependencyError` without espeak-ng.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise CorpusError(f"{folder}: has files, expected an absent or empty folder: name another")
    spoken = [
        _character(number, sentences(lines, name, utterances, (seed, number)), folder, seed)
        for number, name in enumerate(sorted(TIMBRES))
    ]
    corpus = table.make(NAME, pd.concat(spoken))
    notice = NOTICE.format(version=espeak.version(), file=Path(__file__).name)
    notes = f"{notice}\nSeed {seed}, {utterances} sentences of each of {len(spoken)} characters.\n"
    storage.write(folder / "README.txt", notes)
    manifest.write(corpus, folder / "manifest.csv")  # last: a killed run has none
    return corpus


def sentences(lines: Corpus, name: str, utterances: int, seed: tuple[int, ...]) -> pd.DataFrame:
    """Different sentences of a character, in the order of the corpus: the sentiments in turn, each
    in random order.
    """
    rows = lines.table[lines.table["speaker"] == f"{lines.name}/{name}"]
    rows = rows.assign(transcript=rows["transcript"].map(plain), speaker=name)
    words = rows["transcript"].str.count(r"[A-Za-z']+")
    rows = rows[
        words.between(*WORDS)
        & (rows["transcript"].str.len() <= CHARACTERS)
        & rows["emotion"].isin(list(ACTING))
        & rows["sentiment"].isin(list(OF_SENTIMENT))
        & ~rows["transcript"].str.casefold().duplicated()
    ]
    if len(rows) < utterances:
        raise CorpusError(
            f"{lines.name}: {len(rows)} sentences of {name}, expected {utterances}: ask for fewer"
        )
    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    turn = shuffled.groupby("sentiment").cumcount().sort_values(kind="stable")
    return rows.loc[turn.index[:utterances].sort_values()]


def plain(text: str) -> str:
    """A text without control characters, which espeak-ng would obey, and with single spaces.

    >>> plain("Oh\\x0199p  no!")
    'Oh 99p no!'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r" +", " ", printable).strip()


def _character(number: int, rows: pd.DataFrame, folder: Path, seed: int) -> pd.DataFrame:
    """The rows of one character with the paths of its recordings, after their synthesis."""
    name = rows["speaker"].iloc[0]
    random = np.random.default_rng([seed, len(TIMBRES) + number])
    style = {emotion: random.normal(0, synthetic.OF_SPEAKER) for emotion in ACTING}
    voice = espeak.Voice(TIMBRES[name].description)
    files = []
    columns = (rows[column] for column in ("transcript", "emotion", "sentiment"))
    for position, (text, emotion, sentiment) in enumerate(zip(*columns, strict=True), 1):
        acting: NDArray[np.float64] = (
            np.add(ACTING[emotion], OF_SENTIMENT[sentiment])
            + style[emotion]
            + random.normal(0, synthetic.OF_UTTERANCE)
        )
        signal = synthetic.say(random, ROOM, voice, text, acting)
        file = folder / name.lower() / f"{name.lower()}-{position:04d}.wav"
        files.append(str(audio.write(file, signal)))
    labels = ["speaker", "gender", "emotion", "sentiment", "transcript"]
    return rows[labels].assign(file=files)


def main() -> None:
    """Speak the corpus, and print the notice and the counts by character and sentiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--meld", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--utterances", type=int, default=100, help="of each character")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.utterances < 1 or arguments.seed < 0:
        parser.error("expected at least 1 utterance and a seed of 0 or more: correct them")
    try:
        lines = meld.load(arguments.meld)
        corpus = speak(lines, arguments.out, arguments.utterances, arguments.seed)
    except SordinoError as error:
        parser.exit(1, f"{error}\n")
    print((arguments.out / "README.txt").read_text(encoding="utf-8"))
    print(pd.crosstab(corpus.table["speaker"], corpus.table["sentiment"]))


if __name__ == "__main__":
    main()
