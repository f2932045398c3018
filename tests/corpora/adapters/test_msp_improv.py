"""MSP-Improv: small trees in the official layout, with ratings in the official format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.adapters import msp_improv
from sordino.corpora.checks.check import counts, differences
from sordino.corpora.checks.published import PUBLISHED
from sordino.corpora.dimensions import levels
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, text

RATINGS = """UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.250000; V:3.000000; D:2.800000 ; N:4.600000;
R-0012; Neutral; Neutral,Happy; A:3.000000; V:3.000000; D:3.000000; N:5.000000;
R-0345; Happy; Happy,Excited, ; A:4.000000; V:3.000000; D:2.000000; N:4.000000;

UTD-IMPROV-S01A-M01-S-MF02.avi; A; A:1.857143; V:1.571429; D:3.857143 ; N:4.000000;
R-0012; Angry; Angry,Frustrated; A:2.000000; V:1.000000; D:4.000000; N:4.000000;

UTD-IMPROV-S20S-F06-R-FF01.avi; S; A:4.500000; V:NaN; D:NaN ; N:NaN;
R-0012; Sad; Sad; A:4.000000; V:2.000000; D:NaN; N:NaN;

UTD-IMPROV-S20S-M06-T-MF01.avi; X; A:3.000000; V:3.300000; D:3.000000 ; N:4.200000;

