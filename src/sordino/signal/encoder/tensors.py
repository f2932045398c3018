"""Files of a model folder in the layout of Hugging Face, read as data: JSON and safetensors.

    model.safetensors   uint64, the length of the header; the header, JSON: for each array its type,
                        shape and two offsets; the bytes of all arrays, in C order

A folder comes from outside. No pickle (`pytorch_model.bin`), no link and no other kind of file is
read. The sizes of JSON, header and shapes are bounded, and no offset leaves the file.

Source: the format `safetensors` 0.5 (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError
from sordino.progress import shorten

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"

MOST_CONFIG_BYTES: Final = 1 << 20
MOST_HEADER_BYTES: Final = 1 << 23

MOST_DIMENSIONS: Final = 4
MOST_SIZE: Final = 1 << 31
"""The limit of a dimension: a product of many large numbers takes the square of their digits."""

_TYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


class TensorFile:
    """The arrays of an open file of weights. Raises `FeatureError` for a damaged header."""

    def __init__(self, file: BufferedReader, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._size = os.fstat(file.fileno()).st_size
        file.seek(0)
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER_BYTES, self._size - 8):
            reject(folder, f"{WEIGHTS_FILE}: a header of {length} bytes", "get the file anew")
        self._start = 8 + length
        self._header = json_object(file.read(length), MOST_HEADER_BYTES, folder / WEIGHTS_FILE)

    def array(self, *names: str) -> NDArray[np.generic]:
        """The array that has the first of these names in the file.

        Raises `FeatureError` if none is there, and for a type, shape or offset that does not fit.
        """
        present = [name for name in names if name in self._header]
        if not present:
            reject(self._folder, f"no array {names[-1]!r} in {WEIGHTS_FILE}", "get the file anew")
        name = present[0]
        entry = self._header[name]
        try:
            dtype = np.dtype(_TYPES[entry["dtype"]])
            shape = _shape(entry["shape"])
            start, end = (_whole(offset) for offset in entry["data_offsets"])
        except (KeyError, TypeError, ValueError):
            reject(self._folder, f"{name}: {shorten(str(entry))}", f"expected {', '.join(_TYPES)}")
        count = math.prod(shape)
        if end - start != count * dtype.itemsize or self._start + end > self._size:
            reject(self._folder, f"{name}: bytes {start} to {end}", "get the file anew")
        self._file.seek(self._start + start)
        return np.frombuffer(self._file.read(end - start), dtype).reshape(shape)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of at most `MOST_CONFIG_BYTES`. Raises the errors of `open_data`
    and `json_object`.
    """
    with open_data(path) as file:
        content = file.read(MOST_CONFIG_BYTES + 1)
    return json_object(content, MOST_CONFIG_BYTES, path)


def json_object(content: bytes, most: int, path: Path) -> dict[str, Any]:
    """The object in a JSON text of at most `most` bytes; raises `FeatureError` for another."""
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


def positive(config: dict[str, Any], folder: Path, key: str) -> int:
    """A size in the configuration of a model. Raises `FeatureError` unless it is a whole number
    above 0.
    """
    size = config.get(key)
    if type(size) is not int or size < 1:
        reject(folder, f"{key} {size!r}", "expected a whole number above 0: get another folder")
    return size


def open_data(path: Path) -> BufferedReader:
    """A file that is open for reading. Raises for a link, a pipe and a folder."""
    with storage.as_storage_error(path):
        if not path.exists():
            raise FeatureError(
                f"{path}: no such file, expected {CONFIG_FILE} and {WEIGHTS_FILE} of a speech "
                "model (pytorch_model.bin is a pickle and is not read): convert it to safetensors"
            )
        if path.is_symlink() or not path.is_file():
            raise FeatureError(f"{path}: a link or no file, expected a file: copy it there")
        return os.fdopen(storage.open_file(path), "rb")


def sha256_of(file: BufferedReader) -> str:
    """The SHA-256 of an open file from its start."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def reject(folder: Path, reason: str, step: str) -> NoReturn:
    """Raise a `FeatureError` about a folder: what came, and the next step."""
    raise FeatureError(f"{folder}: {reason}: {step}")


def _shape(sizes: list[object]) -> tuple[int, ...]:
    if len(sizes) > MOST_DIMENSIONS:
        raise ValueError(f"{len(sizes)} dimensions")
    shape = tuple(map(_whole, sizes))
    if max(shape, default=0) >= MOST_SIZE:
        raise ValueError(f"a dimension of {max(shape)}")
    return shape


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value
