"""Every kind of recording that people bring has a result that is written down, or an error that
says what to do.
"""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sordino.errors import AudioError, StorageError
from sordino.signal import audio

TONE_HZ = 440


def tone(rate: int, seconds: float = 1.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype", "tolerance"),
    [
        ("plain.wav", 16000, 1, "PCM_16", 1e-4),
        ("plain.flac", 16000, 1, "PCM_16", 1e-4),
        ("deep.wav", 16000, 1, "PCM_24", 1e-6),
        ("float.wav", 16000, 1, "FLOAT", 1e-6),
        ("double.wav", 16000, 1, "DOUBLE", 1e-6),
        ("eight_bits.wav", 16000, 1, "PCM_U8", 0.01),
        ("telephone.wav", 8000, 1, "ULAW", 0.02),
        ("european_telephone.wav", 8000, 1, "ALAW", 0.02),
        ("narrow.wav", 8000, 1, "PCM_16", 0.001),
        ("disc.wav", 44100, 2, "PCM_16", 0.001),
        ("studio.flac", 48000, 2, "PCM_24", 0.001),
        ("surround.wav", 48000, 6, "PCM_16", 0.001),
        ("compressed.ogg", 16000, 1, "VORBIS", 0.05),
    ],
)
def test_every_kind_of_recording_becomes_the_same_tone(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str, tolerance: float
) -> None:
    soundfile.write(
        tmp_path / name, np.tile(tone(rate)[:, np.newaxis], channels), rate, subtype=subtype
    )
    samples = audio.read(tmp_path / name)
    assert samples.dtype == np.float32
    assert samples.shape == (16000,)
    inner = slice(500, -500)  # a resampler does not know what came before and comes after
    np.testing.assert_allclose(samples[inner], tone(16000)[inner], atol=tolerance)


def test_upsampling_adds_nothing_above_the_original_band(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    samples = audio.read(audio.write(tmp_path / "narrow.wav", noise, 8000))
    power = np.abs(np.fft.rfft(samples)) ** 2
    assert power[4400:].sum() < 1e-4 * power[:4000].sum()  # bin n is n Hz


def test_channels_are_averaged(tmp_path: Path) -> None:
    signal = tone(16000)
    soundfile.write(
        tmp_path / "opposite.wav", np.stack([signal, -signal], axis=1), 16000, subtype="FLOAT"
    )
    soundfile.write(
        tmp_path / "one_side.wav", np.stack([signal, 0 * signal], axis=1), 16000, subtype="FLOAT"
    )
    assert not audio.read(tmp_path / "opposite.wav").any()
    np.testing.assert_allclose(audio.read(tmp_path / "one_side.wav"), signal / 2, atol=1e-6)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(16000), id="silence"),
        pytest.param(np.full(16000, 0.25), id="constant"),
        pytest.param(tone(16000) + 0.25, id="dc_offset"),
        pytest.param(np.clip(4 * tone(16000), -1, 1), id="clipped"),
        pytest.param(4 * tone(16000), id="beyond_full_scale"),
    ],
)
def test_what_is_odd_but_finite_is_kept_as_it_is(
    tmp_path: Path, samples: NDArray[np.float64]
) -> None:
    soundfile.write(tmp_path / "odd.wav", samples, 16000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(tmp_path / "odd.wav"), samples.astype(np.float32))


def floats(path: Path, samples: NDArray[np.floating], rate: int = 16000) -> None:
    soundfile.write(path, samples, rate, subtype="FLOAT")


def shortened(path: Path) -> None:
    """A FLAC file that was not copied to its end."""
    soundfile.write(
        path.with_suffix(".flac"), np.random.default_rng(0).normal(0, 0.1, 160000), 16000
    )
    content = path.with_suffix(".flac").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def with_bad(bad: float) -> NDArray[np.float64]:
    samples = tone(16000)
    samples[[3, 5]] = bad
    return samples


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (lambda _: None, "no such file: check the path"),
    "folder": (Path.mkdir, "no such file"),
    "empty file": (Path.touch, "an empty file, expected sound"),
    "text": (
        lambda path: path.write_text("not sound, whatever the name says"),
        "convert it to WAV or FLAC",
    ),
    "no samples": (lambda path: floats(path, np.zeros(0)), "no samples: leave it out"),
    "one sample": (
        lambda path: floats(path, np.ones(1)),
        r"0\.0625 ms, expected at least 60: leave it out",
    ),
    "too short": (lambda path: floats(path, np.ones(959)), r"59\.9 ms, expected at least 60"),
    "too long": (
        lambda path: floats(path, np.zeros(6010), 10),
        "601 s, .* at most 600 s: give its start and end",
    ),
    "nan": (lambda path: floats(path, with_bad(np.nan)), "2 of 16000 samples are NaN or infinite"),
    "infinite": (
        lambda path: floats(path, with_bad(np.inf)),
        "2 of 16000 samples are NaN or infinite",
    ),
    "shortened": (shortened, "convert it to WAV or FLAC|cut short"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_unusable_recording_is_one_line_with_the_next_step(tmp_path: Path, kind: str) -> None:
    make, message = BAD[kind]
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(AudioError, match=f"^.*bad.wav: [^\n]*({message})[^\n]*$"):
        audio.read(path)


def test_samples_without_a_header_are_no_sound_file(tmp_path: Path) -> None:
    (tmp_path / "bad.raw").write_bytes(bytes(32000))
    with pytest.raises(AudioError, match="convert it to WAV or FLAC"):
        audio.read(tmp_path / "bad.raw")


def test_opposite_infinities_in_two_channels_are_reported(tmp_path: Path) -> None:
    floats(tmp_path / "bad.wav", np.tile([np.inf, -np.inf], (1600, 1)))
    with pytest.raises(AudioError, match="1600 of 1600 samples are NaN or infinite"):
        audio.read(tmp_path / "bad.wav")


def test_sixty_milliseconds_are_enough(tmp_path: Path) -> None:
    assert audio.read(audio.write(tmp_path / "short.wav", np.ones(960))).shape == (960,)


def test_a_cut_is_that_piece_of_the_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48000)
    path = audio.write(tmp_path / "noise.flac", noise)
    np.testing.assert_array_equal(
        audio.read(path, start=1.25, end=2.5), audio.read(path)[20000:40000]
    )
    np.testing.assert_array_equal(audio.read(path, start=1.25), audio.read(path)[20000:])


