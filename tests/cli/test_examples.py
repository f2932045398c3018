"""Every example in the help runs, in a folder with synthetic files of the names in it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from sordino import cli
from sordino.cli.keys import sign_bundle
from sordino.corpora import synthetic as synthetic_speech
from sordino.device import DailyBudget
from sordino.device.sound.synthesis import synthetic
from sordino.device.trust import ed25519
from sordino.server.database.migration import upgrade
from sordino.server.rights.backup import copy_database
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from sordino.signal import audio
from sordino.signal.conditions import CONDITIONS
from sordino.study import conditions, protocol, tracking
from sordino.study.adaptation import cross_corpus, personalisation
from sordino.study.jaiswal2020 import variants
from sordino.study.protocol import POLICIES
from tests.attack.test_vector_audit import table
from tests.cli.commands import commands, examples
from tests.device.synthetic_sound_bundle import RATE, bundle_path, speech
from tests.features.shards.stored_sounds import samples, write_tar
from tests.study import synthetic_study

pytestmark = pytest.mark.slow

ENDLESS: Final = ("gateway run", "serve")
"""Verbs that run until Ctrl-C; their own tests start and end them."""

EXAMPLES: Final = [
    (name, line)
    for name, command in commands().items()
    for line in examples(command)
    if name not in ENDLESS
]
SLOW: Final = ("audit", "demo", "reproduce", "compare", "study", "fit", "bench", "words")
"""Verbs that fit models or measure time."""
STATEFUL: Final = ("release", "budget", "gateway")
"""Verbs of a device, which keep keys and counts in a folder of the user."""
EXPECTED: Final = ("made the key of this device: ", "shown once: ")
"""How the lines on a new key and a new token begin."""
PROGRESS: Final = re.compile(
    r": [\d,]+ of [\d,]+, |^[\d,]+ utterances of |^compares releases on |^checks \w+ in "
)
"""A line of progress; most are for a slow machine."""
DIFFERS: Final = ("corpus check",)
"""Commands that end with status 1, since a synthetic corpus differs from the published counts."""

EMOTIONS: Final = {
    "neutral": ("01", "N"),
    "happy": ("03", "F"),
    "sad": ("04", "T"),
    "angry": ("05", "W"),
}
"""The codes of RAVDESS and of EMO-DB."""
EMODB_SPEAKERS: Final = {"female": (8, 9, 13, 14, 16), "male": (3, 10, 11, 12, 15)}


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
    for gender, speakers in EMODB_SPEAKERS.items():
        for emotion, (ravdess, emodb) in EMOTIONS.items():
            for actor in range(1 + (gender == "female"), 21, 2):
                path = folder / "data" / "ravdess" / f"Actor_{actor:02d}"
                name = f"03-01-{ravdess}-01-01-01-{actor:02d}.wav"
                audio.write(path / name, sound(emotion, gender, actor), 16000)
            for speaker in speakers:
                path = folder / "data" / "emodb" / "wav" / f"{speaker:02d}a01{emodb}a.wav"
                audio.write(path, sound(emotion, gender, 100 + speaker), 16000)
    for name in ("monday.wav", "tuesday.wav"):
        audio.write(folder / name, synthetic(1.0, 16000, len(name)), 16000)
    audio.write(folder / "call.wav", speech(), RATE)
    write_tar(folder / "sounds.tar", samples(3))
    rows = [
        {"file": name, "speaker": name, "emotion": "sad", "transcript": "the cup fell on the floor"}
        for name in ("monday.wav", "tuesday.wav")
    ]
    pd.DataFrame(rows).assign(gender="female").to_csv(folder / "recordings.csv", index=False)
    x, genders, speaker_names = table(2.0)
    vectors = pd.DataFrame(x, columns=[f"d{axis}" for axis in range(x.shape[1])])
    emotions = np.tile(["neutral", "sad"], len(x) // 2)
    vectors.assign(gender=genders, speaker=speaker_names, emotion=emotions).to_parquet(
        folder / "vectors.parquet"
    )
    (folder / "policy.toml").write_text(
        'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n'
    )
    for name, content in zip(("maker.pem", "maker.pub.pem"), ed25519.generate(), strict=True):
        (folder / name).write_bytes(content)
    shutil.copyfile(bundle_path(), folder / "mute.sordino")
    sign_bundle(folder / "mute.sordino", folder / "maker.pem", 1, None)
    today = datetime.now(UTC).date()
    DailyBudget(folder / "state" / "sordino" / "budget", lambda: today).spend(3)
    settings = ServerSettings(folder / "server")
    settings.folder.mkdir()
    store = Store(settings)
    upgrade(store.engine)
    store.close()
    copy_database(settings, folder / "old.sqlite3")
    (folder / "bin").mkdir()
    (folder / "bin" / "sordino").write_text(f'#!/bin/sh\nexec {sys.executable} -m sordino "$@"\n')
    (folder / "bin" / "sordino").chmod(0o755)
    return folder


def example_cases(slow: bool) -> list[pytest.ParameterSet]:
    cases = [case for case in EXAMPLES if (case[0].split()[0] in SLOW) == slow]
    return [pytest.param(*case, id=case[1][:60]) for case in cases]


@pytest.mark.parametrize(("name", "line"), example_cases(slow=False))
def test_an_example_runs(
    name: str,
    line: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In this process; in another where it has a pipe, or a folder of state since its import."""
    folder = tmp_path / "folder"
    shutil.copytree(source, folder)
    if name == "bundle key":
        for path in folder.glob("maker*"):
            path.unlink()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    if "|" in line or name.split()[0] in STATEFUL:
        status: object = shell_status(line, folder)
    else:
        with pytest.raises(SystemExit) as exit_info:
            cli.main(shlex.split(line)[1:])
        status = exit_info.value.code or 0
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not PROGRESS.search(line)]
    unexpected = [line for line in lines if not line.startswith(EXPECTED)]
    assert (status, unexpected) == (int(name in DIFFERS), [])
    assert out


