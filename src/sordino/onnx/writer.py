"""Writes ONNX models as arithmetic: an operator on a symbol is a node, an array is a constant.

    graph = GraphBuilder()
    z = graph.input("z", np.float32, "n", 256)
    model = graph.model(bin=(z @ weights + bias > 0) * 1)

Numpy code of the lab thus becomes the model on a device, without a second version. A model is
small, the same content gives the same bytes, and no path or name of the machine is in it.

Matrices may be rounded to 8 bits (`rounded`), and all processors still give the same outputs.
Weights W `(k, m)` become integers Q and a scale s for each column, s = max |W| / 127: W is about
Q · s. The device multiplies them once, when it loads the model, and then computes in float32.
Inputs are never rounded: sums of two products of 8 bits saturate at 16 bits on x86 processors
without VNNI and not on others. Two devices would then release different vectors of one utterance,
and the audit of the lab would describe neither.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET: Final = 18
"""The version of the operators: any ONNX Runtime since 1.14 (2023) runs it."""

IR: Final = 8
"""The version of the file format of that operator set."""

LARGEST_INT8: Final = 127
"""The largest integer of 8 bits in use; −128 has no positive counterpart and is not used."""


class GraphBuilder:
    """Nodes, constants and inputs of a model under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: type, *shape: str | int) -> Symbol:
        """An input; a dimension with a name may have any size."""
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        return Symbol(self, name, np.dtype(dtype))

    def constant(self, values: NDArray[Any]) -> Symbol:
        """An array as a symbol; an array among the inputs of an operator needs no symbol."""
        return Symbol(self, self._constant(values), values.dtype)

    def op(
        self,
        kind: str,
        *inputs: Symbol | NDArray[Any],
        dtype: type | None = None,
        **attributes: Any,
    ) -> Symbol:
        """The output of an operator; its type is `dtype`, by default that of the first input."""
        names = [
            value.name if isinstance(value, Symbol) else self._constant(value) for value in inputs
        ]
        name = f"v{len(self._nodes)}"
        # the node has a name too: some versions of ONNX Runtime derive others from it
        self._nodes.append(helper.make_node(kind, names, [name], name=name, **attributes))
        return Symbol(self, name, np.dtype(dtype) if dtype else inputs[0].dtype)

    def model(self, **outputs: Symbol) -> bytes:
        """The model as a file, with outputs by name."""
        for name, symbol in outputs.items():
            self._nodes.append(helper.make_node("Identity", [symbol.name], [name]))
        values = [
            helper.make_tensor_value_info(name, _onnx_type(symbol.dtype), None)
            for name, symbol in outputs.items()
        ]
        graph = helper.make_graph(
            self._nodes, "sordino", self._inputs, values, list(self._constants.values())
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
    """A value of a model under construction, with the operators of numpy."""

    __array_ufunc__ = None  # numpy leaves `array + symbol` to the symbol

    def __init__(self, graph: GraphBuilder, name: str, dtype: np.dtype[Any]) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def astype(self, dtype: type) -> Symbol:
        """The value converted to another type."""
        return self.graph.op("Cast", self, dtype=dtype, to=_onnx_type(dtype))

    def sum(self, axis: int) -> Symbol:
        """The sum over one axis, which is removed."""
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=0)

    def __getitem__(self, at: tuple[slice, int | slice | None]) -> Symbol:
        """`[:, None]`, `[:, column]` or `[:, first:]`."""
        _, second = at
        if second is None:
            return self.graph.op("Unsqueeze", self, np.array([1]))
        if isinstance(second, slice):
            last = np.array([np.iinfo(np.int64).max])
            return self.graph.op("Slice", self, np.array([second.start]), last, np.array([1]))
        return self.graph.op("Gather", self, np.array(second), axis=1)

    def __add__(self, operand: Any) -> Symbol:
        return self._with("Add", operand)

    def __sub__(self, operand: Any) -> Symbol:
        return self._with("Sub", operand)

    def __rsub__(self, operand: Any) -> Symbol:
        return self.graph.op("Sub", self._like(operand), self)

    def __mul__(self, operand: Any) -> Symbol:
        numbers = self.astype(np.int64) if self.dtype == np.bool_ else self
        return numbers._with("Mul", operand)

    def __rmul__(self, operand: Any) -> Symbol:
        return self.__mul__(operand)

    def __truediv__(self, operand: Any) -> Symbol:
        return self._with("Div", operand)

    def __matmul__(self, operand: Any) -> Symbol:
        return self._with("MatMul", operand)

    def __gt__(self, operand: Any) -> Symbol:
        return self.graph.op("Greater", self, self._like(operand), dtype=np.bool_)

    def __and__(self, operand: Any) -> Symbol:
        return self._with("And", operand)

    def _with(self, kind: str, operand: Any) -> Symbol:
        return self.graph.op(kind, self, self._like(operand))

    def _like(self, operand: Any) -> Symbol | NDArray[Any]:
        return operand if isinstance(operand, Symbol) else np.asarray(operand, self.dtype)


def rounded(model: bytes) -> bytes:
    """The model with its float32 matrices as 8-bit integers, in about a quarter of the size.

    Constants of float64 are unchanged: the scaling of features and the decisions of a drawn release
    need their digits, and are small. The same model gives the same bytes.

    The operators are `Cast` and `Mul`, which every ONNX Runtime folds into a constant. Version 1.32
    replaces `DequantizeLinear` by `MatMulNBits`, which rounds its inputs, unless a session forbids
    it.
    """
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
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
    tensors = [tensor for tensor in graph.initializer if tensor.name not in matrices]
    nodes.extend(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(tensors)
    graph.node.extend(nodes)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers `(k, m)` and the scale of each column `(m,)`: their product is `weights`, rounded.

    A column of zeros, or of numbers too small for a scale in float32, has the scale 1.

    >>> numbers, scale = quantise(np.array([[1.27, 0], [-0.634, 0]], np.float32))
    >>> numbers.tolist(), scale.round(4).tolist()
    ([[127, 0], [-63, 0]], [0.009999999776482582, 1.0])
    """
    scale = (np.abs(weights).max(axis=0, initial=0) / LARGEST_INT8).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    numbers = np.rint(weights.astype(np.float64) / scale).clip(-LARGEST_INT8, LARGEST_INT8)
    return numbers.astype(np.int8), scale


def _matrices(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """The constant float32 matrices on the right of a product, by name."""
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
