"""The encoder of Whisper up to one of its layers, in numpy (Radford et al. 2023, figure 1).

    frames    log mel energies, `(frames, 80)`
    convolve  two convolutions of width 3 with GELU, the second of them with stride 2
    position  plus a learned vector of each position
    layer     x + attention(norm(x)), then x + feed_forward(norm(x)), with GELU between its two maps

A device and the lab run this function. On one machine the same input has the same bits, whatever
was computed before and by any number of threads. Another processor may round differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.signal.encoder.log_mel import MEL_BANDS

POSITIONS: Final = 1500
"""Positions of the encoder, of 20 ms each: 30 s."""

_NORM_EPSILON: Final = np.float32(1e-5)
_SUMMANDS: Final = 256  # of one product; OpenBLAS divides longer sums
_ERF: Final = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)

_Frames = NDArray[np.float32]  # (positions, width)


@dataclass(frozen=True)
class EncoderShape:
    """The size of an encoder."""

    width: int
    """Values at each position."""
    heads: int
    """Parts of an attention; they divide `width`."""
    layers: int
    """Layers to compute."""

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """The names and shapes of all arrays."""
        d = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "conv1/weight": (d, MEL_BANDS, 3),
            "conv1/bias": (d,),
            "conv2/weight": (d, d, 3),
            "conv2/bias": (d,),
            "position_encodings/encodings": (POSITIONS, d),
        }
        for layer in range(self.layers):
            for block, inner in (("self_attention", 3 * d), ("ffn", 4 * d)):
                name = f"layer_{layer}/{block}"
                shapes |= {f"{name}/layer_norm/{part}": (d,) for part in ("gamma", "beta")}
                outer = d if block == "self_attention" else inner
                shapes[f"{name}/linear_0/weight"] = (inner, d)
                shapes[f"{name}/linear_0/bias"] = (inner,)
                shapes[f"{name}/linear_1/weight"] = (d, outer)
                shapes[f"{name}/linear_1/bias"] = (d,)
        return shapes


class Encoder:
    """Log mel energies to the output of the last computed layer, `(frames, 80) -> (ceil(frames /
    2), width)`, for 1 to 3000 frames.

    - `arrays`: the weights by the names of `EncoderShape.arrays`; others are ignored. They are
      copied as float32.

    Raises `FeatureError` for an absent array, another shape, and values that are NaN or infinite.
    """

    def __init__(self, shape: EncoderShape, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self.shape = shape
        self._arrays = {
            name: _weights(arrays, name, expected) for name, expected in shape.arrays().items()
        }

    def __call__(self, frames: NDArray[np.float32]) -> _Frames:
        x = _gelu(self._convolve(frames, "conv1", 1))
        x = _gelu(self._convolve(x, "conv2", 2))
        x = x + self._arrays["position_encodings/encodings"][: len(x)]
        for layer in range(self.shape.layers):
            x = x + self._attend(x, f"layer_{layer}/self_attention")
            x = x + self._feed_forward(x, f"layer_{layer}/ffn")
        return x

    def _convolve(self, x: _Frames, name: str, stride: int) -> _Frames:
        """A convolution of width 3, with one frame of zeros at both ends."""
        padded = np.pad(x, ((1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=0)[::stride]
        weight = self._arrays[f"{name}/weight"]  # (out, in, 3)
        y: _Frames = windows.reshape(len(windows), -1) @ weight.reshape(len(weight), -1).T
        return y + self._arrays[f"{name}/bias"]

    def _attend(self, x: _Frames, name: str) -> _Frames:
        query, key, value = np.split(self._linear(self._norm(x, name), f"{name}/linear_0"), 3, 1)
        size = self.shape.width // self.shape.heads
        query = query * np.float32(size**-0.5)
        outputs = []
        for start in range(0, self.shape.width, size):
            head = slice(start, start + size)
            scores = query[:, head] @ key[:, head].T  # (positions, positions)
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            outputs.append(_mix(scores, value[:, head]) / scores.sum(axis=1, keepdims=True))
        return self._linear(np.concatenate(outputs, axis=1), f"{name}/linear_1")

    def _feed_forward(self, x: _Frames, name: str) -> _Frames:
        inner = _gelu(self._linear(self._norm(x, name), f"{name}/linear_0"))
        return self._linear(inner, f"{name}/linear_1")

    def _linear(self, x: _Frames, name: str) -> _Frames:
        y: _Frames = x @ self._arrays[f"{name}/weight"].T + self._arrays[f"{name}/bias"]
        return y

    def _norm(self, x: _Frames, name: str) -> _Frames:
        centred = x - x.mean(axis=1, keepdims=True)
        variance = (centred**2).mean(axis=1, keepdims=True)
        scaled: _Frames = centred / np.sqrt(variance + _NORM_EPSILON)
        gamma, beta = (self._arrays[f"{name}/layer_norm/{part}"] for part in ("gamma", "beta"))
        return scaled * gamma + beta


def _mix(scores: _Frames, value: _Frames) -> _Frames:
    """`scores @ value`, summed in blocks, so that the number of threads changes no bit."""
    mixed = np.zeros((len(scores), value.shape[1]), np.float32)
    for start in range(0, len(value), _SUMMANDS):
        block = slice(start, start + _SUMMANDS)
        mixed += scores[:, block] @ value[block]
    return mixed


def _weights(
    arrays: Mapping[str, NDArray[np.generic]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    if name not in arrays:
        raise FeatureError(f"no array {name!r} in the encoder: install its package anew")
    if arrays[name].shape != shape or arrays[name].dtype.kind != "f":
        raise FeatureError(
            f"{name} of shape {arrays[name].shape} and type {arrays[name].dtype}, expected floats "
            f"of shape {shape}: install the package of the encoder anew"
        )
    values = arrays[name].astype(np.float32)
    if not np.isfinite(values).all():
        raise FeatureError(f"{name} has values that are NaN or infinite: install its package anew")
    values.setflags(write=False)
    return values


def _gelu(x: _Frames) -> _Frames:
    """x Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel 2016).

    Its error function is formula 7.1.26 of Abramowitz and Stegun (1964), with errors below 2e-7 in
    float32.
    """
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.zeros_like(t)
    for coefficient in reversed(_ERF):
        tail = (tail + np.float32(coefficient)) * t
    tail *= np.exp(-z * z)  # 1 - erf(z)
    return (np.float32(0.5) * (x + np.abs(x) * (1 - tail))).astype(np.float32, copy=False)
