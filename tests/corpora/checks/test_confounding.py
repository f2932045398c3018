"""Speakers, sentences and corpora that determine a label are listed, and no others."""

from __future__ import annotations

import pandas as pd

from sordino.corpora import table
from sordino.corpora.checks.confounding import confounding


def corpus(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """The table of corpus `x` from speaker, gender, emotion and transcript."""
    frame = pd.DataFrame(rows, columns=["speaker", "gender", "emotion", "transcript"])
    return table.make("x", frame.assign(file=[f"{row}.wav" for row in range(len(frame))])).table


BALANCED = [
    (speaker, gender, emotion, "It is late.")
    for speaker, gender in (("1", "female"), ("2", "male"))
    for emotion in ("sad", "happy")
]


def test_balanced_labels_have_no_notice() -> None:
    assert confounding(corpus(*BALANCED)) == []


def test_a_speaker_with_one_emotion_is_listed() -> None:
    (notice,) = confounding(corpus(*BALANCED, ("3", "male", "sad", "")))
    assert notice.startswith("1 of 3 speakers have one emotion only (x/3): ")


def test_a_sentence_with_one_emotion_is_listed() -> None:
    said = [(speaker, "", "sad", " Good  night") for speaker in "1212"]
    (notice,) = confounding(corpus(*BALANCED, *said))
    assert notice.startswith("1 of 2 repeated sentences have one emotion only (good night): ")
    assert confounding(corpus(*BALANCED, *said[:3])) == []


def test_a_corpus_with_one_label_is_listed() -> None:
    notices = confounding(corpus(*(row for row in BALANCED if row[0] == "1")))
    assert [notice.split(":")[0] for notice in notices] == ["Corpus x has one gender only (female)"]
