"""Feature sets of a folder with `model.onnx`: an encoder as a graph, checked before it runs.

    model.onnx                 one file without external data, at opset 18
    config.json                the number of layers, where the file has only its last output
    preprocessor_config.json   whether samples are normalised, for the input `input_values`

    input            shape            values
    input_values     (1, samples)     samples of the speech, in windows of 30 s (`waveform`)
    input_features   (1, 80, frames)  log mel energies of the speech as of Whisper (`log_mel`)
    frames           (frames, 80)     the same, one row a frame

The output is `hidden_states.LAYER`, as in exports that have all layers. A file with one output must
end after LAYER. A model with a fixed number of frames gets silence behind the speech, and the mean
leaves out the outputs of silence. Only the lab runs these models.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from sordino.progress import shorten
from sordino.signal import audio
from sordino.signal.encoder.encoder import LONGEST_WINDOW, runtime_version
from sordino.signal.encoder.folder import set_name
from sordino.signal.encoder.log_mel import speech_log_mel
from sordino.signal.encoder.tensors import CONFIG_FILE, open_data, read_json, reject
from sordino.signal.filterbank import versions
from sordino.signal.waveform.configuration import reads_normalised
from sordino.signal.waveform.features import mean_output, speech_windows

if TYPE_CHECKING:
    from sordino.onnx.lab_model import LabModel

MODEL_FILE: Final = "model.onnx"
MOST_MODEL_BYTES: Final = 3 << 29
"""The size of the largest model, 1.6 GB."""

RECIPE: Final = 1
"""Number of changes of `sordino.signal` that changed values."""

SAMPLES: Final = "input_values"
_INPUTS: Final = {SAMPLES: 2, "input_features": 3, "frames": 2}  # dimensions
_LAYERS: Final = ("num_hidden_layers", "encoder_layers")
_LAST: Final = ("last_hidden_state", "out")
_RANGE: Final = np.float32(2)  # silence lies so far below the loudest energy (`log_mel`)
_TRIAL_SECONDS: Final = 1


@dataclass(frozen=True)
class OnnxFeatures:
    """Samples to one vector: `(samples,) -> (dims,)` float32.

    Raises `AudioError` for NaN, and for less than 60 ms or more than 600 s at 16 kHz, and
    `FeatureError` where the model fails.
    """

    folder: Path
    layer: int
    sha256: str
    """Of the model."""
    output: str
    """The name of the output."""
    normalise: bool = False
    """Whether the samples of an utterance get the mean 0 and the variance 1."""
    dims: int = 0
    """Values of an output."""
    sampling_rate: int = audio.SAMPLING_RATE
    lab_only: ClassVar[bool] = True
    """No device computes the set, so no bundle names it."""

    @property
    def name(self) -> str:
        """The name of the folder with the layer, such as `speech-wavlm-base-plus-4`."""
        return set_name(self.folder, self.layer)

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
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "dims": self.dims,
            "output": self.output,
            "model": self.sha256,
            "do_normalize": self.normalise,
        }
        return settings | runtime_version() | versions()

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return mean_output(self._outputs(samples))

    def _outputs(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """The outputs of each window, `(positions, width)`."""
        model = load_model(self.folder, self.sha256)
        ((name, dimensions),) = model.inputs.items()
        if name == SAMPLES:
            for window in speech_windows(samples, self.normalise):
                yield _matrix(model(window[None], self.output), self.folder)
            return
        axis = 0 if name == "frames" else 2
        size = dimensions[axis]
        fixed = size if isinstance(size, int) else None
        longest = min(fixed or LONGEST_WINDOW, LONGEST_WINDOW)
        frames = speech_log_mel(samples)
        for window in np.array_split(frames, -(-len(frames) // longest)):
            padded = _padded(window, frames.max() - _RANGE, fixed)
            values = padded if name == "frames" else padded.T[None]
            outputs = _matrix(model(np.ascontiguousarray(values), self.output), self.folder)
            yield outputs[: -(-len(window) * len(outputs) // len(padded))]


def open_model(folder: Path, layer: int) -> OnnxFeatures:
    """The feature set of a folder with a model, up to a layer; layers count from 1.

    The model is checked and run once, on a second of noise. Raises `FeatureError` for a model that
    does more than arithmetic, has other inputs or lacks the layer, `StorageError` for a file that
    cannot be read, and `DependencyError` without ONNX Runtime.
    """
    runtime_version()
    sha256 = hashlib.sha256(_content(folder)).hexdigest()
    model = load_model(folder, sha256)
    inputs = {name: len(dimensions) for name, dimensions in model.inputs.items()}
    if len(inputs) != 1 or not inputs.items() <= _INPUTS.items():
        reject(
            folder,
            f"{MODEL_FILE} has the inputs {shorten(', '.join(model.inputs))}",
            f"expected one of {', '.join(_INPUTS)}: export it so",
        )
    normalise = SAMPLES in inputs and reads_normalised(folder)
    features = OnnxFeatures(folder, layer, sha256, _output(model, folder, layer), normalise)
    noise = np.random.default_rng(0).normal(0, 0.1, _TRIAL_SECONDS * audio.SAMPLING_RATE)
    dims = len(features(noise.astype(np.float32)))
    return OnnxFeatures(folder, layer, sha256, features.output, normalise, dims)


@functools.lru_cache(maxsize=1)
def load_model(folder: Path, sha256: str) -> LabModel:
    """The model of a folder, checked once in a process. Raises the errors of `LabModel`, and
    `FeatureError` for a file that changed.
    """
    from sordino.onnx.lab_model import LabModel  # here: features of other folders need none

    content = _content(folder)
    if hashlib.sha256(content).hexdigest() != sha256:
        reject(folder, f"{MODEL_FILE} has changed", "start again")
    return LabModel(content, str(folder / MODEL_FILE))


def _content(folder: Path) -> bytes:
    with open_data(folder / MODEL_FILE) as file:
        content = file.read(MOST_MODEL_BYTES + 1)
    if len(content) > MOST_MODEL_BYTES:
        reject(
            folder, f"{MODEL_FILE} of more than {MOST_MODEL_BYTES} bytes", "choose a smaller one"
        )
    return content


def _output(model: LabModel, folder: Path, layer: int) -> str:
    """The name of the output of a layer."""
    name = f"hidden_states.{layer}"
    if name in model.outputs:
        return name
    last = [output for output in _LAST if output in model.outputs]
    if not last:
        reject(
            folder,
            f"{MODEL_FILE} has the outputs {shorten(', '.join(model.outputs))}",
            f"expected {name} or {' or '.join(_LAST)}: export it so",
        )
    config = read_json(folder / CONFIG_FILE)
    depths = [config[key] for key in _LAYERS if key in config]
    if layer not in depths[:1]:
        reject(
            folder,
            f"layer {layer} of {MODEL_FILE}, which ends after layer {str(depths)[1:-1][:20]}",
            "expected that layer: choose it, or export all hidden states",
        )
    return last[0]


def _padded(
    frames: NDArray[np.float32], silence: np.float32, fixed: int | None
) -> NDArray[np.float32]:
    """The frames, `(n, 80)`, with silence behind them if their number is fixed."""
    missing = max(0, (fixed or 0) - len(frames))
    return np.pad(frames, ((0, missing), (0, 0)), constant_values=silence)


def _matrix(outputs: NDArray[np.float32], folder: Path) -> NDArray[np.float32]:
    """The outputs as `(positions, width)`."""
    matrix = outputs[0] if outputs.ndim == 3 and len(outputs) == 1 else outputs
    if matrix.ndim != 2 or not matrix.size:
        reject(folder, f"an output of shape {outputs.shape}", "expected (1, positions, width)")
    return matrix
