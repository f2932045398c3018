"""Release `mcadams`: recordings with shifted formants, the signal-processing baseline of the
VoicePrivacy Challenges (B2).

Each frame is split into a source and an all-pole filter by linear prediction. A pole
r·exp(iφ) moves to r·exp(i·sign(φ)·|φ|^α), which moves the formants; the source stays. The McAdams
coefficient α is drawn for each speaker.

Source: Patino, Tomashenko, Todisco, Nautsch and Evans (2021), Speaker anonymisation using the
McAdams coefficient, Interspeech. Differences: α is drawn from .5 to .9 for each speaker, where the
authors' code has .8 for all; prediction is by autocorrelation instead of Burg's method; the result
has the peak of the recording instead of full scale, so that loudness stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter

from sordino.features.renderings import seeded
from sordino.signal.audio import SAMPLING_RATE
from sordino.types import Samples

Signal = NDArray[np.float64]
"""Samples, frames or filters in the precision of linear algebra."""


@dataclass(frozen=True)
class McAdams:
    """Moves the poles of each frame.

    - `lowest`, `highest`: the range of α; further below 1 changes the voice more.
    - `order`: poles of a frame; `window_seconds`: its length. Frames overlap by half.
    """

    lowest: float = 0.5
    highest: float = 0.9
    order: int = 20
    window_seconds: float = 0.02
    name = "mcadams"

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings."""
        return {"recipe": 1, **asdict(self)}

    def coefficient(self, key: str) -> float:
        """The McAdams coefficient of a key."""
        return float(seeded(self.name, key).uniform(self.lowest, self.highest))

    def __call__(self, samples: Samples, key: str) -> Signal:
        """The changed samples, `(samples,)`."""
        return shift_formants(
            samples.astype(np.float64),
            self.coefficient(key),
            self.order,
            round(self.window_seconds * SAMPLING_RATE / 2),
        )


def shift_formants(samples: Signal, coefficient: float, order: int, hop: int) -> Signal:
    """Samples with moved poles, `(samples,)`, in frames of two hops."""
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))  # its squares add up to 1
    padded = np.pad(samples, (hop, 2 * hop))
    frames = sliding_window_view(padded, 2 * hop)[::hop] * window
    predictors = linear_prediction(frames, order)
    filters = move_poles(predictors, coefficient)
    out = np.zeros_like(padded)
    for number, (frame, predictor, moved) in enumerate(
        zip(frames, predictors, filters, strict=True)
    ):
        source = lfilter(predictor, [1.0], frame)
        out[number * hop : (number + 2) * hop] += lfilter([1.0], moved, source) * window
    changed = out[hop : hop + len(samples)]
    peak = np.abs(changed).max(initial=0)
    return changed * (np.abs(samples).max(initial=0) / peak) if peak else changed


def linear_prediction(frames: Signal, order: int) -> Signal:
    """The prediction error filter of each frame, `(frames, order + 1)`; its first number is 1.

    Autocorrelation method: the Toeplitz matrix of the lags, times the predictor, is the lags.
    """
    spectrum = np.abs(np.fft.rfft(frames, 2 * frames.shape[1])) ** 2
    lags = np.fft.irfft(spectrum)[:, : order + 1]
    lags[:, 0] *= 1 + 1e-9  # white noise at −90 dB keeps the poles inside the unit circle
    lags[lags[:, 0] <= 0, 0] = 1  # silence
    distance = np.abs(np.subtract.outer(np.arange(order), np.arange(order)))
    predictor = np.linalg.solve(lags[:, distance], lags[:, 1:, None])[..., 0]
    return np.concatenate([np.ones((len(frames), 1)), -predictor], axis=1)


def move_poles(predictors: Signal, coefficient: float) -> Signal:
    """The filters after their complex poles moved, `(frames, order + 1)`. The distances of the
    poles from 0 stay, so the filters stay stable.
    """
    order = predictors.shape[1] - 1
    companion = np.repeat(np.eye(order, k=-1)[None], len(predictors), axis=0)
    companion[:, 0] = -predictors[:, 1:]
    poles = np.linalg.eigvals(companion)
    angle = np.angle(poles)
    moved = np.abs(poles) * np.exp(1j * np.sign(angle) * np.abs(angle) ** coefficient)
    moved = np.where(poles.imag == 0, poles, moved)
    filters = np.zeros((len(predictors), order + 1), complex)
    filters[:, 0] = 1
    for pole in moved.T:  # multiply by 1 - pole / z
        filters[:, 1:] -= filters[:, :-1] * pole[:, None]
    return filters.real
