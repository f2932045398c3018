"""MuSE: small trees in the layout that its readers use, with ratings in their format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sordino import corpora
from sordino.cli.verbs.corpus import app
from sordino.corpora.dimensions import levels
from sordino.errors import AudioError, CorpusError
from tests.corpora.synthetic_trees import recording, table, text

STRESSED = "Stressed/Audio/Stressed Question Monologue Audio"
CALM = "NotStressed/Audio/Non Stressed Question Monologue Audio [Sentence Split]"
SURVEY = "SurveyInformation"
RATINGS = (
    "Emotion data from crowdsourcing (C is when annotators had access to all previous "
    "sentences).csv"
)
HEADER = (
    "Sentence_name",
    "Duration",
    "Gender",
    "Type",
    "Activation_Mean",
    "Activation_SD",
    "Valence_Mean",
)
MORE = (
    "Valence_SD",
    "Activation_Annotation",
    "Valence_Annotation",
    "C_Activation_Mean",
    "C_Valence_Mean",
)
SECONDS = {"01_1_2": 2.99, "01_1_3": 3.0, "28_4_10": 25.0, "28_4_11": 25.01}


def rating(name: str, activation: str, valence: str) -> tuple[str, ...]:
    gender, kind = ("F", "S") if name.startswith("28") else ("M", "NS")
    return (
        f"{name}.wav",
        "3",
        gender,
        kind,
        activation,
        "1.1",
        valence,
        "0.9",
        "4;5;4",
        "5;5;6",
        "9",
        "9",
    )


ROWS = [
    rating("01_1_2", "4.5", "5.6"),
    rating("01_1_3", "4.625", "4.5"),
    rating("28_4_10", "5.5", "5.125"),
    rating("28_4_11", "5.75", ""),
    rating("13_0_0", "5", "5"),
]


def write(root: Path, survey: str = SURVEY) -> Path:
    for place, (name, seconds) in enumerate(SECONDS.items()):
        folder = STRESSED if name.startswith("28") else CALM
        recording(root / folder / f"{name}.wav", place, samples=round(16000 * seconds))
    table(root / survey / RATINGS, [(*HEADER, *MORE), *ROWS])
    return root


def test_utterances_of_3_to_25_seconds_are_kept_ends_included(tmp_path: Path) -> None:
    files = corpora.load("muse", write(tmp_path)).table["file"]
    assert [Path(file).stem for file in files] == ["01_1_3", "28_4_10"]


def test_other_lengths_are_kept_when_asked(tmp_path: Path) -> None:
    write(tmp_path)
    assert len(corpora.load("muse", tmp_path, seconds=None)) == 4
    assert len(corpora.load("muse", tmp_path, seconds=(2.5, 3))) == 2
    with pytest.raises(
        CorpusError, match=r"none of 4 recording\(s\) of a length in \(30, 60\) s: widen `seconds`"
    ):
        corpora.load("muse", tmp_path, seconds=(30, 60))


def test_ratings_are_those_of_clips_in_random_order(tmp_path: Path) -> None:
    corpus = corpora.load("muse", write(tmp_path), seconds=None)
    rows = corpus.table
    np.testing.assert_array_equal(rows["activation"], [4.5, 4.625, 5.5, 5.75])
    np.testing.assert_array_equal(rows["valence"], [5.6, 4.5, 5.125, np.nan])
    assert levels(corpus, "activation").codes.tolist() == [0, 1, 1, 2]
    assert levels(corpus, "valence").codes.tolist() == [2, 0, 1, -1]
    assert set(rows["emotion"]) == {"other"}


def test_speakers_and_genders(tmp_path: Path) -> None:
    rows = corpora.load("muse", write(tmp_path)).table
    assert list(rows["speaker"]) == ["muse/01", "muse/28"]
    assert list(rows["gender"]) == ["male", "female"]


def test_both_names_of_the_survey_are_read(tmp_path: Path) -> None:
    assert (
        len(corpora.load("muse", write(tmp_path, "Survey Information (Questions, Data etc)"))) == 2
    )


def test_transcripts_are_found_where_there_are_some(tmp_path: Path) -> None:
    text(
        write(tmp_path) / "Combined" / "Utterance Transcripts" / "28_4_10.txt",
        "So,\nmy grandmother.\n",
    )
    assert list(corpora.load("muse", tmp_path).table["transcript"]) == ["", "So, my grandmother."]


def test_a_missing_table_of_ratings_is_told(tmp_path: Path) -> None:
    (write(tmp_path) / SURVEY / RATINGS).unlink()
    with pytest.raises(
        CorpusError, match=r"0 tables of ratings, expected one, Survey\*/Emotion data from"
    ):
        corpora.load("muse", tmp_path)


def test_a_table_that_rates_none_of_the_recordings_is_refused(tmp_path: Path) -> None:
    table(write(tmp_path) / SURVEY / RATINGS, [(*HEADER, *MORE), ROWS[-1]])
    with pytest.raises(
        CorpusError, match=r"rates none of 4 recording\(s\): get the official table"
    ):
        corpora.load("muse", tmp_path)


def test_a_table_without_a_column_names_it(tmp_path: Path) -> None:
    table(write(tmp_path) / SURVEY / RATINGS, [HEADER[:6], *(row[:6] for row in ROWS)])
    with pytest.raises(CorpusError, match="no column valence_mean among sentence_name, duration"):
        corpora.load("muse", tmp_path)


def test_a_name_without_a_speaker_is_refused(tmp_path: Path) -> None:
    recording(write(tmp_path) / CALM / "intro.wav", samples=64000)
    table(tmp_path / SURVEY / RATINGS, [(*HEADER, *MORE), *ROWS, rating("intro", "5", "5")])
    with pytest.raises(
        CorpusError,
        match="intro: not a name of this corpus, expected the two digits of its speaker",
    ):
        corpora.load("muse", tmp_path)


def test_a_rated_file_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (write(tmp_path) / CALM / "01_1_3.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"01_1_3\.wav: not a sound file that can be read"):
        corpora.load("muse", tmp_path)


def test_the_command_explains_a_difference_that_is_no_error(tmp_path: Path) -> None:
    write(tmp_path)
    done = CliRunner().invoke(
        app, ["check", "muse", str(tmp_path), "--json", str(tmp_path / "found.json")]
    )
    report = json.loads((tmp_path / "found.json").read_text())
    assert done.exit_code == 0
    assert (
        "differs from the published counts in 2 place(s), which is no error: 2648 utterances may be"
        in done.output
    )
    assert report["differs"] is False
    assert report["doubt"].startswith("2648 utterances may be those before or after")
    assert [count["name"] for count in report["counts"] if count["differs"]] == ["all", "all"]
