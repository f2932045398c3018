"""The filterbank is Kaldi's: an implementation from its definition, in double precision, gives the
same values.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio, filterbank
from sordino.signal.filterbank import BANDS, ENERGY_FLOOR

RATES = (8000, 11025, 16000, 22050, 44100, 48000)


def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def triangles(rate: int, size: int) -> NDArray[np.float64]:
    """The weight of each line of the spectrum in each band, `(40, size / 2)`."""
    edges = np.linspace(mel(20.0), mel(rate / 2), BANDS + 2)
    line = mel(
        np.arange(size // 2) * rate / size
    )  # the line at half the sampling rate has weight 0
    low, centre, high = (edges[first : first + BANDS, None] for first in range(3))
    rising, falling = (line - low) / (centre - low), (high - line) / (high - centre)
    return np.clip(np.minimum(rising, falling), 0, None)


def by_definition(samples: NDArray[np.floating], rate: int = 16000) -> NDArray[np.float64]:
    """Log mel energies from the definition (Povey et al. 2011), one frame after the other."""
    length, step = int(0.025 * rate), int(0.01 * rate)
    size = 1 << (length - 1).bit_length()
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    weights, rows = triangles(rate, size), []
    for start in range(0, len(samples) - length + 1, step):
        frame = samples[start : start + length].astype(np.float64)
        frame = frame - frame.mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * window, size)[:-1]) ** 2
        rows.append(np.log(np.maximum(weights @ power, 2.0**-30)))
    return np.array(rows)


def noise(seconds: float = 0.5, rate: int = 16000, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_values_are_those_of_the_definition(rate: int) -> None:
    time = np.arange(rate // 2) / rate
    sounds = (
        noise(0.5, rate),
        (0.5 * np.sin(2 * np.pi * 1500 * time**2) + 0.1 + 0.01 * noise(0.5, rate)),
    )
    for samples in sounds:
        frames = filterbank(samples, rate)
        assert frames.dtype == np.float32
        np.testing.assert_allclose(frames, by_definition(samples, rate), atol=1e-3)


def test_values_on_real_speech_are_those_of_the_definition(data: Path) -> None:
    files = (
        sorted((data / "ravdess").rglob("*.flac"))[::240]
        + sorted((data / "emodb").rglob("*.flac"))[::100]
    )
    for file in files:
        samples = audio.read(file)
        np.testing.assert_allclose(filterbank(samples), by_definition(samples), atol=1e-3)


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16000, 98)])
def test_frames_are_those_that_lie_within(samples: int, frames: int) -> None:
    assert filterbank(noise(samples / 16000)).shape == (frames, BANDS)


@pytest.mark.parametrize("step", [1, 7, 20])
def test_the_same_bits_whatever_the_chunks(step: int) -> None:
    samples = noise()
    expected = filterbank(samples)
    starts = range(0, len(expected), step)
    parts = [filterbank(samples[160 * first : 160 * (first + step - 1) + 400]) for first in starts]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_twice_as_loud_is_two_logarithms_of_two_more() -> None:
    np.testing.assert_allclose(
        filterbank(2 * noise()), filterbank(noise()) + 2 * np.log(2), atol=1e-4
    )


def test_an_offset_changes_nothing() -> None:
    np.testing.assert_allclose(
        filterbank(noise() + np.float32(0.25)), filterbank(noise()), atol=1e-3
    )


def test_silence_is_the_floor_and_odd_sounds_are_finite() -> None:
    np.testing.assert_allclose(
        filterbank(np.zeros(800)), np.full((3, BANDS), np.log(ENERGY_FLOOR)), rtol=1e-6
    )
    step = np.sign(noise()) / np.float32(
        32768
    )  # the faintest noise of 16 bits lies above the floor
    assert (filterbank(step) > np.log(ENERGY_FLOOR)).mean() > 0.95
    for samples in (np.full(1000, 0.5), np.eye(1, 1000, 500)[0], 100 * noise()):
        assert np.isfinite(filterbank(samples)).all()
        assert filterbank(samples).min() >= np.float32(np.log(ENERGY_FLOOR))


def test_the_samples_are_left_as_they_are() -> None:
    samples = noise()
    copy = samples.copy()
    filterbank(samples)
    np.testing.assert_array_equal(samples, copy)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(399), 16000, r"24\.9 ms of sound, expected at least 25, one frame: leave it out"),
        (np.zeros(0), 16000, "0 ms of sound, expected at least 25"),
        (np.zeros(500), 44100, r"11\.3 ms of sound"),
        (np.zeros((800, 2)), 16000, r"shape \(800, 2\) .*expected one channel of floats"),
        (
            np.zeros(800, dtype=np.int16),
            16000,
            "type int16, expected .* divide 16-bit integers by 32768",
        ),
        (np.where(np.arange(800) == 7, np.nan, 0), 16000, "1 of 800 samples are NaN or infinite"),
        (np.where(np.arange(800) < 2, np.inf, 0), 16000, "2 of 800 samples are NaN or infinite"),
        (np.zeros(800), 4000, "sampling_rate 4000 Hz, expected at least 8000: resample to 16000"),
    ],
)
def test_what_is_no_sound_is_refused(
    samples: NDArray[np.floating], rate: int, message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        filterbank(samples, rate)
