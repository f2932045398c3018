"""Release `mcadams`: recordings with shifted formants, the signal-processing baseline of the
VoicePrivacy Challenges (B2).

Each frame is split into a source and an all-pole filter by linear prediction. A pole
r·exp(iφ) moves to r·exp(i·sign(φ)·|φ|^α), which moves the formants; the source stays. The McAdams
coefficient α is drawn for each speaker.

Source: Patino, Tomashenko, Todisco, Nautsch and Evans (2021), Speaker anonymisation using the
McAdams coefficient, Interspeech; α from .5 to .9 as in the VoicePrivacy Challenge 2022.
Differences: prediction by autocorrelation instead of Burg's method, and the result has the peak of
the recording instead of full scale, so that loudness stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from sordino.features.renderings import seeded
from sordino.signal.audio import SAMPLING_RATE
from sordino.types import Samples


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

    def __call__(self, samples: Samples, key: str) -> NDArray[np.float64]:
        """The changed samples, `(samples,)`."""
        return shift_formants(
            samples.astype(np.float64),
            self.coefficient(key),
            self.order,
            round(self.window_seconds * SAMPLING_RATE / 2),
        )


def shift_formants(
    samples: NDArray[np.float64], coefficient: float, order: int, hop: int
) -> NDArray[np.float64]:
    """Samples with moved poles, `(samples,)`, in frames of two hops."""
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))  # its squares add up to 1
    padded = np.pad(samples, (hop, 2 * hop))
    out = np.zeros_like(padded)
    for start, frame in enumerate(sliding_window_view(padded, 2 * hop)[::hop] * window):
        if frame.any():
            predictor = linear_prediction(frame, order)
            source = lfilter(predictor, [1.0], frame)
            moved = lfilter([1.0], move_poles(predictor, coefficient), source)
            out[start * hop : (start + 2) * hop] += moved * window
    changed = out[hop : hop + len(samples)]
    peak = np.abs(changed).max(initial=0)
    return changed * (np.abs(samples).max(initial=0) / peak) if peak else changed


def linear_prediction(frame: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """The coefficients of the prediction error filter, `(order + 1,)`, the first of them 1."""
    lags = np.correlate(frame, frame, "full")[len(frame) - 1 : len(frame) + order]
    lags[0] *= 1 + 1e-9  # white noise at −90 dB keeps the poles inside the unit circle
    return np.concatenate([[1.0], -solve_toeplitz(lags[:order], lags[1:])])


def move_poles(predictor: NDArray[np.float64], coefficient: float) -> NDArray[np.float64]:
    """The filter after its complex poles moved; their distance from 0 stays, so it is stable."""
    poles = np.roots(predictor)
    angle = np.angle(poles)
    moved = np.abs(poles) * np.exp(1j * np.sign(angle) * np.abs(angle) ** coefficient)
    return np.poly(np.where(np.isreal(poles), poles, moved)).real
