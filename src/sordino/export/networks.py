"""The networks of a release as ONNX models with a free number of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from sordino.features import Normalise, Preprocess
from sordino.nn.autoencoder import GatedAutoencoder, ReplacementAutoencoder
from sordino.nn.multimodal import Multimodal
from sordino.onnx.writer import GraphBuilder, Symbol
from sordino.release.drawn.scorer import Operations

LAYERS: Final[dict[type[nn.Module], Callable[[Symbol, Any], Symbol]]] = {
    nn.Linear: lambda x, layer: x @ _values(layer.weight).T + _values(layer.bias),
    nn.SELU: lambda x, layer: x.graph.op("Selu", x),  # noqa: ARG005
    nn.ReLU: lambda x, layer: x.graph.op("Relu", x),  # noqa: ARG005
    nn.Identity: lambda x, layer: x,  # noqa: ARG005
}
"""The layers of the networks of sordino."""

SYMBOLS: Final = Operations(
    softmax=lambda x, axis: x.graph.op("Softmax", x, axis=axis),
    log=lambda x: x.graph.op("Log", x),
)
"""Operations on symbols of a model."""


def to_scale(fitted: Preprocess | Normalise) -> bytes:
    """The model of the preprocessing before a release."""
    return normalise(fitted) if isinstance(fitted, Normalise) else preprocess(fitted)


def preprocess(fitted: Preprocess) -> bytes:
    """`x (n, dims) float32 -> z (n, d) float32`.

    Columns are scaled in float64, since float32 does not represent tenths in a column of 1e6. The
    projection of scaled columns is float32, in a tenth of the time and half the size, and is exact
    to about 1e-6.
    """
    graph = GraphBuilder()
    x = graph.input("x", np.float32, "n", fitted.offset.size)
    low, high = (np.array(bound, np.float64) for bound in fitted.config["clip"])
    scaled = graph.op("Clip", (x.astype(np.float64) - fitted.offset) * fitted.factor, low, high)
    z = (scaled - fitted.mean).astype(np.float32) @ fitted.components.T
    return graph.model(z=z)


def normalise(fitted: Normalise) -> bytes:
    """`x (steps, d) float32 -> y (steps, d) float32`: frames of one clip on one scale."""
    graph = GraphBuilder()
    x = graph.input("x", np.float32, "steps", fitted.dims)
    varies = fitted.deviation > 0
    scaled = (x.astype(np.float64) - fitted.mean) / np.where(varies, fitted.deviation, 1) * varies
    return graph.model(y=scaled.astype(np.float32))


def autoencoder(x: Symbol, network: ReplacementAutoencoder) -> Symbol:
    """The output of an autoencoder for `x`, `(n, d)`, with its gate if it has one."""
    if not isinstance(network, GatedAutoencoder):
        return _sequential(_sequential(x, network.encoder), network.decoder)
    centre, scale = _values(network.centre), _values(network.scale)
    z = _sequential((x - centre) / scale, network.encoder)
    g = x.graph.op("Sigmoid", LAYERS[nn.Linear](z, network.gate))  # (n, 1)
    return g * x + (1 - g) * (_sequential(z, network.decoder) * scale + centre)


def embedding(network: Multimodal) -> bytes:
    """By stream `(n, longest, width)` and lengths `(n,)` `-> out (n, k)`; padding has no effect."""
    out = _embedded(network)
    return out.graph.model(out=out)


def decision(network: Multimodal, task: str, bias: NDArray[np.float32]) -> bytes:
    """The same inputs `-> bin (n,)`: the class of a task with the highest logit plus bias.

    `logits (n, classes)` is an output too, so that a runtime detects NaN and infinity.
    """
    logits = _sequential(_embedded(network), network.primary[task])
    bins = logits.graph.op("ArgMax", logits + bias, dtype=np.int64, axis=1, keepdims=0)
    return logits.graph.model(bin=bins, logits=logits)


def _embedded(network: Multimodal) -> Symbol:
    graph, pooled = GraphBuilder(), []
    for name, stream in network.streams.items():
        width = network.shape.streams[name]
        x = graph.input(name, np.float32, "n", f"longest_{name}", width)
        pooled.append(_stream(x, graph.input(f"{name}_length", np.int64, "n"), stream))
    joined = graph.op("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
    out = LAYERS[type(network.squeeze)](joined, network.squeeze)
    if network.shape.bottleneck is not None:
        ones = np.ones(network.shape.bottleneck, np.float32)
        out = graph.op("LayerNormalization", out, ones, 0 * ones, epsilon=1e-5)
    return out


def _sequential(x: Symbol, layers: Any) -> Symbol:
    for layer in layers:
        x = LAYERS[type(layer)](x, layer)
    return x


def _stream(x: Symbol, lengths: Symbol, stream: Any) -> Symbol:
    """`(n, longest, inputs)` and `(n,)` to `(n, gru_width)`, as `sordino.nn.multimodal.Stream`.

    The network pads a sequence to a multiple of the stride. Here it is always padded by the stride
    minus one, and the convolution ignores the surplus.
    """
    graph: GraphBuilder = x.graph
    x = x * _mask(x, lengths)
    for convolution in stream.convolutions:
        weights = (_values(convolution.weight), _values(convolution.bias))
        columns = graph.op("Transpose", x, perm=[0, 2, 1])  # (n, inputs, longest)
        pads = [stream.before, stream.stride - 1]
        convolved = graph.op("Conv", columns, *weights, strides=[stream.stride], pads=pads)
        active = graph.op("Relu", convolved)
        lengths = (lengths + (stream.stride - 1)) / stream.stride  # integers: rounded down
        x = graph.op("Transpose", active, perm=[0, 2, 1])  # (n, longest / stride, kernels)
        x = x * _mask(x, lengths)
    states = graph.op("Transpose", x, perm=[1, 0, 2])  # (steps, n, kernels)
    for weights in stream.recurrence.all_weights:
        states = _recurrent(states, [_values(tensor) for tensor in weights])
    states = graph.op("Transpose", states, perm=[1, 0, 2])  # (n, steps, gru_width)
    return (states * _mask(states, lengths)).sum(axis=1) / lengths.astype(np.float32)[:, None]


def _mask(x: Symbol, lengths: Symbol) -> Symbol:
    """1 where a row has a step and 0 where it is padded, `(n, longest, 1)`."""
    graph = x.graph
    longest = graph.op("Shape", x, dtype=np.int64, start=1, end=2)
    steps = graph.op(
        "Range", np.array(0), graph.op("Squeeze", longest), np.array(1), dtype=np.int64
    )
    mask = (lengths[:, None] > steps).astype(np.float32)  # (n, longest)
    return graph.op("Unsqueeze", mask, np.array([2]))


def _recurrent(x: Symbol, weights: list[NDArray[np.float32]]) -> Symbol:
    """One layer of gated recurrent units, `(steps, n, inputs)` to `(steps, n, hidden)`.

    PyTorch stacks the gates as reset, update, new, ONNX as update, reset, new.
    """
    hidden = weights[1].shape[1]
    order = np.concatenate(
        [np.arange(hidden, 2 * hidden), np.arange(hidden), np.arange(2 * hidden, 3 * hidden)]
    )
    w_in, w_state, b_in, b_state = (values[order] for values in weights)
    bias = np.concatenate([b_in, b_state])
    states = x.graph.op(
        "GRU", x, w_in[None], w_state[None], bias[None], hidden_size=hidden, linear_before_reset=1
    )
    return x.graph.op("Squeeze", states, np.array([1]))


def _values(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().numpy()
