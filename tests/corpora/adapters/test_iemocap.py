"""IEMOCAP: small trees in the official layout, with label files in the official format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora import dimensions
from sordino.corpora.adapters import iemocap
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording

LABELS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_F001\tfru\t[2.0000, 3.5000, 2.5000]
C-E2:\tFrustration;\t()

[7.5712 - 10.4750]\tSes01F_impro01_M000\texc\t[4.0000, 4.5000, 3.0000]
C-E2:\tExcited;\t()

[29.0000 - 30.5000]\tSes01F_impro01_M001\thap\t[4.5000, 3.0000, 3.0000]
[31.0000 - 32.5000]\tSes01F_impro01_M002\txxx\t[2.5000, 3.0000, 2.5000]
[33.0000 - 34.5000]\tSes01F_impro01_M003\tang\t[1.5000, 4.5000, 4.5000]
"""
TRANSCRIPTS = """Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
Ses01F_impro01_M000 [007.5712-010.4750]: Do you have your forms?
M: [LAUGHTER]
Ses01F_impro01_MXX0 [010.9266-011.1000]: Yeah.
Ses01F_impro01_F001 [010.0100-011.3925]: Yeah.
"""
TURNS = ("F000", "F001", "M000", "M001", "M002")


def write(root: Path, dialogue: str = "Ses01F_impro01", turns: tuple[str, ...] = TURNS) -> Path:
    session = root / f"Session{dialogue[4]}"
    for place, turn in enumerate(turns):
        recording(session / "sentences" / "wav" / dialogue / f"{dialogue}_{turn}.wav", place)
    for folder, text in (("EmoEvaluation", LABELS), ("transcriptions", TRANSCRIPTS)):
        path = session / "dialog" / folder / f"{dialogue}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("Ses01F_impro01", dialogue), encoding="utf-8")
    return root


def test_the_speaker_is_who_talks_and_not_who_wears_the_markers(tmp_path: Path) -> None:
    rows = corpora.load("iemocap", write(tmp_path)).table
    assert list(rows["speaker"]) == [f"iemocap/Ses01{turn[0]}" for turn in TURNS]
    assert list(rows["gender"]) == ["female", "female", "male", "male", "male"]


def test_excited_is_not_happy_and_no_agreement_is_other(tmp_path: Path) -> None:
    rows = corpora.load("iemocap", write(tmp_path)).table
    assert list(rows["emotion"]) == ["neutral", "frustrated", "excited", "happy", "other"]


def test_the_three_means_are_valence_activation_dominance(tmp_path: Path) -> None:
    rows = corpora.load("iemocap", write(tmp_path)).table
    np.testing.assert_array_equal(rows["valence"], [2.5, 2.0, 4.0, 4.5, 2.5])
    np.testing.assert_array_equal(rows["activation"], [2.5, 3.5, 4.5, 3.0, 3.0])
    assert set(rows["scale"]) == {5}


def test_ratings_become_levels(tmp_path: Path) -> None:
    corpus = corpora.load("iemocap", write(tmp_path))
    assert dimensions.levels(corpus, "valence").codes.tolist() == [0, 0, 2, 2, 0]
    result = dimensions.levels(corpus, "activation")
    assert result.codes.tolist() == [0, 2, 2, 1, 1]
    assert (set(result.source), result.note) == ({"rated"}, "")


def test_both_actors_of_a_session_stay_together(tmp_path: Path) -> None:
    write(tmp_path)
    rows = corpora.load("iemocap", write(tmp_path, "Ses05M_script01_1b")).table
    assert list(rows["session"].unique()) == ["iemocap/Ses01", "iemocap/Ses05"]
    assert rows.groupby("session")["speaker"].nunique().tolist() == [2, 2]
    assert list(rows["file"]) == sorted(rows["file"])


def test_transcripts_are_found_where_there_are_some(tmp_path: Path) -> None:
    rows = corpora.load("iemocap", write(tmp_path)).table
    assert list(rows["transcript"]) == ["Excuse me.", "Yeah.", "Do you have your forms?", "", ""]


def test_a_corpus_without_transcripts_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "Session1" / "dialog" / "transcriptions" / "Ses01F_impro01.txt").unlink()
    assert set(corpora.load("iemocap", tmp_path).table["transcript"]) == {""}


def test_a_recording_without_a_label_is_left_out(tmp_path: Path) -> None:
    corpus = corpora.load("iemocap", write(tmp_path, turns=(*TURNS, "F077", "MXX0")))
    assert len(corpus) == len(TURNS)


def test_a_dialogue_without_its_label_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt").unlink()
    with pytest.raises(CorpusError, match=r"Ses01F_impro01\.txt: no such label file"):
        corpora.load("iemocap", tmp_path)


def test_a_label_file_in_another_form_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    path.write_text(LABELS.replace("\t[", "\t(").replace("000]", "000)"))
    with pytest.raises(
        CorpusError, match=r"labels none of 5 recording\(s\), expected lines such as"
    ):
        corpora.load("iemocap", tmp_path)


def test_files_that_another_system_left_behind_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path)
    folder = tmp_path / "Session1" / "sentences" / "wav" / "Ses01F_impro01"
    recording(folder / "._Ses01F_impro01_F000.wav")
    (folder / "Ses01F_impro01.pk").touch()
    assert len(corpora.load("iemocap", tmp_path)) == len(TURNS)


def test_a_name_of_another_form_is_refused(tmp_path: Path) -> None:
    write(tmp_path, turns=("X000",))
    with pytest.raises(CorpusError, match="expected a turn such as Ses01F_impro01_F000"):
        corpora.load("iemocap", tmp_path)


@settings(deadline=None)
@given(
    session=st.integers(1, 5),
    markers=st.sampled_from("FM"),
    dialogue=st.sampled_from(["impro01", "script01_1", "script03_2b", "impro05a"]),
    talks=st.sampled_from("FM"),
    turn=st.integers(0, 150),
)
def test_a_name_is_taken_apart(
    session: int, markers: str, dialogue: str, talks: str, turn: int
) -> None:
    result = iemocap.parse(f"Ses0{session}{markers}_{dialogue}_{talks}{turn:03d}")
    assert result["speaker"] == f"Ses0{session}{talks}"
    assert result["session"] == f"Ses0{session}"
    assert result["dialogue"] == f"Ses0{session}{markers}_{dialogue}"


@settings(deadline=None)
@given(st.text())
def test_lines_that_are_no_labels_are_passed_over(text: str) -> None:
    noise = "".join(f"%{line}\n" for line in text.splitlines())
    assert iemocap.labels(noise + LABELS) == iemocap.labels(LABELS)
