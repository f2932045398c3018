"""MELD: lines without sound, from the one table or the three of the release."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sordino import corpora
from sordino.cli.verbs.corpus import app
from sordino.corpora import split
from sordino.corpora.checks.check import counts, differences, identical
from sordino.corpora.checks.published import PUBLISHED
from sordino.corpora.dimensions import levels
from sordino.corpora.groups import blocks
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, table

WHOLE = ("split", "dialogue", "utt", "speaker", "gender", "emotion", "sentiment", "transcript")
OFFICIAL = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
MORE = ("Season", "Episode", "StartTime", "EndTime")
TIMES = ("8", "21", "00:16:16,059", "00:16:21,731")

LINES = [  # split, dialogue, utterance, speaker, emotion, sentiment, words
    ("train", "0", "0", "Ross", "joy", "positive", "Okay."),
    ("train", "0", "1", "Rachel", "anger", "negative", 'Well, "okay" then.'),
    ("train", "0", "10", "Phoebe Sr", "neutral", "neutral", "Okay."),
    ("train", "0", "2", "Rachel", "surprise", "positive", "Okay."),
    ("dev", "0", "0", "Ross and Rachel", "fear", "negative", "Oh no!"),
    ("test", "0", "0", "Monica", "sadness", "negative", "Okay."),
]


def official(root: Path, lines: Sequence[tuple[str, ...]] = LINES, below: str = "") -> Path:
    """The three tables of the release."""
    for name in ("train", "dev", "test"):
        rows = [
            (str(row), words, speaker, emotion, sentiment, dialogue, utterance, *TIMES)
            for row, (of, dialogue, utterance, speaker, emotion, sentiment, words) in enumerate(
                lines
            )
            if of == name
        ]
        table(
            root / (below if name == "train" else "") / f"{name}_sent_emo.csv",
            [(*OFFICIAL, *MORE), *rows],
        )
    return root


@pytest.fixture(scope="module")
def meld(data: Path) -> corpora.Corpus:
    return corpora.load("meld", data / "meld")


def test_the_release_has_the_published_counts(meld: corpora.Corpus) -> None:
    assert len(meld) == 13708
    assert differences(counts(meld, PUBLISHED["meld"])) == []


def test_the_six_main_characters_have_a_gender_and_nobody_else(meld: corpora.Corpus) -> None:
    labelled = meld.table[meld.table["gender"] != ""]
    assert labelled.groupby(["gender", "speaker"]).size().to_dict() == {
        ("female", "meld/Monica"): 1782,
        ("female", "meld/Phoebe"): 1797,
        ("female", "meld/Rachel"): 1955,
        ("male", "meld/Chandler"): 1763,
        ("male", "meld/Joey"): 2070,
        ("male", "meld/Ross"): 2048,
    }
    assert len(set(meld.speaker)) == 304


def test_sentiment_is_the_level_of_valence(meld: corpora.Corpus) -> None:
    result = levels(meld, "valence")
    assert np.bincount(result.codes).tolist() == [4184, 6436, 3088]
    assert result.note == "sentiment labels: meld"


def test_the_three_tables_hold_what_the_one_table_holds(
    meld: corpora.Corpus, data: Path, tmp_path: Path
) -> None:
    with (data / "meld" / "utterances.csv").open(newline="", encoding="utf-8") as stream:
        lines = [
            tuple(row[column] for column in WHOLE if column != "gender")
            for row in csv.DictReader(stream)
        ]
    released = corpora.load("meld", official(tmp_path, lines))
    pd.testing.assert_frame_equal(
        released.table.drop(columns="file"), meld.table.drop(columns="file")
    )
    assert len(set(released.table["file"])) == 3


def test_lines_of_one_table_do_not_connect_speakers(meld: corpora.Corpus) -> None:
    result = blocks(meld.speaker, meld.column("session"), meld.checksums())
    assert len(set(result)) == len(set(meld.speaker))
    assert pd.Series(result).groupby(meld.speaker).nunique().max() == 1


def test_the_same_lines_as_one_recording_would_connect_speakers(
    tmp_path: Path,
) -> None:
    corpus = corpora.load("meld", official(tmp_path))
    as_sound = pd.Series(corpus.column("file"))
    assert len(
        set(blocks(corpus.speaker, corpus.column("session"), as_sound.to_numpy(dtype=str)))
    ) < len(set(corpus.speaker))
    assert (
        len(set(blocks(corpus.speaker, corpus.column("session"), corpus.checksums())))
        == len(set(corpus.speaker))
        == 5
    )


def test_no_lines_count_as_byte_identical_recordings(tmp_path: Path) -> None:
    again = [*LINES, ("train", "1", "0", "Ross", "joy", "positive", "Okay.")]
    corpus = corpora.load("meld", official(tmp_path, again))
    assert identical(corpus, corpus.checksums()) == []
    assert not corpus.recorded().any()


def test_parts_share_no_speaker(meld: corpora.Corpus) -> None:
    for parts in split.draws(meld):
        parties = [
            set(meld.speaker[rows]) for rows in (parts.risk.rows, parts.transform.rows, parts.test)
        ]
        assert sum(map(len, parties)) == len(set.union(*parties)) == 304


def test_labels_and_their_order(tmp_path: Path) -> None:
    rows = corpora.load("meld", official(tmp_path, LINES[::-1], below="train")).table
    assert list(rows["speaker"]) == [f"meld/{LINES[place][3]}" for place in (0, 1, 3, 2, 4, 5)]
    assert list(rows["gender"]) == ["male", "female", "female", "", "", "female"]
    assert list(rows["emotion"]) == ["happy", "angry", "surprised", "neutral", "fearful", "sad"]
    assert rows["transcript"][1] == 'Well, "okay" then.'
    assert [Path(file).relative_to(tmp_path).as_posix() for file in rows["file"].unique()] == [
        "train/train_sent_emo.csv",
        "dev_sent_emo.csv",
        "test_sent_emo.csv",
    ]


def test_quotes_of_windows_are_read_as_quotes(tmp_path: Path) -> None:
    lines = [(*LINES[0][:-1], "I\x92m\x85 \x93fine\x94"), *LINES[1:]]
    assert corpora.load("meld", official(tmp_path, lines)).table["transcript"][0] == "I’m… “fine”"


def test_a_gender_that_the_one_table_adds_is_read(tmp_path: Path) -> None:
    rows = [(*line[:4], "f" if line[3] == "Phoebe Sr" else "", *line[4:]) for line in LINES]
    table(tmp_path / "utterances.csv", [WHOLE, *rows])
    corpus = corpora.load("meld", tmp_path)
    assert set(corpus.table.loc[corpus.table["gender"] == "female", "speaker"]) == {
        "meld/Phoebe Sr"
    }


@pytest.mark.parametrize("change", ["absent", "twice"])
def test_a_table_that_is_absent_or_there_twice_is_named(tmp_path: Path, change: str) -> None:
    official(tmp_path)
    if change == "absent":
        (tmp_path / "dev_sent_emo.csv").unlink()
    else:
        table(tmp_path / "copy" / "dev_sent_emo.csv", [OFFICIAL])
    number = {"absent": 0, "twice": 2}[change]
    with pytest.raises(
        CorpusError, match=rf"dev_sent_emo\.csv is there {number} times, expected once"
    ):
        corpora.load("meld", tmp_path)


@pytest.mark.parametrize(
    ("place", "cell", "message"),
    [
        (3, "", r"train_sent_emo\.csv, row 3: no speaker, expected one in every row"),
        (
            1,
            "first",
            r"row 3: no position, expected train, dev, test and numbers of dialogue and line",
        ),
        (2, "-1", r"row 3: no position"),
        (5, "mixed", r"row 3: sentiment 'mixed', expected negative, neutral, positive: correct it"),
    ],
)
def test_a_bad_line_says_where_and_what(
    tmp_path: Path, place: int, cell: str, message: str
) -> None:
    bad = tuple(cell if column == place else old for column, old in enumerate(LINES[1]))
    with pytest.raises(CorpusError, match=message):
        corpora.load("meld", official(tmp_path, [LINES[0], bad, *LINES[2:]]))


def test_tables_without_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no lines below the header"):
        corpora.load("meld", official(tmp_path, []))


@pytest.mark.slow
def test_the_command_says_that_the_release_is_whole(data: Path) -> None:
    done = CliRunner().invoke(app, ["check", "meld", str(data / "meld")])
    assert done.exit_code == 0
    assert "as published" in done.output
    assert "byte-identical" not in done.output


def test_lines_with_a_recording_have_its_sound(tmp_path: Path) -> None:
    official(tmp_path)
    folders = {"train": "train_splits", "dev": "dev_splits_complete"}
    kept = {("train", "0", "0"), ("train", "0", "10"), ("dev", "0", "0")}
    for number, (split_name, dialogue, utterance) in enumerate(sorted(kept)):
        name = f"dia{dialogue}_utt{utterance}.wav"
        recording(tmp_path / folders[split_name] / name, number)
    recording(tmp_path / "output_repeated_splits_test" / "final_videos_testdia0_utt0.wav", 9)
    corpus = corpora.load("meld_sound", tmp_path)
    assert corpus.recorded().all()
    assert [Path(file).stem for file in corpus.table["file"]] == [
        "dia0_utt0",
        "dia0_utt10",
        "dia0_utt0",
    ]
    assert corpus.table["emotion"].tolist() == ["happy", "neutral", "fearful"]


def test_a_line_with_two_recordings_is_refused(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        recording(official(tmp_path) / "train_splits" / f"dia0_utt0{suffix}")
    with pytest.raises(CorpusError, match="train_splits/dia0_utt0 is there twice"):
        corpora.load("meld_sound", tmp_path)


def test_sounds_without_a_line_are_refused(tmp_path: Path) -> None:
    recording(official(tmp_path) / "train_splits" / "dia9_utt9.wav")
    with pytest.raises(CorpusError, match=r"a line for none of 1 recording"):
        corpora.load("meld_sound", tmp_path)
