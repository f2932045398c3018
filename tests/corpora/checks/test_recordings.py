"""A corpus check opens every recording and lists all that cannot be used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner, Result

from sordino.cli.verbs.corpus import app
from sordino.corpora import table
from sordino.corpora.checks.recordings import Bad, check_recordings, summarise_bad
from sordino.corpora.table import Corpus
from tests.corpora.synthetic_trees import recording

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 72862\n"


def flac_cut_short(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000), 16000, format="FLAC")
    path.write_bytes(path.read_bytes()[:9000])


def ogg_cut_short(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 64000), 16000, format="OGG")
    path.write_bytes(path.read_bytes()[:9000])


def wav_cut_short(path: Path) -> None:
    path.write_bytes(recording(path).read_bytes()[:2000])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "pointer": (lambda path: path.write_bytes(POINTER), "a git-lfs pointer"),
    "empty": (Path.touch, "an empty file"),
    "page": (lambda path: path.write_bytes(b"<html>404</html>"), "a web page"),
    "absent": (lambda _: None, "no such recording"),
    "folder": (Path.mkdir, "a folder"),
    "link": (lambda path: path.symlink_to("gone"), "a link to one that is absent"),
    "no samples": (lambda path: recording(path, samples=0), "no samples"),
    "too short": (lambda path: recording(path, samples=100), "expected at least 60"),
    "a WAV": (wav_cut_short, "cut short"),
    "a FLAC": (flac_cut_short, "cut short"),
    "an OGG": (ogg_cut_short, "cut short"),
}


def corpus(folder: Path, kinds: list[str]) -> Corpus:
    """Recordings of these kinds, each between two good ones."""
    files = []
    for number, kind in enumerate(kinds):
        files += [recording(folder / f"{number}.good.wav"), folder / f"{number}.wav"]
        BAD[kind][0](files[-1])
    return table.make(
        "mixed", pd.DataFrame({"file": [str(file) for file in files], "speaker": "anna"})
    )


def test_every_bad_recording_is_listed_with_its_cause(tmp_path: Path) -> None:
    outcome = check_recordings(corpus(tmp_path, list(BAD)))
    assert [recording.row for recording in outcome.bad] == list(range(1, 2 * len(BAD), 2))
    for recording_, (_, cause) in zip(outcome.bad, BAD.values(), strict=True):
        assert cause in recording_.reason
        assert recording_.file not in recording_.reason
    assert outcome.files == 2 * len(BAD)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (0.0, 5.0, "cut from 0 to 5 s"),
        (7.0, np.nan, "cut from 7 to 1 s"),
        (0.5, 0.2, "cut from 0.5 to 0.2 s"),
        (0.5, 0.51, "10 ms, expected at least 60"),
        (0.5, 1.0, ""),
        (0.5, 1.04, ""),
    ],
)
def test_cuts_are_compared_with_the_length(
    tmp_path: Path, start: float, end: float, reason: str
) -> None:
    file = recording(tmp_path / "a.wav", samples=16000)
    rows = pd.DataFrame({"file": [str(file)], "speaker": ["anna"], "start": [start], "end": [end]})
    bad = check_recordings(table.make("cuts", rows)).bad
    assert [recording.reason.split(",")[0] for recording in bad] == (
        [reason.split(",")[0]] if reason else []
    )


def test_a_file_of_another_format_is_read_and_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000, format="FLAC")
    outcome = check_recordings(
        table.make(
            "renamed", pd.DataFrame({"file": [str(tmp_path / "a.wav")], "speaker": ["anna"]})
        )
    )
    assert outcome.renamed == [str(tmp_path / "a.wav")]
    assert outcome.bad == []


def test_a_list_names_ten_and_counts_the_rest() -> None:
    line = summarise_bad([Bad(row, f"{row}.wav", "no samples") for row in range(150)], 200)
    assert line.startswith(
        "150 of 200 utterances cannot be used: utterance 0: 0.wav: no samples; utterance 1: 1.wav"
    )
    assert line.endswith("9.wav: no samples; and 140 more")
    assert "\n" not in line


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["check", "manifest", str(folder / "m.csv"), *options])


def manifest(folder: Path, kinds: list[str]) -> None:
    output = corpus(folder, kinds).table
    rows = output[["file"]].assign(speaker="anna", gender="female", emotion="sad")
    rows.to_csv(folder / "m.csv", index=False)


def test_the_command_shows_ten_and_the_json_has_all(tmp_path: Path) -> None:
    manifest(tmp_path, ["pointer"] * 12)
    done = check(tmp_path, "--json", str(tmp_path / "x.json"))
    assert done.exit_code == 1
    assert done.output.count("a git-lfs pointer") == 10
    assert "12 utterance(s) of 24 recording(s) cannot be used, 2 more than shown" in done.output
    unusable = json.loads((tmp_path / "x.json").read_text())["unusable"]
    assert [row["utterance"] for row in unusable] == list(range(1, 24, 2))
    assert unusable[0]["file"] == "0.wav"


@pytest.mark.parametrize("name", ["gone.wav", "x" * 5000, "gone.csv"])
def test_absent_recordings_are_listed_with_the_others(tmp_path: Path, name: str) -> None:
    manifest(tmp_path, ["pointer"])
    with (tmp_path / "m.csv").open("a") as file:
        file.write(f"{name},anna,female,sad\nsound/gone.wav,anna,female,sad\n")
    done = check(tmp_path, "--json", str(tmp_path / "x.json"))
    assert done.exit_code == 1
    assert "sound/gone.wav: no such recording" in done.output
    unusable = json.loads((tmp_path / "x.json").read_text())["unusable"]
    reasons = {row["file"]: row["reason"].split(":")[0] for row in unusable}
    assert len(reasons) == 3
    assert reasons[name] == reasons["sound/gone.wav"] == "no such recording"


def test_the_command_ends_with_0_where_all_can_be_used(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav")
    (tmp_path / "m.csv").write_text("file,speaker,gender,emotion\na.wav,anna,female,sad\n")
    done = check(tmp_path, "--json", "-")
    assert done.exit_code == 0
    assert "1 recording(s) opened, all usable" in done.stderr
    result = json.loads(done.stdout)
    assert (result["recordings"], result["unusable"]) == (1, [])


@pytest.mark.slow
def test_1440_recordings_are_opened_within_seconds(tmp_path: Path) -> None:
    files = [str(recording(tmp_path / f"{number}.wav")) for number in range(1440)]
    output = table.make("many", pd.DataFrame({"file": files, "speaker": "anna"}))
    begin = time.monotonic()
    assert check_recordings(output).bad == []
    assert time.monotonic() - begin < 10
