"""`sordino release` on a stream: rows as they come, and a clean end however it ends."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sordino.cli import main
from sordino.device import table
from sordino.errors import ReleaseError, StorageError
from tests.device.synthetic_sound_bundle import RATE, bundle_path, prototypes, speech

COMMAND = [sys.executable, "-c", "from sordino.cli import main; main()", "release"]


def wav(rate: int = RATE, endless: bool = False) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, speech(rate), rate, format="WAV", subtype="PCM_16")
    data = content.getvalue()
    at = data.index(b"data") + 4
    return data[:at] + b"\xff" * 4 + data[at + 4 :] if endless else data


def run(
    monkeypatch: pytest.MonkeyPatch, sound: bytes, *arguments: object, bundle: Path | None = None
) -> int | str | None:
    """The exit status of `sordino release BUNDLE - ...` that hears these bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sound)))
    path = str(bundle or bundle_path())
    with pytest.raises(SystemExit) as exit_info:
        main(["release", path, "-", "--draw-key", "7", *map(str, arguments)])
    return exit_info.value.code


def rows(path: Path) -> set[bytes]:
    return {row.tobytes() for row in pd.read_csv(path).iloc[:, 1:].to_numpy(np.float32)}


@pytest.mark.parametrize(("rate", "endless"), [(RATE, False), (48000, True)])
def test_every_utterance_of_a_stream_becomes_a_row(
    rate: int,
    endless: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "released.csv"
    assert run(monkeypatch, wav(rate, endless), "--out", out, "--json", "-") == 0
    unsigned = {"signed": False, "verified": False}
    assert json.loads(capsys.readouterr().out) == {
        "policy": "mine",
        "released": 4,
        "withheld": {},
        "out": str(out),
        "signature": unsigned,
    }
    assert pd.read_csv(out)["utterance"].is_unique
    out.unlink()
    assert run(monkeypatch, wav(rate, endless), "--out", out, "--paths") == 0
    assert pd.read_csv(out)["file"].tolist() == ["-"] * 4
    assert rows(out) <= prototypes()
    assert run(monkeypatch, wav(rate), "--out", tmp_path / "released.npz") == 0
    assert np.load(tmp_path / "released.npz")["x"].shape == (4, 24)


def test_samples_without_a_header_are_heard_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = (speech() * 32767).astype("<i2").tobytes()
    assert run(monkeypatch, sound, "--raw", RATE, "--out", tmp_path / "released.csv") == 0
    assert len(pd.read_csv(tmp_path / "released.csv")) == 4


def test_a_table_that_stands_there_is_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (4, 8):
        assert run(monkeypatch, wav(), "--out", tmp_path / "released.csv") == 0
        assert len(pd.read_csv(tmp_path / "released.csv")) == count


def test_a_table_of_a_stream_is_replaced_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert run(monkeypatch, wav(), "--out", tmp_path / "released.csv", "--replace") == 0
        assert len(pd.read_csv(tmp_path / "released.csv")) == 4


def test_the_budget_of_the_policy_is_kept_over_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sordino.cli.verbs.release.STATE", tmp_path / "state")
    for count in (4, 5):
        run(monkeypatch, wav(), "--out", tmp_path / "released.csv", bundle=bundle_path(5))
        assert len(pd.read_csv(tmp_path / "released.csv")) == count
    assert (
        "-: nothing released: more vectors than the policy still allows today"
        in capsys.readouterr().err
    )
    assert (tmp_path / "state" / "budget").is_file()


@pytest.mark.parametrize(
    ("sound", "arguments", "message"),
    [
        (b"", (), "standard input is no WAV stream"),
        (b"", ("--raw", "4000"), "-: 4000 Hz, expected 8000 to 384000"),
    ],
)
def test_what_is_no_stream_says_so(
    sound: bytes,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, sound, "--out", tmp_path / "released.npz", *arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_raw_without_standard_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["release", str(bundle_path()), "one.wav", "--raw", "16000", "--out", "x.csv"])
    assert "--raw 16000 without standard input" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_ends_an_endless_stream_cleanly(tmp_path: Path) -> None:
    out = tmp_path / "released.csv"
    with subprocess.Popen(
        [*COMMAND, str(bundle_path()), "-", "--draw-key", "7", "--out", str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as listening:
        assert listening.stdin is not None
        listening.stdin.write(wav(endless=True))
        listening.stdin.flush()
        for _ in range(600):
            if out.exists() and out.read_bytes().count(b"\n") == 5:  # while the stream goes on
                break
            time.sleep(0.1)
        listening.send_signal(signal.SIGINT)
        output, complaints = listening.communicate(timeout=60)
    assert (listening.returncode, complaints) == (0, b"")
    assert b"4 vectors released, 0 withheld" in output
    assert rows(out) <= prototypes()


def test_ctrl_c_writes_a_table_of_all_released_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if not (content := super().read(size)):
                raise KeyboardInterrupt
            return content

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupted(wav(endless=True))))
    with pytest.raises(SystemExit) as exit_info:
        main(["release", str(bundle_path()), "-", "--out", str(tmp_path / "released.npz")])
    assert exit_info.value.code == 0
    assert len(np.load(tmp_path / "released.npz")["x"]) == 4


def test_a_line_that_was_left_half_does_not_spoil_the_next(tmp_path: Path) -> None:
    table.GrowingTable(tmp_path / "released.csv", 2).add("-", np.array([1, 2], np.float32))
    with (tmp_path / "released.csv").open("a") as file:
        file.write("-,3")
    table.GrowingTable(tmp_path / "released.csv", 2).add("-", np.array([5, 6], np.float32))
    assert (tmp_path / "released.csv").read_text() == "file,x0,x1\n-,1.0,2.0\n-,3\n-,5.0,6.0\n"


def test_another_table_is_not_added_to(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("speaker,age\n")
    with pytest.raises(ReleaseError, match="another table stands there"):
        table.GrowingTable(tmp_path / "mine.csv", 2)
    assert (tmp_path / "mine.csv").read_text() == "speaker,age\n"


def test_a_row_for_which_there_is_no_room_leaves_whole_lines(tmp_path: Path) -> None:
    code = f"""
import resource, signal
import numpy as np
from sordino.device import table
from sordino.errors import StorageError
lines = table.GrowingTable({str(tmp_path / "released.csv")!r}, 2)
lines.add("-", np.array([1, 2], np.float32))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (25, resource.RLIM_INFINITY))
try:
    lines.add("-", np.array([3, 4], np.float32))
except StorageError as error:
    print("told")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "told\n"
    assert (tmp_path / "released.csv").read_text() == "file,x0,x1\n-,1.0,2.0\n"


def test_a_place_that_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="a folder, expected a file"):
        table.GrowingTable(tmp_path, 2)
