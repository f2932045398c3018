"""Databases of audformat: written, read, and never executed."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import audformat as package
import pandas as pd
import pytest

from sordino import corpora
from sordino.corpora.formats import audformat
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds
from tests.corpora.synthetic_trees import table

FILES = [row[0] for row in ROWS]


def database(folder: Path, gold: bool = True, storage_format: str = "csv") -> Any:
    """A database in which gender and age are labels of the scheme of the speaker."""
    sounds(folder)
    db = package.Database("voices", source="test", usage="research")
    people = {"anna": {"gender": "female", "age": 31}, "ben": {"gender": "male", "age": 40}}
    db.schemes["speaker"] = package.Scheme("str", labels=people)
    db.schemes["emotion"] = package.Scheme("str", labels=["happy", "neutral", "sad"])
    db["files"] = package.Table(package.filewise_index(FILES))
    db["files"]["speaker"] = package.Column(scheme_id="speaker")
    db["files"]["speaker"].set([row[1] for row in ROWS])
    for name in ("emotion.gold", "emotion.raters")[: 1 if gold else 2]:
        db[name] = package.Table(package.filewise_index(FILES[::-1]))
        db[name]["emotion"] = package.Column(scheme_id="emotion")
        db[name]["emotion"].set([row[3] for row in ROWS[::-1]])
    db.save(str(folder), storage_format=storage_format)
    return db


@pytest.mark.parametrize("storage_format", ["csv", "parquet"])
def test_genders_follow_from_the_scheme_of_speakers(storage_format: str, tmp_path: Path) -> None:
    database(tmp_path, storage_format=storage_format)
    corpus = corpora.load("audformat", tmp_path)
    assert corpus.name == "voices"
    assert labels(corpus) == ROWS
    assert corpus.table["age"].tolist() == [31, 31, 40, 40]


def test_a_scheme_follows_a_named_column_of_speakers(tmp_path: Path) -> None:
    db = database(tmp_path)
    db["files"] = package.Table(package.filewise_index(FILES))
    db["files"]["person"] = package.Column(scheme_id="speaker")
    db["files"]["person"].set([row[1] for row in ROWS])
    db.save(str(tmp_path), storage_format="csv")
    assert labels(corpora.load("audformat", tmp_path, columns={"speaker": "person"})) == ROWS


def test_speakers_may_be_numbers(tmp_path: Path) -> None:
    db = database(tmp_path)
    people = {3: {"gender": "female", "age": 31}, 8: {"gender": "male", "age": 40}}
    db.schemes["number"] = package.Scheme("int", labels=people)
    db["files"]["speaker"] = package.Column(scheme_id="number")
    db["files"]["speaker"].set([3, 3, 8, 8])
    db.save(str(tmp_path), storage_format="csv")
    rows = corpora.load("audformat", tmp_path).table
    assert rows["speaker"].tolist() == ["voices/3", "voices/3", "voices/8", "voices/8"]
    assert rows["gender"].tolist() == ["female", "female", "male", "male"]


def test_an_absent_package_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(CorpusError, match=r"install sordino with the extra `audformat`"):
        corpora.load("audformat", tmp_path)


def test_a_label_in_two_tables_is_asked_for(tmp_path: Path) -> None:
    database(tmp_path, gold=False)
    with pytest.raises(CorpusError, match=r"emotion.raters/emotion.*--map emotion=TABLE/COLUMN"):
        corpora.load("audformat", tmp_path)
    columns = {"emotion": "emotion.gold/emotion"}
    assert labels(corpora.load("audformat", tmp_path, columns=columns)) == ROWS


def test_people_may_be_in_a_table_of_their_own(tmp_path: Path) -> None:
    db = database(tmp_path)
    people = package.MiscTable(pd.Index(["anna", "ben"], dtype="string", name="speaker"))
    db["people"] = people
    db.schemes["sex"] = package.Scheme("str", labels=["female", "male"])
    people["gender"] = package.Column(scheme_id="sex")
    people["gender"].set(["female", "male"])
    db.schemes["person"] = package.Scheme("str", labels="people")
    db["files"]["speaker"] = package.Column(scheme_id="person")
    db["files"]["speaker"].set([row[1] for row in ROWS])
    db.save(str(tmp_path), storage_format="csv")
    assert labels(corpora.load("audformat", tmp_path)) == ROWS


def test_segments_have_times(tmp_path: Path) -> None:
    db = database(tmp_path)
    index = package.segmented_index(
        ["a1.wav", "a1.wav", "b1.wav"], ["0s", "0.02s", "0s"], ["0.02s", "0.05s", pd.NaT]
    )
    del db.tables["emotion.gold"]
    db["emotion.gold"] = package.Table(index)
    db["emotion.gold"]["emotion"] = package.Column(scheme_id="emotion")
    db["emotion.gold"]["emotion"].set(["sad", "happy", "sad"])
    db.save(str(tmp_path), storage_format="csv")
    rows = corpora.load("audformat", tmp_path).table
    assert rows["start"].tolist() == [0, 0.02, 0]
    assert rows["end"].tolist()[:2] == [0.02, 0.05]
    assert rows["speaker"].tolist() == ["voices/anna", "voices/anna", "voices/ben"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in audformat
def test_a_written_corpus_is_read_again(tmp_path: Path) -> None:
    header = ("file", "speaker", "gender", "emotion", "age", "session", "transcript", "intensity")
    rows = [
        ("a1.wav", "anna", "f", "sad", "31", "1", "Ja, klar – 好", "strong"),
        ("a2.wav", "anna", "f", "amused", "31", "1", "", ""),
        ("b1.wav", "ben", "", "neutral", "", "2", "=1+1", ""),
    ]
    corpus = corpora.load("manifest", table(sounds(tmp_path / "in") / "m.csv", [header, *rows]))
    folder = audformat.write(corpus, tmp_path / "out")
    result = corpora.load("audformat", folder)
    columns = corpus.table.columns.drop("file")
    assert result.table[columns].equals(corpus.table[columns])
    assert result.checksums().tolist() == corpus.checksums().tolist()
    assert package.Database.load(str(folder))["utterances"].df.shape == (3, 5)
    assert result.notes[0] == "licence in the header: unknown to sordino"


class Attack:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickled_table_is_never_opened(tmp_path: Path) -> None:
    database(tmp_path)
    content = pickle.dumps(Attack(tmp_path / "pwned"))
    (tmp_path / "db.files.pkl").write_bytes(content)
    assert labels(corpora.load("audformat", tmp_path)) == ROWS
    (tmp_path / "db.files.csv").unlink()
    with pytest.raises(CorpusError, match=r"no db.files.csv or .parquet \(.pkl is never opened\)"):
        corpora.load("audformat", tmp_path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("!!python/object/apply:os.system ['touch pwned']", "not YAML of plain data"),
        ("name: !!python/name:os.system ''", "not YAML of plain data"),
        ("[1, 2]", "no mapping"),
        ("a: &a [x]\nb: [" + "*a, " * 2000 + "]", "over 1,000 references"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "or one inside another"),
        ("a: &a {k: 1}\nb: {<<: [*a, *a]}", "a merge key"),
        ("a: &a {k: 1}\nb: {!!merge x: *a}", "a merge key"),
        ("tables: {../../etc/passwd: {}}", "table '../../etc/passwd', expected a name"),
        ("tables: [files]", "tables is no list of tables"),
        ("name: x", "not readable as a header"),
        ("\t{", "not YAML of plain data"),
        ("[" * 1_000_000, "over 30 lists inside one another"),
    ],
)
def test_a_header_is_plain_data(
    header: str, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database(tmp_path)
    (tmp_path / "db.yaml").write_text(header)
    with pytest.raises(CorpusError, match=match):
        corpora.load("audformat", tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_a_recording_out_of_the_database_is_refused(tmp_path: Path) -> None:
    database(tmp_path)
    for path in tmp_path.glob("db.*.csv"):
        path.write_text(path.read_text().replace("a1.wav", "../a1.wav"))
    with pytest.raises(CorpusError, match="leads out of"):
        corpora.load("audformat", tmp_path)


@pytest.mark.parametrize("content", ["", "file\n", '"', "\0"])
def test_a_damaged_table_is_refused(content: str, tmp_path: Path) -> None:
    database(tmp_path)
    (tmp_path / "db.emotion.gold.csv").write_text(content)
    with pytest.raises(CorpusError, match=r"db.emotion.gold.csv: not readable|no rows"):
        corpora.load("audformat", tmp_path)


@pytest.mark.parametrize("rows", [10, 1000])
def test_a_table_that_is_large_in_memory_is_refused(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text of 100,000 letters is stored once."""
    database(tmp_path, storage_format="parquet")
    frame = pd.DataFrame({"file": ["x" * 100_000] * rows, "emotion": "sad"})
    frame.to_parquet(tmp_path / "db.emotion.gold.parquet")
    monkeypatch.setattr(audformat, "MOST_FOREIGN_ROWS", 999)
    monkeypatch.setattr(audformat, "LARGEST_TABLE", 900_000)
    with pytest.raises(CorpusError, match=rf"gold.parquet: {rows:,} rows of .* in memory"):
        corpora.load("audformat", tmp_path)


def test_a_missing_gender_is_asked_for(tmp_path: Path) -> None:
    db = database(tmp_path)
    db.schemes["speaker"].replace_labels(["anna", "ben"])
    db.save(str(tmp_path), storage_format="csv")
    with pytest.raises(CorpusError, match=r"no gender in a table or in the scheme of the speaker"):
        corpora.load("audformat", tmp_path)
    corpus = corpora.load("audformat", tmp_path, columns={"gender": ""})
    assert set(corpus.table["gender"]) == {""}


def test_a_folder_without_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no db.yaml, expected a database of audformat"):
        corpora.load("audformat", tmp_path)
