"""Sound files as blocks of samples, decoded to their true end: libsndfile, which is told no
promised length.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import file_types, header_lengths
from sordino.signal.header_lengths import View
from sordino.storage import told

if TYPE_CHECKING:
    import soundfile

Block = NDArray[np.float32]

_BLOCK: Final = 1 << 18  # numbers that are decoded at a time, of all channels together
_UNKNOWN: Final = 1 << 62  # frames: libsndfile's word for an unknown length
_SLACK: Final = 4096  # bytes that a whole MP3 may leave unread: padding and titles


@dataclass(frozen=True)
class Header:
    """The first facts of a sound file."""

    format: str
    """WAV, FLAC, OGG, MP3, ... by the content, whatever the name of the file says."""
    sampling_rate: int
    channels: int
    frames: int | None
    """Samples of each channel by the header; `None` where only decoding tells."""
    missing: int = 0
    """Bytes of samples that a WAV promises and does not have."""

    @property
    def seconds(self) -> float | None:
        """The length by the header; `None` where only decoding tells."""
        return None if self.frames is None else self.frames / self.sampling_rate


class Sound:
    """An open sound file."""

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self._path, self._stream, self._size = path, stream, size
        self._start = header_lengths.start_of(stream)
        self._patches: dict[int, bytes] = {}
        self._position = 0  # in bytes, where decoding ended
        self.header = self._header()

    def blocks(self, first: int = 0, stop: int | None = None) -> Iterator[Block]:
        """Blocks `(frames, channels)` from frame `first` up to `stop`, or to the end of the sound.

        Raises `AudioError` where the sound is damaged or ends early, and where the file holds
        another sound after it.
        """
        kind, total = self.header.format, self.header.frames
        if kind == "MP3":
            yield from self._from_the_start(first, stop)
        elif kind == "FLAC":
            yield from self._read(self._view(total is None), first, total if stop is None else stop)
            if stop is None and total is not None:
                yield from self._beyond(total)
        else:
            yield from self._read(self._view(), first, stop)
        if stop is None:
            self._alone()

    def ends(self) -> bool:
        """Whether the end of a FLAC or OGG file is there; true of other files, which do not say."""
        if self.header.format == "OGG":
            return header_lengths.ends_ogg(self._stream, self._size)
        if self.header.format != "FLAC" or not self.header.frames:
            return True
        try:
            return any(
                len(block) for block in self.blocks(self.header.frames - 1, self.header.frames)
            )
        except AudioError:
            return False

    def _header(self) -> Header:
        missing, indexed = 0, False
        start = header_lengths.at(self._stream, self._start, 4)
        if start in (b"RIFF", b"RF64", b"RIFX"):
            self._patches, missing = header_lengths.of_wav(self._stream, self._size)
        if start[:1] == b"\xff":
            self._size = header_lengths.end_of_mp3(self._stream, self._size)
            self._patches, indexed = header_lengths.of_mp3(self._stream, self._start, self._size)
        with self._opened(self._mpeg(indexed) if start[:1] == b"\xff" else self._view()) as sound:
            kind, frames = sound.format, sound.frames
            rate, channels = sound.samplerate, sound.channels
        if kind == "FLAC":
            self._patches, frames = header_lengths.of_flac(self._stream, self._start)
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

    def _mpeg(self, indexed: bool) -> View:
        """The file as it is where its index is right; else without index and end."""
        return (
            self._view(False)
            if indexed
            else header_lengths.endless(self._stream, self._size, self._patches)
        )

    @contextmanager
    def _opened(self, view: View) -> Iterator[soundfile.SoundFile]:
        """The decoder of a view, which does not seek unless asked to."""
        import soundfile

        try:
            sound = soundfile.SoundFile(view)
        except (soundfile.LibsndfileError, TypeError, RuntimeError) as error:
            self._tell(view)
            head = header_lengths.at(self._stream, 0, file_types.HEAD)
            raise AudioError(f"{self._path}: {file_types.content(head)}") from error
        with sound:
            sound.seekable = lambda: (
                False
            )  # else it seeks after every block, and decodes that again
            yield sound

    def _read(self, view: View, first: int, stop: int | None) -> Iterator[Block]:
        with self._opened(view) as sound:
            if first:
                self._seek(sound, first)
            yield from self._until(sound, view, None if stop is None else stop - first)
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

    def _until(self, sound: soundfile.SoundFile, view: View, count: int | None) -> Iterator[Block]:
        """Blocks of as many frames, or of all that come."""
        import soundfile

        most, done = max(1, _BLOCK // sound.channels), 0
        while count is None or done < count:
            try:
                block = sound.read(
                    most if count is None else min(most, count - done),
                    dtype="float32",
                    always_2d=True,
                )
            except soundfile.LibsndfileError as error:
                raise AudioError(f"{self._path}: damaged or cut short: copy it anew") from error
            self._tell(view)
            if not len(block):
                return
            done += len(block)
            yield block

    def _from_the_start(self, first: int, stop: int | None) -> Iterator[Block]:
        """Blocks of an MP3: a frame depends on those before it, so they are all decoded."""
        view = self._mpeg(self.header.frames is not None)
        with self._opened(view) as sound:
            done = 0
            for block in self._until(sound, view, stop):
                yield block[min(len(block), max(0, first - done)) :]
                done += len(block)
            self._position = view.tell()

    def _beyond(self, total: int) -> Iterator[Block]:
        """Blocks of a FLAC after the length that its header promises."""
        import soundfile

        view = View(self._stream, self._size, self._patches)
        with self._opened(view) as sound:
            try:
                sound.seek(total)
            except soundfile.LibsndfileError:  # nothing is there
                return
            yield from self._until(sound, view, None)

    def _tell(self, view: View) -> None:
        """Raise `StorageError` where the file could not be read."""
        with told(self._path):
            if view.failed:
                raise view.failed

    def _alone(self) -> None:
        """Raise where the end of the sound is missing, or more sound follows."""
        if self.header.format == "OGG" and not self.ends():
            raise AudioError(
                f"{self._path}: its last page is missing, the file is cut short: copy it anew"
            )
        rest = max(0, self._size - self._position)
        again = header_lengths.another(
            self.header.format, self._stream, self._position, self._start
        )
        if again and not (self.header.format == "MP3" and rest <= _SLACK):
            raise AudioError(
                f"{self._path}: {rest} bytes of another sound follow its end, expected one: "
                "convert it to WAV "
                "or FLAC, or split it"
            )


@contextmanager
def opened(path: str | Path) -> Iterator[Sound]:
    """A sound file, open. Raises `AudioError` for what is no sound file, `StorageError` for what
    may not be read.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: {file_types.no_file(path)}")
    with ExitStack() as stack:
        with told(path):
            stream = stack.enter_context(path.open("rb"))
            state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise AudioError(f"{path}: {file_types.no_file(path)}")
        if not state.st_size:
            raise AudioError(f"{path}: an empty file, expected sound: copy or record it anew")
        yield Sound(path, stream, state.st_size)


def encoded(steps: NDArray[np.int16], sampling_rate: int, kind: str) -> bytes:
    """A file of 16 bits, `kind` WAV or FLAC, as bytes."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, steps, sampling_rate, subtype="PCM_16", format=kind)
    return content.getvalue()


def version() -> str:
    """That of libsndfile."""
    import soundfile

    return str(soundfile.__libsndfile_version__)
