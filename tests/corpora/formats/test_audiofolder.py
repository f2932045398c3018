"""Audiofolders of Hugging Face: read, written, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino import corpora
from sordino.corpora.formats import audiofolder
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds
from tests.corpora.synthetic_trees import recording, table, text

HEADER = ("file_name", "speaker_id", "sex", "label")


def test_a_table_gives_the_labels(tmp_path: Path) -> None:
    table(sounds(tmp_path) / "metadata.csv", [HEADER, *ROWS])
    assert labels(corpora.load("audiofolder", tmp_path)) == ROWS


def test_tables_below_the_folder_are_joined(tmp_path: Path) -> None:
    for name, rows in (("train", ROWS[:2]), ("test", ROWS[2:])):
        table(sounds(tmp_path / name) / "metadata.csv", [HEADER, *rows])
    assert set(labels(corpora.load("audiofolder", tmp_path))) == set(ROWS)


def test_json_lines_have_ages_and_words(tmp_path: Path) -> None:
    keys = ("file_name", "speaker", "gender", "emotion")
    rows: list[dict[str, Any]] = [dict(zip(keys, row, strict=True)) for row in ROWS]
    rows[0] |= {"age": 31, "transcription": "Hello."}
    text(sounds(tmp_path) / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    first = corpora.load("audiofolder", tmp_path).table.iloc[0]
    assert (first["age"], first["transcript"]) == (31, "Hello.")


def test_columns_have_other_names_on_demand(tmp_path: Path) -> None:
    table(sounds(tmp_path) / "metadata.csv", [("file_name", "Client", "Sex", "mood"), *ROWS])
    columns = {"speaker": "Client", "emotion": "mood"}
    assert labels(corpora.load("audiofolder", tmp_path, columns=columns)) == ROWS


def test_a_missing_gender_is_refused_unless_left_out(tmp_path: Path) -> None:
    rows = [(file, speaker, emotion) for file, speaker, _, emotion in ROWS]
    table(sounds(tmp_path) / "metadata.csv", [("file_name", "speaker", "emotion"), *rows])
    with pytest.raises(CorpusError, match=r"no column gender or sex for gender among file_name.*="):
        corpora.load("audiofolder", tmp_path)
    corpus = corpora.load("audiofolder", tmp_path, columns={"gender": ""})
    assert set(corpus.table["gender"]) == {""}
    assert "4 of 4 utterances are neither female nor male" in corpus.notes[0]


@pytest.mark.parametrize(
    ("file", "match"),
    [
        ("../secret.wav", "leads out of"),
        ("/etc/passwd", "leads out of"),
        ("link.wav", "leads out of"),
        ("folder/../../secret.wav", "leads out of"),
        ("https://example.org/a.wav", "is a URL, expected a path: download"),
        ("hf://datasets/x/a.wav", "is a URL"),
        ("a\0.wav", "is no path"),
        ("x" * 5000, "is no path"),
        ("absent.wav", "1 of 1 rows name no such recording"),
    ],
)
def test_a_path_out_of_the_folder_is_refused(file: str, match: str, tmp_path: Path) -> None:
    folder = sounds(tmp_path / "corpus")
    secret = recording(tmp_path / "secret.wav")
    (folder / "link.wav").symlink_to(secret)
    row = {"file_name": file, "speaker": "a", "gender": "f", "emotion": "sad"}
    text(folder / "metadata.jsonl", json.dumps(row))
    with pytest.raises(CorpusError, match=match):
        corpora.load("audiofolder", folder)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "line 1: no JSON"),
        ("[1]", "line 1: a JSON list, expected an object"),
        ("[" * 100_000, "line 1: no JSON"),
        ('{"file_name": NaN}', "line 1: no JSON"),
        ('{"speaker": "a"}', "line 1: no file_name"),
        ('{"file_name": ["a1.wav"]}', "file_name is a list, expected one label"),
        ('{"file_name": "a1.wav", "speaker": {"x": 1}, "gender": "f", "emotion": "sad"}', "a dict"),
        (" " * (1 << 20) + "1", "over 1,048,576 characters"),
    ],
)
def test_a_malformed_line_is_named(line: str, match: str, tmp_path: Path) -> None:
    text(sounds(tmp_path) / "metadata.jsonl", line)
    with pytest.raises(CorpusError, match=match):
        corpora.load("audiofolder", tmp_path)


def test_a_folder_without_a_table_says_what_is_needed(tmp_path: Path) -> None:
    sounds(tmp_path / "angry")
    with pytest.raises(CorpusError, match=r"0 tables, expected metadata.csv or metadata.jsonl"):
        corpora.load("audiofolder", tmp_path)


def test_both_tables_in_a_folder_are_refused(tmp_path: Path) -> None:
    table(sounds(tmp_path) / "metadata.csv", [HEADER, *ROWS])
    text(tmp_path / "metadata.jsonl", "{}")
    with pytest.raises(CorpusError, match=r"both metadata.csv and metadata.jsonl, expected one"):
        corpora.load("audiofolder", tmp_path)


def test_a_written_corpus_is_read_again(tmp_path: Path) -> None:
    table(
        sounds(tmp_path / "in") / "m.csv",
        [
            (
                "file",
                "speaker",
                "gender",
                "emotion",
                "start",
                "end",
                "age",
                "session",
                "transcript",
            ),
            ("a1.wav", "anna", "f", "sad", "", "", "31", "1", "=1+1"),
            ("a1.wav", "anna", "f", "happy", "0.01", "0.09", "31", "1", ""),
            ("b1.wav", "ben", "", "neutral", "", "", "", "2", "Ja, klar – 好"),
        ],
    )
    corpus = corpora.load("manifest", tmp_path / "in" / "m.csv")
    result = corpora.load("audiofolder", audiofolder.write(corpus, tmp_path / "manifest"))
    columns = corpus.table.columns.drop(["file", "start", "end"])
    assert result.table[columns].equals(corpus.table[columns])
    assert result.checksums()[[0, 2]].tolist() == corpus.checksums()[[0, 2]].tolist()
    cut = Path(result.table["file"][1]).read_bytes()
    assert len(cut) == 44 + 2 * 1280
    assert np.isnan(result.table["end"]).all()
    assert "- manifest: unknown to sordino\n" in (tmp_path / "manifest" / "README.md").read_text()


def test_a_folder_with_a_file_is_never_written_into(tmp_path: Path) -> None:
    table(sounds(tmp_path) / "metadata.csv", [HEADER, *ROWS])
    corpus = corpora.load("audiofolder", tmp_path)
    with pytest.raises(CorpusError, match="not an empty folder, expected a new one"):
        audiofolder.write(corpus, tmp_path)
