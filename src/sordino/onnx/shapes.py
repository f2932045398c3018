"""The operators that a bundle's model may use, and the shape, type and cost of their outputs.

A rule maps the shapes of an operator's inputs to the shapes of its outputs, for one choice of all
free dimensions. The size of every value of a model is therefore known before ONNX Runtime allocates
it: the sum of a column and a row, for example, is larger than both. If a size follows from numbers
(`Range`, `Slice`), these must be constants or dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

FLOAT, UINT8, INT8, INT32, INT64, BOOL, DOUBLE = 1, 2, 3, 6, 7, 9, 11
ITEM_BYTES: Final = {FLOAT: 4, UINT8: 1, INT8: 1, INT32: 4, INT64: 8, BOOL: 1, DOUBLE: 8}
"""Bytes of one number, by the data types that a model may use."""

RANK: Final = 8
"""Dimensions of a value; models of bundles have at most four."""

Sizes = tuple[int, ...]


class ShapeError(ValueError):
    """Shapes, types or attributes that an operator does not accept."""


class Tensor(NamedTuple):
    """The properties of a value before it is computed."""

    shape: Sizes
    """The size of each dimension."""
    dtype: int
    """The number of the type in ONNX."""
    constant: bool = False
    """Whether the file contains the value."""
    content: tuple[int, ...] | None = None
    """The numbers, if the value is a short list of integers that are constants or dimensions."""

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


class OperatorCall(NamedTuple):
    """An operator with its inputs."""

    inputs: tuple[Tensor, ...]
    """The properties of the inputs."""
    attributes: Mapping[str, Any]
    """The values of the attributes by name."""

    def axis(self, default: int) -> int:
        """The attribute `axis`, counted from the start of the first input."""
        return resolve_axis(self.attributes.get("axis", default), len(self.inputs[0].shape))


def resolve_axis(axis: int, rank: int) -> int:
    """An axis, counted from the start. Raises `ShapeError` beyond the last."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} of {rank} dimensions")
    return axis % rank


def expect(fits: bool, text: str) -> None:
    """Raise `ShapeError` with this text unless a condition holds."""
    if not fits:
        raise ShapeError(text)


def content_of(tensor: Tensor, text: str) -> tuple[int, ...]:
    """The numbers of a value on which sizes depend. Raises `ShapeError` if they are unknown."""
    if tensor.content is None:
        raise ShapeError(f"{text} that are no constants")
    return tensor.content


