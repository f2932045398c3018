"""A model of a bundle, run by ONNX Runtime (imported here alone) on one thread, without telemetry.

`quantised` is for the lab: it needs the package onnx.

ONNX Runtime 1.32 on Linux writes a device id and a database of events below the user's cache folder when it is
imported, and sends the events later. `disable_telemetry_events` comes too late for both; an environment variable that
is set before the import does not. A program that imports onnxruntime before sordino must set it itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, whatever the user's environment has

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sordino.device.onnx_structure import check
from sordino.errors import BundleError, ReleaseError

_SILENT = 4  # fatal errors alone; all others are raised

_CLOSED = {
    "session.load_model_format": "ONNX",  # bytes 4 to 8 may claim another format, which `check` does not read
    "session.model_external_initializers_file_folder_path": os.devnull,  # no folder: no tensor is read from a file
}
"""A second lock behind `check`: what ONNX Runtime refuses by itself."""


class Model:
    """Arrays by name to arrays by name. Raises `BundleError` for what is no model, or more than arithmetic."""

    def __init__(self, content: bytes, what: str) -> None:
        check(content, what)
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        for entry, setting in _CLOSED.items():
            options.add_session_config_entry(entry, setting)
        self._what = what
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # it has no error of its own that they share
            raise BundleError(f"{what}: not a model that ONNX Runtime reads: write the bundle again") from error

        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What comes out. Raises `ReleaseError` where the model fails or says what is no number."""
        try:
            outputs = self._session.run(self._names, inputs)
        except Exception as error:
            raise ReleaseError(f"{self._what}: the model failed, expected it to run: nothing is released") from error
        for output in outputs:
            if output.dtype.kind not in "iu" and not np.isfinite(output).all():  # whole numbers are finite
                raise ReleaseError(f"{self._what}: the model gave NaN or infinity: nothing is released")
        return dict(zip(self._names, outputs, strict=True))


def quantised(model: bytes) -> bytes:
    """The model with its matrices of float32 as 8-bit integers, in about a quarter of the size.

    Inputs are rounded as they come (ONNX Runtime's dynamic quantisation). What is float64 stays: scaling, decisions.
    """
    import logging  # what no device needs is loaded here, so that it starts sooner
    import tempfile

    from onnxruntime.quantization import QuantType, quantize_dynamic

    options: dict[str, Any] = {"per_channel": True, "weight_type": QuantType.QInt8, "op_types_to_quantize": ["MatMul"]}
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it tells of every float64 that it leaves
    try:
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
            given.write_bytes(model)
            quantize_dynamic(given, made, **options)
            return made.read_bytes()
    finally:
        logging.disable(before)
