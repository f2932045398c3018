"""Named arrays from a model file of CTranslate2, the format in which the weights are distributed.

    uint32              version of the format, 6
    text                name of the architecture, `WhisperSpec`
    uint32              revision of the architecture
    uint32              number of arrays, and for each of them
        text                name, such as `encoder/conv1/weight`
        uint8, uint32[]     number of dimensions, and the dimensions
        uint8, uint32       data type, and number of bytes
        bytes               values in C order
    uint32              number of aliases, and for each of them two texts

    text                uint16, the number of bytes; bytes, the last of which is 0

All numbers are little-endian. Source: `model_spec.py` of CTranslate2 4 (MIT).

A model file comes from outside. Every length is compared with the file before anything is read, so
a file never asks for more memory than it has bytes, and no byte of it is executed.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError

VERSION: Final = 6
"""The version of the format."""

MOST_ARRAYS: Final = 4096
MOST_NAME_BYTES: Final = 256
MOST_DIMENSIONS: Final = 4

_TYPES: Final = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def read_arrays(
    content: bytes | bytearray, architecture: str, prefix: str, what: str
) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with `prefix`, by the rest of the name; they are copies.

    - `content`: the whole file.
    - `architecture`: the name that the file must have.
    - `what`: the name of the file, for messages.

    The other arrays are checked and not copied.

    Raises `FeatureError` for any other format, a truncated file, bytes behind the last field, a
    repeated name, and sizes that do not agree with each other.
    """
    file = _Fields(content, what)
    version = file.number("<I")
    if version != VERSION:
        file.refuse(f"format {version}, expected {VERSION}")
    name = file.text()
    if name != architecture:
        file.refuse(f"architecture {name!r}, expected {architecture!r}")
    file.number("<I")
    names: set[str] = set()
    arrays = {}
    for _ in range(file.count()):
        name = file.text()
        if name in names:
            file.refuse(f"two arrays {name!r}")
        names.add(name)
        values = file.array(name)
        if name.startswith(prefix):
            arrays[name.removeprefix(prefix)] = values.copy()
    for _ in range(file.count()):
        file.text()
        file.text()
    file.end()
    return arrays


class _Fields:
    """A file read from its start, field by field."""

    def __init__(self, content: bytes | bytearray, what: str) -> None:
        self._content, self._what, self._position = memoryview(content), what, 0

    def refuse(self, reason: str) -> NoReturn:
        raise FeatureError(
            f"{self._what}: {reason}: not a model of CTranslate2 that sordino reads, install the "
            "package anew"
        )

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        rest = len(self._content) - self._position
        if size > rest:
            self.refuse(f"{rest} bytes at {self._position}, expected {size}")
        self._position += size
        return self._content[self._position - size : self._position]

    def number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        return value

    def count(self) -> int:
        """A number of arrays or aliases."""
        value = self.number("<I")
        if value > MOST_ARRAYS:
            self.refuse(f"{value} arrays, expected at most {MOST_ARRAYS}")
        return value

    def text(self) -> str:
        size = self.number("<H")
        if not 0 < size <= MOST_NAME_BYTES:
            self.refuse(f"a name of {size} bytes, expected 1 to {MOST_NAME_BYTES}")
        *letters, end = bytes(self.take(size))
        if end or not all(32 <= letter < 127 for letter in letters):
            self.refuse(f"a name at {self._position - size} that is no text")
        return bytes(letters).decode("ascii")

    def array(self, name: str) -> NDArray[Any]:
        """An array that shares the memory of the file."""
        dimensions = self.number("<B")
        if dimensions > MOST_DIMENSIONS:
            self.refuse(f"{name}: {dimensions} dimensions, expected at most {MOST_DIMENSIONS}")
        shape = struct.unpack(f"<{dimensions}I", self.take(4 * dimensions))
        number = self.number("<B")
        if number not in _TYPES:
            self.refuse(f"{name}: data type {number}, expected one of {[*_TYPES]}")
        dtype = np.dtype(_TYPES[number])
        size, expected = self.number("<I"), math.prod(shape) * dtype.itemsize
        if size != expected:
            self.refuse(f"{name}: {size} bytes for shape {shape} of {dtype}, expected {expected}")
        return np.frombuffer(self.take(size), dtype).reshape(shape)

    def end(self) -> None:
        rest = len(self._content) - self._position
        if rest:
            self.refuse(f"{rest} bytes behind the last field")
