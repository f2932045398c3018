"""The verbs of a bundle: release, show, bench; and the error for a missing package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.cli import main
from sordino.device.sound.synthesis import synthetic
from sordino.errors import install_step
from sordino.features.labelled import read_labelled
from sordino.signal import audio
from tests.device.synthetic_bundles import bundled, talking
from tests.device.synthetic_sound_bundle import bundle_path


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    return exit_info.value.code


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's key and count stay within the test."""
    monkeypatch.setattr("sordino.cli.verbs.release.STATE", tmp_path / "state")


@pytest.fixture
def sounds(tmp_path: Path) -> list[Path]:
    rates = (16000, 44100)
    return [
        audio.write(tmp_path / f"{rate}.wav", synthetic(0.5, rate, rate), rate) for rate in rates
    ]


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_recordings_become_a_table_of_released_vectors(
    suffix: str, sounds: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / f"released{suffix}"
    assert run("release", talking(), *sounds, "--out", out, "--draw-key", 3) == 0
    x = read_labelled(out, ()).x
    assert isinstance(x, np.ndarray)
    assert x.shape == (2, 8)
    assert run("release", talking(), *sounds, "--out", tmp_path / "again.npz", "--draw-key", 3) == 0
    np.testing.assert_allclose(np.load(tmp_path / "again.npz")["x"], x, rtol=1e-6)
    if suffix == ".csv":
        assert list(pd.read_csv(out).columns[:2]) == ["utterance", "x0"]
        assert run("release", talking(), *sounds, "--out", out, "--replace", "--paths") == 0
        assert list(pd.read_csv(out)["file"]) == [str(path) for path in sounds]


def test_a_device_stores_its_key_and_repeats_its_draws(
    sounds: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables = []
    for device in ("first", "first", "second"):
        monkeypatch.setattr("sordino.cli.verbs.release.STATE", tmp_path / device)
        assert run("release", talking(), *sounds, "--out", tmp_path / "x.npz", "--replace") == 0
        tables.append(np.load(tmp_path / "x.npz")["x"])
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])
    key = tmp_path / "second" / "key"
    assert capsys.readouterr().err.count("made the key of this device") == 2
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"short")
    assert run("release", talking(), *sounds, "--out", tmp_path / "y.npz") == 2
    assert "5 bytes, expected a key of 16" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".jsonl"])
