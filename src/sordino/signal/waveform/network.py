"""The network of a folder, made of the architecture code of `transformers` (imported here alone).

Nothing else of `transformers` runs: no download, no pickle, no code of the folder. The weights are
read by sordino (`tensors`) and compared with the names and shapes of the architecture. Only the
wanted layers are made. On one machine the same samples give the same bits: float32, one thread, no
dropout, one utterance at a time.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, install_step
from sordino.signal.encoder.tensors import (
    WEIGHTS_FILE,
    TensorFile,
    open_data,
    reject,
    sha256_of,
)
from sordino.signal.waveform.configuration import WaveformFolder

if TYPE_CHECKING:
    import torch

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""The outputs of the last layer, `(samples,) -> (positions, width)` float32."""

_OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
_UNUSED: Final = {
    "apply_spec_augment": False,
    "attn_implementation": "eager",
    "layerdrop": 0.0,
    "mask_feature_prob": 0.0,
    "mask_time_prob": 0.0,
}
"""Settings of training are off, and attention is the plain product."""

_TITLES: Final = {"hubert": "Hubert", "wav2vec2": "Wav2Vec2", "wavlm": "WavLM"}
"""The names of the architectures in `transformers`."""

_EARLIER_NAMES: Final = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
"""Names of one weight in files of newer and older versions."""


def package_versions() -> dict[str, str]:
    """The versions of `torch` and `transformers`. Raises `DependencyError` without them."""
    try:
        return {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
    except importlib.metadata.PackageNotFoundError as error:
        raise DependencyError(
            f"{error.name} is not installed, expected it for wav2vec 2, HuBERT and WavLM: "
            f"{install_step('embeddings')}"
        ) from error


@functools.lru_cache(maxsize=1)
def load_network(source: WaveformFolder) -> Network:
    """The network of a folder, made once in a process.

    Raises `FeatureError` for weights that changed, are damaged, absent or of another shape,
    `StorageError` for a file that cannot be read, and `DependencyError` without `transformers`.
    """
    package_versions()
    import torch

    # shapes alone: no random weight is drawn, and the state of the caller's draws stays
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = _architecture(source)
    model.load_state_dict(_weights(source, model), strict=True, assign=True)
    model.eval().requires_grad_(False)

    def network(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        values = torch.from_numpy(np.array(samples[None], np.float32))  # (1, samples)
        with one_thread(), torch.inference_mode():
            outputs: NDArray[np.float32] = model(values).last_hidden_state[0].numpy()
        if not np.isfinite(outputs).all():
            reject(source.folder, "outputs that are NaN or infinite", "get another folder")
        return outputs

    return network


def _architecture(source: WaveformFolder) -> torch.nn.Module:
    """The layers of a model up to the wanted one."""
    os.environ.update(_OFFLINE)  # before the import, whatever the user's environment has
    import transformers
    from torch.nn import Identity

    classes: Any = transformers  # an attribute imports one architecture
    title = _TITLES[source.model_type]
    config_class, model_class = (getattr(classes, title + part) for part in ("Config", "Model"))
    settings = dict(source.settings)
    config = config_class(**settings | _UNUSED | {"num_hidden_layers": source.layer})
    model: Any = model_class(config)
    if settings["do_stable_layer_norm"]:
        model.encoder.layer_norm = Identity()  # behind the last layer: no layer's own output
    network: torch.nn.Module = model
    return network


def _weights(source: WaveformFolder, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of the file by the names of the model."""
    import torch

    with open_data(source.folder / WEIGHTS_FILE) as file:
        if sha256_of(file) != source.sha256:
            reject(source.folder, f"{WEIGHTS_FILE} has changed", "start again")
        arrays = TensorFile(file, source.folder)
        weights = {}
        for name, expected in model.state_dict().items():
            values = arrays.array(*_names(name, source.model_type))
            if values.shape != tuple(expected.shape) or not np.isfinite(values).all():
                raise FeatureError(
                    f"{source.folder}: {name} of shape {values.shape}, expected finite numbers of "
                    f"shape {tuple(expected.shape)}: get the file anew"
                )
            weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def _names(name: str, model_type: str) -> list[str]:
    """The names of a weight in a file: with and without the model's, newer and older."""
    earlier = name
    for newer, older in _EARLIER_NAMES.items():
        earlier = earlier.replace(newer, older)
    spellings = dict.fromkeys((earlier, name))
    return [prefix + spelling for prefix in (f"{model_type}.", "") for spelling in spellings]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch meanwhile: sums of several threads have other last bits."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
