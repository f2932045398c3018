"""Log mel energies of a recording, as Whisper computes them (Radford et al. 2023, section 2.2).

    samples   16 kHz, full scale ±1, mirrored by 200 at both ends
    frames    400 every 160, times a Hann window: samples // 160 frames
    energy    |FFT|², summed under 80 triangles of area 1 (Slaney 1998), 0 to 8000 Hz
    level     |FFT|² after x[t] − 0.97 x[t − 1], summed from 80 Hz: almost that of `functionals`
    span      frames of speech by their level, as in `functionals`; others are left out
    values    log10(max(energy, 1e-10)), at least the largest of all frames minus 8
    scaled    (value + 4) / 4

Whisper pads every recording to 30 s with silence. This module pads nothing.

A frame x[0..399] is real and its window w is symmetric, w[n] = w[400 − n] and w[0] = 0. So the real
part of its FFT is the product of a cosine matrix with x[n] + x[400 − n], and the imaginary part
that of a sine matrix with x[n] − x[400 − n]. Two products of half the size are three times as fast
as `np.fft.rfft` of many frames of this length.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio
from sordino.signal.audio import SAMPLING_RATE
from sordino.signal.functionals import loudness, speech_span
from sordino.signal.pitch import PITCH_SAMPLES

MEL_BANDS: Final = 80
WINDOW_SAMPLES: Final = 400
HOP_SAMPLES: Final = 160

_HALF: Final = WINDOW_SAMPLES // 2
_BINS: Final = _HALF + 1  # frequencies
_FREQUENCIES: Final = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLING_RATE)[:, None]  # Hz

_FLOOR: Final = 1e-10
_RANGE: Final = 8.0  # decades below the loudest value
_BLOCK: Final = 2000  # frames in one step
_FAINT: Final = 2.0**-25  # the lowest energy of a level: below it is rounding to 16 bits
_BEFORE: Final = 2  # frames before the first that `functionals` has: its frames last 40 ms
_SHORTER: Final = PITCH_SAMPLES // HOP_SAMPLES - 1  # frames that it has less


def speech_log_mel(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The log mel energies of the speech in a recording, `(samples,) -> (frames, 80)`, at most 2
    apart: from 100 ms before the first loud frame to 100 ms after the last, 3 frames or more.

    `samples` are at 16 kHz and are clipped to full scale, ±1. Raises `AudioError` for less than
    60 ms or more than 600 s, NaN or infinity, several channels.

    >>> sound = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> speech_log_mel(np.concatenate([np.zeros(8000), sound, np.zeros(8000)])).shape
    (124, 80)
    """
    energies, levels = _energies(_checked(samples))
    span = _span(levels)
    return _scaled(energies[span])


def speech_samples(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """The samples of the speech in a recording, `(samples,) -> (n,)`: those of the frames of
    `speech_log_mel`, 160 for each.

    Raises `AudioError` as `speech_log_mel` does.

    >>> sound = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> speech_samples(np.concatenate([np.zeros(8000), sound, np.zeros(8000)])).shape
    (19840,)
    """
    signal = _checked(samples)
    span = _span(_energies(signal)[1])
    return signal[span.start * HOP_SAMPLES : span.stop * HOP_SAMPLES]


def _checked(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """The samples in full scale; raises for a recording that is too short, too long or no sound."""
    audio.check_samples(samples)
    seconds = samples.size / SAMPLING_RATE
    if not audio.SHORTEST_SECONDS <= seconds <= audio.LONGEST_SECONDS:
        raise AudioError(
            f"{seconds:.3g} s of sound, expected {audio.SHORTEST_SECONDS} to "
            f"{audio.LONGEST_SECONDS:.0f}: leave it out, or take another cut"
        )
    return audio.full_scale(samples)


def _span(levels: NDArray[np.float32]) -> slice:
    """The frames of speech by the level of all frames."""
    span = speech_span(loudness(levels[_BEFORE : len(levels) + _BEFORE - _SHORTER])[1])
    return slice(span.start, span.stop + _SHORTER)


def log_mel(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The log mel energies of a recording, `(samples,) -> (samples // 160, 80)`, at most 2 apart.

    `samples` are finite, at 16 kHz, at least 201, with full scale at ±1.

    >>> time = np.arange(8000) / 16000
    >>> frames = log_mel(np.sin(2 * np.pi * 1000 * time))
    >>> frames.shape, int(frames[20].argmax())  # the band around 1000 Hz
    ((50, 80), 26)
    """
    return _scaled(_energies(samples)[0])


def _scaled(energies: NDArray[np.float32]) -> NDArray[np.float32]:
    values = np.log10(np.maximum(energies, np.float32(_FLOOR)))
    values = np.maximum(values, values.max() - np.float32(_RANGE))
    scaled: NDArray[np.float32] = (values + np.float32(4)) / np.float32(4)
    return scaled


def _energies(samples: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The energies of all bands and the level of each frame, `(frames, 80)` and `(frames,)`."""
    padded = np.pad(samples.astype(np.float32), _HALF, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    windows = windows[: samples.size // HOP_SAMPLES]
    blocks = [
        power_spectra(windows[start : start + _BLOCK]) @ _FILTERS
        for start in range(0, len(windows), _BLOCK)
    ]
    energies = np.concatenate(blocks)
    return energies[:, :MEL_BANDS], np.log(np.maximum(energies[:, MEL_BANDS], np.float32(_FAINT)))


def power_spectra(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The power spectrum of each window of samples after a Hann window, `(frames, 400) -> (frames,
    201)`, 0 to 8000 Hz.
    """
    start, end = windows[:, 1 : _HALF + 1], windows[:, : _HALF - 1 : -1]  # n and 400 - n, to 200
    return np.square((start + end) @ _COSINES) + np.square((start - end) @ _SINES)


def _transforms() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The cosine and the sine matrix, `(200, 201)`, each times the window."""
    n = np.arange(1, _HALF + 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / WINDOW_SAMPLES)
    window[-1] /= 2  # n = 200 is its own mirror image
    phase = 2 * np.pi * np.outer(n, np.arange(_BINS)) / WINDOW_SAMPLES
    cosines, sines = (window[:, None] * wave(phase) for wave in (np.cos, np.sin))
    return cosines.astype(np.float32), sines.astype(np.float32)


def mel_triangles(bands: int) -> NDArray[np.float64]:
    """The weight of each frequency in each band, `(201, bands)`: triangles of area 1 that are
    evenly spaced in the mel scale of Slaney, linear up to 1000 Hz and logarithmic above.

    >>> mel_triangles(40).shape
    (201, 40)
    """
    highest = 15 + 27 * np.log(SAMPLING_RATE / 2 / 1000) / np.log(6.4)  # mel
    mels = np.linspace(0, highest, bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))  # Hz
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (_FREQUENCIES - low) / (centre - low), (high - _FREQUENCIES) / (high - centre)
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles


def _filters() -> NDArray[np.float32]:
    """The weight of each frequency in each band and in the level, `(201, 81)`."""
    level: NDArray[np.float64] = (
        np.abs(1 - 0.97 * np.exp(-2j * np.pi * _FREQUENCIES / SAMPLING_RATE)) ** 2
    )
    level[:2] = 0  # a constant reaches bins 0 and 1
    return np.hstack([mel_triangles(MEL_BANDS), level]).astype(np.float32)


_FILTERS: Final = _filters()
_COSINES, _SINES = _transforms()
