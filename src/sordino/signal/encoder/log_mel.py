"""Log mel energies of a recording, as Whisper computes them (Radford et al. 2023, section 2.2).

    samples   16 kHz, full scale ±1, mirrored by 200 at both ends
    frames    400 every 160, times a Hann window: samples // 160 frames
    energy    |FFT|², summed under 80 triangles of area 1 (Slaney 1998), 0 to 8000 Hz
    values    log10(max(energy, 1e-10)), at least the largest of all frames minus 8
    scaled    (value + 4) / 4

Whisper pads every recording to 30 s with silence. This module pads nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal.audio import SAMPLING_RATE

MEL_BANDS: Final = 80
WINDOW_SAMPLES: Final = 400
HOP_SAMPLES: Final = 160

_FLOOR: Final = 1e-10
_RANGE: Final = 8.0  # decades below the loudest value
_BLOCK: Final = 2000  # frames in one step
_WINDOW: Final = (
    0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES)
).astype(np.float32)


def log_mel(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The log mel energies of a recording, `(samples,) -> (samples // 160, 80)`, at most 2 apart.

    `samples` are finite, at 16 kHz, at least 201, with full scale at ±1.

    >>> time = np.arange(8000) / 16000
    >>> frames = log_mel(np.sin(2 * np.pi * 1000 * time))
    >>> frames.shape, int(frames[20].argmax())  # the band around 1000 Hz
    ((50, 80), 26)
    """
    half = WINDOW_SAMPLES // 2
    padded = np.pad(samples.astype(np.float32), half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    windows = windows[: samples.size // HOP_SAMPLES]
    energies = np.concatenate(
        [
            _band_energies(windows[start : start + _BLOCK])
            for start in range(0, len(windows), _BLOCK)
        ]
    )
    values = np.log10(np.maximum(energies, np.float32(_FLOOR)))
    values = np.maximum(values, values.max() - np.float32(_RANGE))
    scaled: NDArray[np.float32] = (values + np.float32(4)) / np.float32(4)
    return scaled


def _band_energies(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(windows * _WINDOW)
    power = spectrum.real**2 + spectrum.imag**2
    energies: NDArray[np.float32] = power.astype(np.float32) @ _FILTERS
    return energies


def _filters() -> NDArray[np.float32]:
    """The weight of each frequency in each band, `(201, 80)`: triangles of area 1 that are evenly
    spaced in the mel scale of Slaney, linear up to 1000 Hz and logarithmic above.
    """
    highest = 15 + 27 * np.log(SAMPLING_RATE / 2 / 1000) / np.log(6.4)  # mel
    mels = np.linspace(0, highest, MEL_BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))  # Hz
    frequencies = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLING_RATE)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    filters: NDArray[np.float32] = (2 / (high - low) * triangles).astype(np.float32)
    return filters


_FILTERS: Final = _filters()
