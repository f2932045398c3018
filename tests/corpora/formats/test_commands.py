"""`sordino corpus check` and `convert` on formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sordino import corpora
from sordino.cli.verbs.corpus import app
from sordino.corpora.adapters import manifest
from sordino.corpora.formats.registry import FORMATS
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds
from tests.corpora.synthetic_trees import recording, table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An audiofolder with columns of other names."""
    table(sounds(tmp_path / "in") / "metadata.csv", [("file_name", "who", "sex", "mood"), *ROWS])
    return tmp_path / "in"


COLUMNS = ("--map", "speaker=who", "--map", "emotion=mood")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_check_counts_a_format(folder: Path, tmp_path: Path) -> None:
    for file, *_ in ROWS:
        (folder / file).unlink()
    result = run("check", "audiofolder", folder, *COLUMNS, "--json", tmp_path / "r.json")
    assert result.exit_code == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert [entry["file"] for entry in report["unusable"]] == [row[0] for row in ROWS]
    counts = {(count["part"], count["name"]): count["found"] for count in report["counts"]}
    assert counts["emotion", "happy"] == 2
    assert counts["speakers", "female"] == 1


@pytest.mark.parametrize("to", ["audformat", "audiofolder"])
def test_convert_writes_what_check_reads(to: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("convert", "audiofolder", folder, *COLUMNS, "--to", to, "--out", out)
    assert result.output == f"4 utterances, 2 speakers: {out}\n"
    assert [row[1:] for row in labels(corpora.load(to, out))] == [row[1:] for row in ROWS]


def test_a_manifest_names_the_recordings(folder: Path, tmp_path: Path) -> None:
    for out in (folder / "m.csv", tmp_path / "elsewhere" / "m.csv"):
        assert run("convert", "audiofolder", folder, *COLUMNS, "--to", "manifest", "--out", out)
        corpus = corpora.load("manifest", out)
        assert labels(corpus) == ROWS
        assert Path(corpus.table["file"][0]) == folder / "a1.wav"


def test_a_file_name_like_a_formula_is_read_again(tmp_path: Path) -> None:
    name = recording(tmp_path / "=1+1.wav").name
    row = (f"./{name}", "anna", "f", "sad")
    corpus = corpora.load("manifest", table(tmp_path / "m.csv", [manifest.REQUIRED, row]))
    copy = corpora.load("manifest", manifest.write(corpus, tmp_path / "copy.csv"))
    assert copy.table.equals(corpus.table)


def test_columns_of_a_corpus_with_own_labels_are_refused(tmp_path: Path) -> None:
    result = run("check", "savee", tmp_path, "--map", "speaker=x")
    assert isinstance(result.exception, CorpusError)
    assert "savee: has labels and recordings of its own" in str(result.exception)


@pytest.mark.parametrize(
    ("columns", "match"),
    [("speaker", "expected NAME=COLUMN"), ("colour=x", "columns colour: not known")],
)
def test_wrong_columns_are_refused(columns: str, match: str, folder: Path) -> None:
    result = run("check", "audiofolder", folder, "--map", columns)
    assert isinstance(result.exception, CorpusError)
    assert match in str(result.exception)


def test_text_without_sound_is_not_written_as_a_manifest(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="rows of text without a recording"):
        manifest.write(corpora.load("meld", data / "meld"), tmp_path / "m.csv")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_path_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="absent"):
        corpora.load(name, tmp_path / "absent")
