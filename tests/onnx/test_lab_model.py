"""An encoder of the user's is plain arithmetic with values of known sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sordino.errors import BundleError, FeatureError
from sordino.onnx.lab_model import LabModel
from sordino.onnx.lab_shapes import LAB_OPERATORS
from sordino.onnx.shapes import OPERATORS
from sordino.onnx.structure import check_model
from tests.onnx import synthetic_onnx
from tests.onnx.synthetic_onnx import constant, node

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def integers(name: str, *values: int) -> TensorProto:
    return constant(name, values, np.int64)


def tensor(*values: float, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype))


ONE = constant("one", 1.0)
CASES: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "Abs": ([node("Abs", "x")], []),
    "Constant": ([node("Constant", "", "c", value=tensor(1, 2, 3, 4)), node("Add", "x c")], []),
    "ConstantOfShape": (
        [
            node("Shape", "x", "s"),
            node("ConstantOfShape", "s", "c", value=tensor(2)),
            node("Mul", "x c"),
        ],
        [],
    ),
    "Conv": (
        [
            node("Unsqueeze", "x zero", "u"),
            node("Conv", "u w", group=3, dilations=[1], kernel_shape=[2], pads=[1, 1]),
        ],
        [integers("zero", 0), constant("w", np.ones((6, 1, 2)))],
    ),
    "Expand": ([node("Expand", "x e")], [integers("e", 2, 3, 4)]),
    "Expand as torch writes it": (
        [
            node("Equal", "wanted open", "e"),
            node("Where", "e one_each wanted", "sizes"),
            node("Expand", "x sizes"),
        ],
        [integers("wanted", 2, -1, 4), integers("open", -1), integers("one_each", 1, 1, 1)],
    ),
    "Gemm": (
        [node("Gemm", "x w b", alpha=0.5, transB=1)],
        [constant("w", np.ones((5, 4))), constant("b", np.ones(5))],
    ),
    "InstanceNormalization": (
        [
            node("Unsqueeze", "x zero", "u"),
            node("InstanceNormalization", "u g b", epsilon=0.01),
        ],
        [integers("zero", 0), constant("g", np.ones(3)), constant("b", np.zeros(3))],
    ),
    "comparisons": (
        [
            node("Equal", "x one", "e"),
            node("GreaterOrEqual", "x one", "g"),
            node("IsNaN", "x", "n"),
            node("And", "e g", "b"),
            node("And", "b n", "c"),
            node("Where", "c x one"),
        ],
        [ONE],
    ),
    "Less and Where": (
        [node("Less", "x one", "l"), node("Where", "l x one")],
        [ONE],
    ),
    "Min": ([node("Min", "x one")], [ONE]),
    "ReduceL2": ([node("ReduceL2", "x zero", keepdims=1)], [integers("zero", 0)]),
    "Reshape": ([node("Reshape", "x r")], [integers("r", 0, 2, -1)]),
    "Reshape by computed sizes": (
        [
            node("Shape", "x", "s"),
            node("Gather", "s last", "a"),
            node("Div", "a two", "half"),
            node("Mul", "half two", "double"),
            node("Sub", "double two", "less"),
            node("Add", "less two", "width"),
            node("Cast", "width", "same", to=TensorProto.INT64),
            node("Unsqueeze", "same zero", "u"),
            node("Slice", "s from until zero", "first"),
            node("Concat", "u first", "sizes", axis=0),
            node("Reshape", "x sizes"),
        ],
        [
            constant("last", 1, np.int64),
            constant("two", 2, np.int64),
            integers("zero", 0),
            integers("from", 0),
            integers("until", 1),
        ],
    ),
    "Slice of the first axes": (
        [node("Slice", "x from until")],
        [integers("from", 1, 1), integers("until", 3, 2)],
    ),
    "Slice with steps": (
        [node("Slice", "x from until axes steps")],
        [
            integers("from", 0, -1),
            integers("until", 1 << 60, -(1 << 60)),
            integers("axes", 0, 1),
            integers("steps", 2, -2),
        ],
    ),
    "Sqrt": ([node("Abs", "x", "a"), node("Sqrt", "a")], []),
    "Tile": ([node("Tile", "x t")], [integers("t", 2, 3)]),
}


def content(name: str, shape: Sequence[int] | None = None) -> bytes:
    nodes, constants = CASES[name]
    outputs = [synthetic_onnx.value("y", shape=shape)]
    return bytes(synthetic_onnx.proto(nodes, constants, outputs=outputs).SerializeToString())


def test_every_operator_of_the_lab_alone_has_a_case() -> None:
    added = {name for name, rule in LAB_OPERATORS.items() if OPERATORS.get(name) != rule}
    used = {item.op_type for nodes, _ in CASES.values() for item in nodes}
    assert added - used == {"ReduceSum"}  # only its attribute differs, see below


@pytest.mark.parametrize("name", CASES)
def test_the_rule_gives_the_shape_of_onnx_runtime(name: str) -> None:
    actual = LabModel(content(name), name)(X, "y").shape
    assert LabModel(content(name, actual), name)(X, "y").shape == actual
    with pytest.raises(FeatureError, match="shape of value 'y'"):
        LabModel(content(name, [7, *actual[1:]]), name)(X, "y")


@pytest.mark.parametrize("name", sorted({*CASES} - {"Reshape by computed sizes"}))
def test_a_bundle_still_refuses_the_operators_of_the_lab(name: str) -> None:
    with pytest.raises(BundleError, match=r"m\.onnx: (operator|attribute|shape|Slice)"):
        check_model(content(name), "m.onnx")


def model(*nodes: Any, constants: Sequence[Any] = ()) -> LabModel:
    return LabModel(synthetic_onnx.proto(nodes, constants).SerializeToString(), "m.onnx")


REFUSED = {
    "a size from values": (
        [node("Cast", "x", "i", to=TensorProto.INT64), node("Reshape", "x i")],
        [],
        "a shape that are no constants",
    ),
    "two open sizes": ([node("Reshape", "x r")], [integers("r", -1, -1)], "two open sizes"),
    "another size": ([node("Reshape", "x r")], [integers("r", 5)], r"\(3, 4\) as \[5\]"),
    "a huge tile": ([node("Tile", "x t")], [integers("t", 1 << 20, 1 << 20)], "at most"),
    "a huge shape": (
        [node("ConstantOfShape", "e", "c", value=tensor(1)), node("Add", "x c")],
        [integers("e", 1 << 20, 1 << 20)],
        "at most",
    ),
    "no empty axes": (
        [node("ReduceSum", "x zero", noop_with_empty_axes=1)],
        [integers("zero", 0)],
        "no axis to reduce",
    ),
    "a step of 0": (
        [node("Slice", "x zero zero zero zero")],
        [integers("zero", 0)],
        "a slice of step 0",
    ),
    "a whole division by 0": (
        [node("Shape", "x", "s"), node("Div", "s zero", "d"), node("Reshape", "x d")],
        [integers("zero", 0)],
        "a whole divisor below 1",
    ),
    "an empty shape": (
        [node("Reshape", "x r", allowzero=1)],
        [integers("r", 3, 4)],
        "a shape that may be empty",
    ),
    "other groups": (
        [node("Unsqueeze", "x zero", "u"), node("Conv", "u w", group=2)],
        [integers("zero", 0), constant("w", np.ones((6, 1, 2)))],
        "do not fit",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_use_of_an_operator_is_refused(name: str) -> None:
    nodes, constants, message = REFUSED[name]
    network = model(*nodes, constants=constants)
    with pytest.raises(FeatureError, match=rf"m\.onnx: .*{message}.*: export it again"):
        network(X, "y")


def loop() -> onnx.ModelProto:
    body = helper.make_graph([node("Add", "x x", "z")], "b", [], [synthetic_onnx.value("z")])
    condition = constant("c", True, np.bool_)
    return synthetic_onnx.proto(
        [node("If", "c", "y", then_branch=body, else_branch=body)], [condition]
    )


def external() -> onnx.ModelProto:
    proto = synthetic_onnx.harmless()
    stored = proto.graph.initializer[0]
    stored.ClearField("raw_data")
    stored.data_location = TensorProto.EXTERNAL
    entry = stored.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (loop(), "control flow: If"),
        (external(), "external data"),
        (synthetic_onnx.proto([node("RandomNormalLike", "x")]), "random operator"),
        (synthetic_onnx.proto([node("Einsum", "x", equation="ij->i")]), "operator Einsum"),
        (synthetic_onnx.proto([node("Abs", "x", domain="user")]), "operator domain user"),
        (synthetic_onnx.proto([node("Abs", "x")], opset=9), "opset 9"),
    ],
    ids=["subgraph", "file", "chance", "operator", "domain", "opset"],
)
def test_a_model_that_does_more_is_refused(proto: onnx.ModelProto, message: str) -> None:
    with pytest.raises(FeatureError, match=rf"{re.escape(message)}.*: expected the plain"):
        LabModel(proto.SerializeToString(), "m.onnx")


def test_an_output_with_infinity_is_refused() -> None:
    network = model(node("Div", "x zero"), constants=[constant("zero", 0.0)])
    with pytest.raises(FeatureError, match="or with NaN, expected finite float32"):
        network(X, "y")


def test_a_long_input_that_takes_too_much_memory_is_refused() -> None:
    square = model(node("Transpose", "x", "t", perm=[1, 0]), node("MatMul", "x t"))
    assert square(X, "y").shape == (3, 3)
    with pytest.raises(FeatureError, match="expected at most"):
        square(np.zeros((10_000, 4), np.float32), "y")
