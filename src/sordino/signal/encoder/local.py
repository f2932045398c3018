"""The weights of `speech` and `speech-tiny` from a file of the user's, instead of from packages.

    model.bin           a model file of CTranslate2 with the SHA-256 of the checkpoint
    model.safetensors   the same model in the layout of Hugging Face, or its folder; its arrays,
                        rounded to float16, must be those of the checkpoint

Both rules accept the same weights and no others. The vectors do not depend on the source, so those
of two sources may be mixed. Other weights are a feature set of their own, `speech:FOLDER@LAYER`.
A file is read as data, with bounds, and is never a pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from sordino.errors import FeatureError
from sordino.signal.encoder.folder import read_whisper
from sordino.signal.encoder.shape import EncoderShape, Weights
from sordino.signal.encoder.tensors import WEIGHTS_FILE, TensorFile, open_data, sha256_of
from sordino.signal.encoder.weights import (
    BASE,
    TINY_EN,
    Checkpoint,
    arrays_digest,
    half,
    read_files,
)

CHECKPOINTS: Final = (TINY_EN, BASE)


@dataclass(frozen=True)
class LocalWeights:
    """The weights of a checkpoint in a local file."""

    path: Path
    checkpoint: Checkpoint

    @property
    def title(self) -> str:
        """The name of the model."""
        return self.checkpoint.title

    @property
    def licence(self) -> str:
        """The licence of the weights."""
        return self.checkpoint.licence

    @property
    def sha256(self) -> str:
        """Of the model file of the checkpoint, since the weights are the same."""
        return self.checkpoint.sha256

    @property
    def shape(self) -> EncoderShape:
        """The size of the encoder."""
        return self.checkpoint.shape

    def read(self) -> Weights:
        """The weights, those of the checkpoint. Raises `FeatureError` for a file with others, and
        `StorageError` for one that cannot be read.
        """
        if not _is_safetensors(self.path):
            return read_files([self.path], self.checkpoint, str(self.path))
        with open_data(self.path) as file:
            weights = read_whisper(TensorFile(file, self.path.parent), self.shape)
        if arrays_digest(self.shape, weights) != self.checkpoint.arrays_sha256:
            _refuse(self.path, f"other weights than {self.title}")
        return {name: half(values).astype(np.float32) for name, values in weights.items()}


def find_weights(path: str | Path) -> LocalWeights:
    """The checkpoint that a model file holds, or the folder of a `model.safetensors`.

    Raises `FeatureError` for a file with the weights of none of `CHECKPOINTS`, and `StorageError`
    for one that cannot be read.
    """
    path = Path(path).expanduser().absolute()
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if _is_safetensors(path):
        with open_data(path) as file:
            width = (
                TensorFile(file, path.parent)
                .array("encoder.conv1.bias", "model.encoder.conv1.bias")
                .size
            )
        matches = [item for item in CHECKPOINTS if item.shape.width == width]
    else:
        with open_data(path) as file:
            sha256 = sha256_of(file)
        matches = [item for item in CHECKPOINTS if item.sha256 == sha256]
    if not matches:
        _refuse(path, "no weights that sordino knows")
    source = LocalWeights(path, matches[0])
    source.read()
    return source


def _is_safetensors(path: Path) -> bool:
    """Whether a file starts as safetensors do: with a length, then JSON."""
    with open_data(path) as file:
        return file.read(9)[8:] == b"{"


def _refuse(path: Path, reason: str) -> NoReturn:
    titles = " or ".join(item.title for item in CHECKPOINTS)
    raise FeatureError(
        f"{path}: {reason}, expected {titles} as a file of CTranslate2 or safetensors: get another "
        "file, or use --features speech:FOLDER@LAYER"
    )
