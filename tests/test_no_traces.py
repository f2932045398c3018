"""No telemetry: a release, a fit and an audit leave files where the user named a path, and ask
nothing of a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.device.sound.synthesis import synthetic
from sordino.signal import audio
from tests import watched
from tests.device import synthetic_sound_bundle
from tests.study import synthetic_study

pytestmark = pytest.mark.slow

PATIENCE = 4.0
"""Seconds that a process lives on: ONNX Runtime sends its first events within three."""

STATE = {"home/.local/state/sordino/key"}
"""What `sordino release` documents to keep: the key of the device."""

BRISK = """
import warnings; warnings.simplefilter("ignore")
import sordino.attack; sordino.attack.QUICK = ("linear",)
from tests.study import synthetic_study as made
"""


def assert_no_traces(process: watched.Watched, status: int = 0, state: Iterable[str] = ()) -> None:
    assert process.status == status, process.errors
    assert process.network == []
    assert process.remaining <= set(state)
    assert process.elsewhere == []


def test_a_release_leaves_its_table_and_its_key(tmp_path: Path) -> None:
    sound = audio.write(tmp_path / "sound.wav", synthetic(1.0, 16000, 1), 16000)
    arguments = [
        "release",
        str(synthetic_sound_bundle.bundle_path()),
        str(sound),
        "--out",
        "../named/x.npz",
    ]
    code = f"from sordino.cli import main; main({arguments!r})"
    assert_no_traces(watched.run(tmp_path, code, seconds=PATIENCE), state=STATE)
    assert (tmp_path / "named" / "x.npz").exists()


def test_telemetry_that_a_user_left_on_stays_off(tmp_path: Path) -> None:
    bundle = str(synthetic_sound_bundle.bundle_path())
    code = f"from sordino.device import read, Runtime; Runtime(read({bundle!r}), key=1)"
    assert_no_traces(watched.run(tmp_path, code, environment={"ORT_DISABLE_TELEMETRY": "0"}))


def test_the_watch_sees_the_telemetry_of_onnx_runtime(tmp_path: Path) -> None:
    import onnxruntime

    process = watched.run(tmp_path, "import onnxruntime; onnxruntime.disable_telemetry_events()")
    if not process.remaining:
        pytest.skip(f"ONNX Runtime {onnxruntime.__version__} has no telemetry on this system")
    assert any("onnxruntime" in name for name in process.remaining)


def test_the_watch_sees_sockets_and_name_look_ups(tmp_path: Path) -> None:
    code = "import socket; socket.socket(socket.AF_INET6); socket.getaddrinfo('localhost', 80)"
    events = " ".join(watched.run(tmp_path, code).network)
    assert "socket.__new__" in events
    assert "socket.getaddrinfo" in events


def test_a_fit_leaves_its_bundle_its_report_and_its_cache(tmp_path: Path) -> None:
    inputs = synthetic_study.study(tmp_path, speakers=20, takes=1)
    (tmp_path / "sad.toml").write_text(
        'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n'
    )
    code = f"""{BRISK}
from sordino.cli import main
with made.brisk():
    main(["fit", "--policy", "../sad.toml", "--corpus", "manifest={inputs.manifest}",
          "--features", "{inputs.vectors}", "--jobs", "1", "--cache", "../named/cache",
          "--out", "../named/b.sordino", "--report", "../named/report"])
"""
    assert_no_traces(watched.run(tmp_path, code))


def test_an_audit_leaves_its_report(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(24, 2)), columns=list("wx"))
    frame.assign(speaker=np.arange(24) // 3, gender=np.arange(24) // 3 % 2).to_csv(
        tmp_path / "table.csv", index=False
    )
    code = """
import sordino.attack; sordino.attack.QUICK = ("linear",)
from sordino.cli import main
main(["audit", "../table.csv", "--secret", "gender", "--speaker", "speaker", "--quick",
      "--jobs", "2", "--shuffles", "2", "--out", "../named/audit"])
"""
    assert_no_traces(watched.run(tmp_path, code))
