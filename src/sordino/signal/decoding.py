"""Sound files as blocks of samples, decoded to their true end, whatever length the header promises:
AAC by PyAV (`aac`), all other formats by libsndfile.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import aac, file_types, header_lengths
from sordino.signal.header_lengths import Header, View
from sordino.storage import as_storage_error

if TYPE_CHECKING:
    import soundfile

SoundBlock = NDArray[np.float32]

_BLOCK: Final = 1 << 18  # samples of all channels in one block
_UNKNOWN: Final = 1 << 62  # frames: libsndfile's code of an unknown length
_SLACK: Final = 4096  # unread bytes of a complete MP3: padding and titles


class Sound:
    """An open sound file."""

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self._path, self._stream, self._size = path, stream, size
        self._start = header_lengths.sound_start(stream)
        self._patches: dict[int, bytes] = {}
        self._position = 0  # in bytes, where decoding ended
        self.header = self._header()

    def blocks(self, first: int = 0, stop: int | None = None) -> Iterator[SoundBlock]:
        """Blocks `(frames, channels)` from frame `first` up to `stop`, or to the end of the sound.

        Raises `AudioError` where the sound is damaged or ends early, and where the file holds
        another sound after it.
        """
        kind, total = self.header.format, self.header.frames
        if kind == "MP3":
            yield from self._decode_from_start(first, stop)
        elif kind == "FLAC":
            yield from self._read(self._view(total is None), first, total if stop is None else stop)
            if stop is None and total is not None:
                yield from self._read_beyond(total)
        else:
            yield from self._read(self._view(), first, stop)
        if stop is None:
            self._check_end()

    def ends(self) -> bool:
        """Whether a FLAC or OGG file has its end; true of other formats, which do not mark it."""
        if self.header.format == "OGG":
            return header_lengths.ogg_is_complete(self._stream, self._size)
        if self.header.format != "FLAC" or not self.header.frames:
            return True
        try:
            return any(
                len(block) for block in self.blocks(self.header.frames - 1, self.header.frames)
            )
        except AudioError:
            return False

    def continues(self) -> bool:
        """Whether a FLAC has samples after the length in its header; false of other files."""
        total = self.header.frames
        if self.header.format != "FLAC" or total is None:
            return False
        return any(len(block) for block in self._read_beyond(total))

    def ignore_length(self) -> None:
        """Treat the length in the header as unknown: `blocks` then decodes to the end."""
        self.header = replace(self.header, frames=None)

    def _header(self) -> Header:
        missing, indexed = 0, False
        start = header_lengths.bytes_at(self._stream, self._start, 4)
        if start in (b"RIFF", b"RF64", b"RIFX"):
            self._patches, missing = header_lengths.wav_patches(self._stream, self._size)
        if start[:1] == b"\xff":
            self._size = header_lengths.mp3_end(self._stream, self._size)
            self._patches, indexed = header_lengths.mp3_patches(
                self._stream, self._start, self._size
            )
        with self._decoder(
            self._mp3_view(indexed) if start[:1] == b"\xff" else self._view()
        ) as sound:
            kind, frames = sound.format, sound.frames
            rate, channels = sound.samplerate, sound.channels
        if kind == "FLAC":
            self._patches, frames = header_lengths.flac_patches(self._stream, self._start)
        if rate < 1 or channels < 1:
            raise AudioError(
                f"{self._path}: {channels} channels at {rate} Hz, expected sound: record it anew"
            )
        unknown = (
            frames >= _UNKNOWN or (kind == "FLAC" and not frames) or (kind == "MP3" and not indexed)
        )
        return Header(kind, rate, channels, None if unknown else frames, missing)

    def _view(self, patched: bool = True) -> View:
        return View(self._stream, self._size, self._patches if patched else {})

    def _mp3_view(self, indexed: bool) -> View:
        """The file itself where its index is right; else without index and end."""
        return (
            self._view(False)
            if indexed
            else header_lengths.extended_view(self._stream, self._size, self._patches)
        )

    @contextmanager
    def _decoder(self, view: View) -> Iterator[soundfile.SoundFile]:
        """The decoder of a view, which seeks only on request."""
        import soundfile

        try:
            sound = soundfile.SoundFile(view)
        except (soundfile.LibsndfileError, TypeError, RuntimeError) as error:
            self._raise_failure(view)
            head = header_lengths.bytes_at(self._stream, 0, file_types.MAGIC_BYTES)
            raise AudioError(f"{self._path}: {file_types.content(head)}") from error
        with sound:
            sound.seekable = lambda: False  # else it seeks after every block, and decodes it again
            yield sound

    def _read(self, view: View, first: int, stop: int | None) -> Iterator[SoundBlock]:
        with self._decoder(view) as sound:
            if first:
                self._seek(sound, first)
            yield from self._decode(sound, view, None if stop is None else stop - first)
            self._position = view.tell()

    def _seek(self, sound: soundfile.SoundFile, first: int) -> None:
        import soundfile

        try:
            sound.seek(first)
        except soundfile.LibsndfileError as error:
            second = first / sound.samplerate
            raise AudioError(
                f"{self._path}: damaged or cut short before {second:g} s: copy it anew"
            ) from error

    def _decode(
        self, sound: soundfile.SoundFile, view: View, count: int | None
    ) -> Iterator[SoundBlock]:
        """Blocks with `count` frames in all, or with all frames."""
        import soundfile

        limit, done = max(1, _BLOCK // sound.channels), 0
        while count is None or done < count:
            try:
                block = sound.read(
                    limit if count is None else min(limit, count - done),
                    dtype="float32",
                    always_2d=True,
                )
            except soundfile.LibsndfileError as error:
                raise AudioError(f"{self._path}: damaged or cut short: copy it anew") from error
            self._raise_failure(view)
            if not len(block):
                return
            done += len(block)
            yield block

    def _decode_from_start(self, first: int, stop: int | None) -> Iterator[SoundBlock]:
        """Blocks of an MP3, decoded from its start, since a frame depends on earlier frames."""
        view = self._mp3_view(self.header.frames is not None)
        with self._decoder(view) as sound:
            done = 0
            for block in self._decode(sound, view, stop):
                yield block[min(len(block), max(0, first - done)) :]
                done += len(block)
            self._position = view.tell()

    def _read_beyond(self, total: int) -> Iterator[SoundBlock]:
        """Blocks of a FLAC after the length that its header promises."""
        import soundfile

        view = View(self._stream, self._size, self._patches)
        with self._decoder(view) as sound:
            try:
                sound.seek(total)
            except soundfile.LibsndfileError:  # the file ends there
                return
            yield from self._decode(sound, view, None)

    def _raise_failure(self, view: View) -> None:
        """Raise `StorageError` where the file could not be read."""
        with as_storage_error(self._path):
            if view.failed:
                raise view.failed

    def _check_end(self) -> None:
        """Raise where the end of the sound is missing, or a second sound follows."""
        if self.header.format == "OGG" and not self.ends():
            raise AudioError(
                f"{self._path}: its last page is missing, the file is cut short: copy it anew"
            )
        remainder = max(0, self._size - self._position)
        has_second = header_lengths.has_second_sound(
            self.header.format, self._stream, self._position, self._start
        )
        if has_second and not (self.header.format == "MP3" and remainder <= _SLACK):
            raise AudioError(
                f"{self._path}: {remainder} bytes of another sound follow its end, expected one: "
                "convert it to WAV or FLAC, or split it"
            )


class OpenSound(Protocol):
    """A sound file that is open; `Sound` describes each method."""

    header: Header

    def blocks(self, first: int = 0, stop: int | None = None) -> Iterator[SoundBlock]: ...

    def ends(self) -> bool: ...

    def continues(self) -> bool: ...

    def ignore_length(self) -> None: ...


def sound_of(path: Path, stream: BinaryIO, size: int) -> OpenSound:
    """The sound in an open file of `size` bytes. Raises `AudioError` for another file."""
    if aac.is_aac(header_lengths.bytes_at(stream, 0, 8)) and aac.is_installed():
        return aac.AacSound(path, stream, size)
    return Sound(path, stream, size)


@contextmanager
def open_sound(path: str | Path) -> Iterator[OpenSound]:
    """An open sound file. Raises `AudioError` for another file, `StorageError` for an unreadable
    one.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: {file_types.no_file(path)}")
    with ExitStack() as stack:
        with as_storage_error(path):
            stream = stack.enter_context(path.open("rb"))
            state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise AudioError(f"{path}: {file_types.no_file(path)}")
        if not state.st_size:
            raise AudioError(f"{path}: an empty file, expected sound: copy or record it anew")
        yield sound_of(path, stream, state.st_size)


def encoded(steps: NDArray[np.int16], sampling_rate: int, kind: str) -> bytes:
    """The bytes of a 16-bit file; `kind` is WAV or FLAC."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, steps, sampling_rate, subtype="PCM_16", format=kind)
    return content.getvalue()


def libsndfile_version() -> str:
    """The version of libsndfile."""
    import soundfile

    return str(soundfile.__libsndfile_version__)
