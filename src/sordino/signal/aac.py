"""AAC in M4A, MP4 and ADTS files, decoded by PyAV (extra `aac`).

FFmpeg, which PyAV contains, reads many formats, and follows references to other files and hosts.
Here it gets a buffer of bytes and no name, one format, one decoder, no protocol and one thread. It
also makes room for as many samples as a header counts, so the boxes of a file are checked first:

    top level    ftyp, moov, mdat and padding, which end where the file ends: a fragmented file is
                 refused, and so is a cut copy
    but mdat     at most `LARGEST_TABLES` bytes, `MOST_PACKETS` packets and `MOST_EDITS` edits,
                 nothing compressed, at most `MOST_TRACKS` tracks and `MOST_SAMPLES` samples in
                 the chunks of all
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal.header_lengths import Header
from sordino.signal.wav import MOST_CHANNELS

LARGEST_AAC_BYTES: Final = 1 << 27
"""The limit of a file: two hours at 128 kbit/s. It is read as a whole."""

LARGEST_TABLES: Final = 1 << 24
"""The limit of a file's tables, titles and pictures in bytes."""

MOST_PACKETS: Final = 1 << 20
"""The limit of packets in a file: six hours at 48 kHz."""

MOST_EDITS: Final = 16
"""The limit of edits in a file; programs write one or two."""

MOST_TRACKS: Final = 8
"""The limit of tracks in a file, of which one has sound."""

MOST_SAMPLES: Final = 1 << 24
"""The limit of samples that the chunks of a file count; a sample of AAC is a packet."""

ADTS_START: Final = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")

_TOP_LEVEL: Final = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid"))
_COUNTS: Final = re.compile(
    rb"(?=(stsz|stz2|elst|stsc|stco|co64|cmov|moof|trun|sidx|mvex)(.{12}))", re.DOTALL
)
_LIMITS: Final = {
    **dict.fromkeys((b"stsz", b"stz2", b"stsc", b"stco", b"co64"), MOST_PACKETS),
    b"elst": MOST_EDITS,
}
_OPTIONS: Final = {
    "codec_whitelist": "aac",
    "protocol_whitelist": "none",  # no protocol has this name
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "max_streams": str(MOST_TRACKS),
}


def is_aac(start: bytes) -> bool:
    """Whether the first 8 bytes of a file are those of M4A, MP4 or ADTS."""
    return start[4:8] == b"ftyp" or bool(ADTS_START.match(start))


def is_installed() -> bool:
    """Whether PyAV is there."""
    return importlib.util.find_spec("av") is not None


