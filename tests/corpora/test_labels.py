"""Labels are text as written, or refused by name."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora import labels, table
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording
from tests.corpora.synthetic_trees import table as csv_table

HEADER = ("file", "speaker", "gender", "emotion")

VARIANTS = [
    ("female", "Female"),
    ("s03", "s03 "),
    ("s03", "s03\u00a0"),
    ("s03", "s\u200b03"),
    ("s03", "\ufeffs03"),
    ("s03", "ｓ０３"),
    ("s03", "s\u0660\u0663"),
    ("Zoë", unicodedata.normalize("NFD", "Zoë")),
    ("straße", "STRASSE"),
    ("ﬁn", "fin"),
    ("non-binary", "non\u2011binary"),
    ("anna", "\u0430nna"),
    ("a b", "a  b"),
    ("1", "1.0"),
    ("1", "+1"),
    ("100", "1e2"),
    (".5", "0.50"),
    ("True", "true"),
]


@pytest.mark.parametrize("pair", VARIANTS, ids=ascii)
def test_two_spellings_of_a_label_are_refused_by_name(pair: tuple[str, str]) -> None:
    with pytest.raises(
        CorpusError,
        match=r"^it: .* \(2 rows\) and .* \(1 rows\) look like one label in two spellings",
    ):
        labels.require_texts("it", [pair[0], pair[1], pair[0]], CorpusError)


@pytest.mark.parametrize(
    "pair", [("1", "01"), ("1", "10"), ("a", "b"), ("f", "female"), ("NA", "na1"), ("-1", "1")]
)
def test_labels_that_differ_are_kept_as_written(pair: tuple[str, str]) -> None:
    assert labels.require_texts("it", list(pair), CorpusError).tolist() == list(pair)


@pytest.mark.parametrize(
    ("column", "pair"),
    [("gender", ("f", "female")), ("sex", ("M", "male")), ("emotion", ("joy", "happy"))],
)
def test_names_that_are_aliases_in_their_column_are_refused(
    column: str, pair: tuple[str, str]
) -> None:
    with pytest.raises(CorpusError, match="one label in two spellings"):
        labels.require_texts("it", list(pair), CorpusError, column=column)


@pytest.mark.parametrize(
    "values",
    [
        [1, "1"],
        [True, "x"],
        [True, 1],
        [b"a", "a"],
        [{}, {}],
        [[1], [2]],
        [1j, 2j],
        [b"\xff", b"a"],
        [1, 1.0],
        np.zeros((2, 2)),
    ],
    ids=str,
)
def test_kinds_that_do_not_mix_are_refused(values: Any) -> None:
    with pytest.raises(CorpusError, match=r"^it: "):
        labels.require_texts("it", values, CorpusError)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["NA", "nan", "None"], ["NA", "nan", "None"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (pd.Categorical(["x", "y", "x"]), ["x", "y", "x"]),
        (pd.array(["x", "y"], dtype="string"), ["x", "y"]),
        (np.array([[1], [2]]), ["1", "2"]),
        ([True, False], ["True", "False"]),
        (np.array([1.0, 2.5]), ["1.0", "2.5"]),
        ([Decimal("1.5"), Decimal(2)], ["1.5", "2"]),
        ([Path("a/b")], ["a/b"]),
        (["a\0", "b"], ["a\0", "b"]),
    ],
    ids=str,
)
def test_every_kind_of_column_is_written_as_text(values: Any, expected: list[str]) -> None:
    assert labels.require_texts("it", values, CorpusError).tolist() == expected


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, "", "  ", "\u200b"], ids=repr)
def test_missing_labels_are_counted(nothing: Any) -> None:
    with pytest.raises(
        CorpusError, match="it: 1 of 2 labels are missing, the first in row 2, expected one a row"
    ):
        labels.require_texts("it", ["a", nothing], CorpusError)


def test_words_for_missing_and_zeros_in_front_are_told() -> None:
    assert len(labels.doubts("it", ["NA", "01", "1"])) == 2
    assert labels.doubts("it", ["anna", "0", "10"]) == []


text = st.text(max_size=6)


@settings(deadline=None)
@given(st.lists(text, min_size=1, max_size=8))
def test_labels_come_back_as_written_or_are_refused(values: list[str]) -> None:
    message = ""
    try:
        assert labels.require_texts("it", values, CorpusError).tolist() == values
    except CorpusError as error:
        message = str(error)
    assert message.isprintable()


@settings(deadline=None)
@given(text)
def test_folding_twice_is_folding_once(value: str) -> None:
    assert labels.fold(labels.fold(value)) == labels.fold(value)


def load(folder: Path, *rows: tuple[str, ...]) -> corpora.Corpus:
    for place, name in enumerate(("a", "b", "c")):
        recording(folder / "sound" / f"{name}.wav", place)
    return corpora.load("manifest", csv_table(folder / "m.csv", [HEADER, *rows]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("s03", "f", "sad"), ("S03", "f", "sad")),
        (("a", "f", "sad"), ("b", "m", "s\u200bad")),
        (("a", "f", "nostalgia"), ("b", "m", "nostalgi\u00e1"[:-1] + "\uff41")),
    ],
)
def test_a_manifest_with_two_spellings_is_refused(
    tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    with pytest.raises(CorpusError, match="one label in two spellings"):
        load(tmp_path, ("sound/a.wav", *first), ("sound/b.wav", *second))


def test_an_emotion_with_an_unseen_mark_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"column emotion: .* one label in two spellings"):
        load(tmp_path, ("sound/a.wav", "a", "f", "s\u200bad"))


def test_genders_that_are_not_understood_are_counted_by_name(tmp_path: Path) -> None:
    rows = [
        ("sound/a.wav", "1", "fem", "sad"),
        ("sound/b.wav", "2", "", "sad"),
        ("sound/c.wav", "3", "Ｆ", "sad"),
    ]
    corpus = load(tmp_path, *rows)
    assert list(corpus.table["gender"]) == ["", "", "female"]
    (note,) = corpus.notes
    assert "2 of 3 utterances are neither female nor male (1 'fem', 1 empty)" in note
    assert corpora.join([corpus]).notes == corpus.select(np.array([0])).notes == corpus.notes


def test_a_corpus_from_python_has_its_genders_read_and_counted() -> None:
    rows = pd.DataFrame(
        {"file": list("abc"), "speaker": [1, 2, 3], "gender": ["Female", "M", None]}
    )
    corpus = table.make("mine", rows)
    assert list(corpus.table["gender"]) == ["female", "male", ""]
    assert corpus.notes == (
        "mine: 1 of 3 utterances are neither female nor male (1 empty): they are used for emotion, "
        "not for gender.",
    )


@pytest.mark.parametrize("speaker", [[1, None], [1.5, "a"], [{}, {}]])
def test_a_corpus_from_python_without_a_speaker_is_refused(speaker: list[Any]) -> None:
    with pytest.raises(CorpusError, match=r"mine: (1 row\(s\) without speaker|column speaker: )"):
        table.make("mine", pd.DataFrame({"file": ["a", "b"], "speaker": speaker}))


LONG = "x" * 10_000


@pytest.mark.parametrize(
    ("header", "row", "error"),
    [
        ("file,speaker,gender,emotion,age", f"a.wav,s,f,sad,{LONG}", "age 'x+…', expected"),
        ("file,speaker,gender,emotion,corpus", f"a.wav,s,f,sad,{LONG}", "10,000 characters, exp"),
        ("file,speaker,gender,emotion,corpus", f"a.wav,s,f,sad,a/{LONG}", r"has a / or \+"),
        ("file,speaker,gender,emotion", f"{LONG},s,f,sad", "1 of 1 rows name no such recording"),
        (f"file,speaker,gender,{LONG}", "a.wav,s,f,sad", "no column emotion among file"),
        (f"file,speaker,gender,emotion,{LONG},{LONG}", "a.wav,s,f,sad,,", "is there twice"),
    ],
    ids=["number", "corpus", "slash", "file", "column", "columns"],
)
def test_a_message_quotes_the_start_of_a_long_value(
    tmp_path: Path, header: str, row: str, error: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"{header}\n{row}\n")
    with pytest.raises(CorpusError, match=error) as error_info:
        corpora.load("manifest", path)
    assert len(str(error_info.value)) < len(str(path)) + 300


def test_a_message_lists_the_first_columns_of_many(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(",".join(f"c{number}" for number in range(10_000)))
    with pytest.raises(CorpusError, match=r"c19 and 9,980 more: add or rename it"):
        corpora.load("manifest", tmp_path / "m.csv")


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_a_manifest_may_have_other_separators(tmp_path: Path, separator: str) -> None:
    recording(tmp_path / "a, b.wav", 1)
    (tmp_path / "m.csv").write_text(
        "file,speaker,gender,emotion\n".replace(",", separator)
        + separator.join(("a, b.wav", "1", "f", "sad"))
        + "\n"
    )
    assert list(corpora.load("manifest", tmp_path / "m.csv").speaker) == ["manifest/1"]


@pytest.mark.parametrize("cell", ["sound\\a.wav", "sound/../sound\\a.wav"])
def test_backslashes_are_read_as_a_path(tmp_path: Path, cell: str) -> None:
    assert load(tmp_path, (cell, "1", "f", "sad")).table["file"][0].endswith("sound/a.wav")


@pytest.mark.parametrize(("disk", "cell"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_either_form_name_one_file(tmp_path: Path, disk: Any, cell: Any) -> None:
    name = "Jörg/é ü.wav"
    recording(tmp_path / unicodedata.normalize(disk, name), 1)
    corpus = load(tmp_path, (unicodedata.normalize(cell, name), "1", "f", "sad"))
    assert corpus.table["file"][0] == str(tmp_path / unicodedata.normalize(disk, name))


def test_a_tilde_is_the_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    load(tmp_path, ("~/sound/a.wav", "1", "f", "sad"))
    assert len(corpora.load("manifest", "~/m.csv")) == 1
