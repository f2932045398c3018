"""A Whisper encoder from a local folder in the layout of Hugging Face, cut off after a layer.

    config.json         sizes, as `transformers` writes them
    model.safetensors   weights (`tensors`)

A folder comes from outside. Both files are read as data: no code of the folder (`auto_map`), no
network. The weights become the same ONNX model as those of `speech`.

Source: `modeling_whisper.py` of `transformers` 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.signal.encoder.log_mel import MEL_BANDS
from sordino.signal.encoder.shape import POSITIONS, EncoderShape, Weights
from sordino.signal.encoder.tensors import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TensorFile,
    open_data,
    positive,
    read_json,
    reject,
    sha256_of,
)

MOST_WIDTH: Final = 1280
MOST_LAYERS: Final = 32

_REFERENCE: Final = re.compile(r"speech:(?P<folder>.+)@(?P<layer>[1-9]\d?)")
_PREFIXES: Final = ("model.encoder.", "encoder.")


@dataclass(frozen=True)
class EncoderFolder:
    """The encoder of a folder up to one of its layers."""

    folder: Path
    shape: EncoderShape
    sha256: str
    """Of the file of weights."""
    licence: str = "that of the folder"

    @property
    def title(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    @property
    def name(self) -> str:
        """The name of the features, such as `speech-whisper-small-4`."""
        return set_name(self.folder, self.shape.layers)

    def read(self) -> Weights:
        """The weights. Raises `FeatureError` for a file that changed, is damaged, or lacks an
        array, and `StorageError` for one that cannot be read.
        """
        with open_data(self.folder / WEIGHTS_FILE) as file:
            if sha256_of(file) != self.sha256:
                reject(self.folder, f"{WEIGHTS_FILE} has changed", "start again")
            return read_whisper(TensorFile(file, self.folder), self.shape)


def set_name(folder: Path, layer: int) -> str:
    """The name of the features of a folder, such as `speech-whisper-small-4`."""
    letters = re.sub(r"[^A-Za-z0-9._-]", "-", folder.resolve().name)[:40]
    return f"speech-{letters}-{layer}"


def is_reference(name: str) -> bool:
    """Whether a name of features stands for a folder: `speech:FOLDER@LAYER`.

    >>> is_reference("speech:models/whisper-small@4"), is_reference("speech:Class")
    (True, False)
    """
    return _REFERENCE.fullmatch(name) is not None


def check_layer(name: str) -> None:
    """Raise `FeatureError` for `speech:FOLDER` without a layer, or with another than 1 to 99. Other
    names pass, such as `speech:Class` in a module of a user's own without such a folder.

    >>> check_layer("speech:models/whisper-small@6")
    """
    prefix, _, folder = name.partition("speech:")
    if prefix or not folder or is_reference(name):
        return
    if not folder.isidentifier() or Path(folder).is_dir():
        path, at, _ = folder.rpartition("@")
        step = "choose a layer from 1 to 99" if at else "add the layer"
        raise FeatureError(
            f"features {name}: expected speech:FOLDER@LAYER, such as "
            f"speech:{(path if at else folder) or 'models/whisper-small'}@6: {step}"
        )


def split_reference(reference: str) -> tuple[Path, int]:
    """The folder and the layer of a reference `speech:FOLDER@LAYER`; layers count from 1.

    Raises `FeatureError` for another text.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise FeatureError(f"{reference!r}, expected speech:FOLDER@LAYER: correct it")
    return Path(match["folder"]), int(match["layer"])


def open_folder(reference: str) -> EncoderFolder:
    """The encoder of a reference `speech:FOLDER@LAYER` to a Whisper model in safetensors.

    Raises `FeatureError` for any other folder, and `StorageError` for a file that cannot be read.
    """
    folder, layers = split_reference(reference)
    config = _config(folder)
    width, heads, depth = (
        positive(config, folder, key)
        for key in ("d_model", "encoder_attention_heads", "encoder_layers")
    )
    if width > MOST_WIDTH or depth > MOST_LAYERS or width % heads:
        reject(
            folder,
            f"{depth} layers of width {width} in {heads} heads",
            f"expected at most {MOST_LAYERS} of width {MOST_WIDTH}, in equal heads",
        )
    if layers > depth:
        reject(folder, f"layer {layers}", f"expected 1 to {depth}: choose another")
    with open_data(folder / WEIGHTS_FILE) as file:
        return EncoderFolder(folder, EncoderShape(width, heads, layers), sha256_of(file))


def read_whisper(file: TensorFile, shape: EncoderShape) -> Weights:
    """The weights of a Whisper encoder by the names of `EncoderShape.arrays`.

    Raises `FeatureError` for an absent array, and for another shape or type.
    """
    return shape.checked({name: _weight(file, name) for name in shape.arrays()})


def _config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / CONFIG_FILE)
    check_plain(config, folder)
    expected = {
        "model_type": "whisper",
        "num_mel_bins": MEL_BANDS,
        "max_source_positions": POSITIONS,
    }
    for key, value in expected.items():
        if config.get(key) != value:
            reject(folder, f"{key} {config.get(key)!r}", f"expected {value!r}: get another folder")
    return config


def check_plain(config: dict[str, Any], folder: Path) -> None:
    """Raise `FeatureError` for a configuration that names code of the folder."""
    if "auto_map" in config:
        reject(folder, "auto_map, code of the folder", "expected a model of transformers itself")


def _weight(file: TensorFile, name: str) -> NDArray[np.generic]:
    """The array of a name of `EncoderShape.arrays`."""
    if "self_attention/linear_0" not in name:
        return _array(file, _NAMES.sub(lambda part: _PARTS[part[0]], name))
    layer, part = name.split("/")[0], name.rsplit("/", 1)[1]
    prefix = _NAMES.sub(lambda part: _PARTS[part[0]], layer) + ".self_attn."
    queries, values = (_array(file, f"{prefix}{letter}_proj.{part}") for letter in "qv")
    # keys have no bias: it would change all scores of a query alike
    keys = np.zeros_like(queries) if part == "bias" else _array(file, f"{prefix}k_proj.{part}")
    return np.concatenate([queries, keys, values])


def _array(file: TensorFile, name: str) -> NDArray[np.generic]:
    return file.array(*(prefix + name for prefix in _PREFIXES))


_PARTS: Final = {
    "position_encodings/encodings": "embed_positions.weight",
    "layer_": "layers.",
    "/self_attention/layer_norm": ".self_attn_layer_norm",
    "/self_attention/linear_1": ".self_attn.out_proj",
    "/ffn/layer_norm": ".final_layer_norm",
    "/ffn/linear_0": ".fc1",
    "/ffn/linear_1": ".fc2",
    "/gamma": ".weight",
    "/beta": ".bias",
    "/": ".",
}
_NAMES: Final = re.compile("|".join(_PARTS))
