"""What a model means: the same model in float64, computed by numpy with the reference operators of
the package onnx.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator


def exact(model: bytes, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The outputs by name, all floats of the model taken as float64: weights of 8 bits are
    multiplied out exactly.
    """
    double = onnx.load_model_from_string(model)
    graph = double.graph
    floats = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT]
    for tensor in floats:
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
        )
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    wide = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
    names = [output.name for output in graph.output]
    return dict(zip(names, ReferenceEvaluator(double).run(names, wide), strict=True))
