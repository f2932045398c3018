"""Noise of fitting: coloured, slowly modulated, and babble, of a mean power of about 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import fft

from sordino.signal.audio import SAMPLING_RATE, resampler
from sordino.signal.conditions.level import Waveform, active_level, tile

COLOURS: Final = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""The power of a colour falls with frequency to this exponent."""

LOWEST_HZ: Final = 50.0
"""Below this frequency, coloured noise is flat."""

PITCH_FACTORS: Final = (0.75, 1.35)
"""A voice of the babble is shortened or lengthened by a factor in this range."""


def coloured(random: np.random.Generator, length: int, exponent: float) -> Waveform:
    """Gaussian noise, `(length,)`, with the power `1 / frequency ** exponent`."""
    if not exponent:
        return random.standard_normal(length)
    size = fft.next_fast_len(length, real=True)
    frequency = np.maximum(fft.rfftfreq(size, 1 / SAMPLING_RATE), LOWEST_HZ)
    spectrum = fft.rfft(random.standard_normal(size)) * frequency ** (-exponent / 2)
    return unit_power(fft.irfft(spectrum, size)[:length])


def modulated(
    random: np.random.Generator,
    noise: Waveform,
    deviation_db: float = 6.0,
    step_seconds: float = 0.4,
) -> Waveform:
    """Noise with a level that wanders: Gaussian decibels every `step_seconds`, interpolated."""
    step = step_seconds * SAMPLING_RATE
    knots = random.normal(0, deviation_db, int(len(noise) / step) + 2)
    decibels = np.interp(np.arange(len(noise)) / step, np.arange(len(knots)), knots)
    return unit_power(noise * 10 ** (decibels / 20))


def babble(random: np.random.Generator, voices: Sequence[Waveform], length: int) -> Waveform:
    """The sum of several recordings, `(length,)`, equally loud, from random offsets on.

    Each is resampled by a random factor, so that one speaker sounds like several.
    """
    total = np.zeros(length)
    for voice in voices:
        rate = round(SAMPLING_RATE * random.uniform(*PITCH_FACTORS))
        other = resampler(SAMPLING_RATE, rate)(np.asarray(voice, np.float32), True)
        total += tile(other, length, int(random.integers(len(other)))) / (
            active_level(other) or 1.0
        )
    return unit_power(total)


def unit_power(samples: Waveform) -> Waveform:
    """The samples, scaled to a mean power of 1; silence stays silence."""
    level = float(np.sqrt(np.mean(samples**2)))
    scaled: Waveform = samples / (level or 1.0)
    return scaled
