"""A table of paths is read line by line; a wrong line costs no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from sordino.errors import FeatureError
from sordino.features.shards import PathRows, extract_shards, read_shards
from tests.features.shards.stored_sounds import rows_of, wav


def table(tmp_path: Path, text: str) -> PathRows:
    (tmp_path / "paths.csv").write_text(text)
    return PathRows(tmp_path / "paths.csv")


def test_paths_cuts_and_labels_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(0, 0.4))
    text = '\ufefffile,start,end,emotion\na.wav,,,"sad, or so"\n\na.wav,0.1,0.3,\nb.wav,,,x\n'
    source = table(tmp_path, text)
    source.check_labels(["emotion"])
    rows = rows_of(source, ["emotion"])
    assert [row.labels for row in rows] == [("sad, or so",), (None,), ("x",)]
    assert [row.sound.read(16000).size for row in rows[:2] if row.sound] == [6400, 3200]
    some = list(source.rows(["emotion"], lambda row: row == 2))
    assert some[:2] == [None, None]
    summary = extract_shards("mel", [source], tmp_path / "x.shards", ["emotion"], jobs=1)
    assert (summary.vectors, summary.failures) == (2, 1)
    (shard,) = read_shards(tmp_path / "x.shards")
    assert shard["file"].tolist() == [str(tmp_path / "a.wav")] * 2
    assert shard["start"].tolist() == [0, 0.1]


def test_wrong_lines_have_a_problem_each(tmp_path: Path) -> None:
    source = table(tmp_path, "file,start,end\na.wav,x,2\na.wav,1\na.wav,,\n" + "x" * 70_000)
    problems = [row.problem for row in rows_of(source)]
    assert problems[0].startswith("line 2: start and end ('x', '2'), expected seconds")
    assert problems[1].startswith("line 3: 2 cells, expected 3")
    assert problems[2] == ""
    assert problems[3].startswith("a line of over 65,536 characters, and not read from line")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path\na.wav\n", "no column `file`, or several, expected a CSV table of paths"),
        ("", "no column `file`"),
        ("file," * 20_000, "no column `file`, or several"),
        ("file,mood\n", "'emotion' is no label of .*, expected some of mood"),
        ("PK\x03\x04", "a ZIP archive or a spreadsheet, expected a CSV table of paths"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        table(tmp_path, text).check_labels(["emotion"])
