"""Recordings in, recordings out: one channel of float32 samples, where full scale is ±1.

What `read` makes of what people record:

    ================================  ================================================================================
    WAV, FLAC, OGG, MP3, AIFF, ...    whatever libsndfile reads: 8 to 32 bits, float, A-law, mu-law; the content
                                      decides, not the suffix
    8 kHz, 44.1 kHz, 48 kHz, ...      resampled (soxr, high quality); nothing appears above half the original rate
    stereo and more channels          their mean: what two channels hold in opposite phase cancels
    float beyond ±1                   kept; `write` and the openSMILE functionals clip it to full scale
    clipped at full scale             kept: no repair is tried
    DC offset                         kept: openSMILE's spectral features see it in their lowest band
    silence                           zeros; functionals are finite, most of them 0
    a WAV that ends early             what is there: headers of streamed WAV promise too much as a rule
    a WAV whose size is 0, 2 GB or    decoded to the end of the file, as from a pipe
    more, or ends within the samples
    a FLAC of unknown length, an MP3  decoded to the end: no estimated length is trusted. A cut of an MP3 is decoded
    without an index                  from its start on, since its frames depend on earlier ones
    a cut that ends up to 50 ms late  ends with the file: labels are rounded
    --------------------------------  --------------------------------------------------------------------------------
    no such file, not audio           AudioError
    empty file, no samples            AudioError
    NaN or infinite samples           AudioError
    a FLAC, OGG or MP3 that ends      AudioError
    early
    a second sound after the first    AudioError: joined OGG, FLAC or MP3 files of different formats
    git-lfs or git-annex pointers,    AudioError that names the kind of content
    web pages, archives, ...
    a pipe, a device, a folder        AudioError
    under 4 kHz or over 384 kHz,      AudioError
    over 64 channels
    samples beyond 2^31               AudioError
    a cut outside the file, end <=    AudioError
    start
    shorter than 60 ms (one sample)   AudioError: under 60 ms openSMILE has no functionals at all (from 60 ms on it has;
                                      they mean little under about a second)
    longer than 600 s                 AudioError: an utterance is seconds long; give start and end. Only the cut is
                                      read, in blocks, so a long file costs no memory
    over 115,200,000 samples of all   AudioError: 600 s at 192 kHz, or of 12 channels at 16 kHz
    channels
    ================================  ================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import decoding
from sordino.signal.decoding import Header
from sordino.storage import write as store

SAMPLING_RATE: Final = 16000
"""Hz. The rate of the speech corpora in use, and what every feature set here is computed at."""

SHORTEST_SECONDS: Final = 0.06
"""The shortest recording that openSMILE has functionals for (all its sets that are used here, at 16
kHz).
"""

LONGEST_SECONDS: Final = 600.0
"""The longest utterance: at 16 kHz 38 MB of samples."""

LATE_SECONDS: Final = 0.05
"""How far a labelled end may lie behind the end of its file."""

RATES: Final = (4000, 384000)
"""Hz, the lowest and highest rate of a recording."""

MOST_CHANNELS: Final = 64

MOST_SAMPLES: Final = 600 * 192000
"""Samples of all channels of the longest utterance, so that a small file cannot ask for minutes of
work.
"""

LOUDEST: Final = 2.0**31
"""The largest sample. Full scale is 1; some programs write whole numbers of up to 32 bits as
floats.
"""


@dataclass(frozen=True)
class Cut:
    """An utterance in a file: frames `first` to `stop`, `None` for the end of the file, which
    `promised` names.
    """

    path: str | Path
    rate: int
    channels: int
    first: int
    stop: int | None
    promised: int | None

    @property
    def expected(self) -> int | None:
        """Frames that the header and the cut promise."""
        stop = self.promised if self.stop is None else self.stop
        return None if stop is None else stop - self.first


def read(
    path: str | Path, start: float = 0.0, end: float = math.nan, sampling_rate: int = SAMPLING_RATE
) -> NDArray[np.float32]:
    """The samples of a recording as one channel, shape `(samples,)`; the table above says what
    becomes of each kind.

    `start` and `end` cut an utterance out of a longer file, in seconds from its start; an `end` of
    NaN is the end of the file. `sampling_rate` in Hz is that of the result, whatever the file has.
    The sound is decoded, mixed down and resampled in blocks: whatever a file promises, the longest
    utterance takes under 200 MB.

    Raises `AudioError` for what cannot be used, `StorageError` for what may not be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> read(write(path, tone, 8000)).shape, read(path, start=0.25, end=0.75).shape
    ((16000,), (8000,))
    """
    with decoding.opened(path) as sound:
        cut = cut_of(sound.header, path, start, end)
        count, bad, samples = _decoded(sound.blocks(cut.first, cut.stop), cut, sampling_rate)
    _whole(cut, count)
    if bad:
        raise AudioError(
            f"{path}: {bad} of {count} samples are NaN or infinite: record or convert it anew"
        )
    loudest = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
    if not loudest <= LOUDEST:
        raise AudioError(
            f"{path}: samples up to {loudest:.3g}, expected full scale at 1: scale them first"
        )
    return samples


def header(path: str | Path) -> Header:
    """The format, rate, channels and promised length of a recording, without decoding it.

    Raises `AudioError` for what is no sound file or of a rate or number of channels that `read`
    refuses, and where the end of a WAV or FLAC is missing.
    """
    with decoding.opened(path) as sound:
        _check_format(sound.header, path)
        if sound.header.frames == 0:
            raise AudioError(f"{path}: no samples: leave it out, or record it anew")
        if sound.header.missing:
            raise AudioError(
                f"{path}: {sound.header.missing} bytes of its samples are missing, the file is cut "
                "short: copy it anew"
            )
        if not sound.ends():
            raise AudioError(
                f"{path}: its last samples are missing, the file is cut short: copy it anew"
            )
        return sound.header


def seconds(path: str | Path) -> float:
    """How long a recording is: by its header, or by decoding it where the header does not know.

    Raises `AudioError` for what is no sound file.

    >>> import tempfile
    >>> seconds(write(Path(tempfile.mkdtemp()) / "tone.wav", np.zeros(8000), 16000))
    0.5
    """
    with decoding.opened(path) as sound:
        if sound.header.seconds is not None:
            return sound.header.seconds
        return sum(map(len, sound.blocks())) / sound.header.sampling_rate


def cut_of(header: Header, path: str | Path, start: float = 0.0, end: float = math.nan) -> Cut:
    """The frames of an utterance, by the header of its file.

    Raises `AudioError` where the file has no such frames, or too few or too many for an utterance.
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
    """Write one channel as 16-bit WAV or FLAC, by the suffix of `path`; the path. The file is whole
    or not there.

    Samples are rounded to the nearest of the 65,535 steps within ±32767/32768; what lies beyond is
    clipped.

    Raises `AudioError` for no samples, several channels, NaN or another suffix, `StorageError`
    where it cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".wav", ".flac"):
        raise AudioError(
            f"{path}: suffix {suffix or 'missing'}, expected .wav or .flac: choose one of them"
        )
    if samples.ndim != 1 or not samples.size:
        raise AudioError(
            f"{path}: samples of shape {samples.shape}, expected (samples,) with one or more of "
            "them"
        )
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{path}: samples are NaN or infinite, expected numbers: check what computed them"
        )
    steps = np.rint(full_scale(samples) * 32768).astype(np.int16)
    return store(path, decoding.encoded(steps, sampling_rate, suffix[1:].upper()))


def resampler(
    from_hz: int, to_hz: int = SAMPLING_RATE
) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function `(samples, last) -> samples` that resamples one channel of a stream, block by
    block.

    What comes out in all is what `soxr.resample` makes of the whole, later by some milliseconds.
    `last` says that nothing follows. A function serves one stream.

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
    """What decides the samples that `read` returns."""
    import soxr

    return {"libsndfile": decoding.version(), "soxr": soxr.__version__}


def full_scale(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """The samples, clipped to ±32767/32768: the range that 16 bits hold on both sides of zero.

    >>> full_scale(np.array([-1.5, 0.25, 1.0])) * 32768
    array([-32767.,   8192.,  32767.])
    """
    clipped: NDArray[np.floating] = np.clip(samples, -32767 / 32768, 32767 / 32768)
    return clipped


def check(samples: NDArray[np.floating]) -> None:
    """Raise `AudioError` for what is not one channel of finite floats."""
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise AudioError(
            f"samples of shape {samples.shape} and type {samples.dtype}, expected one channel of "
            "floats, full scale at "
            "±1: take the mean of the channels, and divide 16-bit integers by 32768"
        )
    bad = samples.size - np.count_nonzero(np.isfinite(samples))
    if bad:
        raise AudioError(
            f"{bad} of {samples.size} samples are NaN or infinite: record or convert it anew"
        )


def _check_length(cut: Cut, count: int) -> None:
    """Raise for more or fewer frames than an utterance has."""
    if count > math.ceil(LONGEST_SECONDS * cut.rate):
        raise AudioError(
            f"{cut.path}: {count / cut.rate:.0f} s, expected one utterance of at most "
            f"{LONGEST_SECONDS:.0f} s: give "
            "its start and end"
        )
    if count * cut.channels > MOST_SAMPLES:
        raise AudioError(
            f"{cut.path}: {count / cut.rate:.0f} s of {cut.channels} channels at {cut.rate} Hz, "
            "expected at most "
            f"{MOST_SAMPLES:,} samples: take a shorter cut, or resample it first"
        )
    if count < SHORTEST_SECONDS * cut.rate:
        raise AudioError(
            f"{cut.path}: {1000 * count / cut.rate:.3g} ms, expected at least "
            f"{1000 * SHORTEST_SECONDS:.0f}: leave "
            "it out, or take a longer cut"
        )


def _check_format(header: Header, path: str | Path) -> None:
    """Raise for a rate or a number of channels that no recording of speech has."""
    if not (RATES[0] <= header.sampling_rate <= RATES[1] and header.channels <= MOST_CHANNELS):
        raise AudioError(
            f"{path}: {header.channels} channels at {header.sampling_rate} Hz, expected at most "
            f"{MOST_CHANNELS} at "
            f"{RATES[0]} to {RATES[1]} Hz: resample or convert it first"
        )


def _decoded(
    blocks: Iterator[NDArray[np.float32]], cut: Cut, sampling_rate: int
) -> tuple[int, int, NDArray[np.float32]]:
    """The number of frames, how many of them are not finite, and the resampled mean of the
    channels.
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


def _whole(cut: Cut, count: int) -> None:
    """Raise where fewer frames were decoded than the header or the cut promises."""
    if cut.promised is not None and count < (cut.expected or 0):
        raise AudioError(
            f"{cut.path}: {count} of {cut.expected} samples are there, the file is cut short: copy "
            "it anew"
        )
    late = LATE_SECONDS * cut.rate
    if cut.promised is None and (
        not count or (cut.expected is not None and count < cut.expected - late)
    ):
        length = seconds(cut.path)
        if not length:
            raise AudioError(f"{cut.path}: no samples: leave it out, or record it anew")
        stop = length if cut.stop is None else cut.stop / cut.rate
        raise _outside(cut.path, cut.first / cut.rate, stop, length)
    _check_length(cut, count)


def _outside(path: str | Path, start: float, stop: float, length: float) -> AudioError:
    return AudioError(
        f"{path}: cut from {start:g} to {stop:g} s, expected 0 <= start < end <= {length:g} s, the "
        "length of the "
        "file: correct start and end"
    )
