"""Every example in the help runs, in a folder with synthetic files of the names in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest

from sordino.cli.keys import sign_bundle
from sordino.device import DailyBudget
from sordino.device.sound.synthesis import synthetic
from sordino.device.trust import ed25519
from sordino.signal import audio
from tests.attack.test_vector_audit import table
from tests.cli.commands import commands, examples
from tests.device.synthetic_sound_bundle import RATE, place, said

EXAMPLES: Final = [
    (name, line) for name, command in commands().items() for line in examples(command)
]
SLOW: Final = ("audit", "demo", "reproduce", "compare", "study", "fit", "bench", "words")
"""Verbs that fit models or measure time."""
DIFFERS: Final = ("corpus check",)
"""Commands that end with status 1, since a synthetic corpus differs from the published counts."""

EMOTIONS: Final = {
    "neutral": ("01", "N"),
    "happy": ("03", "F"),
    "sad": ("04", "T"),
    "angry": ("05", "W"),
}
"""The codes of RAVDESS and of EMO-DB."""
ACTORS: Final = {"female": (8, 9, 13, 14, 16), "male": (3, 10, 11, 12, 15)}
"""Speakers of EMO-DB."""

PROGRAM: Final = """
from functools import partial
from sordino import attack, cli
from sordino.corpora import synthetic
from tests.study import synthetic_study

attack.QUICK = ("linear",)
synthetic.TAKES = {emotion: {"normal": 1} for emotion in synthetic.TAKES}
synthetic.make = partial(synthetic.make, speakers=10)
if __name__ == "__main__":
    with synthetic_study.brisk(1):
        cli.main()
"""
"""`sordino` with few epochs, one policy, one attacker, and a small synthetic corpus."""


def sound(emotion: str, gender: str, seed: int) -> np.ndarray:
    """Half a second with a pitch, a loudness and a colour that follow emotion and gender."""
    generator = np.random.default_rng(seed)
    time = np.arange(8000) / 16000
    pitch = (220 if gender == "female" else 120) * (1 + 0.1 * list(EMOTIONS).index(emotion))
    phase = 2 * np.pi * pitch * generator.normal(1, 0.02) * time
    tone = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 6))
    loudness = 0.05 * (1 + list(EMOTIONS).index(emotion))
    return loudness * tone * (1 + np.sin(2 * np.pi * 4 * time)) / 2 + generator.normal(
        0, 0.01, 8000
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the examples read."""
    folder = tmp_path_factory.mktemp("examples")
    for number, (gender, emotion, take) in enumerate(
        (gender, emotion, take) for gender in ACTORS for emotion in EMOTIONS for take in range(5)
    ):
        ravdess, emodb = EMOTIONS[emotion]
        actor = 2 * take + 1 + (gender == "female")
        samples = sound(emotion, gender, number)
        path = folder / "data" / "ravdess" / f"Actor_{actor:02d}"
        audio.write(path / f"03-01-{ravdess}-01-01-01-{actor:02d}.wav", samples, 16000)
        path = folder / "data" / "emodb" / "wav"
        audio.write(path / f"{ACTORS[gender][take]:02d}a01{emodb}a.wav", samples, 16000)
    for name in ("monday.wav", "tuesday.wav"):
        audio.write(folder / name, synthetic(1.0, 16000, len(name)), 16000)
    audio.write(folder / "call.wav", said(), RATE)
    rows = [
        {"file": name, "speaker": name, "emotion": "sad", "transcript": "the cup fell on the floor"}
        for name in ("monday.wav", "tuesday.wav")
    ]
    pd.DataFrame(rows).assign(gender="female").to_csv(folder / "recordings.csv", index=False)
    x, gender, speaker = table(2.0)
    vectors = pd.DataFrame(x, columns=[f"d{axis}" for axis in range(x.shape[1])])
    emotion = np.tile(["neutral", "sad"], len(x) // 2)
    vectors.assign(gender=gender, speaker=speaker, emotion=emotion).to_parquet(
        folder / "vectors.parquet"
    )
    (folder / "policy.toml").write_text(
        'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n'
    )
    for name, content in zip(("maker.pem", "maker.pub.pem"), ed25519.generate(), strict=True):
        (folder / name).write_bytes(content)
    shutil.copyfile(place(), folder / "mute.sordino")
    sign_bundle(folder / "mute.sordino", folder / "maker.pem", 1, None)
    today = datetime.now(UTC).date()
    DailyBudget(folder / "state" / "sordino" / "budget", lambda: today).spend(3)
    (folder / "bin").mkdir()
    (folder / "program.py").write_text(PROGRAM)
    script = f'#!/bin/sh\nexec {sys.executable} $PROGRAM "$@"\n'
    (folder / "bin" / "sordino").write_text(script)
    (folder / "bin" / "sordino").chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(
            *example, id=example[1][:60], marks=[pytest.mark.slow] * (example[0].split()[0] in SLOW)
        )
        for example in EXAMPLES
    ],
)
def test_an_example_runs(name: str, line: str, source: Path, tmp_path: Path) -> None:
    if line == "sordino demo":
        pytest.importorskip("espeakng_loader")
    folder = tmp_path / "folder"
    shutil.copytree(source, folder)
    if name == "bundle key":
        for path in folder.glob("maker*"):
            path.unlink()
    root, slow = Path(__file__).parents[2], name.split()[0] in SLOW
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env={
            **os.environ,
            "PROGRAM": "program.py" if slow else "-m sordino",
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (int(name in DIFFERS), "")
    assert done.stdout
