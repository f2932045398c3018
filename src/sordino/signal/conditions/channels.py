"""Rooms and channels: `(samples,) -> (samples,)` at 16 kHz, of the same length."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from scipy import fft
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from sordino.signal.audio import SAMPLING_RATE
from sordino.signal.conditions.level import Waveform

DECAY: Final = 6.908
"""exp(−DECAY) is −60 dB."""

TELEPHONE_HZ: Final = (300.0, 3400.0)
"""The band of a telephone (ITU-T G.712)."""

Companding = Literal["mu-law", "a-law"]


def tail(
    random: np.random.Generator, t60_seconds: float, direct_db: float, gap_seconds: float = 0.004
) -> Waveform:
    """The impulse response of a room: the direct sound, a gap, and noise that decays exponentially.

    - `t60_seconds`: the time in which the noise falls by 60 dB.
    - `direct_db`: energy of the direct sound above that of the noise.
    """
    seconds = np.arange(round(t60_seconds * SAMPLING_RATE)) / SAMPLING_RATE
    noise = random.standard_normal(len(seconds)) * np.exp(-DECAY * seconds / t60_seconds)
    noise *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(noise**2))
    response: Waveform = np.concatenate(
        [[1.0], np.zeros(round(gap_seconds * SAMPLING_RATE)), noise]
    )
    return response


def in_room(samples: Waveform, response: Waveform) -> Waveform:
    """The samples as they sound in a room; what follows their end is cut."""
    wet: Waveform = fftconvolve(samples, response)[: len(samples)]
    return wet


def telephone(samples: Waveform, law: Companding = "mu-law") -> Waveform:
    """The samples after a telephone: 8 kHz, 300 to 3400 Hz, and 8 bits by a law of ITU-T G.711."""
    narrow = resample_poly(samples, 1, 2)
    band = butter(4, TELEPHONE_HZ, "bandpass", fs=SAMPLING_RATE // 2, output="sos")
    decoded: Waveform = companded(np.clip(sosfilt(band, narrow), -1, 1), law)
    wide: Waveform = resample_poly(decoded, 2, 1)[: len(samples)]
    return wide


def companded(samples: Waveform, law: Companding) -> Waveform:
    """Waveform in [-1, 1] after rounding to 8 bits of a logarithmic scale.

    >>> companded(np.array([0.5, 0.001]), "mu-law").round(4).tolist()
    [0.4953, 0.001]
    """
    size = np.abs(samples)
    if law == "mu-law":
        code = np.round(np.log1p(255 * size) / np.log(256) * 127) / 127
        size = (256**code - 1) / 255
    else:
        a, top = 87.6, 1 + np.log(87.6)
        code = np.where(size < 1 / a, a * size, 1 + np.log(np.maximum(a * size, 1))) / top
        code = np.round(code * 127) / 127 * top
        size = np.where(code < 1, code, np.exp(code - 1)) / a
    rounded: Waveform = np.sign(samples) * size
    return rounded


def equalised(
    random: np.random.Generator, samples: Waveform, points: int = 9, deviation_db: float = 4.0
) -> Waveform:
    """The samples with another frequency response: Gaussian decibels at points from 60 Hz to 8 kHz,
    evenly spaced in the logarithm of frequency.
    """
    knots = np.geomspace(60, SAMPLING_RATE / 2, points)
    size = fft.next_fast_len(len(samples), real=True)
    frequency = np.maximum(fft.rfftfreq(size, 1 / SAMPLING_RATE), knots[0])
    decibels = np.interp(np.log(frequency), np.log(knots), random.normal(0, deviation_db, points))
    spectrum = fft.rfft(samples, size) * 10 ** (decibels / 20)
    filtered: Waveform = fft.irfft(spectrum, size)[: len(samples)]
    return filtered


def clipped(samples: Waveform, share: float) -> Waveform:
    """The samples, clipped at a share of their largest absolute value."""
    limit = share * np.abs(samples).max(initial=0)
    limited: Waveform = np.clip(samples, -limit, limit)
    return limited
