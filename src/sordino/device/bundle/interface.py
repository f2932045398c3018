"""What a model takes and gives, read from its file before ONNX Runtime sees it.

    Model  7 graph -> Graph  11 input, 12 output -> Value  1 name, 2 type -> Type  1 tensor -> 1 element, 2 shape
    Shape  1 dimension -> 1 value

All other fields are skipped. A field that should come once and comes twice is refused: readers
differ in which of the two they take. Field numbers are those of onnx.proto, the encoding is that of
protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

TYPES: Final = {1: "float32", 7: "int64"}
"""The element types that models of a bundle take and give, by their number in ONNX."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST: Final = 1 << 20  # fields of one message


class Tensor(NamedTuple):  # which a device loads faster than a dataclass
    """One input or output."""

    dtype: str
    """A key of numpy's, or the number that ONNX gives to another type."""
    shape: tuple[int | None, ...] | None
    """None for a length that may be any; None altogether where the file does not say."""


class Interface(NamedTuple):
    """Inputs and outputs of a model by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def interface(model: bytes) -> Interface:
    """Inputs and outputs of a model. Raises `ValueError` where the file is no model."""
    graph = _one(memoryview(model), 7)
    return Interface(_tensors(graph, 11), _tensors(graph, 12))


def _tensors(graph: memoryview, number: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for value in _all(graph, number):
        name = bytes(_one(value, 1)).decode()
        if name in found:
            raise ValueError(f"two values of the name {name!r}")
        tensor = _one(_one(value, 2), 1)
        element = _number(tensor, 1)
        shapes = _all(tensor, 2)
        if len(shapes) > 1:
            raise ValueError("a field that comes twice")
        shape = tuple(_number(dimension, 1) for dimension in _all(shapes[0], 1)) if shapes else None
        found[name] = Tensor(TYPES.get(element or 0, str(element)), shape)
    return found


def _one(message: memoryview, number: int) -> memoryview:
    values = _all(message, number)
    if len(values) != 1:
        raise ValueError(f"field {number} comes {len(values)} times, expected once")
    return values[0]


def _all(message: memoryview, number: int) -> list[memoryview]:
    return [
        value
        for field, value in _fields(message)
        if field == number and isinstance(value, memoryview)
    ]


def _number(message: memoryview, number: int) -> int | None:
    values = [
        value for field, value in _fields(message) if field == number and isinstance(value, int)
    ]
    if len(values) > 1:
        raise ValueError("a field that comes twice")
    return values[0] if values else None


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int | None]]:
    """The number and the value of each field: an integer, bytes, or None for a number with a point."""
    at = 0
    for _ in range(_MOST):
        if at == len(message):
            return
        tag, at = _varint(message, at)
        wire, size = tag & 7, 0
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire == _LENGTH:
            size, at = _varint(message, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if size > len(message) - at:
            raise ValueError("a field that is cut off")
        yield tag >> 3, message[at : at + size] if wire == _LENGTH else None
        at += size
    raise ValueError("too many fields")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number that is cut off")


def matches(tensor: Tensor, dtype: str, *shape: int | None) -> bool:
    """Whether a tensor is of a type and a shape; lengths that the file leaves open are checked when
    it has run.
    """
    if tensor.dtype != np.dtype(dtype).name:
        return False
    if tensor.shape is None:
        return True
    known = len(tensor.shape) == len(shape)
    return known and all(
        None in (own, asked) or own == asked for own, asked in zip(tensor.shape, shape, strict=True)
    )
