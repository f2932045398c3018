"""Conditions: reproducible, of the same length, and as strong as their parameters say."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.signal.conditions import CONDITIONS, Sources, channels, in_condition, noise, standard
from sordino.signal.conditions.channels import Companding
from sordino.signal.conditions.level import Waveform, active_level, add_noise
from sordino.signal.conditions.unseen import room_response

SECOND = np.arange(16000) / 16000


def tone(hertz: float) -> Waveform:
    return np.sin(2 * np.pi * hertz * SECOND).astype(np.float32)


def voices() -> list[Waveform]:
    return [np.random.default_rng(seed).normal(0, 0.1, 4000) for seed in range(6)]


SOURCES = Sources(voices)


def rendered(condition: str, samples: Waveform, seed: int) -> Waveform:
    random = np.random.default_rng(seed)
    if condition == "standard":
        return standard(samples, random, SOURCES)
    return in_condition(condition, samples, random, SOURCES)


@pytest.mark.parametrize("condition", ["standard", *CONDITIONS])
def test_one_seed_gives_the_same_bytes_and_length(condition: str) -> None:
    samples = tone(300)[:3001]
    for seed in range(3):
        first, second = (rendered(condition, samples, seed) for _ in range(2))
        assert first.dtype == np.float32
        assert first.shape == samples.shape
        assert first.tobytes() == second.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["standard", *CONDITIONS])
@pytest.mark.parametrize("length", [960, 961])
def test_silence_stays_finite(condition: str, length: int) -> None:
    for seed in range(8):
        assert np.isfinite(rendered(condition, np.zeros(length, np.float32), seed)).all()


def test_copies_with_other_seeds_differ() -> None:
    assert len({rendered("standard", tone(300), seed).tobytes() for seed in range(10)}) == 10


def test_clean_is_the_recording() -> None:
    np.testing.assert_array_equal(rendered("clean", tone(300), 0), tone(300))


@pytest.mark.parametrize("silence", [0, 64000])
def test_noise_is_measured_against_the_active_level(silence: int) -> None:
    speech = np.concatenate([tone(300), np.zeros(silence)])
    white = np.random.default_rng(0).standard_normal(len(speech))
    added = add_noise(speech, white, 20) - speech
    assert 20 * np.log10(active_level(tone(300)) / np.std(added)) == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize("colour", noise.COLOURS)
def test_a_colour_falls_by_its_exponent(colour: str) -> None:
    exponent = noise.COLOURS[colour]
    samples = noise.coloured(np.random.default_rng(0), 64000, exponent)
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(64000, 1 / 16000)
    low, high = (power[(frequency > f) & (frequency < 2 * f)].mean() for f in (400, 3200))
    assert np.log2(low / high) / 3 == pytest.approx(exponent, abs=0.1)


def test_a_telephone_passes_its_band_only() -> None:
    low, middle, high = (np.std(channels.telephone(0.5 * tone(hz))) for hz in (100, 1000, 6000))
    assert middle == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert low < 0.1 * middle
    assert high < 0.02 * middle


@pytest.mark.parametrize("law", ["mu-law", "a-law"])
@pytest.mark.parametrize("level", [0.9, 0.03])
def test_eight_bits_leave_over_thirty_decibels(law: Companding, level: float) -> None:
    samples = level * tone(440)
    error = channels.companded(samples, law) - samples
    assert 30 < 20 * np.log10(np.std(samples) / np.std(error)) < 50


def test_a_tail_decays_in_its_time_and_at_its_level() -> None:
    response = channels.tail(np.random.default_rng(0), 0.4, 6.0)
    assert 10 * np.log10(1 / np.sum(response[1:] ** 2)) == pytest.approx(6)
    assert reverberation(response[1:]) == pytest.approx(0.4, abs=0.05)


def test_the_test_room_has_half_a_second() -> None:
    assert reverberation(room_response()) == pytest.approx(0.5, abs=0.05)


def reverberation(response: Waveform) -> float:
    """T60 in seconds, extrapolated from the decay by 5 to 25 dB (Schroeder 1965)."""
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    decay = 10 * np.log10(energy / energy[0])
    return 3 * float(np.argmax(decay < -25) - np.argmax(decay < -5)) / 16000


def test_clipping_limits_the_peak() -> None:
    assert np.abs(channels.clipped(tone(300), 0.5)).max() == pytest.approx(0.5, rel=1e-3)
