"""`sordino extract` writes the vectors that `features.extract` gives, and says in one line what it
cannot do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sordino
from sordino.cli import audit_table, main
from sordino.corpora.table import Corpus
from sordino.features import FEATURE_SETS, extract, read_vectors
from sordino.features.renderings import condition_record
from sordino.signal import feature_sets


@pytest.fixture
def manifest(noises: Callable[..., Corpus], tmp_path: Path) -> str:
    files = noises(3).column("file")
    rows = {
        "file": files,
        "speaker": ["a", "b", "c"],
        "gender": "female",
        "emotion": ["sad", "happy", "angry"],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return f"manifest={tmp_path / 'manifest.csv'}"


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as stop:
        main(["extract", *map(str, arguments)])
    return stop.value.code


@pytest.mark.parametrize("features", ["mel", "eGeMAPSv02"])
def test_the_table_has_the_vectors_and_the_json_their_config(
    noises: Callable[..., Corpus], manifest: str, tmp_path: Path, features: str
) -> None:
    out, report = tmp_path / "new" / "x.parquet", tmp_path / "x.json"
    options = (
        "--corpus",
        manifest,
        "--features",
        features,
        "--cache",
        tmp_path / "cache",
        "--jobs",
        "1",
    )
    assert run(*options, "--out", out, "--json", report) == 0
    expected = extract(features, noises(3), tmp_path / "cache", jobs=1)
    np.testing.assert_array_equal(read_vectors(out, noises(3)), expected)
    assert list(pd.read_parquet(out).columns) == [
        "file",
        "start",
        "end",
        *FEATURE_SETS[features].names,
    ]
    result = json.loads(report.read_text())
    assert (result["utterances"], result["dims"], result["features"]) == (
        3,
        FEATURE_SETS[features].dims,
        features,
    )
    assert result["config"] == FEATURE_SETS[features].config
    first = out.read_bytes()
    assert run(*options, "--out", out) == 0
    assert out.read_bytes() == first


@pytest.mark.slow
def test_the_table_of_each_copy_stands_beside_the_recordings(
    noises: Callable[..., Corpus], manifest: str, tmp_path: Path
) -> None:
    out, cache = tmp_path / "x.parquet", tmp_path / "cache"
    options = ("--features", "mel", "--cache", cache, "--jobs", "1", "--conditions", "standard")
    assert run("--corpus", manifest, "--out", out, *options) == 0
    tables = [tmp_path / f"x.copy-{number}.parquet" for number in (1, 2, 3)]
    vectors = [read_vectors(path, noises(3)) for path in (out, *tables)]
    assert len({x.tobytes() for x in vectors}) == 4
    record = json.loads((tmp_path / "x.parquet.run.json").read_text())
    assert record["config"]["conditions"] == condition_record(3, ())
    assert record["copies"] == [
        {"file": path.name, "table_checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in tables
    ]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_a_table_with_labels_is_read_by_the_audit(
    noises: Callable[..., Corpus], manifest: str, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"x{suffix}"
    options = ("--corpus", manifest, "--features", "mel", "--cache", tmp_path / "cache")
    labels = ("--labels", "speaker, gender,emotion", "--jobs", "1")
    assert run(*options, *labels, "--out", out) == 0
    vectors = audit_table.read(
        audit_table.AuditFiles(out, None, None),
        audit_table.AuditColumns(["gender"], ["emotion"], "speaker", (), (), ()),
    )
    assert isinstance(vectors.x, np.ndarray)
    np.testing.assert_array_equal(
        vectors.x.astype(np.float32), extract("mel", noises(3), tmp_path / "cache", jobs=1)
    )
    assert vectors.labels.to_dict("list") == {
        "speaker": ["manifest/a", "manifest/b", "manifest/c"],
        "gender": ["female"] * 3,
        "emotion": ["sad", "happy", "angry"],
    }
    record = json.loads((tmp_path / f"{out.name}.run.json").read_text())
    assert record["config"]["labels"] == ["speaker", "gender", "emotion"]


@pytest.mark.parametrize("labels", ["speaker,mood", "file", ""])
def test_labels_that_the_corpus_lacks_are_refused(
    manifest: str, tmp_path: Path, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--corpus", manifest, "--labels", labels, "--out", tmp_path / "x.csv")
    assert run(*options) == 2
    assert "expected some of speaker, gender, emotion, " in capsys.readouterr().err


def test_only_copies_in_the_record_of_the_table_are_removed(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    kept = {"x.copy-2.csv", "x.copy-3.csv", "x.copy-4.csv", "x.copy-01.csv", "x.copy-1.parquet"}
    for name in (*kept - {"x.copy-4.csv"}, "x.copy-1.csv", "x.copy-12.csv"):
        (folder / name).write_text("earlier")
    (folder / "x.copy-4.csv").symlink_to(folder / "x.copy-2.csv")
    copies = [
        {"file": f"x.copy-{number}.csv", "table_checksum": hashlib.sha256(text).hexdigest()}
        for number, text in [(1, b"earlier"), (2, b"changed"), (4, b"earlier"), (12, b"earlier")]
    ]
    (folder / "x.csv.run.json").write_text(json.dumps({"copies": copies}))
    options = ("--corpus", manifest, "--features", "mel", "--cache", tmp_path / "cache")
    assert run(*options, "--jobs", "1", "--out", folder / "x.csv") == 0
    assert {path.name for path in folder.iterdir()} == kept | {"x.csv", "x.csv.run.json"}
    assert "not removed: x.copy-2.csv, x.copy-3.csv\n" in capsys.readouterr().err
    assert (folder / "x.csv").stat().st_mode & 0o777 == 0o600
    record = json.loads((folder / "x.csv.run.json").read_text())
    assert record["copies"] == []
    assert record["config"]["conditions"] == condition_record(0, ())


@pytest.mark.slow
def test_a_refused_extraction_removes_no_copy(manifest: str, tmp_path: Path) -> None:
    damage(tmp_path, "001.wav")
    (tmp_path / "x.copy-1.csv").write_text("earlier")
    options = ("--corpus", manifest, "--features", "mel", "--cache", tmp_path / "cache")
    assert run(*options, "--out", tmp_path / "x.csv") == 2
    assert (tmp_path / "x.copy-1.csv").exists()


def test_the_default_set_is_that_of_the_other_verbs(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--corpus", manifest, "--cache", tmp_path / "cache", "--jobs", "1")
    assert run(*options, "--out", tmp_path / "x.csv", "--json", tmp_path / "x.json") == 0
    features = json.loads((tmp_path / "x.json").read_text())["features"]
    assert features == feature_sets.resolve(feature_sets.AUTOMATIC)
    assert f", features {features}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--features", "IS14", "--out", "x.csv"),
            "--features IS14: expected one of auto, mel, IS13, ComParE_2016, eGeMAPSv02",
        ),
        (("--out", "x.txt"), "x.txt: suffix .txt, expected one of .parquet, .csv, .npz"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_computed(
    manifest: str, options: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--corpus", manifest, *options) == 2
    captured = capsys.readouterr().err
    assert line in captured
    assert len(captured.splitlines()) == 1


def test_a_bad_recording_ends_with_status_two_and_its_name(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sound" / "001.wav").write_text("no sound")
    assert (
        run(
            "--corpus",
            manifest,
            "--out",
            tmp_path / "x.csv",
            "--cache",
            tmp_path / "cache",
            "--jobs",
            "1",
        )
        == 2
    )
    assert "001.wav: not a sound file" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()


def test_a_record_of_the_extraction_stands_beside_the_table(manifest: str, tmp_path: Path) -> None:
    damage(tmp_path, "001.wav")
    options = ("--corpus", manifest, "--features", "mel", "--jobs", "1", "--skip-bad")
    assert run(*options, "--cache", tmp_path / "cache", "--out", tmp_path / "x.csv") == 0
    content = (tmp_path / "x.csv.run.json").read_text()
    record = json.loads(content)
    assert record["config"]["features"] == FEATURE_SETS["mel"].config
    assert record["versions"]["sordino"] == sordino.__version__
    assert (record["utterances"], record["left_out"], record["left_out_files"]) == (2, 1, 1)
    table = (tmp_path / "x.csv").read_bytes()
    assert record["table_checksum"] == hashlib.sha256(table).hexdigest()
    assert run(*options, "--cache", tmp_path / "cache", "--out", tmp_path / "x.csv") == 0
    assert (tmp_path / "x.csv.run.json").read_text() == content


def test_a_refused_extraction_leaves_no_record(manifest: str, tmp_path: Path) -> None:
    damage(tmp_path, "001.wav")
    options = ("--corpus", manifest, "--features", "mel", "--cache", tmp_path / "cache")
    assert run(*options, "--out", tmp_path / "x.csv") == 2
    assert not (tmp_path / "x.csv.run.json").exists()


@pytest.mark.parametrize("options", [(), ("--skip-bad",)], ids=["refused", "skipped"])
def test_a_recording_that_was_cut_short_is_refused_or_skipped(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    file = tmp_path / "sound" / "001.wav"
    file.write_bytes(file.read_bytes()[:-1000])
    paths = ("--cache", tmp_path / "cache", "--out", tmp_path / "x.csv")
    status = run("--corpus", manifest, "--features", "mel", "--jobs", "1", *paths, *options)
    assert status == (0 if options else 2)
    error = capsys.readouterr().err
    assert "001.wav: 1000 bytes of its samples are missing, the file is cut short" in error
    assert "1 of 3 utterances cannot be used" in error


def damage(folder: Path, *names: str) -> None:
    for name in names:
        (folder / "sound" / name).write_bytes(b"<html>404</html>")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_bad_recordings_are_named_one_a_line(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    damage(tmp_path, "000.wav")
    (tmp_path / "sound" / "002.wav").write_bytes(b"")
    options = (
        "--corpus",
        manifest,
        "--cache",
        tmp_path / "cache",
        "--features",
        "mel",
        "--jobs",
        jobs,
    )
    assert run(*options, "--out", tmp_path / "x.csv", "--json", tmp_path / "x.json") == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 3
    assert max(map(len, error.splitlines())) < 250
    assert [
        row["utterance"] for row in json.loads((tmp_path / "x.json").read_text())["unusable"]
    ] == [0, 2]
    assert "2 of 3 utterances cannot be used" in error
    assert "000.wav: not a sound file that can be read, but a web page" in error
    assert "002.wav: an empty file" in error
    assert "--skip-bad" in error
    assert not (tmp_path / "x.csv").exists()


def test_bad_recordings_are_left_out_when_asked_and_counted(
    noises: Callable[..., Corpus], manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(tmp_path, "001.wav")
    out, report = tmp_path / "x.csv", tmp_path / "x.json"
    options = (
        "--corpus",
        manifest,
        "--cache",
        tmp_path / "cache",
        "--features",
        "mel",
        "--jobs",
        "1",
    )
    assert run(*options, "--skip-bad", "--out", out, "--json", report) == 0
    captured = capsys.readouterr()
    assert "2 utterances, 927 numbers each, 1 left out" in captured.out
    assert "1 of 3 utterances cannot be used: left out" in captured.err
    left_out = json.loads(report.read_text())["left_out"]
    assert [Path(row["file"]).name for row in left_out] == ["001.wav"]
    assert "a web page" in left_out[0]["reason"]
    assert [Path(file).name for file in pd.read_csv(out)["file"]] == ["000.wav", "002.wav"]
    corpus = noises(3)
    usable = corpus.select(np.array([0, 2]))
    np.testing.assert_allclose(
        read_vectors(out, usable), extract("mel", usable, tmp_path / "cache"), rtol=1e-6
    )


def test_a_corpus_of_bad_recordings_alone_is_refused(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(tmp_path, "000.wav", "001.wav", "002.wav")
    options = (
        "--corpus",
        manifest,
        "--cache",
        tmp_path / "cache",
        "--features",
        "mel",
        "--skip-bad",
    )
    assert run(*options, "--out", tmp_path / "x.csv") == 2
    assert "3 of 3 utterances cannot be used" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()


def test_absent_recordings_are_unusable_as_others_are(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(tmp_path, "000.wav")
    (tmp_path / "sound" / "001.wav").unlink()
    options = (
        "--corpus",
        manifest,
        "--cache",
        tmp_path / "cache",
        "--features",
        "mel",
        "--out",
        tmp_path / "x.csv",
    )
    assert run(*options) == 2
    error = capsys.readouterr().err
    assert "001.wav: no such recording" in error
    assert "000.wav: not a sound file" in error
    assert run(*options, "--skip-bad") == 0
    assert "1 utterances, 927 numbers each, 2 left out" in capsys.readouterr().out
    assert [Path(file).name for file in pd.read_csv(tmp_path / "x.csv")["file"]] == ["002.wav"]


def test_ten_bad_recordings_are_named_and_the_rest_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.DataFrame(
        {
            "file": [f"gone{row}.wav" for row in range(13)],
            "speaker": "a",
            "gender": "f",
            "emotion": "sad",
        }
    )
    rows.to_csv(tmp_path / "m.csv", index=False)
    options = (
        "--corpus",
        f"manifest={tmp_path / 'm.csv'}",
        "--features",
        "mel",
        "--out",
        tmp_path / "x.csv",
    )
    assert run(*options, "--json", tmp_path / "x.json") == 2
    error = capsys.readouterr().err
    assert error.count("no such recording") == 10
    assert "and 3 more, --json FILE lists all" in error
    assert "13 of 13 utterances cannot be used: repair them" in error
    assert len(json.loads((tmp_path / "x.json").read_text())["unusable"]) == 13
