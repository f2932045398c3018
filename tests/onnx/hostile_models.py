"""Models that no bundle may contain, each with the words of its refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.onnx.synthetic_onnx import (
    KEY,
    Node,
    altered,
    altered_node,
    body,
    constant,
    constant_bomb,
    cube,
    deep,
    division,
    external,
    external_in_function,
    function,
    loop,
    many_values,
    million_nodes,
    nested,
    nested_functions,
    node,
    padded_convolution,
    proto,
    range_by_data,
    range_model,
    single_operator,
    sparse_external,
    training_loop,
    value,
    with_metadata,
    with_tensor,
    wrong_value_info,
)

Case = tuple[str, str, Callable[[], onnx.ModelProto | bytes]]
"""Name, words of the refusal, and the model."""


def content_of_other_files() -> Iterator[Case]:
    """Data outside the file, functions and control flow."""
    yield "external", "external data", lambda: proto([node("Add", "x c")], [external()])
    yield "external unused", "external data", lambda: proto([node("Relu", "x")], [external()])
    yield (
        "external entry",
        "external data",
        lambda: altered(
            lambda model: model.graph.initializer[0].external_data.add(key="location", value=KEY)
        ),
    )
    yield (
        "external flag",
        "external data",
        lambda: altered(
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
    yield "external list", "external data", lambda: single_operator("Relu", tensors=[external()])
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
    yield "external sparse", "external data, sparse tensor", sparse_external
    yield (
        "external in a loop",
        "external data, control flow: Loop",
        lambda: proto([loop(body(node("Identity", "c", "k"), initialisers=[external()]))]),
    )
    yield "external in a function", "external data, model-local function", external_in_function
    yield (
        "function",
        "model-local function",
        lambda: altered(lambda model: model.functions.append(function(node("Relu", "a", "b")))),
    )
    yield "functions", "model-local function", nested_functions
    yield "training", "training information", training_loop
    yield "loop", "control flow: Loop", lambda: proto([loop()])
    yield "if", "control flow: If", lambda: proto([nested(1)])
    yield "ifs", "control flow: If", lambda: proto([nested(5)])
    yield "deep", "nested over 32 deep", lambda: deep(2_000)
    for kind in ("Scan", "SequenceMap"):
        yield kind, f"control flow: {kind}", partial(single_operator, kind, body=body())
    yield "subgraph of another", "subgraph", lambda: single_operator("Relu", body=body())
    yield "subgraphs of another", "subgraph", lambda: single_operator("Relu", bodies=[body()])


def operators() -> Iterator[Case]:
    """Operators, domains and versions that no bundle may have."""
    for kind in ("RandomNormal", "RandomUniformLike", "Multinomial", "Bernoulli"):
        yield kind, f"random operator: {kind}", partial(single_operator, kind)
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
        yield kind, f"operator {kind}", partial(single_operator, kind)
    yield "no operator", "operator", lambda: altered_node(lambda node: node.ClearField("op_type"))
    yield (
        "domain",
        r"operator domain com\.microsoft",
        lambda: single_operator("Relu", "com.microsoft"),
    )
    yield (
        "domain imported",
        r"operator domain ai\.onnx\.ml",
        lambda: altered(lambda model: model.opset_import.add(domain="ai.onnx.ml", version=3)),
    )
    yield (
        "overload",
        "operator overload",
        lambda: altered_node(lambda node: setattr(node, "overload", "o")),
    )
    yield "opset 99", "opset 99", lambda: proto([node("Relu", "x")], opset=99)
    yield "opset 7", "opset 7", lambda: proto([node("Relu", "x")], opset=7)
    yield "no opset", "0 opsets", lambda: altered(lambda model: model.ClearField("opset_import"))
    yield (
        "two opsets",
        "2 opsets",
        lambda: altered(lambda model: model.opset_import.add(domain="", version=18)),
    )
    yield (
        "old format",
        "IR version 3",
        lambda: altered(lambda model: setattr(model, "ir_version", 3)),
    )
    yield "no graph", "no graph", lambda: altered(lambda model: model.ClearField("graph"))


def tensors() -> Iterator[Case]:
    """Types, shapes and data of constants."""
    yield (
        "text",
        "string tensor",
        lambda: with_tensor(data_type=8, dims=[4], string_data=[b"a"] * 4),
    )
    for dtype in (0, 10, 14, 16, 22, 99):
        yield (
            f"type {dtype}",
            f"data type {dtype}",
            partial(with_tensor, data_type=dtype, dims=[4]),
        )
    yield "negative", "shape", lambda: with_tensor(data_type=1, dims=[-1, 4], raw_data=b"")
    yield "overflow", "shape", lambda: with_tensor(data_type=1, dims=[1 << 62, 4], raw_data=b"")
    yield (
        "empty and long",
        "shape",
        lambda: with_tensor(data_type=1, dims=[1 << 62, 0], raw_data=b""),
    )
    yield (
        "few bytes",
        "with 12 bytes, which its shape",
        lambda: with_tensor(data_type=1, dims=[4], raw_data=b"a" * 12),
    )
    yield (
        "few numbers",
        "with 3 numbers, which its shape",
        lambda: with_tensor(data_type=6, dims=[4], int32_data=[1] * 3),
    )
    yield "no bytes", "with 0 bytes", lambda: with_tensor(data_type=1, dims=[4])
    yield (
        "two data",
        "data of initialiser 'c' in float_data and raw_data",
        lambda: with_tensor(data_type=1, dims=[1], raw_data=b"a" * 4, float_data=[1]),
    )
    yield (
        "wrong data",
        "data of initialiser 'c' in int64_data",
        lambda: with_tensor(data_type=1, dims=[1], int64_data=[1]),
    )
    yield (
        "large",
        "initialiser of 536870912 bytes",
        lambda: with_tensor(data_type=1, dims=[1 << 27], raw_data=b""),
    )
    yield "dimensions", "shape", lambda: with_tensor(data_type=1, dims=[1] * 9, raw_data=b"a" * 4)
    yield (
        "segment",
        "segment",
        lambda: altered(lambda model: model.graph.initializer[0].segment.SetInParent()),
    )


def sizes() -> Iterator[Case]:
    """Values too large to compute, and shapes that do not fit."""
    side = np.ones((1, 9000))
    yield "sum bomb", r"shape \(9000, 9000\) of Add", lambda: constant_bomb("Add", side, side.T)
    yield (
        "product bomb",
        r"shape \(9000, 9000\) of MatMul",
        lambda: constant_bomb("MatMul", side.T, side),
    )
    yield (
        "folding bomb",
        "MatMul of too much work",
        lambda: constant_bomb("MatMul", np.ones((500, 500)), np.ones((500, 500))),
    )
    yield "range", r"shape \(1000000000000,\) of Range", lambda: range_model(10**12)
    yield "range by data", "Range: bounds of a range that are no constants", range_by_data
    yield "cube", "shape .* of Add", cube
    yield "divisor 0", "whole divisor below 1", lambda: division(constant("c", 0, np.int64))
    yield "divisor -1", "whole divisor below 1", lambda: division(constant("c", -1, np.int64))
    yield "divisor of data", "divisors that are no constants", lambda: division(None)
    yield "pads", "shape .* of Conv", lambda: padded_convolution([1 << 40, 0])
    yield "pads below 0", "pads below 0", lambda: padded_convolution([-1, 0])
    yield "strides", "strides below 1", lambda: padded_convolution([1, 1], [0])
    yield (
        "misfit",
        r"\(1, 4\) and \(3,\) do not fit",
        lambda: proto([node("Add", "x c")], [constant("c", [1, 2, 3])]),
    )
    yield "value info", "shape of value 'v'", wrong_value_info
    yield "many values", "more than 536870912 numbers together", lambda: many_values(40, 8000)
    yield "nodes", "over 2048 entries of node", million_nodes


def names() -> Iterator[Case]:
    """Values without a name, without a source, or with several."""
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
        lambda: altered(lambda model: model.graph.initializer.append(constant("c", [0, 0, 0, 0]))),
    )
    yield (
        "constant and input",
        "the name 'c' of a value twice",
        lambda: altered(lambda model: model.graph.input.append(value("c", shape=[4]))),
    )
    yield (
        "unnamed",
        "a value without a name",
        lambda: altered(lambda model: model.graph.initializer[0].ClearField("name")),
    )


def attributes() -> Iterator[Case]:
    """Attributes, numbers of inputs and outputs, and texts."""
    yield "attribute", "attribute 'alpha' of Relu", lambda: single_operator("Relu", alpha=1.0)
    yield (
        "attribute type",
        "attribute 'axis' of Softmax, which is no i",
        lambda: single_operator("Softmax", axis="1"),
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
        lambda: altered_node(lambda node: node.attribute.add(name="to", ref_attr_name="to")),
    )
    yield "inputs", "Add of 1 inputs", lambda: single_operator("Add")
    yield "outputs", "Relu of 2 outputs", lambda: proto([node("Relu", "x", "y z")])
    yield "metadata", "metadata 'ort_config'", lambda: with_metadata("ort_config", "{}")
    yield (
        "long metadata",
        "a text of 100000 bytes",
        lambda: with_metadata("onnx.infer", "a" * 100_000),
    )
    yield (
        "control characters",
        "control characters",
        lambda: altered(lambda model: setattr(model.graph, "name", "\x1b[2J")),
    )


def interfaces() -> Iterator[Case]:
    """Types and shapes of inputs and outputs."""
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


CASES: Final = {
    name: (words, model)
    for cases in (
        content_of_other_files,
        operators,
        tensors,
        sizes,
        names,
        attributes,
        interfaces,
    )
    for name, words, model in cases()
}


def content(name: str) -> bytes:
    """One of the hostile models as a file."""
    model = CASES[name][1]()
    return model if isinstance(model, bytes) else bytes(model.SerializeToString())
