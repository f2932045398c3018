"""Pretrained speech encoders: weights read as data, and a forward pass in numpy."""

from __future__ import annotations

from sordino.signal.encoder.forward import Encoder, EncoderShape
from sordino.signal.encoder.speech import Speech, encode
from sordino.signal.encoder.weights import BASE, TINY_EN, Checkpoint, is_installed, load_encoder

__all__ = [
    "BASE",
    "TINY_EN",
    "Checkpoint",
    "Encoder",
    "EncoderShape",
    "Speech",
    "encode",
    "is_installed",
    "load_encoder",
]