def broadcast(first: Sizes, second: Sizes) -> Sizes:
    """The shape of two values together, as in numpy. Raises `ShapeError` if they do not fit."""
    if first == second or not second:
        return first
    rank = max(len(first), len(second))
    pairs = list(
        zip((1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True)
    )
    if not all(a == b or 1 in (a, b) for a, b in pairs):
        raise ShapeError(f"{first} and {second} do not fit")
    return tuple(b if a == 1 else a for a, b in pairs)


def _same(call: OperatorCall) -> list[Tensor]:
    first = call.inputs[0]
    return [Tensor(first.shape, first.dtype)]


def _identity(call: OperatorCall) -> list[Tensor]:
    return [call.inputs[0]._replace(constant=False)]


def _along_axis(call: OperatorCall) -> list[Tensor]:
    call.axis(-1)
    return _same(call)


def _cast(call: OperatorCall) -> list[Tensor]:
    to = call.attributes.get("to")
    expect(to in ITEM_BYTES, f"a cast to data type {to}")
    return [Tensor(call.inputs[0].shape, int(to or 0))]


def _arithmetic(call: OperatorCall) -> list[Tensor]:
    first, second = call.inputs
    expect(
        first.dtype == second.dtype, f"data types {first.dtype} and {second.dtype}, expected one"
    )
    return [Tensor(broadcast(first.shape, second.shape), first.dtype)]


def _divide(call: OperatorCall) -> list[Tensor]:
    """Integers are divided by constants of at least 1 only. Division by 0, or of the least integer
    by -1, ends the process.
    """
    if call.inputs[0].dtype not in (FLOAT, DOUBLE):
        expect(
            min(content_of(call.inputs[1], "divisors"), default=1) > 0, "a whole divisor below 1"
        )
    return _arithmetic(call)


def _compare(call: OperatorCall) -> list[Tensor]:
    return [_arithmetic(call)[0]._replace(dtype=BOOL)]


def _clip(call: OperatorCall) -> list[Tensor]:
    expect(
        all(bound.shape == () for bound in call.inputs[1:]), "bounds that are not one number each"
    )
    return _same(call)


def _product(call: OperatorCall, dtype: int) -> list[Tensor]:
    """A matrix product; a vector counts as a row on the left and as a column on the right, as in
    numpy.
    """
    first, second = (tensor.shape for tensor in call.inputs[:2])
    expect(min(len(first), len(second)) > 0, "a matrix without dimensions")
    a = first if len(first) > 1 else (1, *first)
    b = second if len(second) > 1 else (*second, 1)
    expect(a[-1] == b[-2], f"{first} and {second} do not fit")
    rows, columns = a[-2:-1] * (len(first) > 1), b[-1:] * (len(second) > 1)
    return [Tensor(broadcast(a[:-2], b[:-2]) + rows + columns, dtype)]


def _matmul(call: OperatorCall) -> list[Tensor]:
    expect(call.inputs[0].dtype == call.inputs[1].dtype, "matrices of two data types")
    return _product(call, call.inputs[0].dtype)


def _matmul_integer(call: OperatorCall) -> list[Tensor]:
    product = _product(call, INT32)
    columns = call.inputs[1].shape[-1]
    for tensor, sizes in zip(call.inputs[2:], ((1,), (1, columns)), strict=False):
        expect(
            len(tensor.shape) < 2 and tensor.size in sizes, f"zero points of shape {tensor.shape}"
        )
    return product


def _quantise(call: OperatorCall) -> list[Tensor]:
    return [Tensor(call.inputs[0].shape, UINT8), Tensor((), FLOAT), Tensor((), UINT8)]


def _dequantise(call: OperatorCall) -> list[Tensor]:
    x, scale, *zero_points = call.inputs
    single = scale.shape in ((), (1,))
    expect(single or scale.shape == (x.shape[call.axis(1)],), f"scales of shape {scale.shape}")
    expect(
        all(zero.shape == scale.shape for zero in zero_points),
        "zero points of another shape than scales",
    )
    return [Tensor(x.shape, scale.dtype)]


def _normalise(call: OperatorCall) -> list[Tensor]:
    x, *weights = call.inputs
    expected = x.shape[call.axis(-1) :]
    expect(
        all(tensor.shape == expected for tensor in weights),
        f"weights of another shape than {expected}",
    )
    return _same(call)


def _concat(call: OperatorCall) -> list[Tensor]:
    first, axis = call.inputs[0], call.axis(0)
    rests = {tensor.shape[:axis] + tensor.shape[axis + 1 :] for tensor in call.inputs}
    ranks = {(len(tensor.shape), tensor.dtype) for tensor in call.inputs}
    expect(len(rests) == len(ranks) == 1, "parts that do not fit")
    total = sum(tensor.shape[axis] for tensor in call.inputs)
    return [Tensor((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)]


def _convolve(call: OperatorCall) -> list[Tensor]:
    x, weights, *bias = (tensor.shape for tensor in call.inputs)
    strides, pads = call.attributes.get("strides", [1]), call.attributes.get("pads", [0, 0])
    expect(len(x) == len(weights) == 3 and x[1] == weights[1], f"{x} and {weights} do not fit")
    expect(all(shape == weights[:1] for shape in bias), "a bias of another size")
    expect(len(strides) == 1 and strides[0] > 0, "strides below 1")
    expect(len(pads) == 2 and min(pads) >= 0, "pads below 0")
    steps = (x[2] + sum(pads) - weights[2]) // strides[0] + 1
    expect(steps >= 0 < weights[2], "a kernel that is longer than its input")
    return [Tensor((x[0], weights[0], steps), call.inputs[0].dtype)]


def _recur(call: OperatorCall) -> list[Tensor]:
    x, hidden = call.inputs[0], call.attributes.get("hidden_size", 0)
    expect(len(x.shape) == 3 and hidden > 0, f"an input {x.shape} of hidden size {hidden}")
    expected: list[Sizes] = [(1, 3 * hidden, x.shape[2]), (1, 3 * hidden, hidden), (1, 6 * hidden)]
    shapes = [tensor.shape for tensor in call.inputs[1:]]
    expect(shapes == expected[: len(shapes)], f"weights {shapes}, expected {expected}")
    steps, n, _ = x.shape
    return [Tensor((steps, 1, n, hidden), x.dtype), Tensor((1, n, hidden), x.dtype)]


def _gather(call: OperatorCall) -> list[Tensor]:
    x, at = call.inputs
    axis = call.axis(0)
    expect(
        all(-x.shape[axis] <= index < x.shape[axis] for index in at.content or ()),
        "an index beyond the end",
    )
    return [Tensor(x.shape[:axis] + at.shape + x.shape[axis + 1 :], x.dtype)]


def _slice(call: OperatorCall) -> list[Tensor]:
    x, *bounds = call.inputs
    starts, ends, axes = (content_of(tensor, "bounds of a slice") for tensor in bounds)
    expect(len(starts) == len(ends) == len(axes), "bounds of a slice that differ in number")
    shape = list(x.shape)
    for start, end, axis in zip(
        starts, ends, (resolve_axis(axis, len(shape)) for axis in axes), strict=True
    ):
        shape[axis] = len(range(*slice(start, end).indices(x.shape[axis])))
    return [Tensor(tuple(shape), x.dtype)]


def _squeeze(call: OperatorCall) -> list[Tensor]:
    x, *axes = call.inputs
    rank = len(x.shape)
    gone = {
        resolve_axis(axis, rank) for axis in (content_of(axes[0], "axes") if axes else range(rank))
    }
    expect(
        all(x.shape[axis] == 1 for axis in gone),
        f"a shape {x.shape} with axes of another size than 1",
    )
    return [
        Tensor(
            tuple(size for axis, size in enumerate(x.shape) if axis not in gone),
            x.dtype,
            content=x.content,
        )
    ]


def _unsqueeze(call: OperatorCall) -> list[Tensor]:
    x, axes = call.inputs
    numbers = content_of(axes, "axes")
    rank = len(x.shape) + len(numbers)
    new = {resolve_axis(axis, rank) for axis in numbers}
    expect(len(new) == len(numbers), "an axis twice")
    sizes = iter(x.shape)
    return [
        Tensor(
            tuple(1 if axis in new else next(sizes) for axis in range(rank)),
            x.dtype,
            content=x.content,
        )
    ]


def _transpose(call: OperatorCall) -> list[Tensor]:
    x = call.inputs[0]
    order = call.attributes.get("perm", list(range(len(x.shape)))[::-1])
    expect(
        sorted(order) == list(range(len(x.shape))), f"an order {order} of {len(x.shape)} dimensions"
    )
    return [Tensor(tuple(x.shape[axis] for axis in order), x.dtype)]


def _argmax(call: OperatorCall) -> list[Tensor]:
    shape, axis = list(call.inputs[0].shape), call.axis(0)
    shape[axis : axis + 1] = [1] if call.attributes.get("keepdims", 1) else []
    return [Tensor(tuple(shape), INT64)]


def _sum(call: OperatorCall) -> list[Tensor]:
    x, axes = call.inputs
    gone = {resolve_axis(axis, len(x.shape)) for axis in content_of(axes, "axes")}
    keep = call.attributes.get("keepdims", 1)
    shape = [
        1 if axis in gone else size for axis, size in enumerate(x.shape) if keep or axis not in gone
    ]
    return [Tensor(tuple(shape), x.dtype)]


def _shape(call: OperatorCall) -> list[Tensor]:
    part = call.inputs[0].shape[call.attributes.get("start", 0) : call.attributes.get("end")]
    return [Tensor((len(part),), INT64, content=part)]


def _range(call: OperatorCall) -> list[Tensor]:
    bounds = [content_of(tensor, "bounds of a range") for tensor in call.inputs]
    expect(
        [len(bound) for bound in bounds] == [1, 1, 1],
        "bounds of a range that are not one number each",
    )
    start, limit, delta = (bound[0] for bound in bounds)
    expect(delta != 0, "a range of step 0")
    return [Tensor((max(0, -((start - limit) // delta)),), call.inputs[0].dtype)]


def _once(_: OperatorCall) -> int:
    return 1


class Operator(NamedTuple):
    """The rule of an operator, and the inputs and attributes that it accepts."""

    infer: Callable[[OperatorCall], list[Tensor]]
    """The properties of the outputs of a call."""
    inputs: range
    """The number of its inputs."""
    attributes: Mapping[str, str] = MappingProxyType({})
    """The field of each attribute that it accepts."""
    cost: Callable[[OperatorCall], int] = _once
    """Multiplications for one number of its first output."""


def _rows(call: OperatorCall) -> int:
    return call.inputs[0].shape[-1]


ONE, TWO, THREE = (range(count, count + 1) for count in (1, 2, 3))
AXIS: Final = {"axis": "i"}
REDUCE: Final = {"axis": "i", "keepdims": "i"}

OPERATORS: Final[Mapping[str, Operator]] = {
    "Add": Operator(_arithmetic, TWO),
    "And": Operator(_compare, TWO),
    "ArgMax": Operator(_argmax, ONE, REDUCE),
    "Cast": Operator(_cast, ONE, {"to": "i"}),
    "Clip": Operator(_clip, THREE),
    "Concat": Operator(_concat, range(1, 17), AXIS),
    "Conv": Operator(
        _convolve,
        range(2, 4),
        {"strides": "ints", "pads": "ints"},
        lambda call: math.prod(call.inputs[1].shape[1:]),
    ),
    "DequantizeLinear": Operator(_dequantise, range(2, 4), AXIS),
    "Div": Operator(_divide, TWO),
    "DynamicQuantizeLinear": Operator(_quantise, ONE),
    "Erf": Operator(_same, ONE),
    "GRU": Operator(
        _recur,
        range(3, 5),
        {"hidden_size": "i", "linear_before_reset": "i"},
        lambda call: sum(3 * tensor.shape[-1] for tensor in call.inputs[1:3]),
    ),
    "Gather": Operator(_gather, TWO, AXIS),
    "Greater": Operator(_compare, TWO),
    "Identity": Operator(_identity, ONE),
    "LayerNormalization": Operator(_normalise, range(2, 4), {"axis": "i", "epsilon": "f"}),
    "Log": Operator(_same, ONE),
    "MatMul": Operator(_matmul, TWO, cost=_rows),
    "MatMulInteger": Operator(_matmul_integer, range(2, 5), cost=_rows),
    "Mul": Operator(_arithmetic, TWO),
    "Range": Operator(_range, THREE),
    "ReduceSum": Operator(_sum, TWO, {"keepdims": "i"}),
    "Relu": Operator(_same, ONE),
    "Selu": Operator(_same, ONE),
    "Shape": Operator(_shape, ONE, {"start": "i", "end": "i"}),
    "Sigmoid": Operator(_same, ONE),
    "Slice": Operator(_slice, range(4, 5)),
    "Softmax": Operator(_along_axis, ONE, AXIS),
    "Squeeze": Operator(_squeeze, range(1, 3)),
    "Sub": Operator(_arithmetic, TWO),
    "Transpose": Operator(_transpose, ONE, {"perm": "ints"}),
    "Unsqueeze": Operator(_unsqueeze, TWO),
}
"""Every operator that sordino writes, by name."""
