"""The operators of an exported speech encoder, beside those of a bundle. Only the lab runs them.

`torch.onnx` writes shapes as arithmetic on whole numbers (`Shape`, `Gather`, `Mul`, `Concat`, then
`Reshape`), so the rules below also compute the numbers of short lists of integers. A size that does
not follow from constants and dimensions is refused, as in `shapes`. Every operator is arithmetic on
its inputs, or moves numbers: none reads a file, draws a number or has a subgraph.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

from sordino.onnx.shapes import (
    AXIS,
    BOOL,
    INT32,
    INT64,
    ONE,
    OPERATORS,
    THREE,
    TWO,
    Operator,
    OperatorCall,
    Tensor,
    broadcast,
    content_of,
    expect,
    resolve_axis,
)

LONGEST_LIST: Final = 64
"""The longest list of integers whose numbers are computed."""

LARGEST_NUMBER: Final = {BOOL: 1, INT32: (1 << 31) - 1, INT64: 1 << 40}
"""Larger numbers of a type are unknown, so that no known number overflows."""

Rule = Callable[[OperatorCall], list[Tensor]]


def _listed(tensor: Tensor, values: list[int] | None) -> list[Tensor]:
    """The output with its numbers, if they are known and short."""
    known = (
        values is not None
        and tensor.dtype in LARGEST_NUMBER
        and len(values) == tensor.size <= LONGEST_LIST
        and all(abs(value) <= LARGEST_NUMBER[tensor.dtype] for value in values)
    )
    return [tensor._replace(content=tuple(values or ()) if known else None)]


def _computed(kind: str, compute: Callable[[int, int], int]) -> Rule:
    """The rule `kind` of a bundle's operator on two numbers, with the numbers of short lists."""

    def infer(call: OperatorCall) -> list[Tensor]:
        (output,) = OPERATORS[kind].infer(call)
        first, second = (tensor.content for tensor in call.inputs)
        if first is None or second is None or len(output.shape) > 1:
            return [output]
        pairs = zip(*_spread(output.size, first, second), strict=True)
        return _listed(output, [compute(a, b) for a, b in pairs])

    return infer


def _spread(length: int, *lists: tuple[int, ...]) -> list[list[int]]:
    """Lists of one length: a single number is repeated."""
    return [list(values) if len(values) == length else list(values) * length for values in lists]


def _quotient(a: int, b: int) -> int:
    """Division that rounds to 0; b is at least 1."""
    return a // b if a >= 0 else -(-a // b)


def _cast(call: OperatorCall) -> list[Tensor]:
    (output,) = OPERATORS["Cast"].infer(call)
    content = call.inputs[0].content
    return _listed(output, None if content is None else list(content))


def _gather(call: OperatorCall) -> list[Tensor]:
    (output,) = OPERATORS["Gather"].infer(call)
    x, at = call.inputs
    if x.content is None or at.content is None or len(x.shape) != 1:
        return [output]
    return _listed(output, [x.content[index] for index in at.content])


def _concat(call: OperatorCall) -> list[Tensor]:
    (output,) = OPERATORS["Concat"].infer(call)
    contents = [tensor.content for tensor in call.inputs]
    if len(output.shape) != 1 or any(content is None for content in contents):
        return [output]
    return _listed(output, [value for content in contents for value in content or ()])


def _slice(call: OperatorCall) -> list[Tensor]:
    x, *bounds = call.inputs
    lists = [content_of(tensor, "bounds of a slice") for tensor in bounds]
    starts, ends = lists[:2]
    axes = lists[2] if len(lists) > 2 else tuple(range(len(starts)))
    steps = lists[3] if len(lists) > 3 else (1,) * len(starts)
    expect(len(starts) == len(ends) == len(axes) == len(steps), "bounds of a slice that differ")
    expect(0 not in steps, "a slice of step 0")
    shape, content = list(x.shape), x.content
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at = resolve_axis(axis, len(shape))
        # ONNX ends a backward slice before the first number at the least integer
        stop = None if step < 0 and end < -x.shape[at] else end
        shape[at] = len(range(*slice(start, stop, step).indices(shape[at])))
        if content is not None and len(x.shape) == 1:
            content = content[slice(start, stop, step)]
    output = Tensor(tuple(shape), x.dtype)
    return _listed(output, list(content) if content is not None and len(x.shape) == 1 else None)


def _reshape(call: OperatorCall) -> list[Tensor]:
    x, target = call.inputs
    expect(not call.attributes.get("allowzero", 0), "a shape that may be empty")
    sizes = list(content_of(target, "a shape"))
    expect(len(sizes) >= sizes.count(-1) < 2, "a shape with two open sizes")
    for position, size in enumerate(sizes):
        expect(size >= -1, f"a size {size}")
        if size == 0:
            expect(position < len(x.shape), "a copied size beyond the last")
            sizes[position] = x.shape[position]
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        expect(rest > 0 and x.size % rest == 0, f"{x.shape} as {sizes}")
        sizes[sizes.index(-1)] = x.size // rest
    expect(math.prod(sizes) == x.size, f"{x.shape} as {sizes}")
    return [Tensor(tuple(sizes), x.dtype, content=x.content)]


def _expand(call: OperatorCall) -> list[Tensor]:
    x, target = call.inputs
    sizes = content_of(target, "a shape")
    expect(min(sizes, default=1) > 0, "a size below 1")
    return [Tensor(broadcast(x.shape, sizes), x.dtype)]


def _tile(call: OperatorCall) -> list[Tensor]:
    x, repeats = call.inputs
    counts = content_of(repeats, "repeats")
    expect(len(counts) == len(x.shape) and min(counts, default=1) > 0, "repeats below 1")
    return [Tensor(tuple(map(operator.mul, x.shape, counts)), x.dtype)]


def _constant(call: OperatorCall) -> list[Tensor]:
    expect("value" in call.attributes, "a constant without a tensor")
    value: Tensor = call.attributes["value"]
    return [value]


def _constant_of_shape(call: OperatorCall) -> list[Tensor]:
    sizes = content_of(call.inputs[0], "a shape")
    expect(min(sizes, default=1) >= 0 and "value" in call.attributes, "a size below 0")
    value: Tensor = call.attributes["value"]
    expect(value.size == 1, "a constant of several numbers")
    output = Tensor(sizes, value.dtype)
    known = value.content is not None and output.size <= LONGEST_LIST
    return _listed(output, list(value.content or ()) * output.size if known else None)


def _where(call: OperatorCall) -> list[Tensor]:
    condition, first, second = call.inputs
    expect(condition.dtype == BOOL and first.dtype == second.dtype, "parts of two data types")
    shape = broadcast(broadcast(condition.shape, first.shape), second.shape)
    output = Tensor(shape, first.dtype)
    contents = [tensor.content for tensor in call.inputs if tensor.content is not None]
    if len(contents) < len(call.inputs) or len(shape) > 1:
        return [output]
    choices = zip(*_spread(output.size, *contents), strict=True)
    return _listed(output, [a if chosen else b for chosen, a, b in choices])


def _test(call: OperatorCall) -> list[Tensor]:
    return [Tensor(call.inputs[0].shape, BOOL)]


def _gemm(call: OperatorCall) -> list[Tensor]:
    a, b, *offset = (tensor.shape for tensor in call.inputs)
    expect(len(a) == len(b) == 2, f"{a} and {b} are no matrices")
    a = a[::-1] if call.attributes.get("transA") else a
    b = b[::-1] if call.attributes.get("transB") else b
    output = (a[0], b[1])
    expect(a[1] == b[0], f"{a} and {b} do not fit")
    expect(all(broadcast(output, shape) == output for shape in offset), "an offset of another size")
    expect(len({tensor.dtype for tensor in call.inputs}) == 1, "matrices of two data types")
    return [Tensor(output, call.inputs[0].dtype)]


