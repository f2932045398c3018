"""`sordino extract --shards`: its sources, its exit status and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sordino.cli import main
from sordino.features.labelled import read_labelled
from tests.features.shards.stored_sounds import samples, wav, write_table, write_tar


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as stop:
        main(["extract", "--features", "mel", "--jobs", "1", *map(str, arguments)])
    return stop.value.code


def test_sources_of_all_kinds_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    for name in ("b", "a"):
        write_tar(tmp_path / "tars" / f"{name}.tar", samples(2))
    write_table(tmp_path / "a.parquet", [wav(row) for row in range(2)])
    (tmp_path / "c.wav").write_bytes(wav(9))
    rows = {"file": ["c.wav"], "speaker": "c", "gender": "female", "emotion": "sad"}
    pd.DataFrame(rows).to_csv(tmp_path / "m.csv", index=False)
    sources = (f"tar={tmp_path / 'tars'}", f"parquet={tmp_path / 'a.parquet'}")
    options = [word for source in sources for word in ("--corpus", source)]
    options += ["--corpus", f"manifest={tmp_path / 'm.csv'}", "--labels", "speaker,emotion"]
    out, report = tmp_path / "x.shards", tmp_path / "x.json"
    assert run(*options, "--shards", "--out", out, "--json", report) == 0
    table = read_labelled(out, ["speaker"], ignore=["emotion"])
    assert table.labels["speaker"].tolist() == ["s0", "s1"] * 3 + ["manifest/c"]
    assert [Path(file).parent.name for file in table.metadata["file"][:4]] == ["a.tar"] * 2 + [
        "b.tar"
    ] * 2
    result = json.loads(report.read_text())
    assert (result["utterances"], result["shards"], result["left_out"]) == (7, 1, 0)
    record = json.loads((out / "run.json").read_text())
    assert record["config"]["labels"] == ["speaker", "emotion"]


def test_bad_recordings_decide_the_status_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = samples(3) | {"0001.wav": b"no sound"}
    tar = write_tar(tmp_path / "a.tar", members)
    options = ("--corpus", f"tar={tar}", "--shards", "--out", tmp_path / "x.shards")
    assert run(*options) == 2
    error = capsys.readouterr().err
    assert f"warning: {tar}/0001.wav: not a sound file" in error
    assert "1 of 3 utterances cannot be used, " in error
    before = (tmp_path / "x.shards" / "shard-000000.parquet").stat().st_mtime_ns
    assert run(*options, "--skip-bad") == 0
    captured = capsys.readouterr()
    assert "2 utterances in 1 shard(s) (1 of them from an earlier run)" in captured.out
    assert (tmp_path / "x.shards" / "shard-000000.parquet").stat().st_mtime_ns == before
    write_tar(tar, {"a.wav": b"no sound"})
    assert run(*options[:-1], tmp_path / "y.shards", "--skip-bad") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--corpus", "tar=a.tar", "--out", "x.csv"), "a source that is read row by row, expected"),
        (("--corpus", "tar=b.tar", "--out", "x.shards", "--shards"), "no such file, expected a"),
        (("--corpus", "tar=.", "--out", "x.shards", "--shards"), "no file .tar in it, expected a"),
        (("--corpus", "tar=a.tar", "--out", "x.csv", "--shards"), "suffix .csv, expected .shards"),
        (("--corpus", "emodb=.", "--out", "x.shards"), "suffix .shards, expected one of .parquet"),
        (
            ("--corpus", "tar=a.tar", "--shards", "--conditions", "standard", "--out", "x.shards"),
            "--conditions standard with --shards, expected recordings without copies",
        ),
    ],
)
def test_combinations_that_make_no_sense_are_refused(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "tar=." not in arguments:
        write_tar(Path("a.tar"), samples(1))
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