UTD-IMPROV-S20H-M06-T-MF01.avi; H; A:2.000000; V:4.200000; D:3.000000 ; N:4.200000;
"""
NEW, OLD = msp_improv.EVALUATIONS
NAMES = ("S01A-F01-P-FM01", "S01A-M01-S-MF02", "S20S-F06-R-FF01", "S20S-M06-T-MF01")


def write(
    root: Path, names: tuple[str, ...] = NAMES, ratings: str = OLD, audio: str = "Audio"
) -> Path:
    for place, name in enumerate(names):
        sentence, speaker, scene, _ = name.split("-")
        folder = root / audio / f"session{speaker[-1]}" / sentence / scene
        recording(folder / f"MSP-IMPROV-{name}.wav", place)
        (folder / f"UTD-IMPROV-{name}.avi").touch()
    text(root / ratings, RATINGS)
    return root


def test_labels_are_what_the_listeners_agreed_on(tmp_path: Path) -> None:
    rows = corpora.load("msp_improv", write(tmp_path)).table
    assert [Path(file).stem for file in rows["file"]] == [f"MSP-IMPROV-{name}" for name in NAMES]
    assert list(rows["emotion"]) == ["neutral", "angry", "sad", "other"]
    assert list(rows["speaker"]) == [
        "msp_improv/F01",
        "msp_improv/M01",
        "msp_improv/F06",
        "msp_improv/M06",
    ]
    assert list(rows["gender"]) == ["female", "male", "female", "male"]


def test_activation_is_turned_round_and_valence_is_not(tmp_path: Path) -> None:
    corpus = corpora.load("msp_improv", write(tmp_path))
    np.testing.assert_allclose(corpus.table["activation"], [2.75, 4.142857, 1.5, 3.0], atol=1e-6)
    np.testing.assert_allclose(corpus.table["valence"], [3.0, 1.571429, np.nan, 3.3], atol=1e-6)
    assert levels(corpus, "activation").codes.tolist() == [
        0,
        2,
        0,
        1,
    ]  # anger is excited, sadness calm
    assert levels(corpus, "valence").codes.tolist() == [1, 0, -1, 2]
    assert levels(corpus, "valence").note == ""


def test_activation_may_stay_as_it_is_stored(tmp_path: Path) -> None:
    rows = corpora.load("msp_improv", write(tmp_path), stored=True).table
    np.testing.assert_allclose(rows["activation"], [3.25, 1.857143, 4.5, 3.0], atol=1e-6)


@pytest.mark.parametrize("upwards", [False, True])
def test_a_release_that_stores_it_the_other_way_is_noticed(tmp_path: Path, upwards: bool) -> None:
    angry, sad = (4.2, 1.9) if upwards else (1.9, 4.2)
    lines = []
    for turn in range(1, 1 + msp_improv.ENOUGH):
        for emotion, activation in (("A", angry), ("S", sad)):
            name = f"S01{emotion}-F01-S-FM{turn:02}"
            recording(
                tmp_path / "session1" / f"S01{emotion}" / "S" / f"MSP-IMPROV-{name}.wav", turn
            )
            lines.append(f"UTD-IMPROV-{name}.avi; {emotion}; A:{activation}; V:2.0; D:3.0 ; N:4.0;")
    text(tmp_path / NEW, "\n\n".join(lines))
    result = corpora.load("msp_improv", tmp_path, stored=upwards).table
    assert result.groupby("emotion")["activation"].mean().idxmax() == "angry"
    with pytest.raises(
        CorpusError, match=rf"stored={not upwards} anger is rated .* so take stored={upwards}$"
    ):
        corpora.load("msp_improv", tmp_path, stored=not upwards)


def test_both_actors_of_a_session_stay_together(tmp_path: Path) -> None:
    rows = corpora.load("msp_improv", write(tmp_path)).table
    assert rows.groupby("session")["speaker"].nunique().to_dict() == {
        "msp_improv/01": 2,
        "msp_improv/06": 2,
    }


@pytest.mark.parametrize(("ratings", "audio"), [(NEW, "."), (OLD, "."), (NEW, "Audio")])
def test_both_spellings_and_both_places_are_read(tmp_path: Path, ratings: str, audio: str) -> None:
    assert len(corpora.load("msp_improv", write(tmp_path, ratings=ratings, audio=audio))) == len(
        NAMES
    )


def test_transcripts_are_found_where_there_are_some(tmp_path: Path) -> None:
    write(tmp_path)
    assert set(corpora.load("msp_improv", tmp_path).table["transcript"]) == {""}
    text(
        tmp_path / "All_human_transcriptions" / f"MSP-IMPROV-{NAMES[1]}.txt", "How can\n I not. \n"
    )
    text(
        tmp_path / "All_human_transcriptions" / "session6" / f"MSP-IMPROV-{NAMES[2]}.txt",
        "No idea.",
    )
    assert list(corpora.load("msp_improv", tmp_path).table["transcript"]) == [
        "",
        "How can I not.",
        "No idea.",
        "",
    ]


def test_a_recording_without_a_rating_is_left_out(tmp_path: Path) -> None:
    assert len(corpora.load("msp_improv", write(tmp_path, (*NAMES, "S02N-F03-P-FM07")))) == len(
        NAMES
    )


def test_a_missing_file_of_ratings_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / OLD).unlink()
    with pytest.raises(CorpusError, match=rf"no {NEW} or {OLD}, expected session1/"):
        corpora.load("msp_improv", tmp_path)


def test_ratings_in_another_form_are_refused(tmp_path: Path) -> None:
    text(write(tmp_path) / OLD, RATINGS.replace("A:", "Act:"))
    with pytest.raises(
        CorpusError,
        match=r"rates none of 4 recording\(s\), expected lines such as `UTD-IMPROV-S01A",
    ):
        corpora.load("msp_improv", tmp_path)


def test_a_name_of_another_form_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    ratings = RATINGS.replace("S01A-F01-P-FM01", "S21A-F01-P-FM01")
    text(tmp_path / OLD, ratings)
    recording(tmp_path / "Audio" / "session1" / "S21A" / "P" / "MSP-IMPROV-S21A-F01-P-FM01.wav")
    with pytest.raises(CorpusError, match="MSP-IMPROV-S21A-F01-P-FM01: not a name of this corpus"):
        corpora.load("msp_improv", tmp_path)


def test_a_part_of_the_corpus_is_only_fine_when_asked(tmp_path: Path) -> None:
    result = counts(corpora.load("msp_improv", write(tmp_path)), PUBLISHED["msp_improv"])
    assert differences(result, partial=True) == []
    assert {count.name for count in differences(result)} >= {"all", "angry", "female"}


@settings(deadline=None)
@given(
    sentence=st.integers(0, 25),
    emotion=st.sampled_from("AHNSOX"),
    gender=st.sampled_from("FMX"),
    session=st.integers(0, 9),
    scene=st.sampled_from("PRSTX"),
    turn=st.integers(0, 120),
)
def test_a_name_is_read_or_refused(
    sentence: int, emotion: str, gender: str, session: int, scene: str, turn: int
) -> None:
    name = f"MSP-IMPROV-S{sentence:02}{emotion}-{gender}{session:02}-{scene}-FM{turn:02}"
    if (
        1 <= sentence <= 20
        and emotion in "AHNS"
        and gender in "FM"
        and 1 <= session <= 6
        and scene in "PRST"
    ):
        result = msp_improv.parse(name)
        assert result["speaker"] == f"{gender}{session:02}"
        assert result["gender"] == {"F": "female", "M": "male"}[gender]
        return
    with pytest.raises(CorpusError, match="not a name of this corpus"):
        msp_improv.parse(name)


@settings(deadline=None)
@given(st.text())
def test_lines_that_are_no_ratings_are_passed_over(noise: str) -> None:
    lines = "".join(f"%{line}\n" for line in noise.splitlines())
    np.testing.assert_equal(msp_improv.labels(lines + RATINGS), msp_improv.labels(RATINGS))
    assert len(msp_improv.labels(RATINGS)) == 5
