"""Pitch by autocorrelation (Boersma 1993), frame by frame, independent of earlier frames.

    samples    16 kHz, the mean of every four, smoothed by 1/4, 1/2, 1/4: 4 kHz with little energy
               from above 2 kHz
      frames   40 ms every 10 ms: two and a half periods of the lowest voice
      each     minus its mean, times a Hann window; its autocorrelation divided by that of the
               window
      r(τ)     in [0, 1] at the highest peak from LOWEST_PITCH_HZ to HIGHEST_PITCH_HZ, with a small
               cost of later peaks: otherwise two periods would be as good as one. A parabola
               through a peak and its neighbours yields its height and τ

No path is tracked through the frames, so single frames can be an octave off. Functionals over an
utterance tolerate this.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LOWEST_PITCH_HZ: Final = 60.0
"""The lowest pitch of speech."""

HIGHEST_PITCH_HZ: Final = 500.0
"""The highest pitch of shouting."""

PITCH_SAMPLES: Final = 640
"""Samples of a frame: 40 ms."""

STEP_SAMPLES: Final = 160
"""Samples from the start of one frame to that of the next: 10 ms, as in the filterbank."""

OCTAVE_COST: Final = 0.03
"""The cost of a peak for each octave below HIGHEST_PITCH_HZ. Boersma's 0.01 is for the original
rate. At 4 kHz, aliases from above 2 kHz make some steady voices seem an octave lower.
"""

FAINT: Final = 1e-12
"""The energy that halves the periodicity of a frame: far below one step of 16 bits, so that a gain
changes no pitch. Rounding in a constant sound has none.
"""

_DECIMATION: Final = 4
_RATE: Final = 16000 // _DECIMATION
_SIZE: Final = 256  # of the transform: a frame of 158 and the longest lag do not wrap around
_LAGS: Final = np.arange(int(_RATE / HIGHEST_PITCH_HZ), int(_RATE / LOWEST_PITCH_HZ) + 1)
_WINDOW: Final = np.hanning(PITCH_SAMPLES // _DECIMATION)[1:-1].astype(np.float32)


def pitch(samples: NDArray[np.float32], faint: float = FAINT) -> NDArray[np.float32]:
    """Pitch in semitones above 100 Hz and periodicity from 0 to 1: `(samples,) -> (frames, 2)`.

    `samples` are at 16 kHz, `PITCH_SAMPLES` or more, and yield 1 + (samples − 640) // 160 frames.
    The pitch of a frame with a periodicity below about 0.5 is meaningless. The periodicity of
    silence is 0. `faint` is the energy of a frame that halves its periodicity.

    >>> time = np.arange(16000) / 16000
    >>> frames = pitch(np.sin(2 * np.pi * 200 * time).astype(np.float32))
    >>> frames.shape, frames[50].round(1).tolist()  # an octave above 100 Hz
    ((97, 2), [12.0, 1.0])
    """
    slow = (
        samples[: samples.size // _DECIMATION * _DECIMATION].reshape(-1, _DECIMATION).mean(axis=1)
    )
    slow = slow[:-2] / 4 + slow[1:-1] / 2 + slow[2:] / 4
    frames = np.lib.stride_tricks.sliding_window_view(slow, _WINDOW.size)[
        :: STEP_SAMPLES // _DECIMATION
    ]  # (frames, 158)
    r = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * _WINDOW)
    r = r / (r[:, :1] + np.float32(faint)) / _WINDOW_CORRELATION
    before, at, after = r[:, _LAGS - 1], r[:, _LAGS], r[:, _LAGS + 1]  # (frames, lags)
    is_peak = (at >= before) & (at >= after)
    bend = np.where(is_peak, 2 * at - before - after, 1)
    shift = (after - before) / (2 * np.maximum(bend, 1e-9))  # of the parabola's peak, in lags
    height = at + np.where(is_peak, bend * shift**2 / 2, 0)
    best = np.where(is_peak, height - _COST, -1).argmax(axis=1)
    row = np.arange(len(r))
    lag, peak = _LAGS[best] + shift[row, best].clip(-0.5, 0.5), height[row, best]
    return np.stack([12 * np.log2(_RATE / lag / 100), peak.clip(0, 1)], axis=1).astype(np.float32)


def _autocorrelation(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Autocorrelation of each row at lags from 0 to one more than the longest (Wiener–Khinchin)."""
    spectrum = np.fft.rfft(frames, _SIZE)
    r = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)
    return r[..., : _LAGS[-1] + 2].astype(np.float32)


_WINDOW_CORRELATION: Final = _autocorrelation(_WINDOW) / _autocorrelation(_WINDOW)[0]
_COST: Final = (OCTAVE_COST * np.log2(_LAGS / _LAGS[0])).astype(np.float32)
