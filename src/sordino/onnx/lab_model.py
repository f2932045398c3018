"""A speech encoder as an ONNX model of the user's, checked as the models of bundles are.

The lab allows more operators (`lab_shapes`), larger weights and longer inputs than a device. The
sizes of all values are computed before the first run on inputs of each shape, so no model takes
memory without bound.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import BundleError, FeatureError
from sordino.onnx.graph import Dimensions
from sordino.onnx.lab_shapes import LAB_OPERATORS
from sordino.onnx.model import is_finite, open_session
from sordino.onnx.protobuf import Bounds
from sordino.onnx.structure import Limits, parse_graph, size_problem

LAB: Final = Limits(
    operators=LAB_OPERATORS,
    model_bytes=3 << 29,  # 1.6 GB
    initialiser_bytes=1 << 28,
    bounds=Bounds(fields=1 << 18, entries=1 << 14, depth=32),
    elements=1 << 26,
    all_elements=1 << 34,
    live_elements=1 << 28,  # 1 GB
    work=1 << 62,
    whole_work=1 << 42,
    constant_work=1 << 28,
    metadata=frozenset(),
    advice="expected the plain arithmetic of a speech encoder: export it again, as one file, with "
    "torch.onnx and opset 18",
)
"""The limits of a model in the lab: those of a large wav2vec 2 on 30 s."""

MOST_SHAPES: Final = 4096
"""Shapes of inputs in memory that were checked."""


class LabModel:
    """A function from one array to one of several outputs.

    Raises `FeatureError` for a file that is not a model, or does more than arithmetic.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._name, self._content, self._checked = name, content, set[tuple[int, ...]]()
        try:
            self._graph = parse_graph(content, name, LAB)
        except BundleError as error:
            raise FeatureError(str(error)) from error

    @property
    def inputs(self) -> dict[str, Dimensions]:
        """The dimensions of each input: a size, the name of a free dimension, or None."""
        return {declared.name: declared.dimensions or () for declared in self._graph.inputs}

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [declared.name for declared in self._graph.outputs]

    @functools.cached_property
    def _session(self) -> Any:
        """The session, made after the first check of sizes: ONNX Runtime computes constants."""
        try:
            return open_session(self._content, self._name)
        except BundleError as error:
            raise FeatureError(str(error)) from error

    def __call__(self, values: NDArray[np.float32], output: str) -> NDArray[np.float32]:
        """An output for the values of the only input.

        Raises `FeatureError` where the model would take too much memory or work, fails, or gives
        NaN or infinity.
        """
        (name,) = self.inputs
        self._check_size(name, values.shape)
        session = self._session
        try:
            result: NDArray[Any] = session.run([output], {name: values})[0]
        except Exception as error:  # its errors share no class
            raise FeatureError(
                f"{self._name}: the model failed on an input of shape {values.shape}: {LAB.advice}"
            ) from error
        if result.dtype != np.float32 or not is_finite(result):
            raise FeatureError(
                f"{self._name}: output {output} of type {result.dtype} or with NaN, expected "
                "finite float32: get another model"
            )
        return result

    def _check_size(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise for a shape with values that are too large."""
        if shape in self._checked:
            return
        if len(shape) != len(self.inputs[name]):
            raise FeatureError(f"{self._name}: input {name} {self.inputs[name]}, expected {shape}")
        problem = size_problem(self._graph, {name: shape}, LAB)
        if problem:
            raise FeatureError(f"{self._name}: {problem}: {LAB.advice}")
        if len(self._checked) >= MOST_SHAPES:
            self._checked.clear()
        self._checked.add(shape)
