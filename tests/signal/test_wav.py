"""WAV from a pipe: every coding gives the samples that libsndfile gives, and no header makes it
fail otherwise.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import wav
from sordino.signal.wav import Format

SOUND = (0.9 * np.sin(np.arange(24000) / 20)).reshape(-1, 2)


def wav_file(**how: object) -> bytes:
    """A WAV file of two channels at 48 kHz."""
    content = io.BytesIO()
    soundfile.write(content, SOUND, 48000, format="WAV", **how)
    return content.getvalue()


def decode(content: bytes) -> tuple[Format, NDArray[np.float32]]:
    stream = io.BytesIO(content)
    coded, size = wav.read_format(stream)
    return coded, np.concatenate(
        [np.empty((0, coded.channels), np.float32), *wav.read_blocks(stream, coded, size)]
    )


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
def test_every_coding_is_read_as_libsndfile_reads_it(subtype: str, kind: str) -> None:
    content = io.BytesIO()
    soundfile.write(content, SOUND, 48000, format=kind, subtype=subtype)
    coded, samples = decode(content.getvalue())
    content.seek(0)
    assert (coded.sampling_rate, coded.channels) == (48000, 2)
    np.testing.assert_allclose(samples, soundfile.read(content)[0], atol=1e-7)


@pytest.mark.parametrize("size", [0, 2**31 - 2**10, 2**31, 2**32 - 1])
def test_a_header_that_knows_no_end_is_read_to_the_end(size: int) -> None:
    content = wav_file(subtype="PCM_16")
    at = content.index(b"data") + 4
    endless = content[:at] + struct.pack("<I", size) + content[at + 4 :]
    np.testing.assert_array_equal(decode(endless)[1], decode(content)[1])


def test_what_follows_the_samples_is_no_sound() -> None:
    content = wav_file(subtype="PCM_16")
    np.testing.assert_array_equal(decode(content + b"LIST" + b"x" * 100)[1], decode(content)[1])


def test_chunks_before_the_samples_are_skipped_odd_ones_too() -> None:
    content = wav_file(subtype="PCM_16")
    at = content.index(b"fmt ")
    longer = content[:at] + b"junk" + struct.pack("<I", 5) + b"x" * 6 + content[at:]
    np.testing.assert_array_equal(decode(longer)[1], decode(content)[1])


def test_a_stream_that_ends_early_has_what_came() -> None:
    content = wav_file(subtype="PCM_24")
    samples = decode(content[:-1000])[1]
    np.testing.assert_array_equal(samples, decode(content)[1][: len(samples)])
    assert len(samples) == len(SOUND) - 167  # half a frame is left out


def test_samples_without_a_header_are_read_as_one_says() -> None:
    content = (SOUND[:, 0] * 32767).astype("<i2").tobytes()
    samples = np.concatenate(list(wav.read_blocks(io.BytesIO(content), Format(16000))))
    np.testing.assert_allclose(samples[:, 0], SOUND[:, 0], atol=1e-4)


def fmt(code: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16) -> bytes:
    return b"fmt " + struct.pack("<IHHIIHH", 16, code, channels, rate, 0, 0, bits)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no WAV stream"),
        (b"fLaC" + b"\0" * 100, "no WAV stream"),
        (b"RIFF\0\0\0\0WAVE", "ends before its samples"),
        (b"RIFF\0\0\0\0WAVE" + fmt(), "ends before its samples"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "without its format"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", "without its format"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0", "a format of under 16 bytes"),
        (b"RIFF\0\0\0\0WAVE" + fmt(code=6, bits=8), "of coding 6, 8 bits"),
        (b"RIFF\0\0\0\0WAVE" + fmt(bits=12), "12 bits"),
        (b"RIFF\0\0\0\0WAVE" + fmt(channels=0), "0 channels"),
        (b"RIFF\0\0\0\0WAVE" + fmt(channels=65), "65 channels"),
        (b"RIFF\0\0\0\0WAVE" + fmt(rate=0), "0 Hz"),
        (b"RIFF\0\0\0\0WAVE" + fmt(rate=2**32 - 1), "4294967295 Hz"),
    ],
)
def test_what_cannot_be_read_says_so(content: bytes, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        decode(content)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_bytes_make_it_fail_otherwise(data: st.DataObject) -> None:
    content = bytearray(
        wav_file(subtype=data.draw(st.sampled_from(["PCM_16", "PCM_24", "DOUBLE"])))[:400]
    )
    for index in data.draw(st.lists(st.integers(0, 80), max_size=6)):
        content[index] = data.draw(st.integers(0, 255))
    try:
        coded, samples = decode(bytes(content))
    except AudioError:
        return
    assert samples.shape[1] == coded.channels
    assert samples.dtype == np.float32


def test_a_real_recording_is_the_same_from_a_pipe(data: Path, tmp_path: Path) -> None:
    file = next(iter(sorted((data / "emodb").rglob("*.flac"))))
    samples, rate = soundfile.read(file, dtype="float32")
    soundfile.write(tmp_path / "one.wav", samples, rate, subtype="PCM_16")
    np.testing.assert_array_equal(decode((tmp_path / "one.wav").read_bytes())[1][:, 0], samples)
