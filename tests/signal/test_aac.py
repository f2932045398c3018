"""AAC of telephones and browsers: decoded like any other file, and bounded like any other file."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import aac, audio

av = pytest.importorskip("av")

SECONDS = 1.5
TONE = 440


def tone(rate: int, seconds: float = SECONDS, hz: float = TONE) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype("f4")


def encoded(
    samples: NDArray[np.float32], rate: int, kind: str = "ipod", codec: str = "aac", **options: str
) -> bytes:
    """A file of `(n,)` or `(n, 2)` samples."""
    content = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    layout = ("mono", "stereo")[channels - 1]
    with av.open(content, "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        planes = np.ascontiguousarray(samples.reshape(-1, channels).T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate
        frames = av.AudioResampler(stream.codec_context.format, layout, rate).resample(frame)
        for packet in (packet for part in [*frames, None] for packet in stream.encode(part)):
            container.mux(packet)
    return content.getvalue()


@cache
def m4a() -> bytes:
    return encoded(tone(44100), 44100)


def write(folder: Path, content: bytes, name: str = "x.m4a") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def loudest_hz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.fft.rfftfreq(samples.size, 1 / 16000)[spectrum.argmax()])


@pytest.mark.parametrize("kind", ["ipod", "mp4", "adts"])
@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_survives_every_container(
    kind: str, rate: int, channels: int, tmp_path: Path
) -> None:
    sound = tone(rate) if channels == 1 else np.stack([tone(rate)] * 2, axis=1)
    path = write(tmp_path, encoded(sound, rate, kind))
    samples = audio.read(path)
    assert abs(samples.size / 16000 - SECONDS) < 0.2  # an encoder pads its first and last packet
    assert abs(loudest_hz(samples) - TONE) < 2
    assert abs(np.abs(samples[8000:16000]).max() - 0.3) < 0.03
    header = audio.header(path)
    assert (header.format, header.sampling_rate, header.channels) == ("AAC", rate, channels)
    assert audio.duration(path) == pytest.approx(samples.size / 16000, abs=1e-3)


def test_bytes_in_memory_are_read_alike(tmp_path: Path) -> None:
    of_bytes = audio.read_stream(io.BytesIO(m4a()), len(m4a()), 16000)
    np.testing.assert_array_equal(audio.read(write(tmp_path, m4a())), of_bytes)


def test_a_cut_is_the_part_of_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path, m4a())
    whole = audio.read(path, sampling_rate=44100)
    part = audio.read(path, start=0.5, end=1.0, sampling_rate=44100)
    np.testing.assert_array_equal(part, whole[22050:44100])
    with pytest.raises(AudioError, match="cut from 1 to 9 s"):
        audio.read(path, start=1, end=9)


def test_a_cut_copy_is_refused(tmp_path: Path) -> None:
    for share in (0.3, 0.9, 0.999):
        path = write(tmp_path, m4a()[: int(share * len(m4a()))])
        with pytest.raises(AudioError, match="copy it anew"):
            audio.read(path)


def replaced_count(content: bytes, box: bytes, offset: int, count: int) -> bytes:
    at = content.index(box) + 4 + offset
    return content[:at] + struct.pack(">I", count) + content[at + 4 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (replaced_count(m4a(), b"stsz", 8, 1 << 21), "a part stsz of 2,097,152 entries"),
        (replaced_count(m4a(), b"elst", 4, 1 << 20), "a part elst of 1,048,576 entries"),
        (replaced_count(m4a(), b"stsc", 12, 10**9), "samples in its chunks, expected at most"),
        (replaced_count(m4a(), b"stco", 4, 1 << 21), "a part stco of 2,097,152 entries"),
        (m4a() + struct.pack(">I4s", 40, b"free") + b"trak" * 8, "9 tracks, expected at most 8"),
        (m4a().replace(b"udta", b"cmov"), "a part cmov"),
        (m4a() + struct.pack(">I4s", 8, b"sidx"), "a part b'sidx' at its top level"),
        (m4a() + struct.pack(">I4s", 17 << 20, b"free") + bytes((17 << 20) - 8), "17 MB beside"),
        (m4a() + struct.pack(">I4sQ", 1, b"free", 1 << 60), "are missing"),
        (encoded(tone(16000), 16000, movflags="frag_keyframe+empty_moov"), "in one piece|mvex"),
        (encoded(tone(16000), 16000, codec="alac"), "1 tracks of sound, expected one of AAC"),
        (m4a()[:28], "no table of its samples"),
        (b"\xff\xf1" * 500, "damaged or cut short|no samples"),
    ],
    ids=(
        *("stsz", "elst", "samples", "stco", "trak", "cmov", "sidx"),
        *("titles", "size", "fragments", "alac", "start", "adts"),
    ),
)
def test_a_hostile_header_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=message):
        audio.read(write(tmp_path, content))


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(AudioError, match="expected at most 128: convert it to FLAC"):
        aac.AacSound(Path("x.m4a"), io.BytesIO(), aac.LARGEST_AAC_BYTES + 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(at: int, noise: bytes) -> None:
    at %= len(m4a())
    content = m4a()[:at] + noise + m4a()[at + len(noise) :]
    try:
        samples = audio.read_stream(io.BytesIO(content), len(content), 16000)
    except AudioError:
        return
    assert samples.size <= audio.LONGEST_SECONDS * 16000


@pytest.mark.slow
def test_a_long_file_costs_no_memory_beyond_its_cut(tmp_path: Path) -> None:
    path = write(tmp_path, encoded(np.zeros(601 * 8000, "f4"), 8000))
    code = (
        "import resource, sys; from sordino.signal import audio\n"
        "audio.read(sys.argv[1], end=1)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: audio.read(sys.argv[1])\n"
        "except Exception as error: print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    message, megabytes = run.stdout.splitlines()
    assert "expected one utterance of at most 600 s" in message
    assert int(megabytes) < 200


def test_without_pyav_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aac, "is_installed", lambda: False)
    for kind in ("ipod", "adts"):
        path = write(tmp_path, encoded(tone(16000), 16000, kind))
        with pytest.raises(AudioError, match=r'pip install "\.\[aac\]".* reads it, or .*ffmpeg'):
            audio.read(path)
