"""Objects as bytes, with their large arrays and tables apart.

An array that many units share travels to the cluster once. The bytes of a unit hold its number
only, as the persistent identifier of a pickle.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any, Final

import cloudpickle
import numpy as np
import pandas as pd

LARGE_BYTES: Final = 1 << 20
"""The size from which arrays and tables travel apart, as joblib maps them into memory."""


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.parts: list[Any] = []
        self.numbers: dict[int, int] = {}

    def persistent_id(self, item: Any) -> int | None:
        if not _is_large(item):
            return None
        if id(item) not in self.numbers:
            self.numbers[id(item)] = len(self.parts)
            self.parts.append(item)
        return self.numbers[id(item)]


class _Unpacker(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, parts: Sequence[Any]) -> None:
        super().__init__(stream)
        self.parts = parts

    def persistent_load(self, number: int) -> Any:
        return self.parts[number]


def serialise(item: object) -> tuple[bytes, list[Any]]:
    """The bytes of an object, and its large parts, each once."""
    stream = io.BytesIO()
    packer = _Packer(stream)
    packer.dump(item)
    return stream.getvalue(), packer.parts


def deserialise(content: bytes, parts: Sequence[Any]) -> Any:
    """The object of `serialise`. Only a worker calls it, with bytes of its own client."""
    return _Unpacker(io.BytesIO(content), parts).load()


def to_send(part: Any) -> Any:
    """A part as it travels: an array as it is, a table as bytes."""
    return np.asarray(part) if isinstance(part, np.ndarray) else pickle.dumps(part, protocol=5)


def from_sent(content: Any) -> Any:
    """A part for one group of units: the array of the worker, read-only, or a table of its own."""
    if not isinstance(content, np.ndarray):
        return pickle.loads(content)
    array = content.view()
    array.flags.writeable = False
    return array


def _is_large(item: Any) -> bool:
    if type(item) in (np.ndarray, np.memmap):
        return item.nbytes >= LARGE_BYTES and not item.dtype.hasobject
    if type(item) is pd.DataFrame:
        return int(item.memory_usage(deep=True).sum()) >= LARGE_BYTES
    return False
