"""The configuration of a wav2vec 2, HuBERT or WavLM model in a folder, checked before it is used.

    config.json                the architecture, as `transformers` writes it
    preprocessor_config.json   the sampling rate, and whether samples are normalised
    model.safetensors          weights (`sordino.signal.encoder.tensors`)

A folder comes from outside. Only the settings of `ARCHITECTURES` are read, each of its type and
within bounds; an absent one has the default of `transformers`. The sizes bound the memory of a
window of 30 s. Code of the folder (`auto_map`) is refused.

Sources: Baevski et al. 2020 (wav2vec 2), Hsu et al. 2021 (HuBERT), Chen et al. 2022 (WavLM).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sordino.signal.audio import SAMPLING_RATE
from sordino.signal.encoder.folder import check_plain, set_name
from sordino.signal.encoder.tensors import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    open_data,
    read_json,
    reject,
    sha256_of,
)

PREPROCESSOR_FILE: Final = "preprocessor_config.json"

WINDOW_SAMPLES: Final = 30 * SAMPLING_RATE
"""The most samples of one window, 30 s."""

_SHARED: Final[dict[str, object]] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "conv_dim": (512,) * 7,
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_bias": False,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "do_stable_layer_norm": False,
}
ARCHITECTURES: Final[dict[str, dict[str, object]]] = {
    "hubert": _SHARED | {"feat_proj_layer_norm": True},
    "wav2vec2": _SHARED,
    "wavlm": _SHARED | {"num_buckets": 320, "max_bucket_distance": 800},
}
"""The settings of each architecture, with the defaults of `transformers`."""

_CHOICES: Final = {
    "hidden_act": ("gelu",),
    "feat_extract_activation": ("gelu",),
    "feat_extract_norm": ("group", "layer"),
}
_ABSENT: Final = ("add_adapter", "adapter_attn_dim", "conv_pos_batch_norm")
"""Settings of other architectures: they must be false or null."""

_MOST: Final = {
    "hidden_size": 1920,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "intermediate_size": 8192,
    "conv_dim": 1024,
    "conv_stride": 16,
    "conv_kernel": 64,
    "num_conv_pos_embeddings": 256,
    "num_conv_pos_embedding_groups": 64,
    "num_buckets": 1024,
    "max_bucket_distance": 4096,
}
_MOST_CONVOLUTIONS: Final = 12
_MOST_NUMBERS: Final = 1 << 28
"""The most outputs of all convolutions, and of attention, in a window."""


@dataclass(frozen=True)
class WaveformFolder:
    """The model of a folder up to one of its layers."""

    folder: Path
    model_type: str
    """A key of `ARCHITECTURES`."""
    settings: tuple[tuple[str, Any], ...]
    """The settings of the architecture by name."""
    layer: int
    """The last computed layer, from 1."""
    normalise: bool
    """Whether the samples of an utterance get the mean 0 and the variance 1."""
    sha256: str
    """Of the file of weights."""

    @property
    def name(self) -> str:
        """The name of the features, such as `speech-wavlm-base-plus-4`."""
        return set_name(self.folder, self.layer)

    @property
    def width(self) -> int:
        """Values at each position."""
        return int(dict(self.settings)["hidden_size"])

    def positions(self, samples: int) -> int:
        """Outputs of the model for so many samples; 0 or less for too few.

        >>> default = tuple(ARCHITECTURES["wav2vec2"].items())
        >>> folder = WaveformFolder(Path(), "wav2vec2", default, 3, True, "")
        >>> folder.positions(399), folder.positions(400), folder.positions(16000)
        (0, 1, 49)
        """
        return _lengths(dict(self.settings), samples)[-1]


def find_model(folder: Path, layer: int) -> WaveformFolder:
    """The model of a folder up to a layer. The weights are not read, except for their SHA-256.

    Raises `FeatureError` for another model or larger sizes, and `StorageError` for a file that
    cannot be read.
    """
    config = read_json(folder / CONFIG_FILE)
    check_plain(config, folder)
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in ARCHITECTURES:
        expected = ", ".join(("whisper", *ARCHITECTURES))
        reject(
            folder,
            f"model_type {str(model_type)[:40]!r}",
            f"expected {expected}: get another folder",
        )
    settings = {
        key: _setting(config.get(key, default), default, key, folder)
        for key, default in ARCHITECTURES[model_type].items()
    }
    for key in _ABSENT:
        if config.get(key):
            reject(folder, f"{key} {str(config[key])[:40]!r}", "expected none: get another folder")
    _check_sizes(settings, folder)
    depth = settings["num_hidden_layers"]
    if layer > depth:
        reject(folder, f"layer {layer}", f"expected 1 to {depth}: choose another")
    normalise = reads_normalised(folder)
    with open_data(folder / WEIGHTS_FILE) as file:
        sha256 = sha256_of(file)
    return WaveformFolder(folder, model_type, tuple(settings.items()), layer, normalise, sha256)


def _setting(value: Any, default: object, key: str, folder: Path) -> Any:
    """A setting of the type of its default, within its bounds."""
    most = _MOST.get(key, 0)
    if isinstance(default, tuple):
        fits = isinstance(value, (list, tuple)) and 0 < len(value) <= _MOST_CONVOLUTIONS
        fits = fits and all(type(size) is int and 0 < size <= most for size in value)
        expected = f"1 to {_MOST_CONVOLUTIONS} whole numbers from 1 to {most}"
    elif isinstance(default, str):
        fits, expected = value in _CHOICES[key], " or ".join(_CHOICES[key])
    elif isinstance(default, float):
        fits, expected = type(value) is float and 0 < value < 1, "a number between 0 and 1"
    elif isinstance(default, bool):
        fits, expected = type(value) is bool, "true or false"
    else:
        fits, expected = type(value) is int and 0 < value <= most, f"a whole number to {most}"
    if not fits:
        reject(folder, f"{key} {str(value)[:40]!r}", f"expected {expected}: get another folder")
    return tuple(value) if isinstance(default, tuple) else value


def _check_sizes(settings: dict[str, Any], folder: Path) -> None:
    """Raise for sizes that do not fit together, or take too much memory in a window."""
    width, heads = settings["hidden_size"], settings["num_attention_heads"]
    groups = settings["num_conv_pos_embedding_groups"]
    sizes = [len(settings[f"conv_{part}"]) for part in ("dim", "stride", "kernel")]
    if width % heads or width % groups or len(set(sizes)) > 1:
        reject(
            folder,
            f"width {width}, {heads} heads, {groups} groups, convolutions {sizes}",
            "expected heads and groups that divide the width, and convolutions of one number: get "
            "another folder",
        )
    if settings.get("max_bucket_distance", 4096) <= settings.get("num_buckets", 8) or (
        settings.get("num_buckets", 8) < 4
    ):
        reject(folder, "buckets of positions", "expected 4 or more, fewer than the distance")
    lengths = _lengths(settings, WINDOW_SAMPLES)
    numbers = sum(map(math.prod, zip(settings["conv_dim"], lengths, strict=True)))
    if lengths[-1] < 1 or max(numbers, heads * lengths[-1] ** 2) > _MOST_NUMBERS:
        reject(
            folder,
            f"{lengths[-1]} outputs for 30 s and {numbers} numbers before them",
            "expected fewer, as in wav2vec 2: get another folder",
        )


def _lengths(settings: dict[str, Any], samples: int) -> list[int]:
    """The number of outputs of each convolution."""
    steps = zip(settings["conv_kernel"], settings["conv_stride"], strict=True)
    lengths = itertools.accumulate(
        steps, lambda length, step: (length - step[0]) // step[1] + 1, initial=samples
    )
    return list(lengths)[1:]


def reads_normalised(folder: Path) -> bool:
    """Whether a model reads normalised samples, by the file of its preprocessing.

    Raises `FeatureError` for another sampling rate, and `StorageError` for a file that cannot be
    read.
    """
    config = read_json(folder / PREPROCESSOR_FILE)
    rate, normalise = config.get("sampling_rate"), config.get("do_normalize")
    if rate != SAMPLING_RATE or type(normalise) is not bool:
        reject(
            folder,
            f"sampling_rate {str(rate)[:20]}, do_normalize {str(normalise)[:20]} in "
            f"{PREPROCESSOR_FILE}",
            f"expected {SAMPLING_RATE}, and true or false: get another folder",
        )
    return normalise