class AacSound:
    """An open AAC file, as `sordino.signal.decoding.Sound` is one of other formats. Only decoding
    yields its length.
    """

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self._path = path
        if size > LARGEST_AAC_BYTES:
            raise AudioError(
                f"{path}: {size >> 20} MB of AAC, expected at most {LARGEST_AAC_BYTES >> 20}: "
                "convert it to FLAC"
            )
        stream.seek(0)
        self._content = stream.read(size)
        self._format = "mov" if self._content[4:8] == b"ftyp" else "aac"
        if self._format == "mov":
            _check_boxes(path, self._content)
        for frame in self._frames():  # its first frame has the true rate, which a header may halve
            channels = frame.layout.nb_channels
            self.header = Header("AAC", frame.sample_rate, channels, None)
            break
        else:
            raise AudioError(f"{path}: no samples: leave it out, or record it anew")

    def blocks(self, first: int = 0, stop: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Blocks `(frames, channels)` from frame `first` up to `stop`, or to the end of the sound.

        Raises `AudioError` where the sound is damaged, or changes its rate or channels.
        """
        done = 0
        for frame in self._frames():
            if (frame.sample_rate, frame.layout.nb_channels) != (
                self.header.sampling_rate,
                self.header.channels,
            ):
                raise AudioError(
                    f"{self._path}: {frame.layout.nb_channels} channels at {frame.sample_rate} Hz "
                    "after others, expected one sound: convert it to WAV or FLAC, or split it"
                )
            block = frame.to_ndarray().T  # (frames, channels)
            end = len(block) if stop is None else min(len(block), stop - done)
            if first - done < end:
                yield np.ascontiguousarray(block[max(0, first - done) : end])
            done += len(block)
            if stop is not None and done >= stop:
                return

    def ends(self) -> bool:
        """True: a file that ends early was refused when it was opened."""
        return True

    def continues(self) -> bool:
        """False: no header has a length that could be too small."""
        return False

    def ignore_length(self) -> None:
        """Do nothing: the length is unknown."""

    def _frames(self) -> Iterator[Any]:
        """The decoded frames, as planes of float32."""
        import av

        try:
            with av.open(
                io.BytesIO(self._content),
                "r",
                format=self._format,
                container_options=_OPTIONS,
                metadata_errors="replace",
                io_open=_refuse,
            ) as container:
                streams = container.streams.audio
                codecs = [getattr(stream.codec_context, "name", "") for stream in streams]
                if codecs != ["aac"]:
                    raise AudioError(
                        f"{self._path}: {len(streams)} tracks of sound, expected one of AAC: "
                        "convert it to WAV or FLAC"
                    )
                streams[0].codec_context.thread_count = 1
                for frame in container.decode(streams[0]):
                    if frame.format.name != "fltp" or frame.layout.nb_channels > MOST_CHANNELS:
                        raise AudioError(
                            f"{self._path}: samples of {frame.format.name}, expected floats: "
                            "convert it to WAV or FLAC"
                        )
                    yield frame
        except AudioError:
            raise
        except Exception as error:  # a forged file makes PyAV raise any error
            raise AudioError(f"{self._path}: damaged or cut short: copy it anew") from error


def _refuse(*_: object) -> None:
    raise ValueError("a reference to another file")


def _check_boxes(path: Path, content: bytes) -> None:
    """Raise `AudioError` for boxes that the table above does not allow."""
    at, tables, has_samples = 0, b"", False
    while at < len(content):
        size, kind, head = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(content[at + 8 : at + 16]), 16
        size = size or len(content) - at
        if kind not in _TOP_LEVEL:
            raise AudioError(
                f"{path}: a part {kind!r} at its top level, expected an M4A or MP4 in one piece: "
                "convert it to WAV or FLAC"
            )
        if not head <= size <= len(content) - at:
            missing = at + size - len(content)
            raise AudioError(
                f"{path}: {max(missing, 0)} bytes of its part {kind.decode()} are missing, the "
                "file is cut short: copy it anew"
            )
        if kind != b"mdat":  # FFmpeg may read any other part as a table
            tables += content[at : at + size]
        has_samples |= kind == b"moov"
        at += size
    if not has_samples:
        raise AudioError(f"{path}: no table of its samples, the file is cut short: copy it anew")
    if len(tables) > LARGEST_TABLES:
        raise AudioError(
            f"{path}: {len(tables) >> 20} MB beside its samples, expected at most "
            f"{LARGEST_TABLES >> 20}: convert it to WAV or FLAC"
        )
    _check_counts(path, tables)


def _check_counts(path: Path, tables: bytes) -> None:
    """Raise `AudioError` for more entries, tracks or samples in chunks than the limits."""
    runs, chunks = [], 0
    for match in _COUNTS.finditer(tables):
        name, fields = match.groups()
        count = int.from_bytes(fields[8:12] if name in (b"stsz", b"stz2") else fields[4:8])
        if count > _LIMITS.get(name, -1):
            raise AudioError(
                f"{path}: a part {name.decode()} of {count:,} entries, expected at most "
                f"{_LIMITS.get(name, 0):,}: convert it to WAV or FLAC"
            )
        if name == b"stsc":
            start = match.start() + 12
            content = tables[start : start + 12 * count]
            runs.append(np.frombuffer(content[: len(content) // 12 * 12], ">u4"))
        elif name in (b"stco", b"co64"):
            chunks = max(chunks, count)
    tracks = max(tables.count(b"trak"), len(runs))
    if tracks > MOST_TRACKS:
        raise AudioError(
            f"{path}: {tracks:,} tracks, expected at most {MOST_TRACKS}: convert it to WAV or FLAC"
        )
    samples = sum(_samples(run, chunks) for run in runs)
    if samples > MOST_SAMPLES:
        raise AudioError(
            f"{path}: {samples:,} samples in its chunks, expected at most {MOST_SAMPLES:,}: "
            "convert it to WAV or FLAC"
        )


def _samples(runs: NDArray[np.uint32], chunks: int) -> int:
    """The samples in the chunks of a track, from the entries (first chunk, samples in each chunk,
    description); FFmpeg may mend chunks in no order, which count as the largest.
    """
    first, each = (column.astype(float) for column in runs.reshape(-1, 3).T[:2])
    if len(first) and not (np.diff(first) > 0).all():
        return int(each.max()) * chunks
    ends = np.clip(np.append(first[1:], chunks + 1), 1, chunks + 1)
    starts = np.append(1, ends[:-1])[: len(each)]
    return int(each @ (ends[: len(each)] - starts))
