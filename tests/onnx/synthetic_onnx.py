"""Small ONNX models built with onnx, most of them with one fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

N: Final = 4
"""The width of the input `x`."""

KEY: Final = "state/key"
"""The file that external data points at, below the working directory."""

Node = onnx.NodeProto


def value(
    name: str, dtype: int = TensorProto.FLOAT, shape: Sequence[str | int | None] | None = ("n", N)
) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name: str, values: Any, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def proto(
    nodes: Sequence[Node],
    initialisers: Sequence[TensorProto] = (),
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    opset: int = 18,
    domain: str = "",
    **fields: Any,
) -> onnx.ModelProto:
    """A model from `x (n, 4)` to `y`; nothing is checked."""
    graph = helper.make_graph(
        nodes, "g", inputs or [value("x")], outputs or [value("y", shape=None)], initialisers
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, opset)], **fields)
    model.ir_version = 8
    return model


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> Node:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def harmless() -> onnx.ModelProto:
    return proto([node("Add", "x c")], [constant("c", [1, 2, 3, 4])])


def field(number: int, content: bytes) -> bytes:
    """A field of a message by hand: its tag, its length, its bytes."""
    size, head = len(content), bytearray([number << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes(head) + bytes([size]) + content


def external(
    name: str = "c", dims: Sequence[int] = (N,), dtype: int = TensorProto.FLOAT
) -> TensorProto:
    """A tensor with its numbers in a file of the device."""
    tensor = TensorProto(name=name, data_type=dtype, dims=dims, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=KEY)
    return tensor


def leak(width: int) -> bytes:
    """A model that puts the 16 bytes of the key into each of its outputs, `(n, width)`."""
    nodes = [
        node("Cast", "c", "bytes", to=TensorProto.FLOAT),
        node("Gather", "bytes i", "row"),
        node("Mul", "z none", "nothing"),
        node("Add", "nothing row", "out"),
    ]
    constants = [
        external("c", (16,), TensorProto.UINT8),
        constant("i", np.arange(width) % 16, np.int64),
        constant("none", 0),
    ]
    ends = [value("z", shape=("n", width))], [value("out", shape=("n", width))]
    return bytes(proto(nodes, constants, *ends).SerializeToString())


def body(*nodes: Node, initialisers: Sequence[TensorProto] = ()) -> onnx.GraphProto:
    """The body of a loop that never ends by itself."""
    ends = [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, [])]
    out = [value("go_on", TensorProto.BOOL, [])]
    return helper.make_graph(
        [node("Identity", "go", "go_on"), *nodes], "body", ends, out, initialisers
    )


def loop(graph: onnx.GraphProto | None = None) -> Node:
    return helper.make_node("Loop", ["m", "b"], ["y"], body=graph or body())


def function(*nodes: Node, name: str = "F") -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets)


def nested(depth: int) -> Node:
    """Conditions inside conditions."""
    inner = node("Identity", "x")
    for _ in range(depth):
        graph = helper.make_graph([inner], "g", [], [value("y", shape=None)])
        inner = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        if inner.ByteSize() > 1 << 20:
            break
    return inner


def deep(depth: int) -> bytes:
    """Subgraphs of one branch, written by hand: onnx itself stops at a hundred messages."""

    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))  # node, attribute, g
    return b"\x08\x08" + field(7, graph)


def nested_functions() -> onnx.ModelProto:
    model = harmless()
    calls = [helper.make_node(f"F{depth + 1}", ["a"], ["b"], domain="own") for depth in range(20)]
    for depth, call in enumerate(calls):
        model.functions.append(function(call, call, name=f"F{depth}"))
    return model


def external_in_function() -> onnx.ModelProto:
    """External data in a constant, in a loop, in a function."""
    model = harmless()
    inside = helper.make_node("Constant", [], ["k"], value=external())
    model.functions.append(function(loop(body(inside))))
    return model


def altered(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    model = harmless()
    change(model)
    return model


def with_tensor(**fields: Any) -> onnx.ModelProto:
    """Harmless but for its constant."""
    return proto([node("Add", "x c")], [TensorProto(name="c", **fields)])


def sparse_external() -> onnx.ModelProto:
    model = harmless()
    sparse = onnx.SparseTensorProto(
        values=external(), indices=constant("i", [0], np.int64), dims=[N]
    )
    model.graph.sparse_initializer.append(sparse)
    return model


def training_loop() -> onnx.ModelProto:
    model = harmless()
    model.training_info.add().algorithm.CopyFrom(helper.make_graph([loop()], "a", [], []))
    return model


def constant_bomb(kind: str, a: NDArray[Any], b: NDArray[Any]) -> onnx.ModelProto:
    """Constants that ONNX Runtime would multiply out while it loads."""
    return proto(
        [node(kind, "a b", "big"), node("ReduceSum", "big t", "s", keepdims=0), node("Add", "x s")],
        [constant("a", a), constant("b", b), constant("t", [0, 1], np.int64)],
    )


def many_values(count: int, width: int) -> onnx.ModelProto:
    """`count` values `(n, width)`, each below the limit of a value."""
    adds = [node("Add", f"v{number} c", f"v{number + 1}") for number in range(count)]
    nodes = [node("MatMul", "x w", "v0"), *adds, node("Relu", f"v{count}")]
    return proto(nodes, [constant("w", np.ones((N, width))), constant("c", [1])])


def range_model(limit: int) -> onnx.ModelProto:
    numbers = [
        constant(name, number, np.int64) for name, number in (("f", 0), ("l", limit), ("d", 1))
    ]
    return proto([node("Range", "f l d")], numbers, outputs=[value("y", TensorProto.INT64, None)])


def range_by_data() -> onnx.ModelProto:
    numbers = [constant("f", 0, np.int64), constant("d", 1, np.int64)]
    ends = [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT64, None)]
    nodes = [node("Squeeze", "x", "l"), node("Range", "f l d")]
    return proto(nodes, numbers, *ends)


def cube() -> onnx.ModelProto:
    """`(n, n, n)` from `(n, 4)`: small in a test, endless on long input."""
    numbers = [constant(f"a{axis}", [axis], np.int64) for axis in (1, 2)]
    nodes = [
        node("ReduceSum", "x a1", "s", keepdims=0),
        node("Unsqueeze", "s a1", "column"),
        node("Add", "s column", "square"),
        node("Unsqueeze", "square a2", "box"),
        node("Add", "s box"),
    ]
    return proto(nodes, numbers)


def division(divisor: TensorProto | None) -> onnx.ModelProto:
    ends = [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT64, None)]
    return proto([node("Div", "x c" if divisor else "x x")], [divisor] if divisor else [], *ends)


def padded_convolution(pads: Sequence[int], strides: Sequence[int] = (1,)) -> onnx.ModelProto:
    ends = [value("x", shape=["n", 1, "steps"])], None
    return proto(
        [node("Conv", "x w", pads=pads, strides=strides)],
        [constant("w", np.ones((1, 1, 3)))],
        *ends,
    )


def wrong_value_info() -> onnx.ModelProto:
    nodes = [node("Relu", "x", "v"), node("Add", "v c")]
    model = proto(nodes, [constant("c", [1, 2, 3, 4])])
    model.graph.value_info.append(value("v", shape=["n", 1]))
    return model


def with_metadata(key: str, text: str) -> onnx.ModelProto:
    return altered(lambda model: model.metadata_props.add(key=key, value=text))


def single_operator(kind: str, domain: str = "", **attributes: Any) -> onnx.ModelProto:
    return proto([helper.make_node(kind, ["x"], ["y"], domain=domain, **attributes)])


def altered_node(change: Callable[[Node], object]) -> onnx.ModelProto:
    return altered(lambda model: change(model.graph.node[0]))


def million_nodes() -> bytes:
    """A million nodes."""
    relu = onnx.GraphProto(node=[node("Relu", "x", "v")]).SerializeToString()
    return b"\x08\x08" + field(7, harmless().graph.SerializeToString() + relu * 10**6)
