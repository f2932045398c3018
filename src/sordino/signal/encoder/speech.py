"""The feature sets `speech` and `speech-tiny`: a pretrained speech encoder, averaged over time.

    samples   16 kHz, clipped to full scale ±1
      span    from 100 ms before the first loud frame to 100 ms after the last (`log_mel`)
      frames  80 log mel energies every 10 ms, as Whisper computes them (`log_mel`), not padded
      windows of at most 30 s, the longest input of the encoder, and of nearly equal length
      encoder a vector every 20 ms: the output of the third layer (`graph`)
    vector    their mean over all windows

A recording is encoded alone: padding and neighbours in a batch would change its last digits. On a
GPU, recordings are encoded in batches, and its vectors have a tolerance (`batches`). Speech of more
than 30 s is encoded in windows, and no attention reaches from one window into another.

The layer and the mean were chosen on RAVDESS and EMO-DB: later layers represent words more than
voices. The vector identifies speakers and gender, so it is no release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal import audio
from sordino.signal.encoder.encoder import LONGEST_WINDOW, Encoder, runtime_version
from sordino.signal.encoder.log_mel import speech_log_mel
from sordino.signal.encoder.weights import WeightSource, load_encoder
from sordino.signal.filterbank import versions

RECIPE: Final = 3
"""Number of changes of `sordino.signal` that changed values."""


@dataclass(frozen=True)
class Speech:
    """Samples to one vector: `(samples,) -> (dims,)` float32, the same function as on a device.

    - `encoder`: the model of a bundle; None for that of the checkpoint. The first call then reads
      the weights and raises the errors of `load_encoder`, such as `DependencyError` without their
      package.

    Raises `AudioError` for NaN, and for less than 60 ms or more than 600 s at 16 kHz.
    """

    name: str
    checkpoint: WeightSource
    sampling_rate: int = audio.SAMPLING_RATE
    encoder: Encoder | None = field(default=None, repr=False, compare=False)

    @property
    def dims(self) -> int:
        """The width of the encoder."""
        return self.checkpoint.shape.width

    @property
    def names(self) -> list[str]:
        """The name of each value: the set and a number."""
        return [f"{self.name}{number:03d}" for number in range(self.dims)]

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values. No package of weights is needed."""
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "dims": self.dims,
            "layers": self.checkpoint.shape.layers,
            "weights": self.checkpoint.sha256,
        }
        return settings | runtime_version() | versions()

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return encode(samples, self.encoder or load_encoder(self.checkpoint))

    def prepare(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The windows of a recording, for `compute_batch`. Raises `AudioError` as a call does."""
        return encoder_windows(samples)

    def compute_batch(
        self, recordings: Sequence[Sequence[NDArray[np.float32]]], device: str
    ) -> list[NDArray[np.float32]]:
        """The vectors of recordings on a device of PyTorch, from their windows (`batches`)."""
        from sordino.signal.encoder.batches import load_batch_encoder  # no device of a user has it

        return load_batch_encoder(self.checkpoint, device)(recordings)

    @property
    def origin(self) -> dict[str, object]:
        """The model, its licence, the layer and the SHA-256 of its weights, for the card of a
        bundle.
        """
        return {
            "model": self.checkpoint.title,
            "licence": self.checkpoint.licence,
            "layer": self.checkpoint.shape.layers,
            "weights": self.checkpoint.sha256,
        }

    def model(self) -> bytes:
        """The model for a bundle. Raises the errors of `load_encoder`."""
        return (self.encoder or load_encoder(self.checkpoint)).content

    def with_model(self, content: bytes) -> Speech:
        """The same features by the model of a bundle, without any package of weights.

        Raises `BundleError` for a file that does more than arithmetic.
        """
        return replace(self, encoder=Encoder(content, self.dims))


def encode(samples: NDArray[np.floating], encoder: Encoder) -> NDArray[np.float32]:
    """The mean output of an encoder over the speech in a recording, `(samples,) -> (width,)`.

    Raises `AudioError` as `speech_log_mel` does.
    """
    total, positions = np.zeros(encoder.width), 0
    for window in encoder_windows(samples):
        outputs = encoder(window)
        total += outputs.sum(axis=0, dtype=np.float64)
        positions += len(outputs)
    return (total / positions).astype(np.float32)


def encoder_windows(samples: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """The log mel energies of the speech in a recording, in windows of at most 30 s.

    Raises `AudioError` as `speech_log_mel` does.
    """
    frames = speech_log_mel(samples)
    return np.array_split(frames, -(-len(frames) // LONGEST_WINDOW))
