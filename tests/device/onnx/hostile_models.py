"""Models that no bundle may hold, each with the words that its refusal must have. They are built
with onnx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
    """A tensor whose numbers stand in a file of the device."""
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


def _functions() -> onnx.ModelProto:
    model = harmless()
    calls = [helper.make_node(f"F{depth + 1}", ["a"], ["b"], domain="own") for depth in range(20)]
    for depth, call in enumerate(calls):
        model.functions.append(function(call, call, name=f"F{depth}"))
    return model


def _buried() -> onnx.ModelProto:
    """External data in a constant, in a loop, in a function."""
    model = harmless()
    inside = helper.make_node("Constant", [], ["k"], value=external())
    model.functions.append(function(loop(body(inside))))
    return model


def _changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    model = harmless()
    change(model)
    return model


def _tensor(**fields: Any) -> onnx.ModelProto:
    """Harmless but for its constant."""
    return proto([node("Add", "x c")], [TensorProto(name="c", **fields)])


def _sparse() -> onnx.ModelProto:
    model = harmless()
    sparse = onnx.SparseTensorProto(
        values=external(), indices=constant("i", [0], np.int64), dims=[N]
    )
    model.graph.sparse_initializer.append(sparse)
    return model


def _training() -> onnx.ModelProto:
    model = harmless()
    model.training_info.add().algorithm.CopyFrom(helper.make_graph([loop()], "a", [], []))
    return model


def _bomb(kind: str, left: NDArray[Any], right: NDArray[Any]) -> onnx.ModelProto:
    """Constants that ONNX Runtime would multiply out while it loads."""
    return proto(
        [node(kind, "a b", "big"), node("ReduceSum", "big t", "s", keepdims=0), node("Add", "x s")],
        [constant("a", left), constant("b", right), constant("t", [0, 1], np.int64)],
    )


def _range(limit: int) -> onnx.ModelProto:
    numbers = [
        constant(name, number, np.int64) for name, number in (("f", 0), ("l", limit), ("d", 1))
    ]
    return proto([node("Range", "f l d")], numbers, outputs=[value("y", TensorProto.INT64, None)])


def _range_by_data() -> onnx.ModelProto:
    numbers = [constant("f", 0, np.int64), constant("d", 1, np.int64)]
    ends = [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT64, None)]
    nodes = [node("Squeeze", "x", "l"), node("Range", "f l d")]
    return proto(nodes, numbers, *ends)


def _cube() -> onnx.ModelProto:
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


def _divided(divisor: TensorProto | None) -> onnx.ModelProto:
    ends = [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.INT64, None)]
    return proto([node("Div", "x c" if divisor else "x x")], [divisor] if divisor else [], *ends)


def _pads(pads: Sequence[int], strides: Sequence[int] = (1,)) -> onnx.ModelProto:
    ends = [value("x", shape=["n", 1, "steps"])], None
    return proto(
        [node("Conv", "x w", pads=pads, strides=strides)],
        [constant("w", np.ones((1, 1, 3)))],
        *ends,
    )


def _value_info() -> onnx.ModelProto:
    nodes = [node("Relu", "x", "v"), node("Add", "v c")]
    model = proto(nodes, [constant("c", [1, 2, 3, 4])])
    model.graph.value_info.append(value("v", shape=["n", 1]))
    return model


def _metadata(key: str, text: str) -> onnx.ModelProto:
    return _changed(lambda model: model.metadata_props.add(key=key, value=text))


def _operator(kind: str, domain: str = "", **attributes: Any) -> onnx.ModelProto:
    return proto([helper.make_node(kind, ["x"], ["y"], domain=domain, **attributes)])


def _node(change: Callable[[Node], object]) -> onnx.ModelProto:
    return _changed(lambda model: change(model.graph.node[0]))


def _many() -> bytes:
    """A million nodes."""
    relu = onnx.GraphProto(node=[node("Relu", "x", "v")]).SerializeToString()
    return b"\x08\x08" + field(7, harmless().graph.SerializeToString() + relu * 10**6)


def cases() -> Iterator[tuple[str, str, Callable[[], onnx.ModelProto | bytes]]]:
    """Name, words of the refusal, and the model."""
    yield "external", "external data", lambda: proto([node("Add", "x c")], [external()])
    yield "external unused", "external data", lambda: proto([node("Relu", "x")], [external()])
    yield (
        "external entry",
        "external data",
        lambda: _changed(
            lambda model: model.graph.initializer[0].external_data.add(key="location", value=KEY)
        ),
    )
    yield (
        "external flag",
        "external data",
        lambda: _changed(
            lambda model: setattr(model.graph.initializer[0], "data_location", TensorProto.EXTERNAL)
        ),
    )
    yield (
        "external attribute",
        "external data",
        lambda: proto(
            [helper.make_node("Constant", [], ["k"], value=external()), node("Add", "x k")]
        ),
    )
    yield "external list", "external data", lambda: _operator("Relu", tensors=[external()])
    yield (
        "external after many others",
        "external data",
        lambda: proto(
            [
                *(node(f"Op{number}", "x", f"v{number}") for number in range(100)),
                helper.make_node("Constant", [], ["y"], value=external()),
            ]
        ),
    )
    yield "external sparse", "external data, sparse tensor", _sparse
    yield (
        "external in a loop",
        "external data, control flow: Loop",
        lambda: proto([loop(body(node("Identity", "c", "k"), initialisers=[external()]))]),
    )
    yield "external in a function", "external data, model-local function", _buried
    yield (
        "function",
        "model-local function",
        lambda: _changed(lambda model: model.functions.append(function(node("Relu", "a", "b")))),
    )
    yield "functions", "model-local function", _functions
    yield "training", "training information", _training
    yield "loop", "control flow: Loop", lambda: proto([loop()])
    yield "if", "control flow: If", lambda: proto([nested(1)])
    yield "ifs", "control flow: If", lambda: proto([nested(5)])
    yield "deep", "nested over 32 deep", lambda: deep(2_000)
    for kind in ("Scan", "SequenceMap"):
        yield kind, f"control flow: {kind}", lambda kind=kind: _operator(kind, body=body())  # type: ignore[misc]
    yield "subgraph of another", "subgraph", lambda: _operator("Relu", body=body())
    yield "subgraphs of another", "subgraph", lambda: _operator("Relu", bodies=[body()])
    for kind in ("RandomNormal", "RandomUniformLike", "Multinomial", "Bernoulli"):
        yield kind, f"random operator: {kind}", lambda kind=kind: _operator(kind)  # type: ignore[misc]
    for kind in (
        "NonZero",
        "Constant",
        "ConstantOfShape",
        "Expand",
        "Tile",
        "Pad",
        "Resize",
        "EyeLike",
        "Einsum",
    ):
        yield kind, f"operator {kind}", lambda kind=kind: _operator(kind)  # type: ignore[misc]
    yield "no operator", "operator", lambda: _node(lambda node: node.ClearField("op_type"))
    yield "domain", r"operator domain com\.microsoft", lambda: _operator("Relu", "com.microsoft")
    yield (
        "domain imported",
        r"operator domain ai\.onnx\.ml",
        lambda: _changed(lambda model: model.opset_import.add(domain="ai.onnx.ml", version=3)),
    )
    yield (
        "overload",
        "operator overload",
        lambda: _node(lambda node: setattr(node, "overload", "o")),
    )
    yield "opset 99", "opset 99", lambda: proto([node("Relu", "x")], opset=99)
    yield "opset 7", "opset 7", lambda: proto([node("Relu", "x")], opset=7)
    yield "no opset", "0 opsets", lambda: _changed(lambda model: model.ClearField("opset_import"))
    yield (
        "two opsets",
        "2 opsets",
        lambda: _changed(lambda model: model.opset_import.add(domain="", version=18)),
    )
    yield (
        "old format",
        "IR version 3",
        lambda: _changed(lambda model: setattr(model, "ir_version", 3)),
    )
    yield "no graph", "no graph", lambda: _changed(lambda model: model.ClearField("graph"))
    yield "text", "string tensor", lambda: _tensor(data_type=8, dims=[4], string_data=[b"a"] * 4)
    for dtype in (0, 10, 14, 16, 22, 99):
        yield (
            f"type {dtype}",
            f"data type {dtype}",
            partial(_tensor, data_type=dtype, dims=[4]),
        )
    yield "negative", "shape", lambda: _tensor(data_type=1, dims=[-1, 4], raw_data=b"")
    yield "overflow", "shape", lambda: _tensor(data_type=1, dims=[1 << 62, 4], raw_data=b"")
    yield "empty and long", "shape", lambda: _tensor(data_type=1, dims=[1 << 62, 0], raw_data=b"")
    yield (
        "few bytes",
        "with 12 bytes, which its shape",
        lambda: _tensor(data_type=1, dims=[4], raw_data=b"a" * 12),
    )
    yield (
        "few numbers",
        "with 3 numbers, which its shape",
        lambda: _tensor(data_type=6, dims=[4], int32_data=[1] * 3),
    )
    yield "no bytes", "with 0 bytes", lambda: _tensor(data_type=1, dims=[4])
    yield (
        "two data",
        "data of initialiser 'c' in float_data and raw_data",
        lambda: _tensor(data_type=1, dims=[1], raw_data=b"a" * 4, float_data=[1]),
    )
    yield (
        "wrong data",
        "data of initialiser 'c' in int64_data",
        lambda: _tensor(data_type=1, dims=[1], int64_data=[1]),
    )
    yield (
        "large",
        "initialiser of 536870912 bytes",
        lambda: _tensor(data_type=1, dims=[1 << 27], raw_data=b""),
    )
    yield "dimensions", "shape", lambda: _tensor(data_type=1, dims=[1] * 9, raw_data=b"a" * 4)
    yield (
        "segment",
        "segment",
        lambda: _changed(lambda model: model.graph.initializer[0].segment.SetInParent()),
    )
    side = np.ones((1, 9000))
    yield "sum bomb", r"shape \(9000, 9000\) of Add", lambda: _bomb("Add", side, side.T)
    yield "product bomb", r"shape \(9000, 9000\) of MatMul", lambda: _bomb("MatMul", side.T, side)
    yield (
        "folding bomb",
        "MatMul of too much work",
        lambda: _bomb("MatMul", np.ones((500, 500)), np.ones((500, 500))),
    )
    yield "range", r"shape \(1000000000000,\) of Range", lambda: _range(10**12)
    yield "range by data", "Range: bounds of a range that are no constants", _range_by_data
    yield "cube", "shape .* of Add", _cube
    yield "divisor 0", "whole divisor below 1", lambda: _divided(constant("c", 0, np.int64))
    yield "divisor -1", "whole divisor below 1", lambda: _divided(constant("c", -1, np.int64))
    yield "divisor of data", "divisors that are no constants", lambda: _divided(None)
    yield "pads", "shape .* of Conv", lambda: _pads([1 << 40, 0])
    yield "pads below 0", "pads below 0", lambda: _pads([-1, 0])
    yield "strides", "strides below 1", lambda: _pads([1, 1], [0])
    yield (
        "misfit",
        r"\(1, 4\) and \(3,\) do not fit",
        lambda: proto([node("Add", "x c")], [constant("c", [1, 2, 3])]),
    )
    yield "value info", "shape of value 'v'", _value_info
    yield "nodes", "over 2048 entries of node", _many
    yield (
        "cycle",
        "value 'b' of Add, which no earlier node gives",
        lambda: proto([node("Add", "x b", "a"), node("Add", "x a", "b"), node("Relu", "a")]),
    )
    yield (
        "missing",
        "value 'gone' of Add, which no earlier node gives",
        lambda: proto([node("Add", "x gone")]),
    )
    yield (
        "no such output",
        "output 'y', which no node gives",
        lambda: proto([node("Relu", "x", "z")]),
    )
    yield (
        "output twice",
        "the name 'y' of a value twice",
        lambda: proto([node("Relu", "x"), node("Selu", "x")]),
    )
    yield (
        "constant twice",
        "the name 'c' of a value twice",
        lambda: _changed(lambda model: model.graph.initializer.append(constant("c", [0, 0, 0, 0]))),
    )
    yield (
        "constant and input",
        "the name 'c' of a value twice",
        lambda: _changed(lambda model: model.graph.input.append(value("c", shape=[4]))),
    )
    yield (
        "unnamed",
        "a value without a name",
        lambda: _changed(lambda model: model.graph.initializer[0].ClearField("name")),
    )
    yield "attribute", "attribute 'alpha' of Relu", lambda: _operator("Relu", alpha=1.0)
    yield (
        "attribute type",
        "attribute 'axis' of Softmax, which is no i",
        lambda: _operator("Softmax", axis="1"),
    )
    yield (
        "attribute twice",
        "attribute 'axis' of Softmax",
        lambda: proto(
            [
                Node(
                    input=["x"],
                    output=["y"],
                    op_type="Softmax",
                    attribute=[helper.make_attribute("axis", 1)] * 2,
                )
            ]
        ),
    )
    yield (
        "reference",
        "reference to an attribute",
        lambda: _node(lambda node: node.attribute.add(name="to", ref_attr_name="to")),
    )
    yield "inputs", "Add of 1 inputs", lambda: _operator("Add")
    yield "outputs", "Relu of 2 outputs", lambda: proto([node("Relu", "x", "y z")])
    yield "metadata", "metadata 'ort_config'", lambda: _metadata("ort_config", "{}")
    yield "long metadata", "a text of 100000 bytes", lambda: _metadata("onnx.infer", "a" * 100_000)
    yield (
        "control characters",
        "control characters",
        lambda: _changed(lambda model: setattr(model.graph, "name", "\x1b[2J")),
    )
    yield (
        "text input",
        "data type 8 of value 'x'",
        lambda: proto([node("Relu", "x")], inputs=[value("x", 8)]),
    )
    yield (
        "truth input",
        "input 'x' of data type 9",
        lambda: proto([node("Identity", "x")], inputs=[value("x", 9)]),
    )
    yield (
        "shapeless input",
        "shape of input 'x'",
        lambda: proto([node("Relu", "x")], inputs=[value("x", shape=None)]),
    )
    yield (
        "truth output",
        "output 'y' of data type 9",
        lambda: proto([node("Greater", "x x")], outputs=[value("y", 9, None)]),
    )
    yield (
        "sequence",
        "type of a value that is no tensor",
        lambda: proto(
            [node("Relu", "x")], inputs=[helper.make_tensor_sequence_value_info("x", 1, ["n"])]
        ),
    )
    yield (
        "free dimensions",
        "shape with 5 free dimensions",
        lambda: proto([node("Relu", "x")], inputs=[value("x", shape=list("abcde"))]),
    )


CASES: Final = {name: (words, model) for name, words, model in cases()}


def content(name: str) -> bytes:
    """One of the hostile models as a file."""
    model = CASES[name][1]()
    return model if isinstance(model, bytes) else bytes(model.SerializeToString())
