"""A WAV stream as blocks of samples, read from a pipe without seeking.

integers         8, 16, 24 and 32 bits, divided by full scale
floats           32 and 64 bits, unchanged, NaN included
extensible       both of these
other chunks     skipped
length           by the header; 0, and about 2 GB or more, stand for an unknown length, and
                 samples after the promised end are read (`header_lengths.samples_continue`)
part of a frame  at the end: left out
---------------  ----------------------------------------------------------------------------
no WAV, another  AudioError
coding, no fmt
before data, no
or over 64
channels, no
rate or over
384 kHz
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from sordino.errors import AudioError
from sordino.signal.header_lengths import ENDLESS, PEEK, samples_continue
from sordino.types import Samples

BLOCK_SECONDS: Final = 0.1
"""The length of a block: a shorter block arrives earlier and costs more."""

MOST_CHANNELS: Final = 64
"""Channels of a recording."""

HIGHEST_RATE_HZ: Final = 384000

_EXTENSIBLE: Final = 0xFFFE
_LONGEST_FORMAT: Final = 1024  # bytes of a fmt chunk


@dataclass(frozen=True)
class Format:
    """Coding of samples: `code` 1 for integers and 3 for floats, `bits` of one sample."""

    sampling_rate: int
    channels: int = 1
    code: int = 1
    bits: int = 16


def read_format(stream: BinaryIO) -> tuple[Format, int | None]:
    """The format of a WAV stream, and the number of bytes of samples, `None` where it is unknown.

    Raises `AudioError` for other streams than WAV and for other codings than those above.
    """
    if (start := stream.read(12))[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise AudioError(
            "standard input is no WAV stream, expected one: convert it, as `ffmpeg -i FILE -f wav "
            "-` does"
        )
    coding: Format | None = None
    while True:
        name, size = _chunk(stream)
        if name == b"data" and coding:
            return coding, size if 0 < size < ENDLESS else None
        if name == b"data" or (name == b"fmt " and size > _LONGEST_FORMAT):
            raise AudioError(
                "a WAV stream without its format, expected that before the samples: record it anew"
            )
        if name == b"fmt ":
            coding = _format(stream.read(size))
        _skip(stream, size % 2 if name == b"fmt " else size + size % 2)


def read_blocks(stream: BinaryIO, coding: Format, size: int | None = None) -> Iterator[Samples]:
    """Blocks `(frames, channels)` of the samples of a stream: `size` bytes, or all of them.

    >>> import io
    >>> sound = np.array([0, 16384, -32768], "<i2").tobytes()
    >>> [block.ravel().tolist() for block in read_blocks(io.BytesIO(sound + b"x"), Format(16000))]
    [[0.0, 0.5, -1.0]]
    """
    width = coding.channels * coding.bits // 8
    block_size = max(1, round(BLOCK_SECONDS * coding.sampling_rate)) * width
    remainder = b""  # of half a frame
    for content in _contents(stream, block_size, size):
        content = remainder + content
        complete = len(content) // width * width
        remainder = content[complete:]
        if complete:
            yield _DECODERS[coding.code, coding.bits](content[:complete]).reshape(
                -1, coding.channels
            )


def _contents(stream: BinaryIO, block_size: int, size: int | None) -> Iterator[bytes]:
    """The bytes of the samples: `size` of them, and further bytes that are samples too."""
    count = size
    while content := stream.read(block_size if count is None else min(block_size, count)):
        count = None if count is None else count - len(content)
        yield content
    if size is not None and not count:
        pad = stream.read(size % 2)
        after = stream.read(PEEK)
        if samples_continue(after):
            yield pad + after
            yield from _contents(stream, block_size, None)


def _chunk(stream: BinaryIO) -> tuple[bytes, int]:
    start = stream.read(8)
    if len(start) < 8:
        raise AudioError(
            "a WAV stream that ends before its samples, expected a whole one: record it anew"
        )
    name, size = struct.unpack("<4sI", start)
    return name, size


def _skip(stream: BinaryIO, size: int) -> None:
    while size > 0 and (content := stream.read(min(size, 1 << 16))):
        size -= len(content)


def _format(content: bytes) -> Format:
    if len(content) < 16:
        raise AudioError(
            "a WAV stream with a format of under 16 bytes, expected 16 or more: record it anew"
        )
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if code == _EXTENSIBLE and len(content) >= 26:
        (code,) = struct.unpack("<H", content[24:26])
    if (code, bits) not in _DECODERS or not (
        0 < channels <= MOST_CHANNELS and 0 < rate <= HIGHEST_RATE_HZ
    ):
        raise AudioError(
            f"a WAV stream of coding {code}, {bits} bits, {channels} channels and {rate} Hz, "
            "expected integers of 8 to 32 bits or floats: convert it, as `ffmpeg -i FILE -f wav "
            "-c:a pcm_s16le -` does"
        )
    return Format(rate, channels, code, bits)


def _integers(kind: str, bits: int) -> Callable[[bytes], Samples]:
    return lambda content: (
        np.frombuffer(content, kind).astype(np.float32) / np.float32(2 ** (bits - 1))
    )


def _bytes(content: bytes) -> Samples:
    return np.frombuffer(content, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)


def _three_bytes(content: bytes) -> Samples:
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return _integers("<i4", 32)(wide.tobytes())


def _floats(kind: str) -> Callable[[bytes], Samples]:
    def decoded(content: bytes) -> Samples:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused later
            return np.frombuffer(content, kind).astype(np.float32)

    return decoded


_DECODERS: Final[dict[tuple[int, int], Callable[[bytes], Samples]]] = {
    (1, 8): _bytes,
    (1, 16): _integers("<i2", 16),
    (1, 24): _three_bytes,
    (1, 32): _integers("<i4", 32),
    (3, 32): _floats("<f4"),
    (3, 64): _floats("<f8"),
}
