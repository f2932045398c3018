"""A model with its matrices rounded to 8 bits, whose outputs are the same on every processor.

Weights W `(k, m)` become whole numbers Q and a scale s for each column: W ≈ Q · s, with s = max |W| / 127 of the column.
The device multiplies them out once, when it loads the model, and works in float32 from there on. Inputs are never
rounded: sums of two products of 8 bits saturate at 16 bits on x86 processors without VNNI and not on others. Two
devices would then release different vectors of one utterance, and the lab would audit what neither of them releases.

The two operators are `Cast` and `Mul`, which every ONNX Runtime folds into a constant. Of `DequantizeLinear` it makes
`MatMulNBits` (1.32, unless a session forbids it), which rounds its inputs again.

This module is for the lab: it needs the package onnx.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

LARGEST: Final = 127
"""The largest whole number in use; −128 has no counterpart on the other side of zero, and stays out."""


def rounded(model: bytes) -> bytes:
    """The model with the float32 matrices that it multiplies by as 8-bit integers, in about a quarter of the size.

    Constants of float64 stay as they are: the scaling of features and the decisions of a drawn release need their
    digits, and are small. The same model gives the same bytes.
    """
    whole = onnx.load_model_from_string(model)
    graph = whole.graph
    matrices = _matrices(graph)
    nodes = []
    for name, values in matrices.items():
        numbers, scale = quantise(values)
        parts = {f"{name}_int8": numbers, f"{name}_scale": scale}
        graph.initializer.extend(numpy_helper.from_array(part, part_name) for part_name, part in parts.items())
        nodes.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name]))
    kept = [tensor for tensor in graph.initializer if tensor.name not in matrices]
    nodes.extend(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(whole, full_check=True)
    return bytes(whole.SerializeToString(deterministic=True))


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers `(k, m)` and the scale of each column `(m,)`: their product is `weights`, rounded.

    A column of zeros has the scale 1, and so has one whose numbers are too small for a scale of float32.

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
        if tensor.name in factors and tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
    ]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in floats}
