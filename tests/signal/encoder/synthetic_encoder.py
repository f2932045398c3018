"""Small encoders with random weights, and model files that hold them."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sordino.signal.encoder import Encoder, EncoderShape, encoder_model

SMALL = EncoderShape(width=8, heads=2, layers=2)
TYPES = {"<f4": 0, "|i1": 1, "<i2": 2, "<i4": 3, "<f2": 4}


def synthetic_arrays(shape: EncoderShape = SMALL, seed: int = 0) -> dict[str, NDArray[np.float16]]:
    """Random weights of an encoder, near those of a network before training."""
    generator = np.random.default_rng(seed)
    return {
        name: (
            ("gamma" in name) + generator.normal(0, 0.3 / np.sqrt(np.prod(size[1:])), size)
        ).astype(np.float16)
        for name, size in shape.arrays().items()
    }


def synthetic_model(shape: EncoderShape = SMALL, seed: int = 0) -> bytes:
    return encoder_model(shape, shape.checked(synthetic_arrays(shape, seed)))


@functools.cache
def synthetic_encoder(shape: EncoderShape = SMALL, seed: int = 0) -> Encoder:
    return Encoder(synthetic_model(shape, seed), shape.width)


def text_field(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def array_field(name: str, values: NDArray[np.generic]) -> bytes:
    shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    size = struct.pack("<BI", TYPES[values.dtype.str], values.nbytes)
    return text_field(name) + shape + size + values.tobytes()


def synthetic_file(arrays: Mapping[str, NDArray[np.generic]], architecture: str = "Net") -> bytes:
    """A model file as CTranslate2 writes it, with one alias."""
    header = struct.pack("<I", 6) + text_field(architecture) + struct.pack("<II", 3, len(arrays))
    fields = b"".join(array_field(name, values) for name, values in arrays.items())
    return header + fields + struct.pack("<I", 1) + text_field("first") + text_field("second")
