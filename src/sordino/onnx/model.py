"""A model of a bundle, run by ONNX Runtime (imported here alone) on one thread, without telemetry.

ONNX Runtime 1.32 on Linux writes a device id and a database of events below the user's cache folder
when it is imported, and sends the events later. `disable_telemetry_events` comes too late for both;
an environment variable that is set before the import does not. A program that imports onnxruntime
before sordino must set it itself.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, whatever the user's environment has

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sordino.errors import BundleError, ReleaseError
from sordino.onnx.structure import BUNDLE, LONG, Limits, check_model, fits_memory

_SILENT = 4  # fatal errors alone; all others are raised

_CLOSED = {
    # bytes 4 to 8 may claim another format, which `check_model` does not read
    "session.load_model_format": "ONNX",
    # no folder: no tensor is read from a file
    "session.model_external_initializers_file_folder_path": os.devnull,
}
"""A second barrier after `check_model`: ONNX Runtime refuses these by itself."""
_SAME_EVERYWHERE = {
    # no product of floats becomes one of rounded inputs (`MatMulNBits`)
    "session.disable_quant_qdq": "1",
    # integers of older bundles: no kernel that saturates at 16 bits
    "session.x64quantprecision": "1",
}
"""With these settings a model gives the same numbers on every processor, to about 1e-6 of their
scale.
"""

_ROUNDING = (b"QuantizeLinear", b"MatMulInteger", b"QLinearMatMul", b"MatMulNBits")


class Model:
    """A function from arrays by name to arrays by name.

    Raises `BundleError` for a file that is not a model, or does more than arithmetic.
    """

    def __init__(self, content: bytes, name: str, limits: Limits = BUNDLE) -> None:
        check_model(content, name, limits)
        self._name, self._content, self._largest = name, content, list[int]()
        self._limits = limits
        self._session = open_session(content, name)
        self._free = [
            (graph_input.name, axis)
            for graph_input in self._session.get_inputs()
            for axis, size in enumerate(graph_input.shape)
            if not isinstance(size, int)
        ]
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The outputs. Raises `ReleaseError` where the model fails, or gives NaN or infinity."""
        self._check_sizes(inputs)
        try:
            outputs = self._session.run(self._names, inputs)
        except Exception as error:
            raise ReleaseError(
                f"{self._name}: the model failed, expected it to run: nothing is released"
            ) from error
        for output in outputs:
            if output.dtype.kind not in "iu" and not is_finite(output):  # integers are finite
                raise ReleaseError(
                    f"{self._name}: the model gave NaN or infinity: nothing is released"
                )
        return dict(zip(self._names, outputs, strict=True))

    def _check_sizes(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Raise `ReleaseError` where the model would need too much memory.

        `check_model` has checked sizes up to `LONG`; larger inputs are checked here.
        """
        sizes, product = [], 1
        for name, axis in self._free:
            if name not in inputs or inputs[name].ndim <= axis:  # the model refuses these inputs
                return
            sizes.append(inputs[name].shape[axis])
            product *= sizes[-1]
        if product <= LONG or (self._largest and all(map(operator.le, sizes, self._largest))):
            return
        shapes = {name: values.shape for name, values in inputs.items()}
        if not fits_memory(self._content, shapes, self._limits):
            raise ReleaseError(
                f"{self._name}: the model takes too much memory on input of this length: nothing "
                "is released"
            )
        self._largest = sizes


def open_session(content: bytes, name: str) -> onnxruntime.InferenceSession:
    """A session of a checked model. Raises `BundleError` where ONNX Runtime does not read it."""
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan of memory for every length of input
    options.log_severity_level = _SILENT
    for entry, setting in {**_CLOSED, **_SAME_EVERYWHERE}.items():
        options.add_session_config_entry(entry, setting)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class
        raise BundleError(
            f"{name}: not a model that ONNX Runtime reads: write the bundle again"
        ) from error


def is_finite(values: NDArray[np.floating]) -> bool:
    """Whether no number is NaN or infinite; for a vector faster than `np.isfinite(...).all()`."""
    return bool(np.count_nonzero(np.isfinite(values)) == values.size)


def rounds_inputs(content: bytes) -> bool:
    """Whether a model rounds its inputs to 8 bits, as older bundles of 8 bits do.

    Its outputs depend on the processor and on the program that runs it.
    """
    return any(kind in content for kind in _ROUNDING)
