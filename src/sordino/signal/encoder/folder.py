"""A Whisper encoder from a local folder in the layout of Hugging Face, cut off after a layer.

    config.json         sizes, as `transformers` writes them
    model.safetensors   uint64, the length of the header; the header, JSON: for each array its type,
                        shape and two offsets; the bytes of all arrays, in C order

A folder comes from outside. Both files are read as data: no pickle (`pytorch_model.bin`), no code
of the folder (`auto_map`), no link, no network. The header is bounded, and no offset leaves the
file. The weights become the same ONNX model as those of `speech`.

Source: the format `safetensors` 0.5 (Apache-2.0), `modeling_whisper.py` of `transformers` 4.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError
from sordino.signal.encoder.log_mel import MEL_BANDS
from sordino.signal.encoder.shape import POSITIONS, EncoderShape, Weights

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"

MOST_CONFIG_BYTES: Final = 1 << 20
MOST_HEADER_BYTES: Final = 1 << 23
MOST_WIDTH: Final = 1280
MOST_LAYERS: Final = 32

_REFERENCE: Final = re.compile(r"speech:(?P<folder>.+)@(?P<layer>[1-9]\d?)")
_TYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
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
        letters = re.sub(r"[^A-Za-z0-9._-]", "-", self.title)[:40]
        return f"speech-{letters}-{self.shape.layers}"

    def read(self) -> Weights:
        """The weights. Raises `FeatureError` for a file that changed, is damaged, or lacks an
        array, and `StorageError` for one that cannot be read.
        """
        with _open(self.folder / WEIGHTS_FILE) as file:
            if _sha256(file) != self.sha256:
                _refuse(self.folder, f"{WEIGHTS_FILE} has changed", "start again")
            arrays = _TensorFile(file, self.folder)
            return self.shape.checked({name: arrays.weight(name) for name in self.shape.arrays()})


def is_reference(name: str) -> bool:
    """Whether a name of features stands for a folder: `speech:FOLDER@LAYER`.

    >>> is_reference("speech:models/whisper-small@4"), is_reference("speech:Class")
    (True, False)
    """
    return _REFERENCE.fullmatch(name) is not None


def open_folder(reference: str) -> EncoderFolder:
    """The encoder of a reference `speech:FOLDER@LAYER`; layers count from 1.

    Raises `FeatureError` for any folder but that of a Whisper model in safetensors, and
    `StorageError` for a file that cannot be read.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise FeatureError(f"{reference!r}, expected speech:FOLDER@LAYER: correct it")
    folder, layers = Path(match["folder"]), int(match["layer"])
    config = _config(folder)
    width, heads, depth = (
        _size(config, folder, key)
        for key in ("d_model", "encoder_attention_heads", "encoder_layers")
    )
    if width > MOST_WIDTH or depth > MOST_LAYERS or width % heads:
        _refuse(
            folder,
            f"{depth} layers of width {width} in {heads} heads",
            f"expected at most {MOST_LAYERS} of width {MOST_WIDTH}, in equal heads",
        )
    if layers > depth:
        _refuse(folder, f"layer {layers}", f"expected 1 to {depth}: choose another")
    with _open(folder / WEIGHTS_FILE) as file:
        return EncoderFolder(folder, EncoderShape(width, heads, layers), _sha256(file))


def _size(config: dict[str, Any], folder: Path, key: str) -> int:
    size = config.get(key)
    if type(size) is not int or size < 1:
        _refuse(folder, f"{key} {size!r}", "expected a whole number above 0: get another folder")
    return size


def _config(folder: Path) -> dict[str, Any]:
    with _open(folder / CONFIG_FILE) as file:
        content = file.read(MOST_CONFIG_BYTES + 1)
    config = _json(content, MOST_CONFIG_BYTES, folder / CONFIG_FILE)
    if "auto_map" in config:
        _refuse(folder, "auto_map, code of the folder", "expected a model of transformers itself")
    expected = {
        "model_type": "whisper",
        "num_mel_bins": MEL_BANDS,
        "max_source_positions": POSITIONS,
    }
    for key, value in expected.items():
        if config.get(key) != value:
            _refuse(folder, f"{key} {config.get(key)!r}", f"expected {value!r}: get another folder")
    return config


class _TensorFile:
    """The arrays of an open file of weights."""

    def __init__(self, file: BufferedReader, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._size = os.fstat(file.fileno()).st_size
        file.seek(0)
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER_BYTES, self._size - 8):
            _refuse(folder, f"{WEIGHTS_FILE}: a header of {length} bytes", "get the file anew")
        self._start = 8 + length
        self._header = _json(file.read(length), MOST_HEADER_BYTES, folder / WEIGHTS_FILE)

    def weight(self, name: str) -> NDArray[np.generic]:
        """The array of a name of `EncoderShape.arrays`."""
        if "self_attention/linear_0" not in name:
            return self._array(_NAMES.sub(lambda part: _PARTS[part[0]], name))
        layer, part = name.split("/")[0], name.rsplit("/", 1)[1]
        prefix = _NAMES.sub(lambda part: _PARTS[part[0]], layer) + ".self_attn."
        queries, values = (self._array(f"{prefix}{letter}_proj.{part}") for letter in "qv")
        # keys have no bias: it would change all scores of a query alike
        keys = np.zeros_like(queries) if part == "bias" else self._array(f"{prefix}k_proj.{part}")
        return np.concatenate([queries, keys, values])

    def _array(self, name: str) -> NDArray[np.generic]:
        names = [prefix + name for prefix in _PREFIXES if prefix + name in self._header]
        if not names:
            _refuse(self._folder, f"no array {name!r} in {WEIGHTS_FILE}", "get the file anew")
        entry = self._header[names[0]]
        try:
            dtype = np.dtype(_TYPES[entry["dtype"]])
            shape = tuple(_whole(size) for size in entry["shape"])
            start, end = (_whole(offset) for offset in entry["data_offsets"])
        except (KeyError, TypeError, ValueError):
            _refuse(self._folder, f"{name}: {str(entry)[:80]}", f"expected {', '.join(_TYPES)}")
        count = math.prod(shape)
        if end - start != count * dtype.itemsize or self._start + end > self._size:
            _refuse(self._folder, f"{name}: bytes {start} to {end}", "get the file anew")
        self._file.seek(self._start + start)
        return np.frombuffer(self._file.read(end - start), dtype).reshape(shape)


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


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


def _json(content: bytes, most: int, path: Path) -> dict[str, Any]:
    try:
        if len(content) > most:
            raise ValueError("too long")
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FeatureError(
            f"{path}: no JSON of at most {most} bytes: get the folder anew"
        ) from error
    if not isinstance(values, dict):
        raise FeatureError(f"{path}: {type(values).__name__}, expected an object: get it anew")
    return values


def _open(path: Path) -> BufferedReader:
    """A file that is open for reading. Raises for a link, a pipe and a folder."""
    with storage.as_storage_error(path):
        if not path.exists():
            raise FeatureError(
                f"{path}: no such file, expected {CONFIG_FILE} and {WEIGHTS_FILE} of a Whisper "
                "model (pytorch_model.bin is a pickle and is not read): convert it to safetensors"
            )
        if path.is_symlink() or not path.is_file():
            raise FeatureError(f"{path}: a link or no file, expected a file: copy it there")
        return os.fdopen(storage.open_file(path), "rb")


def _sha256(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse(folder: Path, reason: str, step: str) -> NoReturn:
    raise FeatureError(f"{folder}: {reason}: {step}")
