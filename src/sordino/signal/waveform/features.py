"""Feature sets of wav2vec 2, HuBERT and WavLM: the mean output of a layer over the speech.

    samples   16 kHz, clipped to full scale ±1
      span    from 100 ms before the first loud frame to 100 ms after the last (`log_mel`)
      scaled  mean 0 and variance 1, if the preprocessing of the model does so (do_normalize)
      windows of at most 30 s and of nearly equal length
      network the outputs of a layer, usually every 20 ms (`network`)
    vector    their mean over all windows

The vector equals the mean output of the layer in `transformers`, in float32, if the speech has one
window. The normalisation behind the last layer of large models is left out. The vector identifies
speakers and gender, so it is no release. No device computes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio
from sordino.signal.encoder.log_mel import speech_samples
from sordino.signal.waveform.configuration import (
    WINDOW_SAMPLES,
    WaveformFolder,
    find_model,
)
from sordino.signal.waveform.network import Network, load_network, package_versions

RECIPE: Final = 1
"""Number of changes of `sordino.signal` that changed values."""

_VARIANCE: Final = 1e-7  # added to a variance, as `transformers` does


@dataclass(frozen=True)
class WaveformFeatures:
    """Samples to one vector: `(samples,) -> (dims,)` float32.

    The first call reads the weights and raises the errors of `load_network`. Raises `AudioError`
    for NaN, and for less than 60 ms or more than 600 s at 16 kHz.
    """

    source: WaveformFolder
    sampling_rate: int = audio.SAMPLING_RATE
    lab_only: ClassVar[bool] = True
    """No device computes the set, so no bundle names it."""

    @property
    def name(self) -> str:
        """The name of the folder with the layer, such as `speech-wavlm-base-plus-4`."""
        return self.source.name

    @property
    def dims(self) -> int:
        """The width of the model."""
        return self.source.width

    @property
    def names(self) -> list[str]:
        """The name of each value: the set and a number."""
        return [f"{self.name}-{number:04d}" for number in range(self.dims)]

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values."""
        source = self.source
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "dims": self.dims,
            "layer": source.layer,
            "weights": source.sha256,
            "do_normalize": source.normalise,
            "architecture": {
                "model_type": source.model_type,
                **{
                    key: list(value) if isinstance(value, tuple) else value
                    for key, value in source.settings
                },
            },
        }
        return settings | package_versions() | {"numpy": np.__version__}

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return encode_samples(samples, self.source, load_network(self.source))


def open_waveform(folder: Path, layer: int) -> WaveformFeatures:
    """The feature set of a folder up to a layer; layers count from 1.

    Raises the errors of `find_model`, and `DependencyError` without `transformers`.
    """
    features = WaveformFeatures(find_model(folder, layer))
    package_versions()
    return features


def encode_samples(
    samples: NDArray[np.floating], source: WaveformFolder, network: Network
) -> NDArray[np.float32]:
    """The mean output of a network over the speech in a recording, `(samples,) -> (width,)`.

    Raises `AudioError` as `speech_samples` does, and for speech without an output.
    """
    windows = speech_windows(samples, source.normalise)
    if source.positions(len(windows[-1])) < 1:  # the last window is the shortest
        raise AudioError(
            f"{sum(map(len, windows)) / audio.SAMPLING_RATE:.3g} s of speech, expected more for "
            f"{source.name}: leave it out"
        )
    return mean_output(map(network, windows))


def speech_windows(samples: NDArray[np.floating], normalise: bool) -> list[NDArray[np.float32]]:
    """The speech in a recording in windows of at most 30 s, each `(n,)`.

    - `normalise`: give the speech the mean 0 and the variance 1.

    Raises `AudioError` as `speech_samples` does.
    """
    speech = speech_samples(samples).astype(np.float64)
    if normalise:
        speech = (speech - speech.mean()) / np.sqrt(speech.var() + _VARIANCE)
    return np.array_split(speech.astype(np.float32), -(-len(speech) // WINDOW_SAMPLES))


def mean_output(windows: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of outputs over all windows, each `(positions, width)`, `-> (width,)`.

    >>> mean_output([np.array([[1.0], [2.0]]), np.array([[6.0]])]).tolist()
    [3.0]
    """
    sums, positions = [], 0
    for outputs in windows:
        sums.append(outputs.sum(axis=0, dtype=np.float64))
        positions += len(outputs)
    mean: NDArray[np.float32] = (np.sum(sums, axis=0) / positions).astype(np.float32)
    return mean