def test_a_table_that_stands_there_stays_and_costs_no_budget(
    suffix: str, sounds: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, count = tmp_path / f"released{suffix}", tmp_path / "count"
    out.write_text("the vectors of Monday")
    command = ("release", talking(), *sounds, "--out", out, "--budget-file", count)
    assert run(*command) == 2
    assert f"{out}: a file stands there, expected none" in capsys.readouterr().err
    assert out.read_text() == "the vectors of Monday"
    assert not count.exists()
    assert run(*command, "--replace") == 0
    assert out.read_bytes()[:3] != b"the"


def test_rows_are_those_of_the_server(sounds: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "released.jsonl"
    assert run("release", bundle_path(), *sounds, "--out", out) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [sorted(row) for row in rows] == [["number", "prototype"]] * 2
    assert [row["number"] for row in rows] == [1, 2]


def test_nothing_is_released_for_unusable_recordings(
    sounds: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, text = audio.write(tmp_path / "short.wav", np.zeros(900), 16000), tmp_path / "text.wav"
    text.write_text("no sound")
    out = tmp_path / "released.npz"
    assert run("release", talking(), sounds[0], short, text, "--out", out, "--json", "-") == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["released"], set(result["withheld"])) == (1, {str(short), str(text)})
    assert f"{text}: nothing released: not a sound file that can be read" in captured.err
    assert result["utterances"] == {np.load(out)["utterances"].item(): str(sounds[0])}
    report = tmp_path / "report.json"
    out.unlink()
    assert run("release", talking(), sounds[0], "--out", out, "--json", report) == 0
    assert report.stat().st_mode & 0o777 == 0o600  # it names the recording of each id
    out.unlink()
    assert run("release", talking(), text, "--out", out) == 1
    assert not out.exists()


def test_centring_keeps_a_private_mean_until_it_is_forgotten(
    sounds: list[Path], tmp_path: Path
) -> None:
    state, out = tmp_path / "mean.json", tmp_path / "released.npz"
    options = ("--out", out, "--replace", "--centring", state)
    arguments = ("release", bundle_path(), *sounds, *options)
    assert run(*arguments, "--warm-up", 1) == 1
    assert (len(np.load(out)["x"]), json.loads(state.read_text())["count"]) == (1, 2)
    assert state.stat().st_mode & 0o777 == 0o600
    before, unmet = state.read_bytes(), tmp_path / "floor.toml"
    unmet.write_text("width = 1\n")
    assert run(*arguments, "--forget", "--floor", unmet) == 2
    assert state.read_bytes() == before  # a refused bundle changes no file
    assert run(*arguments, "--forget") == 0
    assert json.loads(state.read_text())["count"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.wav", "--out", "x.txt"), r"x.txt: suffix .txt, expected one of .npz, .csv, .parquet"),
        (
            ("a.wav", "--out", "x.npz", "--policy-name", "theirs"),
            "policy 'theirs', expected one of mine",
        ),
        (("a.wav", "--out", "x.npz", "--forget"), "--forget without --centring, expected its FILE"),
        (("--out", "x.npz"), "no input, expected FILE, - or --microphone"),
    ],
)
def test_an_invalid_call_is_an_error(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release", talking(), *arguments) == 2
    assert message in capsys.readouterr().err


def test_show_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "show", bundled("drawn")) == 0
    captured = capsys.readouterr().out
    for line in (
        "commercial use",
        "open",
        "speakers: 20",
        "no leak found",
        "bound_auc: cannot tell",
        "Policy mine: drawn",
    ):
        assert line in captured
    assert all(line == line.rstrip() for line in captured.splitlines())
    assert run("bundle", "show", bundled("drawn"), "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["card"]["features"]["dims"] == 60
    assert result["policies"][0]["policy"]["required"] == "sad"


def test_cards_and_schemas_load_no_package_of_the_lab(tmp_path: Path) -> None:
    card = ["bundle", "model-card", str(bundled("drawn")), "--out", str(tmp_path / "README.md")]
    code = (
        "import sys\nfrom sordino.cli import main\n"
        f"for verb in ({card!r}, ['schema', 'audit']):\n"
        "    try:\n        main(verb)\n    except SystemExit as end:\n        assert not end.code\n"
        "assert not {'torch', 'matplotlib', 'pandas', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (tmp_path / "README.md").is_file()


def test_a_changed_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "b.sordino"
    broken.write_bytes(bundled("drawn").read_bytes().replace(b"planted", b"planned", 1))
    assert run("bundle", "show", broken) == 2
    assert "no bundle, or one that was changed: copy it anew" in capsys.readouterr().err


@pytest.mark.slow
def test_bench_measures_every_figure_of_its_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sordino.cli.verbs.bench.STARTS", 1)
    assert run("bench", "device", bundled("drawn"), "--json", tmp_path / "b.json") == 0
    result = json.loads((tmp_path / "b.json").read_text())
    speed = {"latency_ms_p50", "latency_ms_p99", "rtf", "rss_mb", "cold_start_s"}
    assert set(result) == speed | {"bundle_bytes", "signature"}
    assert result["signature"] == "unsigned"
    assert result["rtf"] is None  # vectors made elsewhere
    assert result["bundle_bytes"] == bundled("drawn").stat().st_size
    assert 0 < result["latency_ms_p50"] <= result["latency_ms_p99"]
    assert result["rss_mb"] > 10


@pytest.mark.parametrize(
    ("package", "verb", "extra"),
    [
        ("pandas", ["demo", "--out", "x"], "lab"),
        ("onnxruntime", ["release", "x", "a.wav", "--out", "y.npz"], "device"),
    ],
)
def test_a_missing_package_error_names_the_extra(package: str, verb: list[str], extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from sordino.cli import main; main({verb!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == f"{package} is not installed, expected it for this: {install_step(extra)}\n"
    )
