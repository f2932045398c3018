"""The manifest: any other recordings, described in a CSV table."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.dimensions import levels
from sordino.corpora.labels import fold
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, table

HEADER = ("file", "speaker", "gender", "emotion")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in enumerate(("a", "b", "c")):
        recording(tmp_path / "sound" / f"{name}.wav", place)
    return tmp_path


def load(
    folder: Path, *rows: tuple[str, ...], encoding: str = "utf-8", **options: Any
) -> corpora.Corpus:
    return corpora.load("manifest", table(folder / "manifest.csv", rows, encoding), **options)


def test_only_four_columns_are_needed(folder: Path) -> None:
    corpus = load(
        folder, HEADER, ("sound/b.wav", "ben", "m", "W"), ("sound/a.wav", "anna", "Female", "Anger")
    )
    assert corpus.name == "manifest"
    assert list(corpus.table["file"]) == [
        str(folder / "sound" / "a.wav"),
        str(folder / "sound" / "b.wav"),
    ]
    assert list(corpus.speaker) == ["manifest/anna", "manifest/ben"]
    assert list(corpus.table["gender"]) == ["female", "male"]
    assert list(corpus.table["emotion"]) == ["angry", "angry"]
    assert list(corpus.table["start"]) == [0, 0]
    assert corpus.table["end"].isna().all()


def test_what_is_known_is_read(folder: Path) -> None:
    rated = ("age", "activation", "valence", "scale")
    corpus = load(
        folder,
        (*HEADER, "start", "end", "corpus", "transcript", "intensity", *rated, "session"),
        (
            "sound/a.wav",
            "1",
            "f",
            "joy",
            "0.01",
            "0.05",
            "x",
            "Well, yes.",
            "strong",
            "31",
            "2.5",
            "4",
            "5",
            "s1",
        ),
        ("sound/a.wav", "2", "m", "joy", "0.05", "", "y", "", "", "", "", "", "", ""),
    )
    first, second = (corpus.table.iloc[row] for row in (0, 1))
    assert corpus.name == "x+y"
    assert (first["start"], first["end"], first["transcript"]) == (0.01, 0.05, "Well, yes.")
    assert (first["speaker"], first["session"]) == ("x/1", "x/s1")
    assert (first["age"], first["activation"], first["valence"], first["scale"]) == (31, 2.5, 4, 5)
    assert math.isnan(second["end"])
    assert math.isnan(second["age"])
    assert second["session"] == ""


def test_byte_order_marks_capitals_and_other_columns_do_no_harm(folder: Path) -> None:
    corpus = load(
        folder,
        (" File ", "SPEAKER", "Gender", "Emotion", "notes"),
        (" sound/a.wav ", " anna ", "", "traurig", "x"),
        ("", "", "", "", ""),
        encoding="utf-8-sig",
    )
    assert list(corpus.speaker) == ["manifest/anna"]
    assert list(corpus.table["emotion"]) == ["traurig"]


@pytest.mark.parametrize("gender", ["", "other", "non-binary", "?"])
def test_a_gender_that_is_empty_or_other_is_kept_as_unknown(folder: Path, gender: str) -> None:
    corpus = load(
        folder, HEADER, ("sound/a.wav", "1", gender, "sad"), ("sound/b.wav", "2", "f", "sad")
    )
    assert list(corpus.table["gender"]) == ["", "female"]
    assert list(corpus.genders()) == [-1, 0]


def test_ratings_with_their_scale_become_levels(folder: Path) -> None:
    rows = [("sound/a.wav", "1", "f", "sad", "3", "5"), ("sound/b.wav", "1", "f", "sad", "3", "9")]
    corpus = load(folder, RATED, *rows, ("sound/c.wav", "2", "m", "happy", "", ""))
    assert levels(corpus, "valence").codes.tolist() == [1, 0, -1]
    assert levels(corpus, "activation").note == "derived labels: manifest"


def test_sentiment_stands_for_valence_without_ratings(folder: Path) -> None:
    rows = [("sound/a.wav", "anna", "f", "anger", "Positive"), ("sound/b.wav", "ben", "m", "W", "")]
    valence = levels(load(folder, (*HEADER, "sentiment"), *rows), "valence")
    assert sorted(valence.codes.tolist()) == [-1, 2]
    assert valence.note == "sentiment labels: manifest"


def test_a_rating_without_a_scale_has_no_level(
    folder: Path,
) -> None:
    corpus = load(folder, RATED[:-1], (*GOOD, "3"))
    assert corpus.table["valence"].tolist() == [3]
    with pytest.raises(
        CorpusError,
        match=r"^manifest: valence without its scale, .* \(5, 7, 9\) in a column `scale`: add it$",
    ):
        levels(corpus, "valence")


def test_a_scale_that_belongs_to_no_rating_is_another_column(folder: Path) -> None:
    assert "scale" not in load(folder, (*HEADER, "scale"), (*GOOD, "C major")).table.columns


def test_the_name_may_be_chosen(folder: Path) -> None:
    corpus = load(folder, HEADER, ("sound/a.wav", "1", "f", "sad"), name="mine")
    assert corpus.name == "mine"
    assert list(corpus.speaker) == ["mine/1"]


def test_absolute_paths_are_taken_as_they_are(folder: Path) -> None:
    file = str(folder / "sound" / "a.wav")
    assert list(load(folder, HEADER, (file, "1", "f", "sad")).table["file"]) == [file]


GOOD = ("sound/a.wav", "anna", "f", "sad")
CUTS = (*HEADER, "start", "end")
RATED = (*HEADER, "valence", "scale")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [HEADER[:3], GOOD[:3]],
            r"no column emotion among file, speaker, gender: add or rename it",
        ),
        ([], r"empty, expected a header with the columns file, speaker, gender, emotion"),
        ([HEADER], r"no rows below the header"),
        ([(*HEADER, "File"), (*GOOD, "x")], r"column file is there twice"),
        ([HEADER, GOOD, ("sound/b.wav", " ", "f", "sad")], r"row 3: no speaker"),
        ([HEADER, GOOD, ("", "ben", "f", "sad")], r"row 3: no file"),
        (
            [HEADER, GOOD, ("sound/z.wav", "ben", "m", "sad")],
            r"1 of 2 rows name no such recording under .*: row 3 \(",
        ),
        (
            [HEADER, GOOD, ("sound", "ben", "m", "sad")],
            r"1 of 2 rows name no such recording under .*: row 3 \(",
        ),
        (
            [HEADER, GOOD, ("x" * 5000, "ben", "m", "sad")],
            r"1 of 2 rows name no such recording under .*: row 3 \(",
        ),
        (
            [HEADER, GOOD, ("a\0.wav", "ben", "m", "sad")],
            r"1 of 2 rows name no such recording under .*: row 3 \(",
        ),
        ([HEADER, GOOD, (*GOOD, "more")], r"row 3: 5 cells, expected 4"),
        (
            [HEADER, GOOD, ("sound/../sound/a.wav", "anna", "f", "sad")],
            r"row 3: an earlier row has the same file",
        ),
        ([HEADER, GOOD, ("sound/b.wav", "anna", "m", "sad")], r"1 speaker\(s\) with two genders"),
        ([CUTS, (*GOOD, "soon", "")], r"row 2: start 'soon', expected a number"),
        ([CUTS, (*GOOD, "", "inf")], r"row 2: end 'inf', expected a number"),
        ([CUTS, (*GOOD, "nan", "")], r"row 2: start 'nan', expected a number"),
        ([CUTS, (*GOOD, "-1", "")], r"row 2: start -1 s and end nan s, expected 0 <= start < end"),
        ([CUTS, (*GOOD, "2", "2")], r"row 2: start 2 s and end 2 s"),
        (
            [(*HEADER, "age"), (*GOOD, "old")],
            r"row 2: age 'old', expected a number or an empty cell",
        ),
        ([(*HEADER, "corpus"), (*GOOD, "a+b")], r"row 2: corpus 'a\+b' has a / or \+"),
        (
            [RATED, (*GOOD, "3", "4")],
            r"row 2: scale 4, expected one of 5, 7, 9 points: convert the ratings to one",
        ),
        ([RATED, (*GOOD, "3", "five")], r"row 2: scale 'five', expected a number"),
        (
            [(*HEADER, "sentiment"), (*GOOD, "mixed")],
            r"row 2: sentiment 'mixed', expected negative, neutral, positive or an empty cell",
        ),
        (
            [RATED, (*GOOD, "6", "5")],
            r"row 2: valence 6, expected 1 to 5, its scale: correct one of them",
        ),
        ([RATED, (*GOOD, "0.5", "9")], r"row 2: valence 0.5, expected 1 to 9"),
    ],
)
def test_a_bad_table_says_where_and_what(
    folder: Path, rows: list[tuple[str, ...]], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        load(folder, *rows)


def test_errors_are_one_line_and_name_no_speaker(folder: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        load(folder, HEADER, ("absent.wav", "anna smith", "f", "sad"))
    assert "anna" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_recordings_are_refused_in_one_error_or_kept(folder: Path) -> None:
    rows = [
        HEADER,
        GOOD,
        *((f"sound/absent{place:02}.wav", "ben", "m", "sad") for place in range(12)),
    ]
    with pytest.raises(CorpusError) as caught:
        load(folder, *rows)
    assert "12 of 13 rows name no such recording" in str(caught.value)
    assert "row 3 ('sound/absent00.wav'), row 4 ('sound/absent01.wav')" in str(caught.value)
    assert "row 12 ('sound/absent09.wav') and 2 more: correct" in str(caught.value)
    assert len(load(folder, *rows, keep_absent=True)) == 13


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_line_that_names_the_separator_is_no_header(folder: Path, separator: str) -> None:
    rows = "file,speaker,gender,emotion\nsound/a.wav,anna,f,sad\n".replace(",", separator)
    (folder / "m.csv").write_text(f"sep={separator}\n{rows}")
    assert corpora.load("manifest", folder / "m.csv").speaker.tolist() == ["manifest/anna"]


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    with pytest.raises(CorpusError, match="not UTF-8 text"):
        load(folder, HEADER, ("sound/a.wav", "Jörg", "m", "sad"), encoding="latin-1")


def test_quotes_that_do_not_close_are_refused(folder: Path) -> None:
    path = folder / "manifest.csv"
    path.write_text('file,speaker,gender,emotion\n"sound/a.wav,anna,f,sad\n')
    with pytest.raises(CorpusError, match="not a readable CSV table"):
        corpora.load("manifest", path)


@pytest.mark.parametrize(
    ("name", "what"), [("absent.csv", "no such file"), ("sound", "a folder, expected a CSV table")]
)
def test_a_table_that_is_no_file_is_refused(folder: Path, name: str, what: str) -> None:
    with pytest.raises(CorpusError, match=f"{name}: {what}"):
        corpora.load("manifest", folder / name)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(str.strip)


def _spelt_once(rows: list[dict[str, Any]]) -> bool:
    """Whether no speaker is spelt in two ways."""
    return len({row["speaker"] for row in rows}) == len(
        {fold(row["speaker"]) for row in rows} - {""}
    )


utterances = st.lists(
    st.fixed_dictionaries(
        {
            "file": st.sampled_from(["a.wav", "b c.wav", "ü,'\".wav"]),
            "speaker": text.filter(bool),
            "gender": st.just(""),
            "emotion": st.sampled_from(["anger", "Angry", "W", "joy", "neutral", ""]),
            "start": st.integers(0, 10**6).map(lambda n: n / 1000),
            "transcript": text,
            "valence": st.floats(-5, 5) | st.just(math.nan),
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: (row["file"], row["start"]),
).filter(_spelt_once)


def parsed(rows: list[dict[str, Any]], encoding: str = "utf-8") -> pd.DataFrame:
    """What the manifest of these rows is read as, with files by their name."""
    with tempfile.TemporaryDirectory() as name:
        header = list(rows[0])
        cells = [
            ["" if row[column] != row[column] else str(row[column]) for column in header]
            for row in rows
        ]
        for row in rows:
            (Path(name) / row["file"]).touch()
        frame = corpora.load(
            "manifest", table(Path(name) / "m.csv", [header, *cells], encoding)
        ).table
        return frame.assign(file=[Path(file).name for file in frame["file"]])


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(utterances)
def test_what_was_written_is_what_is_read(rows: list[dict[str, Any]]) -> None:
    frame = parsed(rows)
    expected = sorted(rows, key=lambda row: (row["file"], row["start"]))
    assert list(frame["file"]) == [row["file"] for row in expected]
    assert list(frame["start"]) == [row["start"] for row in expected]
    assert list(frame["speaker"]) == [f"manifest/{row['speaker']}" for row in expected]
    assert list(frame["transcript"]) == [row["transcript"] for row in expected]
    np.testing.assert_array_equal(frame["valence"], [row["valence"] for row in expected])
    names = {
        "anger": "angry",
        "Angry": "angry",
        "W": "angry",
        "joy": "happy",
        "neutral": "neutral",
        "": "other",
    }
    assert list(frame["emotion"]) == [names[row["emotion"]] for row in expected]


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(utterances, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_a_byte_order_mark_matters(
    rows: list[dict[str, Any]], random: Any
) -> None:
    shuffled = random.sample(rows, len(rows))
    pd.testing.assert_frame_equal(parsed(rows), parsed(shuffled, "utf-8-sig"))


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(
        lambda tail: b"file,speaker,gender,emotion\n" + tail.encode("utf-8", "ignore")
    )
)
def test_no_bytes_at_all_give_another_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "m.csv"
        path.write_bytes(content)
        with pytest.raises(CorpusError):
            corpora.load("manifest", path)
