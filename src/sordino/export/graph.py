"""Writes ONNX models the way one writes arithmetic: an operator on a symbol is a node, an array
beside it a constant.

    graph = Graph()
    z = graph.input("z", np.float32, "n", 256)
    model = graph.model(bin=(z @ weights + bias > 0) * 1)

What numpy code does in the lab thus becomes the model that a device runs, line by line and without
a second version. A model is small, the same content gives the same bytes, and nothing of the
machine that wrote it is in it.

Matrices may be rounded to 8 bits (`rounded`), and all processors still give the same outputs.
Weights W `(k, m)` become whole numbers Q and a scale s for each column, s = max |W| / 127: then W
is about Q · s. The device multiplies them out once, when it loads the model, and works in float32
from there on. Inputs are never rounded: sums of two products of 8 bits saturate at 16 bits on x86
processors without VNNI and not on others. Two devices would then release different vectors of one
utterance, and the lab would audit what neither of them releases.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from sordino.release.drawn.scorer import Operations

OPSET: Final = 18
"""Of the operators in use: any ONNX Runtime since 1.14 (2023) runs it."""

IR: Final = 8
"""The file format that came with them."""

LARGEST: Final = 127
"""The largest whole number of 8 bits in use; −128 has no counterpart on the other side of zero, and
stays out.
"""


class Graph:
    """Nodes, constants and inputs of a model in the making."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: type, *shape: str | int) -> Symbol:
        """An input; a dimension given as text may have any length."""
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        return Symbol(self, name, np.dtype(dtype))

    def op(
        self,
        kind: str,
        *inputs: Symbol | NDArray[Any],
        dtype: type | None = None,
        **attributes: Any,
    ) -> Symbol:
        """The output of an operator; its type is that of the first input unless `dtype` says
        another.
        """
        names = [one.name if isinstance(one, Symbol) else self._constant(one) for one in inputs]
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [name], **attributes))
        return Symbol(self, name, np.dtype(dtype) if dtype else inputs[0].dtype)

    def model(self, **outputs: Symbol) -> bytes:
        """The model as a file, by name what comes out of it."""
        for name, symbol in outputs.items():
            self._nodes.append(helper.make_node("Identity", [symbol.name], [name]))
        made = [
            helper.make_tensor_value_info(name, _onnx_type(one.dtype), None)
            for name, one in outputs.items()
        ]
        graph = helper.make_graph(
            self._nodes, "sordino", self._inputs, made, list(self._constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="sordino"
        )
        model.ir_version = IR
        model = onnx.shape_inference.infer_shapes(model)
        del model.graph.value_info[:]  # shapes of outputs alone
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name


class Symbol:
    """A value of a model in the making, with numpy's operators."""

    __array_ufunc__ = None  # numpy leaves `array + symbol` to the symbol

    def __init__(self, graph: Graph, name: str, dtype: np.dtype[Any]) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def astype(self, dtype: type) -> Symbol:
        """The same as numbers of another type."""
        return self.graph.op("Cast", self, dtype=dtype, to=_onnx_type(dtype))

    def sum(self, axis: int) -> Symbol:
        """The sum over one axis, which is gone."""
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=0)

    def __getitem__(self, at: tuple[slice, int | slice | None]) -> Symbol:
        """`[:, None]`, `[:, one]` or `[:, first:]`."""
        _, second = at
        if second is None:
            return self.graph.op("Unsqueeze", self, np.array([1]))
        if isinstance(second, slice):
            last = np.array([np.iinfo(np.int64).max])
            return self.graph.op("Slice", self, np.array([second.start]), last, np.array([1]))
        return self.graph.op("Gather", self, np.array(second), axis=1)

    def __add__(self, other: Any) -> Symbol:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> Symbol:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.graph.op("Sub", self._like(other), self)

    def __mul__(self, other: Any) -> Symbol:
        numbers = self.astype(np.int64) if self.dtype == np.bool_ else self
        return numbers._with("Mul", other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.__mul__(other)

    def __truediv__(self, other: Any) -> Symbol:
        return self._with("Div", other)

    def __matmul__(self, other: Any) -> Symbol:
        return self._with("MatMul", other)

    def __gt__(self, other: Any) -> Symbol:
        return self.graph.op("Greater", self, self._like(other), dtype=np.bool_)

    def __and__(self, other: Any) -> Symbol:
        return self._with("And", other)

    def _with(self, kind: str, other: Any) -> Symbol:
        return self.graph.op(kind, self, self._like(other))

    def _like(self, other: Any) -> Symbol | NDArray[Any]:
        return other if isinstance(other, Symbol) else np.asarray(other, self.dtype)


SYMBOLS: Final = Operations(
    softmax=lambda x, axis: x.graph.op("Softmax", x, axis=axis),
    log=lambda x: x.graph.op("Log", x),
)
"""Of symbols, in a model."""


def rounded(model: bytes) -> bytes:
    """The model with the float32 matrices that it multiplies by as 8-bit integers, in about a
    quarter of the size.

    Constants of float64 stay as they are: the scaling of features and the decisions of a drawn
    release need their digits, and are small. The same model gives the same bytes.

    The operators are `Cast` and `Mul`, which every ONNX Runtime folds into a constant. Of
    `DequantizeLinear` it makes `MatMulNBits` (1.32, unless a session forbids it), which rounds its
    inputs.
    """
    whole = onnx.load_model_from_string(model)
    graph = whole.graph
    matrices = _matrices(graph)
    nodes = []
    for name, values in matrices.items():
        numbers, scale = quantise(values)
        parts: dict[str, NDArray[Any]] = {f"{name}_int8": numbers, f"{name}_scale": scale}
        graph.initializer.extend(
            numpy_helper.from_array(part, part_name) for part_name, part in parts.items()
        )
        nodes.append(
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=onnx.TensorProto.FLOAT)
        )
        nodes.append(helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name]))
    kept = [tensor for tensor in graph.initializer if tensor.name not in matrices]
    nodes.extend(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(whole, full_check=True)
    return bytes(whole.SerializeToString(deterministic=True))


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers `(k, m)` and the scale of each column `(m,)`: their product is `weights`,
    rounded.

    A column of zeros has the scale 1, and so has one whose numbers are too small for a scale of
    float32.

    >>> numbers, scale = quantise(np.array([[1.27, 0], [-0.634, 0]], np.float32))
    >>> numbers.tolist(), scale.round(4).tolist()
    ([[127, 0], [-63, 0]], [0.009999999776482582, 1.0])
    """
    scale = (np.abs(weights).max(axis=0, initial=0) / LARGEST).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    numbers = np.rint(weights.astype(np.float64) / scale).clip(-LARGEST, LARGEST)
    return numbers.astype(np.int8), scale


def _matrices(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """The constant float32 matrices that some product has on its right, by name."""
    factors = {node.input[1] for node in graph.node if node.op_type == "MatMul"}
    floats = [
        tensor
        for tensor in graph.initializer
        if tensor.name in factors
        and tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) == 2
    ]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in floats}


def _onnx_type(dtype: Any) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