def shell_status(line: str, folder: Path) -> int:
    """The exit status of a command of the shell, in which `sordino` is ours."""
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    words = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(words, env=environment, check=False, timeout=300).returncode


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few epochs, one policy, one draw, one attacker and ten synthetic speakers."""
    options = partial(
        variants.JaiswalOptions,
        epochs=1,
        families=("linear",),
        shuffles=2,
        selections=1,
        word_dims=8,
    )
    takes = {emotion: {"normal": 1} for emotion in synthetic_speech.TAKES}
    monkeypatch.setattr(variants, "JaiswalOptions", options)
    quick: dict[str, Any] = {"policies": POLICIES[:1], "fitters": synthetic_study.FITTERS}
    bundle_options = replace(protocol.BUNDLE_OPTIONS, families=("linear",))
    monkeypatch.setattr(protocol, "BUNDLE_OPTIONS", bundle_options)
    two = {"conditions": CONDITIONS[:2]}
    week = tracking.Simulation(7, utterances=(20,), users=1)
    for study, name, further in (
        (cross_corpus, "carry", {}),
        (personalisation, "personalise", {}),
        (conditions, "evaluate", two),
        (tracking, "evaluate", {"simulation": week, "folds": 2}),
    ):
        monkeypatch.setattr(study, name, partial(getattr(study, name), **quick, **further))
    monkeypatch.setattr("sordino.signal.conditions.CONDITIONS", CONDITIONS[:2])  # the demo's
    monkeypatch.setattr(synthetic_speech, "TAKES", takes)
    monkeypatch.setattr(synthetic_speech, "make", partial(synthetic_speech.make, speakers=10))
    monkeypatch.setattr("sordino.attack.QUICK", ("linear",))
    monkeypatch.setattr("sordino.cli.verbs.bench.STARTS", 1)
    with synthetic_study.brisk(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        yield


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("name", "line"), example_cases(slow=True))
def test_an_example_with_models_runs(
    name: str,
    line: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if line == "sordino demo":
        pytest.importorskip("espeakng_loader")
    shutil.copytree(source, tmp_path / "folder")
    monkeypatch.chdir(tmp_path / "folder")
    options = {parameter.opts[0] for parameter in commands()[name].params}
    local = {"--cache": "cache", "--jobs": "1"}
    added = [word for option in local.items() if option[0] in options for word in option]
    with pytest.raises(SystemExit) as exit_info:
        cli.main([*shlex.split(line)[1:], *added])
    above = name == "fit" and "No release is within the budget" in capsys.readouterr().out
    assert exit_info.value.code == int(above)  # a budget may be too small for so few speakers
