"""MSP-Podcast: small trees in the official layout, with labels in the official format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sordino import corpora
from sordino.corpora.checks.check import counts, differences, is_wrong
from sordino.corpora.checks.published import PUBLISHED
from sordino.corpora.dimensions import levels
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, table, text

HEADER = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
LABELS = [
    ("MSP-PODCAST_0001_0008.wav", "N", "2.2", "4.0", "2.6", "30", "Male", "Test1"),
    ("MSP-PODCAST_0001_0009.wav", "A", "5.777778", "2.555556", "5.0", "39", "Female", "Train"),
    ("MSP-PODCAST_0002_0011.wav", "X", "4.25", "3.75", "4.0", "Unknown", "Unknown", "Train"),
    ("MSP-PODCAST_0002_0012.wav", "C", "3.75", "", "4.0", "Unknown", "Male", "Train"),
    ("MSP-PODCAST_0003_0001.wav", "U", "4.3", "4.2", "4.0", "45", "Unknown", "Development"),
]


def write(
    root: Path, labels: str = "labels_consensus.csv", audio: str = "Audios", rows: object = LABELS
) -> Path:
    for place, row in enumerate(LABELS):
        recording(root / audio / row[0], place)
    table(root / "Labels" / labels, [HEADER, *rows])  # type: ignore[misc]
    return root


def test_labels_are_those_of_the_consensus(tmp_path: Path) -> None:
    corpus = corpora.load("msp_podcast", write(tmp_path))
    rows = corpus.table
    assert list(rows["speaker"]) == ["msp_podcast/30", "msp_podcast/39", "msp_podcast/45"]
    assert list(rows["gender"]) == ["male", "female", ""]
    assert list(rows["emotion"]) == ["neutral", "angry", "surprised"]
    assert levels(corpus, "activation").codes.tolist() == [0, 2, 2]
    assert levels(corpus, "valence").codes.tolist() == [1, 0, 1]
    assert set(rows["scale"]) == {7}


def test_unidentified_speakers_are_left_out_by_default(tmp_path: Path) -> None:
    everybody = corpora.load("msp_podcast", write(tmp_path), speakers="all").table
    unknown = everybody[everybody["speaker"] == "msp_podcast/Unknown"]
    assert len(everybody) == len(LABELS)
    assert list(unknown["gender"]) == ["", ""]  # many people, and no one gender
    assert list(unknown["emotion"]) == ["other", "contempt"]
    assert np.isnan(unknown["valence"].iloc[1])


@pytest.mark.parametrize(
    ("labels", "audio"), [("labels_concensus.csv", "Audios"), ("labels_consensus.csv", "Audio")]
)
def test_releases_with_other_names_are_read(tmp_path: Path, labels: str, audio: str) -> None:
    assert len(corpora.load("msp_podcast", write(tmp_path, labels, audio))) == 3


def test_transcripts_are_found_where_there_are_some(tmp_path: Path) -> None:
    text(write(tmp_path) / "Transcripts" / "MSP-PODCAST_0001_0009.txt", "And that,\nis it.\n")
    assert list(corpora.load("msp_podcast", tmp_path).table["transcript"]) == [
        "",
        "And that, is it.",
        "",
    ]


def test_unmatched_recordings_and_labels_are_left_out(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    recording(tmp_path / "Audios" / "MSP-PODCAST_test3_0001.wav")
    (tmp_path / "Audios" / LABELS[0][0]).unlink()
    assert list(corpora.load("msp_podcast", tmp_path).speaker) == [
        "msp_podcast/39",
        "msp_podcast/45",
    ]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / "Labels" / "labels_consensus.csv").unlink()
    with pytest.raises(CorpusError, match=r"no Labels/labels_consensus\.csv, expected Audios/"):
        corpora.load("msp_podcast", tmp_path)


def test_a_table_without_speakers_is_refused(tmp_path: Path) -> None:
    table(
        write(tmp_path) / "Labels" / "labels_consensus.csv",
        [HEADER[:5], *(row[:5] for row in LABELS)],
    )
    with pytest.raises(CorpusError, match="no column spkrid, gender among filename"):
        corpora.load("msp_podcast", tmp_path)


def test_nobody_known_is_refused_with_the_way_out(tmp_path: Path) -> None:
    write(tmp_path, rows=LABELS[2:4])
    with pytest.raises(
        CorpusError,
        match=r"no label with a known speaker for any of 5 recording\(s\).*speakers='all'",
    ):
        corpora.load("msp_podcast", tmp_path)


def test_other_speakers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="speakers 'some', expected 'known' or 'all'"):
        corpora.load("msp_podcast", tmp_path, speakers="some")


def test_a_rating_that_is_no_number_names_its_row(tmp_path: Path) -> None:
    write(tmp_path, rows=[LABELS[0], (*LABELS[1][:2], "high", *LABELS[1][3:])])
    with pytest.raises(
        CorpusError, match=r"labels_consensus\.csv, row 3: emoact 'high', expected a number"
    ):
        corpora.load("msp_podcast", tmp_path)


def test_a_difference_from_a_doubtful_count_is_no_error(
    tmp_path: Path,
) -> None:
    labelled = PUBLISHED["msp_podcast"]
    wrong = differences(counts(corpora.load("msp_podcast", write(tmp_path)), labelled))
    assert [(count.name, count.found, count.published) for count in wrong] == [
        ("with gender", 2, 13555)
    ]
    assert not is_wrong(wrong, labelled)
