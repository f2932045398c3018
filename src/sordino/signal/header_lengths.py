"""A sound file without the wrong lengths in its header.

libsndfile stops at the length in the header. Programs that write to a pipe, recorders that lose
power and MP3 without an index write a wrong length. The functions here present the file so that it
is decoded to its end:

    WAV, RF64    a size of 0, of 2 GB or more, or one that ends within the samples, becomes the
                 true size
    FLAC         the number of samples becomes 0, the code of an unknown length
    MP3          the index becomes silence and the file seems longer, since libsndfile estimates
                 the length from the size of the file

The file on disk is not changed.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

ENDLESS: Final = 2**31 - 2**16
"""Bytes. Programs that write to a pipe promise about 2 or 4 GB of samples for any sound."""

PEEK: Final = 4096
"""Bytes after the promised end that decide whether more samples follow."""

_EXTENSION: Final = 1 << 40  # bytes by which an MP3 seems longer
_ID3V1: Final = 128  # bytes at the end of a file, where a decoder looks for a title
_HEADERS: Final = 1 << 12  # bytes within which an index of MP3 begins after the title
_INDEX: Final = 200  # bytes of a frame within which its index begins
_LONGEST_FRAME: Final = 1441  # bytes of MP3
_PAGES: Final = 1 << 17  # bytes that contain a complete page of OGG at any offset
_MOST_TAGS: Final = 100
_PADDING: Final = (
    800  # zero bytes that may end the last frame of an MP3; its decoder gives up after 1024
)
_MOST_CHUNKS: Final = 1000
_TAGS: Final = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")


@dataclass(frozen=True)
class Header:
    """Format, rate, channels and length of a sound file."""

    format: str
    """WAV, FLAC, OGG, MP3, ... by the content, not by the suffix."""
    sampling_rate: int
    channels: int
    frames: int | None
    """Samples of each channel by the header; `None` where only decoding yields it."""
    missing: int = 0
    """Bytes of samples that a WAV promises and lacks."""

    @property
    def seconds(self) -> float | None:
        """The length by the header; `None` where only decoding yields it."""
        return None if self.frames is None else self.frames / self.sampling_rate


class View:
    """A binary file as its decoder sees it: some bytes replaced, and perhaps longer than it is."""

    def __init__(
        self,
        stream: BinaryIO,
        size: int,
        patches: Mapping[int, bytes] | None = None,
        extension: int = 0,
    ) -> None:
        self._stream, self._size, self._extension = stream, size, extension
        self._patches = dict(patches or {})
        self._at = 0
        self.failed: OSError | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size + self._extension}[
            whence
        ]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        """The next bytes; no bytes at the end of the file, and zeros at the title of the extended
        file.
        """
        if self._extension and self._at >= self._size + self._extension - _ID3V1:
            content = bytes(max(0, min(count, self._size + self._extension - self._at)))
        else:
            content = self._patched(count)
        self._at += len(content)
        return content

    @property
    def unread(self) -> int:
        """Bytes after the current position."""
        return max(0, self._size - self._at)

    def _patched(self, count: int) -> bytes:
        try:
            self._stream.seek(max(0, self._at))
            content = self._stream.read(self.unread if count < 0 else min(count, self.unread))
        except OSError as error:  # an exception would be lost within the decoder
            self.failed = error
            return b""
        for start, patch in self._patches.items():
            first, last = max(start, self._at), min(start + len(patch), self._at + len(content))
            if first < last:
                patch = patch[first - start : last - start]
                content = content[: first - self._at] + patch + content[last - self._at :]
        return content


def bytes_at(stream: BinaryIO, offset: int, count: int) -> bytes:
    """`count` bytes from `offset` on, fewer at the end."""
    stream.seek(offset)
    return stream.read(count)


def samples_continue(after: bytes) -> bool:
    """Whether samples continue after their promised end: the next bytes are no chunk, tag or
    padding.

    >>> samples_continue(b"LIST" + bytes(4) + b"INFO"), samples_continue(bytes(100))
    (False, False)
    >>> samples_continue(b"\\x03\\xff\\x81\\x00" * 100)
    True
    """
    name = after[:4]
    is_label = len(after) < 8 or (
        name[:1].isalpha() and name.isascii() and name.decode().isprintable()
    )
    return not (is_label or is_tag(after) or not any(after))


def is_tag(content: bytes) -> bool:
    """Whether a title or another tag begins here."""
    return content.startswith(_TAGS)


def wav_patches(stream: BinaryIO, size: int) -> tuple[dict[int, bytes], int]:
    """Patches that correct the size of a WAV, none where it is right, and the number of missing
    bytes.
    """
    head = bytes_at(stream, 0, 12)
    order = ">" if head[:4] == b"RIFX" else "<"
    offset, wide = 12, 0
    for _ in range(_MOST_CHUNKS):
        name, length = bytes_at(stream, offset, 4), bytes_at(stream, offset + 4, 4)
        if len(length) < 4:
            return {}, 0
        (count,) = struct.unpack(f"{order}I", length)
        if name == b"ds64":
            wide = int.from_bytes(bytes_at(stream, offset + 16, 8), "little")
        if name == b"data":
            return _data_patches(
                stream,
                size,
                offset + 8,
                wide if head[:4] == b"RF64" and count == 2**32 - 1 else count,
                order,
            )
        offset += 8 + count + count % 2
    return {}, 0


def flac_patches(stream: BinaryIO, start: int) -> tuple[dict[int, bytes], int]:
    """Patches that make the length of a FLAC unknown, and its length in the header in samples."""
    info = bytes_at(stream, start + 21, 5)
    if len(info) < 5:
        return {}, 0
    return {start + 21: bytes([info[0] & 0xF0]) + bytes(4)}, int.from_bytes(info, "big") & (
        2**36 - 1
    )


def mp3_patches(stream: BinaryIO, start: int, size: int) -> tuple[dict[int, bytes], bool]:
    """Patches that hide the index of an MP3, and whether the index fits the file."""
    head = bytes_at(stream, start, _HEADERS)
    frame = max(0, head.find(b"\xff"))
    for name in (b"Xing", b"Info", b"VBRI"):
        position = head.find(name, frame, frame + _INDEX)
        if position >= 0:
            return {start + position: bytes(4)}, _index_is_valid(
                name, head[position + 4 : position + 18], size - start - frame
            )
    return {}, False


def _index_is_valid(name: bytes, index: bytes, size: int) -> bool:
    """Whether an index counts frames, and its count of bytes, if any, is that of the file within
    1 %.
    """
    if len(index) < 14:
        return False
    if name == b"VBRI":
        _, _, _, count, frames = struct.unpack(">HHHII", index)
    else:
        flags, frames, count = struct.unpack(">III", index[:12])
        frames, count = (frames if flags & 1 else 0), (count if flags & 3 == 3 else size)
    return bool(frames) and abs(count - size) <= max(_LONGEST_FRAME, size // 100)


def ogg_is_complete(stream: BinaryIO, size: int) -> bool:
    """Whether the last page of an OGG file is complete and marked as the last."""
    first = max(0, size - _PAGES)
    tail = bytes_at(stream, first, _PAGES)
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    lengths = tail[page + 27 : page + 27 + tail[page + 26]]
    return bool(tail[page + 5] & 4) and len(tail) >= page + 27 + tail[page + 26] + sum(lengths)


def has_second_sound(kind: str, stream: BinaryIO, position: int, start: int) -> bool:
    """Whether a second sound of this kind follows the end of decoding."""
    if kind == "OGG":
        return b"OggS" in bytes_at(stream, position, _PAGES)
    if kind == "FLAC":
        return b"fLaC\0\0\0\x22" in bytes_at(stream, max(start + 8, position - _PAGES), 1 << 24)
    after = bytes_at(stream, position, PEEK)
    return kind == "MP3" and not is_tag(after) and any(after)


def mp3_end(stream: BinaryIO, size: int) -> int:
    """The end of the frames of an MP3, before titles and zero bytes."""
    for _ in range(_MOST_TAGS):
        tail = bytes_at(stream, max(0, size - _PAGES), min(size, _PAGES))
        footer = tail[-32:]
        if tail[-_ID3V1:].startswith(b"TAG") and len(tail) >= _ID3V1:
            size -= _ID3V1
        elif footer.startswith(b"APETAGEX"):
            count, _, flags = struct.unpack("<III", footer[12:24])
            size = max(0, size - count - (32 if flags >> 31 else 0))
        elif tail.endswith(bytes(_PADDING + 1)):
            size -= len(tail) - len(tail.rstrip(b"\0")) - _PADDING
        else:
            break
    return size


def extended_view(stream: BinaryIO, size: int, patches: Mapping[int, bytes]) -> View:
    """An MP3 that seems longer than it is, so that the decoder reads all of it."""
    return View(stream, size, patches, _EXTENSION)


def sound_start(stream: BinaryIO) -> int:
    """The start of the sound, after titles of ID3v2."""
    start = 0
    for _ in range(_MOST_TAGS):
        head = bytes_at(stream, start, 10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        start += 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
    return start


def _data_patches(
    stream: BinaryIO, size: int, offset: int, count: int, order: str
) -> tuple[dict[int, bytes], int]:
    available = max(0, size - offset)
    ends_inside = 0 < count < available and count < ENDLESS
    if ends_inside and not samples_continue(bytes_at(stream, offset + count + count % 2, PEEK)):
        return {}, 0
    if 0 < count == available or not available:
        return {}, count if not available and 0 < count < ENDLESS else 0
    if ends_inside or count == 0 or count >= ENDLESS:
        patches = {offset - 4: struct.pack(f"{order}I", min(available, 2**32 - 1))}
        return (patches | {0: b"RIFF"} if bytes_at(stream, 0, 4) == b"RF64" else patches), 0
    return {}, count - available
