"""The active level of speech, and noise at a distance below it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME: Final = 512
"""Waveform of a frame: 32 ms."""

ACTIVE_DB: Final = 25.0
"""A frame is active if it is at most so far below the loud frames (95th percentile)."""

Waveform = NDArray[np.floating]
"""Sound in any precision, `(samples,)`; the steps of a copy are computed with 64 bits."""


def active_level(samples: Waveform) -> float:
    """The root mean square of the active frames; 0 for silence.

    Pauses do not lower it, unlike the level of the whole recording.

    >>> tone = np.sin(np.arange(16000) / 5)
    >>> round(active_level(np.concatenate([tone, np.zeros(48000)])), 2)
    0.7
    """
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % FRAME))
    power = (padded.reshape(-1, FRAME) ** 2).mean(axis=1)
    active = power[power >= np.quantile(power, 0.95) * 10 ** (-ACTIVE_DB / 10)]
    return float(np.sqrt(active.mean()))


def add_noise(samples: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """The samples plus noise of the same length, `snr_db` below their active level."""
    level = float(np.sqrt(np.mean(noise.astype(np.float64) ** 2)))
    if not level:
        return samples
    mixed: Waveform = samples + noise * (active_level(samples) / level * 10 ** (-snr_db / 20))
    return mixed


def tile(samples: Waveform, length: int, offset: int) -> Waveform:
    """`length` samples from `offset` on, repeated where the recording ends.

    >>> tile(np.array([1.0, 2.0, 3.0]), 5, 2)
    array([3., 1., 2., 3., 1.])
    """
    tiled: Waveform = samples[(np.arange(length) + offset) % len(samples)]
    return tiled
