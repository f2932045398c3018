"""Synthetic sound for test vectors and for measuring speed. It is not the voice of a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def synthetic(seconds: float, sampling_rate: int, seed: int) -> NDArray[np.float32]:
    """A buzz of varying pitch and loudness in breath noise, with pauses, `(samples,)`; its peak is
    0.5.

    >>> synthetic(0.5, 16000, seed=0).shape
    (8000,)
    """
    random = np.random.default_rng(seed)
    count = round(seconds * sampling_rate)
    knots = np.arange(int(5 * seconds) + 2) / 5  # five syllables a second
    time = np.arange(count) / sampling_rate
    pitch = np.interp(time, knots, random.uniform(90, 260, len(knots)))
    loudness = np.interp(time, knots, random.choice([0.0, 0.3, 0.7, 1.0], len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / sampling_rate
    buzz = sum(np.sin(overtone * phase) / overtone for overtone in range(1, 9))
    sound = loudness * (buzz + random.normal(0, 0.1, count)) + random.normal(0, 0.003, count)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)
