"""RAVDESS: the official release, its names and its folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.adapters import ravdess
from sordino.corpora.checks.check import counts, differences, identical
from sordino.corpora.checks.published import PUBLISHED
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording


@pytest.fixture(scope="module")
def corpus(data: Path) -> corpora.Corpus:
    return corpora.load("ravdess", data / "ravdess")


def test_the_official_release_has_the_published_counts(corpus: corpora.Corpus) -> None:
    found = counts(corpus, PUBLISHED["ravdess"])
    assert differences(found) == []
    assert {count.name: count.found for count in found if count.part == "emotion"}["calm"] == 192


def test_the_identical_pair_of_the_official_release_is_found(corpus: corpora.Corpus) -> None:
    names = [[Path(file).stem for file in group] for group in identical(corpus, corpus.checksums())]
    assert names == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]


def test_labels_follow_the_name_of_the_file(corpus: corpora.Corpus) -> None:
    row = corpus.table[corpus.table["file"].str.contains("03-01-06-01-02-01-12")].iloc[0]
    assert row["speaker"] == "ravdess/12"
    assert row["gender"] == "female"
    assert row["emotion"] == "fearful"
    assert row["intensity"] == "normal"
    assert row["transcript"] == "Dogs are sitting by the door"


def test_half_of_the_utterances_that_are_not_neutral_are_strong(corpus: corpora.Corpus) -> None:
    assert (corpus.table["intensity"] == "strong").sum() == (1440 - 96) // 2
    assert set(corpus.table.loc[corpus.table["emotion"] == "neutral", "intensity"]) == {"normal"}


@settings(deadline=None)
@given(
    name=st.text("0123456789-", min_size=20, max_size=20),
    place=st.integers(0, 19),
    digit=st.sampled_from("0123456789-"),
)
def test_a_name_is_read_or_refused_and_no_label_is_made_up(
    name: str, place: int, digit: str
) -> None:
    valid = "03-01-05-02-01-02-07"
    for candidate in (name, valid[:place] + digit + valid[place + 1 :]):
        try:
            found = ravdess.parse(candidate)
        except CorpusError as error:
            # either outcome is right
            assert "not a name of this corpus" in str(error)  # noqa: PT017
        else:
            assert candidate[6:8] in ravdess.EMOTION_CODES
            assert found["emotion"] == ravdess.EMOTION_CODES[candidate[6:8]]
            assert found["speaker"] == candidate[-2:]
            assert found["gender"] == ("male" if candidate[-1] in "13579" else "female")


def test_wav_and_flac_are_read_in_order_and_songs_skipped(tmp_path: Path) -> None:
    for name in ("Actor_02/03-01-01-01-01-01-02.wav", "Actor_01/03-01-05-01-01-01-01.WAV"):
        recording(tmp_path / name)
    recording(tmp_path / "Actor_01" / "03-02-05-01-01-01-01.wav")
    recording(tmp_path / "Actor_01" / "._03-01-05-01-01-01-01.wav")
    (tmp_path / "Actor_01" / "03-01-03-01-01-01-01.flac").touch()
    corpus = corpora.load("ravdess", str(tmp_path))
    assert [Path(file).stem for file in corpus.table["file"]] == [
        "03-01-03-01-01-01-01",
        "03-01-05-01-01-01-01",
        "03-01-01-01-01-01-02",
    ]


def test_a_recording_as_wav_and_as_flac_is_refused(tmp_path: Path) -> None:
    name = recording(tmp_path / "Actor_01" / "03-01-05-01-01-01-01.wav")
    name.with_suffix(".flac").touch()
    with pytest.raises(CorpusError, match="there twice"):
        corpora.load("ravdess", tmp_path)


def test_a_name_of_another_form_is_refused(tmp_path: Path) -> None:
    recording(tmp_path / "Actor_01" / "03-01-09-01-01-01-01.wav")
    with pytest.raises(
        CorpusError,
        match="03-01-09-01-01-01-01: not a name of this corpus, expected 03-01-<emotion>",
    ):
        corpora.load("ravdess", tmp_path)


EXAMPLES = {
    "ravdess": "Actor_01/03-01",
    "emodb": "wav/03a01Fa",
    "cremad": "AudioWAV/1001",
    "iemocap": "Session1/",
    "muse": "Stressed/Audio/",
    "msp_improv": "session1/S01A/P/MSP",
    "msp_podcast": "Audios/MSP-PODCAST_0001",
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_wrong_folder_says_which_layout_was_expected(name: str, tmp_path: Path) -> None:
    recording(tmp_path / "music" / "song.wav")
    with pytest.raises(
        CorpusError, match=f"no recordings in the official layout, expected {EXAMPLES[name]}"
    ):
        corpora.load(name, tmp_path)


FILES = {"manifest", "nkululeko", "parquet"}
"""Adapters that read a file."""


@pytest.mark.parametrize("name", sorted({*corpora.ADAPTERS} - {*FILES, "synthetic"}))
def test_a_folder_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="absent: no such folder"):
        corpora.load(name, tmp_path / "absent")


def test_an_unknown_corpus_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match="'radvess' is not known, expected one of ravdess, emodb, cremad, iemocap"
    ):
        corpora.load("radvess", tmp_path)