def test_a_label_may_end_fifty_milliseconds_late(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "tone.wav", tone(16000))
    assert audio.read(path, start=0.5, end=1.05).shape == (8000,)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0.5, 1.06), (-0.1, 0.5), (0.5, 0.5), (0.7, 0.5), (1.0, np.nan), (2.0, 3.0), (np.nan, 0.5)],
)
def test_a_cut_outside_the_file_is_an_error(tmp_path: Path, start: float, end: float) -> None:
    path = audio.write(tmp_path / "tone.wav", tone(16000))
    with pytest.raises(
        AudioError, match=r"expected 0 <= start < end <= 1 s, the length of the file: correct"
    ):
        audio.read(path, start, end)


def test_a_cut_of_a_huge_file_costs_the_memory_of_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "ten_hours.wav"
    size = 2 * 10 * 3600 * 16000
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)  # PCM, one channel, 16 bits
    with path.open("wb") as stream:
        stream.write(
            b"RIFF"
            + struct.pack("<I", 36 + size)
            + b"WAVEfmt "
            + form
            + b"data"
            + struct.pack("<I", size)
        )
        stream.truncate(44 + size)  # the sound is a hole in the file: silence that needs no disk
    tracemalloc.start()
    assert audio.read(path, start=35000, end=35010).shape == (160000,)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6
    with pytest.raises(
        AudioError, match="36000 s, expected one utterance of at most 600 s: give its start and end"
    ):
        audio.read(path)


@pytest.mark.parametrize("name", ["sound.wav", "sound.flac", "SOUND.WAV"])
def test_write_then_read_changes_nothing_but_half_a_step(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.99, 0.99, 16000)
    read = audio.read(audio.write(tmp_path / name, noise))
    np.testing.assert_allclose(read, noise, atol=0.5 / 32768 + 1e-9)
    np.testing.assert_array_equal(audio.read(audio.write(tmp_path / name, read)), read)


def test_write_clips_instead_of_turning_over(tmp_path: Path) -> None:
    loud = np.tile([3.0, -3.0, 1.0, -1.0], 1000)
    read = audio.read(audio.write(tmp_path / "loud.wav", loud))
    np.testing.assert_array_equal(read, np.sign(loud) * np.float32(32767 / 32768))


@pytest.mark.parametrize(
    ("name", "samples", "message"),
    [
        ("x.mp3", tone(16000), r"suffix \.mp3, expected \.wav or \.flac"),
        ("x", tone(16000), "suffix missing"),
        ("x.wav", np.zeros(0), r"shape \(0,\), expected \(samples,\)"),
        ("x.wav", np.zeros((5, 2)), r"shape \(5, 2\), expected \(samples,\)"),
        ("x.wav", np.array([0.0, np.nan]), "NaN or infinite"),
    ],
)
def test_write_refuses_what_is_no_sound(
    tmp_path: Path, name: str, samples: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        audio.write(tmp_path / name, samples)


def test_write_into_a_place_that_is_a_file_says_so_and_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("mine")
    with pytest.raises(StorageError, match="choose another place"):
        audio.write(tmp_path / "place" / "x.wav", tone(16000))
    assert (tmp_path / "place").read_text() == "mine"


def test_real_speech_is_read_as_it_stands(data: Path) -> None:
    path = next(iter(sorted((data / "ravdess").rglob("*.flac"))))
    expected, rate = soundfile.read(path, dtype="float32")
    assert rate == 16000
    np.testing.assert_array_equal(audio.read(path), expected)
