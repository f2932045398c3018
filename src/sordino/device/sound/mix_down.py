"""Samples of a program as one channel at the rate of a bundle, as `audio.read` gives a file."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal.audio import MOST_SAMPLES, RATE_LIMITS, resampler
from sordino.signal.wav import MOST_CHANNELS


def is_sound(samples: object) -> TypeGuard[NDArray[np.floating]]:
    """Whether an object is samples: floats `(n,)` or `(n, channels)` of at most 64 channels."""
    return (
        isinstance(samples, np.ndarray)
        and samples.dtype.kind == "f"
        and (samples.ndim == 1 or (samples.ndim == 2 and 0 < samples.shape[1] <= MOST_CHANNELS))
    )


def is_rate(rate: Any) -> bool:
    """Whether a number is a sampling rate of recordings, in Hz."""
    return isinstance(rate, int | np.integer) and RATE_LIMITS[0] <= int(rate) <= RATE_LIMITS[1]


def mix_down(samples: NDArray[np.floating], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """The mean of the channels at another rate, `(n,)`; one channel at the same rate is unchanged.

    - `samples`: `(n,)` or `(n, channels)`, full scale at ±1.

    Raises `AudioError` for samples, rates and lengths that `audio.read` refuses in a file.

    >>> mix_down(np.zeros((48000, 2)), 48000, 16000).shape
    (16000,)
    """
    if not (is_sound(samples) and is_rate(from_hz)):
        raise AudioError(
            f"{type(samples).__name__} at {from_hz} Hz, expected floats (n,) or (n, channels) of "
            f"at most {MOST_CHANNELS} channels at {RATE_LIMITS[0]} to {RATE_LIMITS[1]} Hz: convert "
            "them first"
        )
    if samples.size > MOST_SAMPLES:
        raise AudioError(
            f"{samples.size:,} samples, expected at most {MOST_SAMPLES:,}: cut them first"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # the caller withholds infinite samples
        sound = np.asarray(samples, np.float32)
        if sound.ndim == 2:
            sound = sound @ np.full(sound.shape[1], 1 / sound.shape[1], np.float32)
    return sound if from_hz == to_hz else resampler(from_hz, to_hz)(sound, True)
