"""A corpus is one clear table: whole, with one gender a speaker, and no two corpora's speakers
mixed up.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.table import UTTERANCE_COLUMNS, Corpus, duplicates, join
from sordino.define import GENDERS, ROLES
from sordino.errors import CorpusError, PolicyError, StorageError
from sordino.policy import Policy
from tests.corpora.synthetic_trees import recording

SAD = Policy(required="sad", sensitive=("happy", "angry"))


def corpus(name: str = "c", **columns: list[str]) -> Corpus:
    return table.make(
        name, pd.DataFrame({"file": ["x", "y", "z"], "speaker": ["1", "1", "2"], **columns})
    )


def test_a_corpus_has_every_column() -> None:
    output = corpus()
    assert list(output.table.columns) == list(UTTERANCE_COLUMNS)
    assert output.table["start"].tolist() == [0, 0, 0]
    assert output.table["end"].isna().all()
    assert (output.table[["gender", "emotion", "intensity", "transcript", "session"]] == "").all(
        axis=None
    )


def test_optional_columns_stay_and_others_go() -> None:
    output = corpus(age=["30", "30", "41"], colour=["red", "red", "blue"])
    assert list(output.table.columns) == [*UTTERANCE_COLUMNS, "age"]


def test_speakers_and_sessions_bear_their_corpus_name() -> None:
    output = corpus(session=["s", "", "s"], corpus=["a", "a", "b"])
    assert output.speaker.tolist() == ["a/1", "a/1", "b/2"]
    assert output.column("session").tolist() == ["a/s", "", "b/s"]


def test_making_a_corpus_leaves_the_rows_it_was_made_from_alone() -> None:
    rows = pd.DataFrame({"file": ["x"], "speaker": ["1"]}, index=[7])
    before = rows.copy()
    table.make("c", rows)
    pd.testing.assert_frame_equal(rows, before)


def test_a_table_without_a_column_or_without_rows_is_refused() -> None:
    complete = corpus().table
    with pytest.raises(
        CorpusError, match=r"c: no column gender, session: build the table with `table\.make`"
    ):
        Corpus("c", complete.drop(columns=["gender", "session"]))
    with pytest.raises(CorpusError, match="c: no utterances, expected at least one"):
        Corpus("c", complete[:0])


def test_a_speaker_with_two_genders_is_refused_and_not_named() -> None:
    assert set(corpus(gender=["female", "", "male"]).column("gender")) == {"female", "", "male"}
    with pytest.raises(
        CorpusError,
        match=r"^c: 1 speaker\(s\) with two genders, expected one each: correct the labels$",
    ):
        corpus(gender=["female", "male", "male"])


def test_roles_and_genders_are_places_in_their_lists() -> None:
    output = corpus(emotion=["sad", "angry", "neutral"], gender=["male", "male", ""])
    assert [ROLES[place] for place in output.roles(SAD)] == ["required", "sensitive", "neutral"]
    assert output.genders().tolist() == [GENDERS.index("male"), GENDERS.index("male"), -1]


def test_an_utterance_without_a_role_is_refused_with_the_way_out() -> None:
    output = corpus(emotion=["sad", "bored", "happy"])
    with pytest.raises(
        PolicyError,
        match=r"'bored' has no role .* leave such utterances out with `corpus\.with_emotions",
    ):
        output.roles(SAD)
    assert output.with_emotions(SAD.emotions).column("file").tolist() == ["x", "z"]


def test_emotions_that_nobody_has_are_refused() -> None:
    output = corpus(emotion=["sad", "bored", "happy"])
    with pytest.raises(
        CorpusError, match="c: no utterance has an emotion of calm, fearful: check the labels"
    ):
        output.with_emotions(name for name in ("calm", "fearful"))


def test_a_selection_is_numbered_anew_by_mask_or_by_position() -> None:
    output = corpus()
    by_mask, by_place = (
        output.select(np.array([False, True, True])),
        output.select(np.array([2, 1])),
    )
    assert by_mask.table.index.tolist() == [0, 1]
    assert by_mask.column("file").tolist() == ["y", "z"]
    assert by_place.column("file").tolist() == ["z", "y"]


def test_joined_corpora_keep_order_and_separate_speakers() -> None:
    both = join([corpus("b"), corpus("a", age=["1", "1", "2"])])
    assert both.name == "b+a"
    assert both.speaker.tolist() == ["b/1", "b/1", "b/2", "a/1", "a/1", "a/2"]
    assert both.table["age"].isna().tolist() == [True] * 3 + [False] * 3


def test_a_corpus_without_sentiment_has_empty_ones_when_joined() -> None:
    both = join(
        [corpus("b", sentiment=["positive", "", "negative"]), corpus("a", valence=["1", "2", "3"])]
    )
    assert both.table["sentiment"].tolist() == ["positive", "", "negative", "", "", ""]
    assert both.table["valence"].tolist()[3:] == [1, 2, 3]


@pytest.mark.parametrize(
    "second",
    [corpus("a"), corpus("mine", corpus=["a", "a", "b"]), join([corpus("b"), corpus("a")])],
    ids=["same name", "same name in the rows", "same name in a joined one"],
)
def test_corpora_whose_speakers_would_be_mixed_up_are_refused(second: Corpus) -> None:
    with pytest.raises(
        CorpusError, match="corpus a comes twice, expected different names: rename one of them"
    ):
        join([corpus("a"), second])


def test_joining_nothing_is_refused() -> None:
    with pytest.raises(CorpusError, match="no corpus to join, expected at least one"):
        join([])


def cut(
    files: list[Path], start: list[float] | None = None, end: list[float] | None = None
) -> Corpus:
    rows = pd.DataFrame({"file": [str(file) for file in files], "speaker": "1"})
    if start is not None and end is not None:
        rows = rows.assign(start=start, end=end)
    return table.make("c", rows)


def test_a_checksum_is_that_of_the_bytes_and_copies_are_found(tmp_path: Path) -> None:
    files = [
        recording(tmp_path / f"{place}.wav", content)
        for place, content in enumerate((1, 2, 1, 3, 2))
    ]
    sums = cut(files).checksums()
    assert sums[3] == hashlib.sha256(files[3].read_bytes()).hexdigest()
    assert sorted(group.tolist() for group in duplicates(sums)) == [[0, 2], [1, 4]]


def test_checksums_distinguish_parts_of_a_file(tmp_path: Path) -> None:
    first, copy = recording(tmp_path / "a.wav", 1), recording(tmp_path / "b.wav", 1)
    sums = cut(
        [first, first, copy, first], [0, 0.02, 0.02, 0], [0.02, 0.05, 0.05, np.nan]
    ).checksums()
    assert len(set(sums)) == 3
    assert sums[1] == sums[2]


def lines(file: Path, *words: tuple[str, str]) -> Corpus:
    rows = [
        {"file": str(file), "speaker": speaker, "transcript": transcript}
        for speaker, transcript in words
    ]
    return table.make("c", pd.DataFrame(rows))


def test_text_has_no_recordings(tmp_path: Path) -> None:
    file = recording(tmp_path / "Lines.CSV")
    assert lines(file, ("1", "Okay."), ("2", "Okay.")).recorded().tolist() == [False, False]
    assert cut([recording(tmp_path / "a.wav"), file]).recorded().tolist() == [True, False]


def test_lines_are_duplicates_for_equal_speaker_and_words(
    tmp_path: Path,
) -> None:
    output = lines(
        recording(tmp_path / "t.csv"), ("1", "Okay."), ("2", "Okay."), ("1", "No."), ("1", "Okay.")
    )
    sums = output.checksums()
    assert [group.tolist() for group in duplicates(sums)] == [[0, 3]]
    order = np.array([3, 1, 0, 2])
    assert output.select(order).checksums().tolist() == sums[order].tolist()


def test_another_table_gives_other_checksums(tmp_path: Path) -> None:
    first, second = recording(tmp_path / "a.csv", 1), recording(tmp_path / "b.csv", 2)
    assert set(lines(first, ("1", "Okay.")).checksums()) != set(
        lines(second, ("1", "Okay.")).checksums()
    )


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.wav: No such file or directory: check the path"):
        cut([tmp_path / "gone.wav"]).checksums()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_checksums_show_how_far_they_are_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = cut([recording(tmp_path / f"{place}.wav", place) for place in range(3)])
    quiet = output.checksums()
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert output.checksums().tolist() == quiet.tolist()
    assert "checksums" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
