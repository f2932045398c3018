"""CREMA-D: its own lists of actors and sentences, on recordings that the test makes."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from sordino import corpora
from sordino.corpora.adapters import cremad
from sordino.corpora.checks.check import counts, differences
from sordino.corpora.checks.published import PUBLISHED
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, table

ACTORS = [
    ("ActorID", "Age", "Sex", "Race", "Ethnicity"),
    ("1001", "51", "Male", "Caucasian", "Not Hispanic"),
    ("1002", "21", "Female", "Caucasian", "Not Hispanic"),
    ("1040", "42", "Female", "Caucasian", "Not Hispanic"),
]
NAMES = ("1001_IEO_HAP_LO", "1001_IEO_ANG_MD", "1002_DFA_NEU_XX", "1040_ITH_SAD_X")
VOTES = [
    (
        "",
        "FileName",
        "VoiceVote",
        "VoiceLevel",
        "FaceVote",
        "FaceLevel",
        "MultiModalVote",
        "MultiModalLevel",
    ),
    ("1", "1001_IEO_HAP_LO", "N", "71.67", "H", "57", "H", "57.38"),
    ("2", "1001_IEO_ANG_MD", "A:D", "37.2:58.6", "A", "45.5", "A", "44.2"),
    ("3", "1002_DFA_NEU_XX", "N", "60.12", "N", "51", "N", "68.25"),
    ("4", "1040_ITH_SAD_XX", "S", "50.1", "S", "49", "S", "62.5"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place, name in enumerate(NAMES):
        recording(tmp_path / "AudioWAV" / f"{name}.wav", place)
    table(tmp_path / "VideoDemographics.csv", ACTORS)
    return tmp_path


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> corpora.Corpus:
    """A recording of no length for every name in the official list, beside the official list of
    actors.
    """
    root = tmp_path_factory.mktemp("cremad")
    (root / "AudioWAV").mkdir()
    with (data / "cremad" / "SentenceFilenames.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            (root / "AudioWAV" / f"{row['Filename']}.wav").touch()
    shutil.copy(data / "cremad" / "VideoDemographics.csv", root)
    return corpora.load("cremad", root)


def test_the_official_names_have_the_published_counts(whole: corpora.Corpus) -> None:
    assert differences(counts(whole, PUBLISHED["cremad"])) == []
    emotions = whole.table["emotion"].value_counts()
    assert emotions["neutral"] == 1087
    assert set(emotions.drop("neutral")) == {1271}


def test_only_the_sentence_said_at_three_levels_has_an_intensity(whole: corpora.Corpus) -> None:
    levels = whole.table["intensity"].value_counts()
    assert {level: int(levels[level]) for level in ("low", "medium", "high")} == {
        "low": 455,
        "medium": 455,
        "high": 455,
    }
    assert set(whole.table.loc[whole.table["intensity"] != "", "transcript"]) == {
        "It's eleven o'clock."
    }


def test_gender_and_age_come_from_the_list_of_actors(tree: Path) -> None:
    rows = corpora.load("cremad", tree).table
    assert list(rows["speaker"]) == ["cremad/1001", "cremad/1001", "cremad/1002", "cremad/1040"]
    assert list(rows["gender"]) == ["male", "male", "female", "female"]
    assert list(rows["age"]) == [51, 51, 21, 42]


def test_the_label_is_the_intended_emotion_unless_asked(tree: Path) -> None:
    table(tree / "processedResults" / "summaryTable.csv", VOTES)
    intended = corpora.load("cremad", tree).table
    perceived = corpora.load("cremad", tree, labels="perceived").table
    assert list(intended["emotion"]) == ["angry", "happy", "neutral", "sad"]
    assert list(perceived["emotion"]) == ["other", "neutral", "neutral", "sad"]  # a tie is other


def test_perceived_labels_without_their_table_are_refused(tree: Path) -> None:
    with pytest.raises(CorpusError, match=r"summaryTable\.csv: no such file"):
        corpora.load("cremad", tree, labels="perceived")


def test_a_recording_nobody_voted_on_is_refused(tree: Path) -> None:
    table(tree / "processedResults" / "summaryTable.csv", VOTES[:-1])
    with pytest.raises(CorpusError, match=r"no vote for 1 recording\(s\)"):
        corpora.load("cremad", tree, labels="perceived")


def test_unknown_labels_are_refused(tree: Path) -> None:
    with pytest.raises(CorpusError, match="labels 'felt', expected 'intended' or 'perceived'"):
        corpora.load("cremad", tree, labels="felt")


def test_a_missing_list_of_actors_is_named(tree: Path) -> None:
    (tree / "VideoDemographics.csv").unlink()
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv: no such file"):
        corpora.load("cremad", tree)


def test_an_actor_without_a_row_is_refused(tree: Path) -> None:
    table(tree / "VideoDemographics.csv", ACTORS[:-1])
    with pytest.raises(CorpusError, match=r"1 actor\(s\) without a row"):
        corpora.load("cremad", tree)


def test_an_age_that_is_no_number_names_its_row(tree: Path) -> None:
    table(tree / "VideoDemographics.csv", [*ACTORS, ("1041", "old", "Male", "", "")])
    with pytest.raises(CorpusError, match="row 5: age 'old', expected years"):
        corpora.load("cremad", tree)


def test_a_missing_column_of_labels_is_named(tree: Path) -> None:
    table(tree / "VideoDemographics.csv", [row[:2] for row in ACTORS])
    with pytest.raises(CorpusError, match="no column sex among actorid, age"):
        corpora.load("cremad", tree)


@pytest.mark.parametrize(
    "name", ["1001_IEO_HAP", "1001_XYZ_HAP_LO", "1001_IEO_JOY_LO", "1001_IEO_HAP_MAX", "IEO_HAP_LO"]
)
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match="not a name of this corpus"):
        cremad.parse(name)
