"""The size of an encoder, and the names and shapes of its weights in a model file."""

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

Weights = Mapping[str, NDArray[np.float32]]
"""The weights of an encoder by the names of `EncoderShape.arrays`."""


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

    @property
    def weights(self) -> int:
        """The number of weights."""
        return sum(int(np.prod(shape)) for shape in self.arrays().values())

    @property
    def query_factor(self) -> NDArray[np.float32]:
        """The factor of each value of an attention, `(3 width,)`: queries are divided by the square
        root of their size.
        """
        factor = np.ones(3 * self.width, np.float32)
        factor[: self.width] = (self.width // self.heads) ** -0.5
        return factor

    def checked(self, arrays: Mapping[str, NDArray[np.generic]]) -> Weights:
        """The arrays of this shape as float32; others are left out.

        Raises `FeatureError` for an absent array, another shape, and values that are NaN or
        infinite.
        """
        return {name: _weights(arrays, name, shape) for name, shape in self.arrays().items()}


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
    return values
