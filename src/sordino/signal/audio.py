"""Recordings in, recordings out: one channel of float32 samples with full scale at ±1.

Handling of each kind of recording by `read`:

    ============================  ==============================================================
    WAV, FLAC, OGG, MP3, AIFF     all formats of libsndfile: 8 to 32 bits, float, A-law, mu-law;
                                  the content decides, not the suffix
    8 kHz, 44.1 kHz, 48 kHz       resampled (soxr, high quality), without energy above half the
                                  original rate
    two and more channels         mean of the channels; signals in opposite phase cancel
    float beyond ±1               kept; `write` and the openSMILE functionals clip it
    clipped, DC offset            kept; an offset enters the lowest bands of openSMILE
    silence                       zeros; functionals are finite, most of them 0
    WAV with a size of 0, of      decoded to the end of the file, like a pipe
    2 GB or more, or too small
    FLAC of unknown length or     decoded to the end
    with too small a length
    MP3 without an index          decoded to the end, always from its start, since its frames
                                  depend on earlier frames
    M4A, MP4, AAC (extra `aac`)   one track, decoded from its start (`aac`)
    a cut up to 50 ms too long    ends with the file, since labels are rounded
    ----------------------------  --------------------------------------------------------------
    no such file, not audio       AudioError
    empty file, no samples        AudioError
    NaN or infinite samples       AudioError
    WAV, FLAC, OGG or MP3 that    AudioError: a cut copy. An utterance of a FLAC before the cut
    promises more than it has     is read
    a second sound in the file    AudioError: joined OGG, FLAC or MP3 files of several formats
    git-lfs or git-annex          AudioError with the kind of content
    pointers, web pages, archives
    a pipe, a device, a folder    AudioError
    under 4 kHz, over 384 kHz,    AudioError
    over 64 channels
    samples beyond 2^31           AudioError
    a cut outside the file,       AudioError
    end <= start
    shorter than 60 ms            AudioError: openSMILE has no functionals under 60 ms (under
                                  about a second they mean little)
    longer than 600 s             AudioError: an utterance lasts seconds; pass start and end. Only
                                  the cut is read, in blocks, so a long file costs no memory
    over 115,200,000 samples      AudioError: 600 s at 192 kHz, or of 12 channels at 16 kHz
    ============================  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import decoding
from sordino.signal.header_lengths import Header
from sordino.signal.wav import MOST_CHANNELS
from sordino.storage import write as store

SAMPLING_RATE: Final = 16000
"""Hz. The sampling rate of all feature sets."""

SHORTEST_SECONDS: Final = 0.06
"""The shortest recording with openSMILE functionals (all feature sets in use, at 16 kHz)."""

LONGEST_SECONDS: Final = 600.0
"""The longest utterance: 38 MB of samples at 16 kHz."""

LATE_SECONDS: Final = 0.05
"""The largest distance of a labelled end after the end of its file."""

RATE_LIMITS: Final = (4000, 384000)
"""Hz, the lowest and highest rate of a recording."""

MOST_SAMPLES: Final = 600 * 192000
"""Samples of all channels of the longest utterance: a limit on the work for a small file."""

MOST_COUNTED: Final = 1 << 31
"""Samples of all channels that are decoded to measure a length: six hours of stereo at 48 kHz. A
FLAC of silence has a length of days in a megabyte.
"""

LARGEST_SAMPLE: Final = 2.0**31
"""The largest sample. Full scale is 1; some programs write integers of up to 32 bits as floats."""


@dataclass(frozen=True)
class Cut:
    """An utterance in a file: frames `first` to `stop`, or to the end of the file for `None`.

    `promised` is the number of frames in the header, `None` where it is unknown.
    """

    path: str | Path
    rate: int
    channels: int
    first: int
    stop: int | None
    promised: int | None

    @property
    def expected(self) -> int | None:
        """Number of frames by the header and the cut, `None` where it is unknown."""
        stop = self.promised if self.stop is None else self.stop
        return None if stop is None else stop - self.first


def read(
    path: str | Path, start: float = 0.0, end: float = math.nan, sampling_rate: int = SAMPLING_RATE
) -> NDArray[np.float32]:
    """The samples of a recording as one channel, shape `(samples,)`; the table above covers each
    kind of file.

    `start` and `end` select an utterance in a longer file, in seconds from its start; an `end` of
    NaN is the end of the file. `sampling_rate` is the rate of the result in Hz. The sound is
    decoded, mixed down and resampled in blocks: the longest utterance takes under 200 MB.

    Raises `AudioError` for an unusable recording, `StorageError` for an unreadable file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> read(write(path, tone, 8000)).shape, read(path, start=0.25, end=0.75).shape
    ((16000,), (8000,))
    """
    with decoding.open_sound(path) as sound:
        return _samples(sound, path, start, end, sampling_rate)


def read_stream(stream: BinaryIO, size: int, sampling_rate: int) -> NDArray[np.float32]:
    """The samples of a recording of `size` bytes in memory, as `read` returns them. The stream can
    seek; no file is read or written. Raises `AudioError` as `read` does.
    """
    sound = decoding.sound_of(Path("sound in memory"), stream, size)
    return _samples(sound, "sound in memory", 0.0, math.nan, sampling_rate)


def _samples(
    sound: decoding.OpenSound, path: str | Path, start: float, end: float, sampling_rate: int
) -> NDArray[np.float32]:
    """The samples of an open sound; `read` explains the arguments."""
    _check_promise(sound.header, path)
    length = sound.header.seconds
    if length is not None and (start >= length or end > length) and sound.continues():
        sound.ignore_length()
    cut = cut_of(sound.header, path, start, end)
    count, bad, samples = _decoded(sound.blocks(cut.first, cut.stop), cut, sampling_rate)
    _check_count(cut, count)
    if bad:
        raise AudioError(
            f"{path}: {bad} of {count} samples are NaN or infinite: record or convert it anew"
        )
    loudest = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
    if not loudest <= LARGEST_SAMPLE:
        raise AudioError(
            f"{path}: samples up to {loudest:.3g}, expected full scale at 1: scale them first"
        )
    return samples


def header(path: str | Path) -> Header:
    """The format, rate, channels and promised length of a recording, without decoding it.

    The length is unknown (`None`) for a FLAC that is longer than its header.

    Raises `AudioError` for other files than recordings, for rates and numbers of channels that
    `read` refuses, and where the end of a WAV, FLAC or OGG is missing.
    """
    with decoding.open_sound(path) as sound:
        _check_format(sound.header, path)
        _check_promise(sound.header, path)
        if not sound.ends():
            raise AudioError(
                f"{path}: its last samples are missing, the file is cut short: copy it anew"
            )
        if sound.continues():
            sound.ignore_length()
        return sound.header


def duration(path: str | Path, longest: float = math.inf) -> float:
    """The length of a recording in seconds: by its header, or by decoding it where the header has
    no length or too small a length.

    Decoding ends after `longest` seconds, and after `MOST_COUNTED` samples. Raises `AudioError` for
    a longer recording without a right length in its header, for other files than recordings, and
    for rates and numbers of channels that `read` refuses.

    >>> import tempfile
    >>> duration(write(Path(tempfile.mkdtemp()) / "tone.wav", np.zeros(8000), 16000))
    0.5
    """
    with decoding.open_sound(path) as sound:
        _check_format(sound.header, path)
        if sound.header.seconds is not None and not sound.continues():
            return sound.header.seconds
        rate, count = sound.header.sampling_rate, 0
        most = min(longest, MOST_COUNTED / sound.header.channels / rate)
        for block in sound.blocks():
            count += len(block)
            if count > most * rate:
                raise AudioError(
                    f"{path}: over {count / rate:.0f} s and no right length in its header, "
                    f"expected at most {most:.0f} s: convert it to WAV, or cut it"
                )
        return count / rate


def cut_of(header: Header, path: str | Path, start: float = 0.0, end: float = math.nan) -> Cut:
    """The frames of an utterance, by the header of its file.

    Raises `AudioError` for frames outside the file, and for too few or too many frames.
    """
    length = math.inf if header.seconds is None else header.seconds
    if header.frames == 0:
        raise AudioError(f"{path}: no samples: leave it out, or record it anew")
    stop = length if math.isnan(end) else end
    if not 0 <= start < stop <= length + LATE_SECONDS:
        raise _outside(path, start, stop, length)
    rate = header.sampling_rate
    cut = Cut(path, rate, header.channels, round(start * rate), None, header.frames)
    stop = min(stop, length)
    if math.isfinite(stop):
        _check_length(cut, round(stop * rate) - cut.first)
    _check_format(header, path)
    return cut if math.isnan(end) else replace(cut, stop=round(stop * rate))


def write(
    path: str | Path, samples: NDArray[np.floating], sampling_rate: int = SAMPLING_RATE
) -> Path:
    """Write one channel as 16-bit WAV or FLAC, by the suffix of `path`; the path. The file is
    complete or absent.

    Samples are rounded to the nearest of the 65,535 steps within ±32767/32768; samples beyond are
    clipped.

    Raises `AudioError` for no samples, several channels, NaN or another suffix, `StorageError`
    where the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".wav", ".flac"):
        raise AudioError(
            f"{path}: suffix {suffix or 'missing'}, expected .wav or .flac: choose one of them"
        )
    if samples.ndim != 1 or not samples.size:
        raise AudioError(
            f"{path}: samples of shape {samples.shape}, expected (samples,) with one or more: "
            "pass one channel"
        )
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{path}: samples are NaN or infinite, expected numbers: check what computed them"
        )
    steps = np.rint(full_scale(samples) * 32768).astype(np.int16)
    return store(Path(path), decoding.encoded(steps, sampling_rate, suffix[1:].upper()))


