"""A WAV stream as blocks of samples: from a pipe, where nobody can seek and the header knows no
end.

whole numbers    8, 16, 24 and 32 bits        1 / full scale
floats           32 and 64 bits               as they are, NaN and all
extensible       of these
other chunks     skipped
length           as the header promises; 0, and 2 GB or nearly so, stand for a stream that ends when it ends, and
                 samples that follow a promised end are read too (`promises.goes_on`), as from a
                 file
half a frame     at the end: left out
--------------------------------------------------------------------------------
no WAV, another coding, no fmt before data, no channels or over 64, no rate or over 384 kHz     AudioError
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from sordino.errors import AudioError
from sordino.signal.header_lengths import ENDLESS, PEEK, goes_on
from sordino.types import Samples

BLOCK_SECONDS: Final = 0.1
"""How much is read at a time: less is sooner there, and costs more."""

MOST_CHANNELS: Final = 64
FASTEST_HZ: Final = 384000

_EXTENSIBLE: Final = 0xFFFE
_LONGEST_FORMAT: Final = 1024  # bytes of a fmt chunk


@dataclass(frozen=True)
class Format:
    """How samples are coded: 1 for whole numbers, 3 for floats, as WAV counts; `bits` of one."""

    sampling_rate: int
    channels: int = 1
    code: int = 1
    bits: int = 16


def header(stream: BinaryIO) -> tuple[Format, int | None]:
    """The format of a WAV stream, and how many bytes of samples follow, `None` for as many as come.

    Raises `AudioError` for what is no WAV of a kind that is read here.
    """
    if (start := stream.read(12))[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise AudioError(
            "standard input is no WAV stream, expected one: convert it, as `ffmpeg -i FILE -f wav "
            "-` does"
        )
    found: Format | None = None
    while True:
        name, size = _chunk(stream)
        if name == b"data" and found:
            return found, size if 0 < size < ENDLESS else None
        if name == b"data" or (name == b"fmt " and size > _LONGEST_FORMAT):
            raise AudioError(
                "a WAV stream without its format, expected that before the samples: record it anew"
            )
        if name == b"fmt ":
            found = _format(stream.read(size))
        _skip(stream, size % 2 if name == b"fmt " else size + size % 2)


def blocks(stream: BinaryIO, coded: Format, size: int | None = None) -> Iterator[Samples]:
    """Blocks `(frames, channels)` of the samples of a stream, `size` bytes of them or as many as
    come.

    >>> import io
    >>> sound = np.array([0, 16384, -32768], "<i2").tobytes()
    >>> [block.ravel().tolist() for block in blocks(io.BytesIO(sound + b"x"), Format(16000))]
    [[0.0, 0.5, -1.0]]
    """
    width = coded.channels * coded.bits // 8
    wanted = max(1, round(BLOCK_SECONDS * coded.sampling_rate)) * width
    rest = b""  # of half a frame
    for content in _contents(stream, wanted, size):
        content = rest + content
        whole = len(content) // width * width
        rest = content[whole:]
        if whole:
            yield _DECODERS[coded.code, coded.bits](content[:whole]).reshape(-1, coded.channels)


def _contents(stream: BinaryIO, wanted: int, size: int | None) -> Iterator[bytes]:
    """The bytes of the samples: `size` of them, and those after them that are samples too."""
    left = size
    while content := stream.read(wanted if left is None else min(wanted, left)):
        left = None if left is None else left - len(content)
        yield content
    if size is not None and not left:
        pad = stream.read(size % 2)
        after = stream.read(PEEK)
        if goes_on(after):
            yield pad + after
            yield from _contents(stream, wanted, None)


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
            "a WAV stream whose format is cut short, expected 16 bytes or more: record it anew"
        )
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if code == _EXTENSIBLE and len(content) >= 26:
        (code,) = struct.unpack("<H", content[24:26])
    if (code, bits) not in _DECODERS or not (
        0 < channels <= MOST_CHANNELS and 0 < rate <= FASTEST_HZ
    ):
        raise AudioError(
            f"a WAV stream of coding {code}, {bits} bits, {channels} channels and {rate} Hz, "
            "expected whole numbers of "
            "8 to 32 bits or floats: convert it, as `ffmpeg -i FILE -f wav -c:a pcm_s16le -` does"
        )
    return Format(rate, channels, code, bits)


def _whole(kind: str, bits: int) -> Callable[[bytes], Samples]:
    return lambda content: (
        np.frombuffer(content, kind).astype(np.float32) / np.float32(2 ** (bits - 1))
    )


def _bytes(content: bytes) -> Samples:
    return np.frombuffer(content, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)


def _three_bytes(content: bytes) -> Samples:
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return _whole("<i4", 32)(wide.tobytes())


def _floats(kind: str) -> Callable[[bytes], Samples]:
    def decoded(content: bytes) -> Samples:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # what is too large becomes infinite, and is told later
            return np.frombuffer(content, kind).astype(np.float32)

    return decoded


_DECODERS: Final[dict[tuple[int, int], Callable[[bytes], Samples]]] = {
    (1, 8): _bytes,
    (1, 16): _whole("<i2", 16),
    (1, 24): _three_bytes,
    (1, 32): _whole("<i4", 32),
    (3, 32): _floats("<f4"),
    (3, 64): _floats("<f8"),
}
