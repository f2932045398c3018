"""The graph of a parsed ONNX file; every name, tensor and attribute is checked.

Names are unique. Each node reads values of inputs, initialisers or earlier nodes, so that there is
no cycle. A tensor holds exactly the bytes of its shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from sordino.onnx.protobuf import Message
from sordino.onnx.shapes import (
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    ITEM_BYTES,
    OPERATORS,
    RANK,
    Operator,
    ShapeError,
    Tensor,
)

ATTRIBUTE_TYPES: Final = {"f": 1, "i": 2, "t": 4, "ints": 7}
LONGEST: Final = 1 << 31
"""Each dimension is shorter than this."""

CONTENT_NUMBERS: Final = 64
"""The largest tensor of integers that is read as axes, bounds or divisors of an operator."""

_DATA: Final = {FLOAT: "float_data", DOUBLE: "double_data", INT64: "int64_data"}
_DATA_FIELDS: Final = (
    "float_data",
    "double_data",
    "int32_data",
    "int64_data",
    "uint64_data",
    "string_data",
)

Dimensions = tuple[int | str | None, ...]
"""A size, the name of a free dimension, or nothing."""


class GraphError(ValueError):
    """A graph that a bundle must not contain."""


class Declared(NamedTuple):
    """Name, type and dimensions that the file states for a value."""

    name: str
    """The name of the value."""
    dtype: int
    """The number of its type in ONNX."""
    dimensions: Dimensions | None
    """Its dimensions; None if the file states none."""


class Node(NamedTuple):
    """One operator of the graph."""

    kind: str
    """The name of the operator in ONNX."""
    operator: Operator
    """Its rule."""
    inputs: tuple[str, ...]
    """The names of its inputs."""
    outputs: tuple[str, ...]
    """The names of its outputs."""
    attributes: Mapping[str, Any]
    """The values of its attributes by name."""


class Graph(NamedTuple):
    """Nodes in the order in which they run."""

    inputs: tuple[Declared, ...]
    """The inputs of the model."""
    outputs: tuple[Declared, ...]
    """The outputs of the model."""
    declared: tuple[Declared, ...]
    """Types and dimensions that the file states for values inside the graph."""
    initialisers: Mapping[str, Tensor]
    """The constants by name."""
    nodes: tuple[Node, ...]
    """The operators in the order in which they run."""


def build_graph(
    message: Message, largest: int, operators: Mapping[str, Operator] = OPERATORS
) -> Graph:
    """The graph in a parsed file. Raises `GraphError`.

    - `largest`: the most bytes of one initialiser.
    - `operators`: the rule of each operator that the file may have.
    """
    inputs, outputs, declared = (
        tuple(map(_declared, message.get(name, []))) for name in ("input", "output", "value_info")
    )
    tensors = message.get("initializer", [])
    initialisers = {tensor.get("name", ""): initialiser(tensor, largest) for tensor in tensors}
    nodes = tuple(_node(node, largest, operators) for node in message.get("node", []))
    sources = [*(value.name for value in inputs), *(tensor.get("name", "") for tensor in tensors)]
    defined = _defined_names(sources, nodes)
    missing = [value.name for value in outputs if value.name not in defined]
    if missing or not outputs or not inputs:
        raise GraphError(
            f"output {missing[0]!r}, which no node gives" if missing else "no input or no output"
        )
    if len({value.name for value in outputs}) < len(outputs):
        raise GraphError("an output twice")
    return Graph(inputs, outputs, declared, initialisers, nodes)


def _defined_names(sources: list[str], nodes: tuple[Node, ...]) -> set[str]:
    """All names of values; each is defined once and before a node reads it.

    - `sources`: the names of inputs and initialisers.
    """
    defined: set[str] = set()
    _define(defined, sources)
    for node in nodes:
        missing = [name for name in node.inputs if name not in defined]
        if missing:
            raise GraphError(f"value {missing[0]!r} of {node.kind}, which no earlier node gives")
        _define(defined, node.outputs)
    return defined


def _define(defined: set[str], names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        if not name or name in defined:
            raise GraphError(
                f"the name {name!r} of a value twice" if name else "a value without a name"
            )
        defined.add(name)


def _node(message: Message, largest: int, operators: Mapping[str, Operator]) -> Node:
    kind = message.get("op_type", "")
    operator, inputs = operators[kind], tuple(message.get("input", []))
    if len(inputs) not in operator.inputs:
        raise GraphError(f"{kind} of {len(inputs)} inputs")
    attributes: dict[str, Any] = {}
    for attribute in message.get("attribute", []):
        name = attribute.get("name", "")
        value = operator.attributes.get(name)
        if value is None or name in attributes:
            raise GraphError(f"attribute {name!r} of {kind}")
        if attribute.keys() - {"doc_string"} != {"name", "type", value}:
            raise GraphError(f"attribute {name!r} of {kind}, which is no {value}")
        if attribute["type"] != ATTRIBUTE_TYPES[value]:
            raise GraphError(f"attribute {name!r} of {kind} of type {attribute['type']}")
        content = attribute[value]
        attributes[name] = initialiser(content, largest) if value == "t" else content
    return Node(kind, operator, inputs, tuple(message.get("output", [])), attributes)


def _declared(message: Message) -> Declared:
    name = message.get("name", "")
    tensor = message.get("type", {}).get("tensor_type", {})
    if tensor.get("elem_type") not in ITEM_BYTES:
        raise GraphError(f"data type {tensor.get('elem_type')} of value {name!r}")
    dimensions = None
    if "shape" in tensor:
        dimensions = tuple(
            _dimension(name, dimension) for dimension in tensor["shape"].get("dim", [])
        )
        if len(dimensions) > RANK:
            raise GraphError(f"shape of {name!r} with {len(dimensions)} dimensions")
    return Declared(name, tensor["elem_type"], dimensions)


def _dimension(name: str, message: Message) -> int | str | None:
    size, symbol = message.get("dim_value"), message.get("dim_param")
    if size is not None and (symbol is not None or not 0 <= size < LONGEST):
        raise GraphError(f"shape of {name!r} with a dimension of {size}")
    return symbol or None if size is None else int(size)


def initialiser(message: Message, largest: int) -> Tensor:
    """Shape and type of a constant in the file. Raises `GraphError` for another number of bytes."""
    name, dtype = message.get("name", ""), message.get("data_type", 0)
    shape = tuple(message.get("dims", []))
    if dtype not in ITEM_BYTES:
        raise GraphError(f"data type {dtype} of initialiser {name!r}")
    if len(shape) > RANK or not all(0 <= size < LONGEST for size in shape):
        raise GraphError(f"shape {shape[: RANK + 1]} of initialiser {name!r}")
    size = math.prod(shape)
    expected = size * ITEM_BYTES[dtype]
    if expected > largest:
        raise GraphError(f"initialiser of {expected} bytes, more than {largest}")
    present = [field for field in (*_DATA_FIELDS, "raw_data") if field in message]
    if len(present) > 1 or present not in ([], ["raw_data"], [_DATA.get(dtype, "int32_data")]):
        raise GraphError(f"data of initialiser {name!r} in {' and '.join(present)}")
    data = message[present[0]] if present else b""
    typed = isinstance(data, list)
    if len(data) != (size if typed else expected):
        unit = "numbers" if typed else "bytes"
        raise GraphError(
            f"initialiser {name!r} with {len(data)} {unit}, which its shape {shape} does not fit"
        )
    return Tensor(
        shape,
        dtype,
        constant=True,
        content=_content(data, dtype) if size <= CONTENT_NUMBERS else None,
    )


def _content(data: Any, dtype: int) -> tuple[int, ...] | None:
    """The numbers of a small tensor of integers."""
    if dtype not in (INT32, INT64):
        return None
    if isinstance(data, list):
        return tuple(data)
    return tuple(np.frombuffer(data, "<i4" if dtype == INT32 else "<i8").tolist())


def value(declared: Declared, symbols: Mapping[str, int]) -> Tensor:
    """An input of the graph, for one choice of its free dimensions."""
    if declared.dtype not in (FLOAT, INT64):
        raise GraphError(
            f"input {declared.name!r} of data type {declared.dtype}, expected float32 or int64"
        )
    if not declared.dimensions or not all(declared.dimensions):
        raise GraphError(f"shape of input {declared.name!r}, which is not known")
    shape = (symbols[size] if isinstance(size, str) else size for size in declared.dimensions)
    return Tensor(tuple(size or 0 for size in shape), declared.dtype)


def agree(declared: Declared, tensor: Tensor, symbols: dict[str, int]) -> None:
    """Raise `ShapeError` where the file states another type or shape than the operator gives."""
    if declared.dtype != tensor.dtype:
        raise ShapeError(f"data type {declared.dtype}, which is {tensor.dtype}")
    if declared.dimensions is None:
        return
    sizes = (
        symbols.setdefault(size, actual) if isinstance(size, str) else size
        for size, actual in zip(declared.dimensions, tensor.shape, strict=False)
    )
    pairs = zip(sizes, tensor.shape, strict=False)
    if len(declared.dimensions) != len(tensor.shape) or any(
        size not in (None, actual) for size, actual in pairs
    ):
        raise ShapeError(f"{declared.dimensions}, which is {tensor.shape}")
