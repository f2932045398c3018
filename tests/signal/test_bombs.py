"""No small file costs much time or memory, and no file or device hangs the reader."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sordino.errors import AudioError
from sordino.features import renderings
from sordino.signal import audio
from tests.signal import synthetic_sounds
from tests.signal.synthetic_sounds import noise

LIMIT_MB = 1024
"""Address space of a process that reads the longest utterance: what Python and its libraries map,
and 200 MB.
"""

READ = """
import resource, sys
from sordino.signal import audio
audio.read(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limit = int(sys.argv[3]) << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print(audio.read(sys.argv[1]).size)
except Exception as error:
    print(type(error).__name__, error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def silence(path: Path, rate: int, channels: int, seconds: int) -> Path:
    """A FLAC of silence: kilobytes that stand for gigabytes."""
    with soundfile.SoundFile(path, "w", rate, channels, format="FLAC", subtype="PCM_16") as sound:
        for _ in range(seconds):
            sound.write(np.zeros((rate, channels), np.int16))
    return path


def read_within_limits(path: Path, folder: Path) -> tuple[str, int]:
    """What a process of limited memory says of a file, and the KB that reading it took."""
    small = audio.write(folder / "small.wav", noise(0.5))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(small), str(LIMIT_MB)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    output, kilobytes = done.stdout.splitlines()
    return output, int(kilobytes)


@pytest.mark.slow
def test_the_longest_utterance_takes_under_200_mb(tmp_path: Path) -> None:
    output, kilobytes = read_within_limits(silence(tmp_path / "long.flac", 48000, 1, 600), tmp_path)
    assert output == str(600 * 16000)
    assert kilobytes < 200_000


def test_a_flac_at_655350_hz_is_refused_at_once(tmp_path: Path) -> None:
    path = silence(tmp_path / "bomb.flac", 48000, 1, 5)
    content = bytearray(path.read_bytes())
    content[18:21] = (655350 << 4 | content[20] & 0xF).to_bytes(3, "big")
    path.write_bytes(content)
    begin = time.monotonic()
    with pytest.raises(AudioError, match=r"655350 Hz, expected at most 64 at 4000 to 384000 Hz"):
        audio.read(path)
    assert time.monotonic() - begin < 2


def test_many_channels_at_a_high_rate_are_refused(tmp_path: Path) -> None:
    path = silence(tmp_path / "bomb.flac", 96000, 8, 5)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0]) + (600 * 96000).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(
        AudioError, match=r"600 s of 8 channels at 96000 Hz, expected at most 115,200,000 samples"
    ):
        audio.read(path)


def test_a_bomb_of_unknown_length_is_refused_at_the_limit(tmp_path: Path) -> None:
    path = silence(tmp_path / "bomb.flac", 16000, 1, 900)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0]) + bytes(4)
    path.write_bytes(content)
    output, kilobytes = read_within_limits(path, tmp_path)
    assert output.startswith("AudioError")
    assert "at most 600 s" in output
    assert kilobytes < 200_000


def endless(path: Path) -> Path:
    """A FLAC of an hour of silence, without its length."""
    silence(path, 4000, 1, 3600)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0]) + bytes(4)
    path.write_bytes(content)
    return path


def test_measuring_an_endless_flac_ends_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = endless(tmp_path / "bomb.flac")
    assert audio.duration(path) == 3600
    monkeypatch.setattr(audio, "MOST_COUNTED", 4000 * 1000)
    with pytest.raises(AudioError, match=r"over 10\d\d s .*, expected at most 1000 s: convert it"):
        audio.duration(path)


def test_noise_of_endless_length_is_decoded_up_to_its_limit(tmp_path: Path) -> None:
    endless(tmp_path / "bomb.flac")
    with pytest.raises(AudioError, match=r"over 6\d\d s .*, expected at most 600 s: convert it"):
        renderings.noises(tmp_path)


@pytest.mark.parametrize("form", [{"rate": 3999}, {"channels": 65}])
def test_no_length_is_measured_at_odd_rates_and_channels(
    tmp_path: Path, form: dict[str, int]
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(synthetic_sounds.wav(np.zeros(20_000), rate=form.pop("rate", 16000), **form))
    with pytest.raises(AudioError, match=r"Hz, expected at most 64|not a sound file"):
        audio.duration(path)


@pytest.mark.parametrize(
    "form", [{"rate": 1}, {"rate": 3999}, {"rate": 384001}, {"channels": 65}, {"channels": 65535}]
)
def test_odd_rates_and_channels_are_refused(tmp_path: Path, form: dict[str, int]) -> None:
    path = tmp_path / "x.wav"
    rate = form.pop("rate", 16000)
    path.write_bytes(synthetic_sounds.wav(np.zeros(200_000), rate=rate, **form))
    with pytest.raises(AudioError, match=r"Hz, expected at most 64|at most 600 s|not a sound file"):
        audio.read(path)


@pytest.mark.parametrize("width", [0, 7, 65535])
def test_a_wrong_block_width_changes_nothing(tmp_path: Path, width: int) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(synthetic_sounds.wav(noise(1), width=width))
    assert audio.read(path).size == 16000


@pytest.mark.parametrize("value", [1e38, -3e38, 3e9])
def test_samples_that_are_no_sound_are_refused(tmp_path: Path, value: float) -> None:
    samples = noise(1).astype(np.float32)
    samples[100] = value
    (tmp_path / "x.wav").write_bytes(synthetic_sounds.floats(samples))
    with pytest.raises(
        AudioError, match=r"samples up to .*, expected full scale at 1|NaN or infinite"
    ):
        audio.read(tmp_path / "x.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_and_a_device_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero"), Path("/dev/stdin")):
        with pytest.raises(AudioError, match=r"no such file"):
            audio.read(path)


CONTENTS = {
    "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 72862\n",
    "a git-annex pointer": b"/annex/objects/SHA256E-s72862--00.wav\n",
    "a web page": b"\n<!DOCTYPE html>\n<html>404</html>",
    "a ZIP archive": b"PK\x03\x04" + bytes(100),
    "MP4 or M4A": b"\0\0\0\x20ftypM4A " + bytes(100),
    "zero bytes": bytes(3000),
    "text": b"dear diary",
    "a side file of macOS": b"\x00\x05\x16\x07" + bytes(60),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_the_content_of_a_file_that_is_no_sound_is_named(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.signal.aac.is_installed", lambda: False)
    (tmp_path / "x.wav").write_bytes(CONTENTS[kind])
    with pytest.raises(
        AudioError, match=rf"x\.wav: not a sound file that can be read, but {kind}[^\n]*: [^\n]*$"
    ):
        audio.read(tmp_path / "x.wav")


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.wav").symlink_to(".git/annex/objects/x")
    with pytest.raises(AudioError, match="a link to one that is absent: fetch the recordings"):
        audio.read(tmp_path / "x.wav")
