"""The verbs of a bundle: release, show, measure; and what to install where something is missing."""

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
from sordino.features.labelled import read_labelled
from sordino.signal import audio
from tests.device.synthetic_bundles import bundled, talking


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    return left.value.code


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
    assert run("release", talking(), *sounds, "--out", out, "--seed", 3) == 0
    x = read_labelled(out, ()).x
    assert x.shape == (2, 8)
    assert run("release", talking(), *sounds, "--out", tmp_path / "again.npz", "--seed", 3) == 0
    np.testing.assert_allclose(np.load(tmp_path / "again.npz")["x"], x, rtol=1e-6)
    if suffix == ".csv":
        assert list(pd.read_csv(out).columns[:2]) == ["utterance", "x0"]
        assert run("release", talking(), *sounds, "--out", out, "--seed", 3, "--paths") == 0
        assert list(pd.read_csv(out)["file"]) == [str(one) for one in sounds]


def test_a_device_keeps_its_key_so_that_asking_twice_tells_nothing_new(
    sounds: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = []
    for device in ("one", "one", "other"):
        monkeypatch.setattr("sordino.cli.verbs.release.STATE", tmp_path / device)
        assert run("release", talking(), *sounds, "--out", tmp_path / "x.npz") == 0
        found.append(np.load(tmp_path / "x.npz")["x"])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    key = tmp_path / "other" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"short")
    assert run("release", talking(), *sounds, "--out", tmp_path / "x.npz") == 2
    assert "5 bytes, expected a key of 16" in capsys.readouterr().err


def test_of_what_cannot_be_used_nothing_is_released(
    sounds: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, text = audio.write(tmp_path / "short.wav", np.zeros(900), 16000), tmp_path / "text.wav"
    text.write_text("no sound")
    out = tmp_path / "released.npz"
    assert run("release", talking(), sounds[0], short, text, "--out", out, "--json", "-") == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["released"], set(found["withheld"])) == (1, {str(short), str(text)})
    assert f"{text}: nothing released: not a sound file that can be read" in said.err
    assert found["utterances"] == {np.load(out)["utterances"].item(): str(sounds[0])}
    out.unlink()
    assert run("release", talking(), text, "--out", out) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("a.wav", "--out", "x.txt"), r"x.txt: suffix .txt, expected one of .npz, .csv, .parquet"),
        (
            ("a.wav", "--out", "x.npz", "--policy", "theirs"),
            "policy 'theirs', expected one of mine",
        ),
        (("--out", "x.npz"), "nothing to hear, expected FILE, - or --microphone"),
    ],
)
def test_what_cannot_be_released_says_so(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release", talking(), *arguments) == 2
    assert says in capsys.readouterr().err


def test_show_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "show", bundled("drawn")) == 0
    said = capsys.readouterr().out
    for line in (
        "commercial use",
        "open",
        "speakers: 20",
        "no leak found",
        "bound_auc: cannot tell",
        "Policy mine: drawn",
    ):
        assert line in said
    assert run("bundle", "show", bundled("drawn"), "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["card"]["features"]["dims"] == 60
    assert found["policies"][0]["policy"]["required"] == "sad"


def test_a_changed_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "b.sordino"
    broken.write_bytes(bundled("drawn").read_bytes().replace(b"planted", b"planned", 1))
    assert run("bundle", "show", broken) == 2
    assert "no bundle, or one that was changed: copy it anew" in capsys.readouterr().err


def test_bench_measures_all_that_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sordino.cli.verbs.bench.STARTS", 1)
    assert run("bench", "device", bundled("drawn"), "--json", tmp_path / "b.json") == 0
    found = json.loads((tmp_path / "b.json").read_text())
    speed = {"latency_ms_p50", "latency_ms_p99", "rtf", "rss_mb", "cold_start_s"}
    assert set(found) == speed | {"bundle_bytes", "signature"}
    assert found["signature"] == "unsigned"
    assert found["rtf"] is None  # vectors made elsewhere
    assert found["bundle_bytes"] == bundled("drawn").stat().st_size
    assert 0 < found["latency_ms_p50"] <= found["latency_ms_p99"]
    assert found["rss_mb"] > 10


@pytest.mark.parametrize(
    ("package", "verb", "extra"),
    [("pandas", ["demo", "--out", "x"], "lab"), ("onnxruntime", ["bundle", "show", "x"], "device")],
)
def test_without_a_package_the_error_says_what_to_install(
    package: str, verb: list[str], extra: str
) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from sordino.cli import main; main({verb!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == f"{package} is not installed, expected it for this: pip install sordino[{extra}]\n"
    )
