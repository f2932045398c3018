"""The sequence `speech-frames`: the outputs of a pretrained speech encoder over time.

    outputs   every 20 ms, as in `sordino.signal.encoder.speech`
      steps   means of four outputs, 80 ms; the last step of a window may have fewer

At most 600 s are read, so a sequence has at most 7,520 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal.encoder.speech import Speech, encoder_windows
from sordino.signal.encoder.weights import load_encoder

POOLED: Final = 4
"""Outputs of 20 ms in a step."""

RECIPE: Final = 1
"""Number of changes of this file that changed values."""


@dataclass(frozen=True)
class SpeechFrames:
    """Samples to steps: `(samples,) -> (steps, dims)` float32, those of a `Speech`.

    Raises the errors of `Speech`.
    """

    speech: Speech

    @property
    def name(self) -> str:
        """The name of the feature set, and that its outputs stay a sequence."""
        return f"{self.speech.name}-frames"

    @property
    def sampling_rate(self) -> int:
        """Hz of the samples."""
        return self.speech.sampling_rate

    @property
    def dims(self) -> int:
        """The width of the encoder."""
        return self.speech.dims

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return RECIPE + self.speech.recipe

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values."""
        settings = {"name": self.name, "recipe": self.recipe, "pooled": POOLED}
        return self.speech.config | settings

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return encode_steps(samples, self.speech.encoder or load_encoder(self.speech.checkpoint))


def encode_steps(
    samples: NDArray[np.floating], encoder: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The pooled outputs of an encoder over the speech in a recording, `(samples,) -> (steps,
    width)`.

    Raises `AudioError` as `speech_log_mel` does.
    """
    return np.concatenate([pool(encoder(window)) for window in encoder_windows(samples)])


def pool(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The means of `POOLED` outputs each, `(n, d) -> (ceil(n / POOLED), d)`.

    >>> pool(np.arange(5, dtype=np.float32)[:, None]).ravel().tolist()
    [1.5, 4.0]
    """
    starts = np.arange(0, len(outputs), POOLED)
    counts = np.diff([*starts, len(outputs)])
    means = np.add.reduceat(outputs, starts) / counts[:, None]
    return np.asarray(means, np.float32)