def resampler(
    from_hz: int, to_hz: int = SAMPLING_RATE
) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function `(samples, last) -> samples` that resamples one channel of a stream by blocks.

    All blocks together equal `soxr.resample` of the whole signal, with a delay of some
    milliseconds. `last` marks the last block. A function serves one stream.

    >>> resample = resampler(48000)
    >>> sum(resample(np.zeros(480, np.float32), number == 99).size for number in range(100))
    16000
    """
    if from_hz == to_hz:
        return lambda samples, last: samples  # noqa: ARG005
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    resampled: Callable[[NDArray[np.float32], bool], NDArray[np.float32]] = stream.resample_chunk
    return resampled


def versions() -> dict[str, str]:
    """Versions of the packages that determine the samples of `read`."""
    import soxr

    return {"libsndfile": decoding.libsndfile_version(), "soxr": soxr.__version__}


def full_scale(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """The samples, clipped to ±32767/32768: the symmetric range of 16 bits.

    >>> full_scale(np.array([-1.5, 0.25, 1.0])) * 32768
    array([-32767.,   8192.,  32767.])
    """
    clipped: NDArray[np.floating] = np.clip(samples, -32767 / 32768, 32767 / 32768)
    return clipped


def check_samples(samples: NDArray[np.floating]) -> None:
    """Raise `AudioError` unless the samples are one channel of finite floats."""
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise AudioError(
            f"samples of shape {samples.shape} and type {samples.dtype}, expected one channel of "
            "floats, full scale at ±1: take the mean of the channels, and divide 16-bit integers "
            "by 32768"
        )
    bad = samples.size - np.count_nonzero(np.isfinite(samples))
    if bad:
        raise AudioError(
            f"{bad} of {samples.size} samples are NaN or infinite: record or convert it anew"
        )


def _check_length(cut: Cut, count: int) -> None:
    """Raise for too many or too few frames of an utterance."""
    if count > math.ceil(LONGEST_SECONDS * cut.rate):
        raise AudioError(
            f"{cut.path}: {count / cut.rate:.0f} s, expected one utterance of at most "
            f"{LONGEST_SECONDS:.0f} s: give its start and end"
        )
    if count * cut.channels > MOST_SAMPLES:
        raise AudioError(
            f"{cut.path}: {count / cut.rate:.0f} s of {cut.channels} channels at {cut.rate} Hz, "
            f"expected at most {MOST_SAMPLES:,} samples: take a shorter cut, or resample it first"
        )
    if count < SHORTEST_SECONDS * cut.rate:
        raise AudioError(
            f"{cut.path}: {1000 * count / cut.rate:.3g} ms, expected at least "
            f"{1000 * SHORTEST_SECONDS:.0f}: leave it out, or take a longer cut"
        )


def _check_promise(header: Header, path: str | Path) -> None:
    """Raise for a file without samples, and for a header that promises more than the file has."""
    if header.frames == 0:
        raise AudioError(f"{path}: no samples: leave it out, or record it anew")
    if header.missing:
        raise AudioError(
            f"{path}: {header.missing} bytes of its samples are missing, the file is cut short: "
            "copy it anew"
        )


def _check_format(header: Header, path: str | Path) -> None:
    """Raise for a rate or a number of channels outside the range of speech recordings."""
    if not (
        RATE_LIMITS[0] <= header.sampling_rate <= RATE_LIMITS[1]
        and header.channels <= MOST_CHANNELS
    ):
        raise AudioError(
            f"{path}: {header.channels} channels at {header.sampling_rate} Hz, expected at most "
            f"{MOST_CHANNELS} at {RATE_LIMITS[0]} to {RATE_LIMITS[1]} Hz: resample or convert it "
            "first"
        )


def _decoded(
    blocks: Iterator[NDArray[np.float32]], cut: Cut, sampling_rate: int
) -> tuple[int, int, NDArray[np.float32]]:
    """The number of frames, the number of frames that are not finite, and the resampled mean of
    the channels.
    """
    resample = resampler(cut.rate, sampling_rate)
    share = np.full(cut.channels, 1 / cut.channels, dtype=np.float32)
    count, bad, parts = 0, 0, []
    for block in blocks:
        with np.errstate(
            invalid="ignore", over="ignore"
        ):  # infinite samples are reported by the caller
            mono = block @ share  # (frames,)
        count, bad = count + len(mono), bad + len(mono) - int(np.count_nonzero(np.isfinite(mono)))
        _check_length(cut, max(count, math.ceil(SHORTEST_SECONDS * cut.rate)))
        parts.append(resample(mono, False))
    return count, bad, np.concatenate([*parts, resample(np.zeros(0, np.float32), True)])


def _check_count(cut: Cut, count: int) -> None:
    """Raise for fewer decoded frames than the header or the cut promises."""
    if cut.promised is not None and count < (cut.expected or 0):
        raise AudioError(
            f"{cut.path}: {count} of {cut.expected} samples are there, the file is cut short: copy "
            "it anew"
        )
    late = LATE_SECONDS * cut.rate
    if cut.promised is None and (
        not count or (cut.expected is not None and count < cut.expected - late)
    ):
        length = duration(cut.path)
        if not length:
            raise AudioError(f"{cut.path}: no samples: leave it out, or record it anew")
        stop = length if cut.stop is None else cut.stop / cut.rate
        raise _outside(cut.path, cut.first / cut.rate, stop, length)
    _check_length(cut, count)


def _outside(path: str | Path, start: float, stop: float, length: float) -> AudioError:
    return AudioError(
        f"{path}: cut from {start:g} to {stop:g} s, expected 0 <= start < end <= {length:g} s, the "
        "length of the file: correct start and end"
    )
