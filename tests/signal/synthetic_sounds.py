"""Sound files whose headers are wrong, made for a test."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16000


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.2, round(seconds * rate))


def encoded(samples: NDArray[np.floating], kind: str, rate: int = RATE, **options: object) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=kind, **options)
    return content.getvalue()


def mp3(samples: NDArray[np.floating], index: bool = True) -> bytes:
    """An MP3 of variable bit rate, with or without the index that says how long it is."""
    content = encoded(samples, "MP3", bitrate_mode="VARIABLE", compression_level=0.9)
    return content if index else content.replace(b"Xing", bytes(4), 1)


def flac(samples: NDArray[np.floating], frames: int | None = None) -> bytes:
    """A FLAC whose header promises so many samples; 0 stands for unknown."""
    content = bytearray(encoded(samples, "FLAC"))
    if frames is not None:
        content[21:26] = bytes([content[21] & 0xF0]) + frames.to_bytes(4, "big")
    return bytes(content)


def wav(
    samples: NDArray[np.floating], size: int | None = None, rate: int = RATE, **form: int
) -> bytes:
    """A WAV of 16 bits whose header promises `size` bytes of samples and may have any form."""
    data = (np.asarray(samples) * 32767).astype("<i2").tobytes()
    code, channels, bits = form.get("code", 1), form.get("channels", 1), form.get("bits", 16)
    width = form.get("width", channels * bits // 8) % 2**16
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * width % 2**32, width, bits)
    size = len(data) if size is None else size
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def floats(samples: NDArray[np.float32]) -> bytes:
    """A WAV of 32-bit floats, whatever they are."""
    data = samples.astype("<f4").tobytes()
    fmt = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)
    return (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )
