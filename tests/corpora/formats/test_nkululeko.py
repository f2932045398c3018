"""Tables and experiments of nkululeko."""

from __future__ import annotations

from pathlib import Path

import pytest

from sordino import corpora
from sordino.corpora.formats import audformat
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds
from tests.corpora.synthetic_trees import table, text

HEADER = ("file", "speaker", "gender", "emotion")


def experiment(folder: Path, *lines: str) -> Path:
    """An experiment with the database `mine` and these lines."""
    first = ["[EXP]", "root = ./", "[DATA]", "databases = ['mine']", "target = emotion"]
    return text(folder / "exp.ini", "\n".join([*first, *lines]))


def test_a_table_gives_the_labels(tmp_path: Path) -> None:
    path = table(sounds(tmp_path) / "mine.csv", [HEADER, *ROWS])
    corpus = corpora.load("nkululeko", path)
    assert corpus.name == "mine"
    assert labels(corpus) == ROWS


def test_times_of_pandas_are_seconds(tmp_path: Path) -> None:
    rows = [
        (*ROWS[0], "0 days 00:00:00.010000", "0 days 00:01:00.5"),
        (*ROWS[1], "0 days 00:00:00", ""),
    ]
    path = table(sounds(tmp_path) / "mine.csv", [(*HEADER, "start", "end"), *rows])
    frame = corpora.load("nkululeko", path).table
    assert frame["start"].tolist() == [0.01, 0]
    assert frame["end"][0] == 60.5
    assert frame["end"].isna().tolist() == [False, True]


def test_an_experiment_maps_names_and_columns(tmp_path: Path) -> None:
    header = ("file", "Participant ID", "sex", "emotion")
    table(tmp_path / "data" / "mine.csv", [header, *ROWS])
    sounds(tmp_path / "data" / "wav")
    path = experiment(
        tmp_path,
        "mine = ./data/mine.csv",
        "mine.type = csv",
        "mine.absolute_path = False",
        "mine.audio_path = wav/",
        "mine.mapping = {'happy': 'joyful', 'sad, bored': 'low'}",
        "mine.colnames = {'speaker': 'Participant ID', 'sex': 'gender'}",
        "labels = ['joyful', 'low']",
    )
    corpus = corpora.load("nkululeko", path)
    assert [(speaker, emotion) for _, speaker, _, emotion in labels(corpus)] == [
        ("anna", "joyful"),
        ("ben", "joyful"),
        ("ben", "low"),
    ]
    assert "1 of 4 utterances have an emotion that mapping or labels do not name" in corpus.notes[0]


def test_an_experiment_reads_databases_of_audformat(tmp_path: Path) -> None:
    table(sounds(tmp_path / "in") / "m.csv", [HEADER, *ROWS])
    audformat.write(corpora.load("manifest", tmp_path / "in" / "m.csv"), tmp_path / "db")
    path = experiment(tmp_path, "mine = ./db", "labels = ['happy', 'sad']")
    corpus = corpora.load("nkululeko", path)
    assert [row[3] for row in labels(corpus)] == ["happy", "happy", "sad"]


def test_several_databases_are_joined(tmp_path: Path) -> None:
    table(sounds(tmp_path) / "a.csv", [HEADER, *ROWS[:2]])
    table(tmp_path / "b.csv", [HEADER, *ROWS[2:]])
    lines = ["databases = ['a', 'b']", "a = a.csv", "a.type = csv", "b = b.csv", "b.type = csv"]
    corpus = corpora.load("nkululeko", text(tmp_path / "e.ini", "\n".join(["[DATA]", *lines])))
    assert corpus.name == "a+b"
    assert sorted(set(corpus.speaker)) == ["a/anna", "b/ben"]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["mine = /etc/passwd", "mine.type = csv"], "leads out of"),
        (["mine = ../m.csv", "mine.type = csv"], "leads out of"),
        (["other = x"], "no entry mine, expected the path"),
        (["mine = m.csv", "mine.type = csv", "mine.mapping = __import__('os')"], "expected a dict"),
        (["mine = m.csv", "mine.type = csv", "mine.mapping = {'a': open('x')}"], "expected a dict"),
        (["mine = m.csv", "mine.type = csv", f"labels = {'[' * 9000}"], "expected a list"),
        (["mine = m.csv", "mine.type = csv", f"labels = {[0] * 9000}"], "expected a list"),
        (["mine = m.csv", "mine.type = csv", "labels = ['rage']"], "none of 4 rows has an emotion"),
        (["mine = m.csv", "mine.type = csv", "databases = [1]"], "expected 1 to 100 names"),
    ],
)
def test_a_wrong_experiment_is_refused(lines: list[str], match: str, tmp_path: Path) -> None:
    table(sounds(tmp_path) / "m.csv", [HEADER, *ROWS])
    with pytest.raises(CorpusError, match=match):
        corpora.load("nkululeko", experiment(tmp_path, *lines))


@pytest.mark.parametrize("name", ["x.ini", "x.json"])
def test_another_file_is_refused(name: str, tmp_path: Path) -> None:
    path = text(tmp_path / name, "no section")
    with pytest.raises(CorpusError, match=r"expected (an experiment of nkululeko|a .csv table)"):
        corpora.load("nkululeko", path)


def test_absolute_paths_stay_inside_the_folder_of_sounds(tmp_path: Path) -> None:
    folder = sounds(tmp_path / "sounds")
    rows = [(str(folder / file), *rest) for file, *rest in ROWS]
    path = table(tmp_path / "tables" / "mine.csv", [HEADER, *rows])
    with pytest.raises(CorpusError, match=r"leads out of .*sounds"):
        corpora.load("nkululeko", path)
    assert labels(corpora.load("nkululeko", path, sounds=folder)) == ROWS
