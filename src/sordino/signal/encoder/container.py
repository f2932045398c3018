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

A model file comes from outside. Every length is compared with the size of the file before anything
is read, so a file never asks for more memory than it has bytes, and no byte of it is executed. The
file is read once, from its start to its end, and only the wanted arrays are kept.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from typing import Any, Final, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError

VERSION: Final = 6
"""The version of the format."""

MOST_ARRAYS: Final = 4096
MOST_NAME_BYTES: Final = 256
MOST_DIMENSIONS: Final = 4

_BLOCK: Final = 1 << 20  # bytes in one step
_TYPES: Final = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


class ByteStream(Protocol):
    """A stream of bytes, such as a file that is open for reading."""

    def read(self, size: int, /) -> bytes: ...


def read_arrays(
    stream: ByteStream, size: int, architecture: str, names: Collection[str], what: str
) -> dict[str, NDArray[Any]]:
    """The arrays of these names, read-only; the other arrays are checked and not kept.

    - `size`: bytes of the whole file.
    - `architecture`: the name that the file must have.
    - `what`: the name of the file, for messages.

    Raises `FeatureError` for any other format, a truncated file, bytes behind the last field, a
    repeated or an absent name, and sizes that do not agree with each other.
    """
    file = _Fields(stream, size, what)
    version = file.number("<I")
    if version != VERSION:
        file.reject(f"format {version}, expected {VERSION}")
    name = file.text()
    if name != architecture:
        file.reject(f"architecture {name!r}, expected {architecture!r}")
    file.number("<I")
    arrays: dict[str, NDArray[Any] | None] = {}
    for _ in range(file.count()):
        name = file.text()
        if name in arrays:
            file.reject(f"two arrays {name!r}")
        arrays[name] = file.array(name, name in names)
    for _ in range(file.count()):
        file.text()
        file.text()
    file.end()
    wanted = {name: arrays.get(name) for name in names}
    for name, values in wanted.items():
        if values is None:
            file.reject(f"no array {name!r}")
    return {name: values for name, values in wanted.items() if values is not None}


class _Fields:
    """A file read from its start, field by field."""

    def __init__(self, stream: ByteStream, size: int, what: str) -> None:
        self._stream, self._size, self._what = stream, size, what
        self._position = 0

    def reject(self, reason: str) -> NoReturn:
        raise FeatureError(
            f"{self._what}: {reason}: not a model of CTranslate2 that sordino reads, install the "
            "package anew"
        )

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self._check(size)
        content = self._stream.read(size)
        if len(content) != size:
            self.reject(f"{len(content)} bytes at {self._position}, expected {size}")
        self._position += size
        return content

    def skip(self, size: int) -> None:
        """Read the next bytes and keep none."""
        self._check(size)
        for start in range(0, size, _BLOCK):
            self.take(min(_BLOCK, size - start))

    def _check(self, size: int) -> None:
        rest = self._size - self._position
        if size > rest:
            self.reject(f"{rest} bytes at {self._position}, expected {size}")

    def number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        return value

    def count(self) -> int:
        """A number of arrays or aliases."""
        value = self.number("<I")
        if value > MOST_ARRAYS:
            self.reject(f"{value} arrays, expected at most {MOST_ARRAYS}")
        return value

    def text(self) -> str:
        size = self.number("<H")
        if not 0 < size <= MOST_NAME_BYTES:
            self.reject(f"a name of {size} bytes, expected 1 to {MOST_NAME_BYTES}")
        *letters, end = self.take(size)
        if end or not all(32 <= letter < 127 for letter in letters):
            self.reject(f"a name at {self._position - size} that is no text")
        return bytes(letters).decode("ascii")

    def array(self, name: str, wanted: bool) -> NDArray[Any] | None:
        """An array, or `None` if it is not wanted."""
        dimensions = self.number("<B")
        if dimensions > MOST_DIMENSIONS:
            self.reject(f"{name}: {dimensions} dimensions, expected at most {MOST_DIMENSIONS}")
        shape = struct.unpack(f"<{dimensions}I", self.take(4 * dimensions))
        if 0 in shape:
            self.reject(f"{name}: shape {shape}, expected no empty dimension")
        number = self.number("<B")
        if number not in _TYPES:
            self.reject(f"{name}: data type {number}, expected one of {[*_TYPES]}")
        dtype = np.dtype(_TYPES[number])
        size, expected = self.number("<I"), math.prod(shape) * dtype.itemsize
        if size != expected:
            self.reject(f"{name}: {size} bytes for shape {shape} of {dtype}, expected {expected}")
        if not wanted:
            self.skip(size)
            return None
        return np.frombuffer(self.take(size), dtype).reshape(shape)

    def end(self) -> None:
        rest = self._size - self._position
        if rest:
            self.reject(f"{rest} bytes behind the last field")
