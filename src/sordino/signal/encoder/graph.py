"""The encoder of Whisper up to one of its layers, as an ONNX model (Radford et al. 2023, figure 1).

    frames    log mel energies, `(n, 80)`
    convolve  two convolutions of width 3 with GELU, the second of them with stride 2
    position  plus a learned vector of each position
    layer     x + attention(norm(x)), then x + feed_forward(norm(x)), with GELU between its two maps
    out       `(ceil(n / 2), width)`

The lab and a device run the same file. Weights W `(k, m)` are rounded to integers Q of 8 bits and a
scale s for each output channel, and x W is computed as (x Q) · s in float32. Inputs are never
rounded, so all processors give the same values, to about 1e-6 of their scale.

Q becomes float32 once, when a model is loaded. A large encoder would then need four times its size
in memory. There Q becomes float32 for one product at a time: the cut of Q that changes nothing
takes its length from x, so that it cannot be computed before x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, install_step
from sordino.signal.encoder.log_mel import MEL_BANDS
from sordino.signal.encoder.shape import EncoderShape, Weights

if TYPE_CHECKING:
    from sordino.onnx.writer import GraphBuilder, Symbol

NORM_EPSILON: Final = 1e-5

RESIDENT_WEIGHTS: Final = 1 << 23
"""The most weights that become float32 when a model is loaded: 32 MB."""

_ZERO: Final = np.array([0])


def encoder_model(shape: EncoderShape, weights: Weights) -> bytes:
    """The model of an encoder as a file: `frames (n, 80) -> out (ceil(n / 2), width)` for 1 to 3000
    frames, both float32. The same weights give the same bytes.

    Raises `DependencyError` without the package onnx.
    """
    try:
        from sordino.onnx.writer import GraphBuilder  # here: no device needs it
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{error.name} is not installed, expected it for the encoder of these features: "
            f"{install_step('speech')}"
        ) from error
    graph = GraphBuilder()
    frames = graph.input("frames", np.float32, "n", MEL_BANDS)
    return graph.model(out=_Writer(graph, shape, weights).encode(frames))


class _Writer:
    """The parts of the network, each a function of symbols of shape `(positions, values)`."""

    def __init__(self, graph: GraphBuilder, shape: EncoderShape, weights: Weights) -> None:
        self.graph, self.shape, self.weights = graph, shape, weights
        self.resident = shape.weights <= RESIDENT_WEIGHTS

    def encode(self, frames: Symbol) -> Symbol:
        op = self.graph.op
        x = op("Unsqueeze", op("Transpose", frames, perm=[1, 0]), _ZERO)  # (1, 80, n)
        x = self.gelu(self.convolve(x, "conv1", 1))
        x = self.gelu(self.convolve(x, "conv2", 2))  # (1, width, positions)
        x = op("Transpose", op("Squeeze", x, _ZERO), perm=[1, 0])  # (positions, width)
        x = x + self.positions(x)
        for layer in range(self.shape.layers):
            x = x + self.attend(x, f"layer_{layer}/self_attention")
            x = x + self.feed_forward(x, f"layer_{layer}/ffn")
        return x

    def convolve(self, x: Symbol, name: str, stride: int) -> Symbol:
        """A convolution of width 3, with one column of zeros at both ends."""
        weight, bias = (self.weights[f"{name}/{part}"] for part in ("weight", "bias"))
        numbers, scale = quantised(weight.reshape(len(weight), -1).T)
        kernel = self.graph.constant(numbers.T.reshape(weight.shape)).astype(
            np.float32
        )  # (out, in, 3)
        y = self.graph.op("Conv", x, kernel, strides=[stride], pads=[1, 1])
        return y * scale[:, None] + bias[:, None]

    def positions(self, x: Symbol) -> Symbol:
        """The vectors of the first positions, as many as `x` has."""
        op = self.graph.op
        count = op("Squeeze", op("Shape", x, dtype=np.int64, start=0, end=1))
        steps = op("Range", np.array(0), count, np.array(1), dtype=np.int64)
        numbers, scale = quantised(self.weights["position_encodings/encodings"])
        return op("Gather", numbers, steps, axis=0).astype(np.float32) * scale

    def attend(self, x: Symbol, name: str) -> Symbol:
        op, width = self.graph.op, self.shape.width
        size = width // self.shape.heads
        weight, bias = (self.weights[f"{name}/linear_0/{part}"] for part in ("weight", "bias"))
        factor = self.shape.query_factor
        values = self.product(
            self.norm(x, name), (weight * factor[:, None]).T, bias * factor
        )  # (positions, 3 width): queries, keys, values
        heads = []
        for start in range(0, width, size):
            query, key, value = (
                op("Slice", values, np.array([at]), np.array([at + size]), np.array([1]))
                for at in range(start, 3 * width, width)
            )
            scores = query @ op("Transpose", key, perm=[1, 0])  # (positions, positions)
            heads.append(op("Softmax", scores, axis=-1) @ value)
        return self.linear(op("Concat", *heads, axis=1), f"{name}/linear_1")

    def feed_forward(self, x: Symbol, name: str) -> Symbol:
        inner = self.gelu(self.linear(self.norm(x, name), f"{name}/linear_0"))
        return self.linear(inner, f"{name}/linear_1")

    def linear(self, x: Symbol, name: str) -> Symbol:
        return self.product(x, self.weights[f"{name}/weight"].T, self.weights[f"{name}/bias"])

    def product(self, x: Symbol, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Symbol:
        """`x @ weight + bias`, with the weights in 8 bits."""
        integers, scale = quantised(weight)
        numbers = self.graph.constant(integers)
        if not self.resident:
            width = self.graph.op("Shape", x, dtype=np.int64, start=1, end=2)
            numbers = self.graph.op("Slice", numbers, _ZERO, width, _ZERO)
        return (x @ numbers.astype(np.float32)) * scale + bias

    def norm(self, x: Symbol, name: str) -> Symbol:
        gamma, beta = (self.weights[f"{name}/layer_norm/{part}"] for part in ("gamma", "beta"))
        return self.graph.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=NORM_EPSILON)

    def gelu(self, x: Symbol) -> Symbol:
        """x Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel 2016)."""
        return x * (self.graph.op("Erf", x / np.sqrt(2)) + 1) * 0.5


def quantised(weight: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """`sordino.onnx.writer.quantise`, which needs the package onnx."""
    from sordino.onnx.writer import quantise

    return quantise(weight)