def _convolve(call: OperatorCall) -> list[Tensor]:
    """As in a bundle, also with groups of channels."""
    x, weights, *bias = (tensor.shape for tensor in call.inputs)
    expect(len(x) == len(weights) == 3, f"{x} and {weights} do not fit")
    groups = call.attributes.get("group", 1)
    expect(groups > 0 == weights[0] % max(groups, 1), f"{groups} groups of {weights[0]} channels")
    expect(x[1] == weights[1] * groups, f"{x} and {weights} do not fit")
    expect(call.attributes.get("dilations", [1]) == [1], "dilations")
    expect(call.attributes.get("kernel_shape", [weights[2]]) == [weights[2]], "another kernel")
    shapes = ((x[0], weights[1], x[2]), weights, *bias)
    parts = [
        tensor._replace(shape=shape) for tensor, shape in zip(call.inputs, shapes, strict=True)
    ]
    return OPERATORS["Conv"].infer(OperatorCall(tuple(parts), call.attributes))


def _normalise_instances(call: OperatorCall) -> list[Tensor]:
    x, *weights = call.inputs
    expect(len(x.shape) == 3, f"a shape {x.shape}, expected channels over time")
    expect(all(tensor.shape == x.shape[1:2] for tensor in weights), "weights of another shape")
    return [Tensor(x.shape, x.dtype)]


def _reduce(call: OperatorCall) -> list[Tensor]:
    expect(not call.attributes.get("noop_with_empty_axes", 0), "no axis to reduce")
    return OPERATORS["ReduceSum"].infer(call)


def _channels(call: OperatorCall) -> int:
    return math.prod(call.inputs[1].shape[1:])


def _columns(call: OperatorCall) -> int:
    return call.inputs[0].shape[0 if call.attributes.get("transA") else 1]


_REDUCE: Final = {"keepdims": "i", "noop_with_empty_axes": "i"}

LAB_OPERATORS: Final[Mapping[str, Operator]] = {
    **OPERATORS,
    "Abs": Operator(OPERATORS["Relu"].infer, ONE),
    "Add": Operator(_computed("Add", operator.add), TWO),
    "Cast": Operator(_cast, ONE, {"to": "i"}),
    "Concat": Operator(_concat, range(1, 65), AXIS),
    "Constant": Operator(_constant, range(1), {"value": "t"}),
    "ConstantOfShape": Operator(_constant_of_shape, ONE, {"value": "t"}),
    "Conv": Operator(
        _convolve,
        range(2, 4),
        {
            "strides": "ints",
            "pads": "ints",
            "dilations": "ints",
            "kernel_shape": "ints",
            "group": "i",
        },
        _channels,
    ),
    "Div": Operator(_computed("Div", _quotient), TWO),
    "Equal": Operator(_computed("Greater", lambda a, b: int(a == b)), TWO),
    "Expand": Operator(_expand, TWO),
    "Gather": Operator(_gather, TWO, AXIS),
    "Gemm": Operator(
        _gemm,
        range(2, 4),
        {"alpha": "f", "beta": "f", "transA": "i", "transB": "i"},
        _columns,
    ),
    "GreaterOrEqual": Operator(OPERATORS["Greater"].infer, TWO),
    "InstanceNormalization": Operator(_normalise_instances, THREE, {"epsilon": "f"}),
    "IsNaN": Operator(_test, ONE),
    "Less": Operator(OPERATORS["Greater"].infer, TWO),
    "Min": Operator(OPERATORS["Add"].infer, TWO),
    "Mul": Operator(_computed("Mul", operator.mul), TWO),
    "ReduceL2": Operator(_reduce, TWO, _REDUCE),
    "ReduceSum": Operator(_reduce, TWO, _REDUCE),
    "Reshape": Operator(_reshape, TWO, {"allowzero": "i"}),
    "Slice": Operator(_slice, range(3, 6)),
    "Sqrt": Operator(OPERATORS["Relu"].infer, ONE),
    "Sub": Operator(_computed("Sub", operator.sub), TWO),
    "Tile": Operator(_tile, TWO),
    "Where": Operator(_where, THREE),
}
"""Every operator of a plain export of wav2vec 2, HuBERT, WavLM and Whisper, by name."""
