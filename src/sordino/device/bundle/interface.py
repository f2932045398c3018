"""Inputs and outputs of a model, read from its file before ONNX Runtime reads it.

    Model  7 graph -> Graph  11 input, 12 output -> Value  1 name, 2 type
    Type  1 tensor -> 1 element, 2 shape -> Shape  1 dimension -> 1 value

All other fields are skipped. A single field that occurs twice is refused: readers differ in their
choice. Field numbers are those of onnx.proto, the encoding is that of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from sordino.errors import BundleError

ELEMENT_TYPES: Final = {1: "float32", 7: "int64"}
"""The element types of inputs and outputs in a bundle, by their number in ONNX."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_MESSAGE: Final = 1 << 20  # fields of one message


class TensorType(NamedTuple):  # a device loads it faster than a dataclass
    """One input or output."""

    dtype: str
    """The name of a type in numpy, or the number of another type in ONNX."""
    shape: tuple[int | None, ...] | None
    """None for a free size; None instead of a shape if the file states none."""


class Interface(NamedTuple):
    """Inputs and outputs of a model by name."""

    inputs: dict[str, TensorType]
    """The type and the shape of each input."""
    outputs: dict[str, TensorType]
    """The type and the shape of each output."""


def interface(model: bytes) -> Interface:
    """Inputs and outputs of a model. Raises `ValueError` for a file that is not a model."""
    graph = _single(memoryview(model), 7)
    return Interface(_tensors(graph, 11), _tensors(graph, 12))


def read_interface(content: bytes, name: str) -> Interface:
    """Inputs and outputs of a model of a bundle. Raises `BundleError` for a file that is not a
    model.
    """
    try:
        return interface(content)
    except (ValueError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{name}: not a model that can be read ({error}): write the bundle again"
        ) from error


def _tensors(graph: memoryview, number: int) -> dict[str, TensorType]:
    tensors: dict[str, TensorType] = {}
    for value in _all(graph, number):
        name = bytes(_single(value, 1)).decode()
        if name in tensors:
            raise ValueError(f"two values of the name {name!r}")
        tensor = _single(_single(value, 2), 1)
        element = _number(tensor, 1)
        shapes = _all(tensor, 2)
        if len(shapes) > 1:
            raise ValueError("a field that comes twice")
        shape = tuple(_number(dimension, 1) for dimension in _all(shapes[0], 1)) if shapes else None
        tensors[name] = TensorType(ELEMENT_TYPES.get(element or 0, str(element)), shape)
    return tensors


def _single(message: memoryview, number: int) -> memoryview:
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
    """The number and the value of each field: an integer, bytes, or None for other numbers."""
    at = 0
    for _ in range(_LONGEST_MESSAGE):
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


def matches(tensor: TensorType, dtype: str, *shape: int | None) -> bool:
    """Whether a tensor has a type and a shape. Free sizes are checked after the model has run."""
    if tensor.dtype != np.dtype(dtype).name:
        return False
    if tensor.shape is None:
        return True
    same_rank = len(tensor.shape) == len(shape)
    return same_rank and all(
        None in (size, expected) or size == expected
        for size, expected in zip(tensor.shape, shape, strict=True)
    )


def describe(tensors: Mapping[str, TensorType]) -> str:
    """The first inputs or outputs as text, for a message."""
    texts = [
        f"{name[:20]} {tensor.dtype} {list(tensor.shape or ())}"
        for name, tensor in list(tensors.items())[:6]
    ]
    return ", ".join(texts) or "nothing"
