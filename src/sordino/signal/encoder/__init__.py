"""Pretrained speech encoders: weights read as data, and one model in the lab and on a device."""

from __future__ import annotations

from sordino.signal.encoder.encoder import Encoder
from sordino.signal.encoder.frames import SpeechFrames
from sordino.signal.encoder.graph import encoder_model
from sordino.signal.encoder.shape import EncoderShape
from sordino.signal.encoder.speech import Speech, encode
from sordino.signal.encoder.weights import BASE, TINY_EN, Checkpoint, is_installed, load_encoder

__all__ = [
    "BASE",
    "TINY_EN",
    "Checkpoint",
    "Encoder",
    "EncoderShape",
    "Speech",
    "SpeechFrames",
    "encode",
    "encoder_model",
    "is_installed",
    "load_encoder",
]
