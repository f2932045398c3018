"""Recordings in, recordings out: one channel of float32 samples, where full scale is ±1.

What `read` makes of what people record:

    ================================  ================================================================================
    WAV, FLAC, OGG, MP3, AIFF, ...    whatever libsndfile reads: 8 to 32 bits, float, A-law, mu-law
    8 kHz, 44.1 kHz, 48 kHz, ...      resampled (soxr, high quality); nothing appears above half the original rate
    stereo and more channels          their mean: what two channels hold in opposite phase cancels
    float beyond ±1                   kept; `write` and the openSMILE functionals clip it to full scale
    clipped at full scale             kept: no repair is tried
    DC offset                         kept: openSMILE's spectral features see it in their lowest band
    silence                           zeros; functionals are finite, most of them 0
    a WAV that ends early             what is there: headers of streamed WAV promise too much as a rule
    a cut that ends up to 50 ms late  ends with the file: labels are rounded
    --------------------------------  --------------------------------------------------------------------------------
    no such file, not audio           AudioError
    empty file, no samples            AudioError
    NaN or infinite samples           AudioError
    a FLAC or OGG that ends early     AudioError
    a cut outside the file, end <=    AudioError
    start
    shorter than 60 ms (one sample)   AudioError: under 60 ms openSMILE has no functionals at all (from 60 ms on it has;
                                      they mean little under about a second)
    longer than 600 s                 AudioError: an utterance is seconds long; give start and end. Only the cut is
                                      read, in blocks, so a long file costs no memory
    ================================  ================================================================================
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.storage import told
from sordino.storage import write as store

if TYPE_CHECKING:
    import soundfile

SAMPLING_RATE: Final = 16000
"""Hz. The rate of the speech corpora in use, and what every feature set here is computed at."""

SHORTEST_SECONDS: Final = 0.06
"""The shortest recording that openSMILE has functionals for (all its sets that are used here, at 16 kHz)."""

LONGEST_SECONDS: Final = 600.0
"""The longest utterance: at 16 kHz 38 MB of samples."""

LATE_SECONDS: Final = 0.05
"""How far a labelled end may lie behind the end of its file."""

_BLOCK: Final = 1 << 20  # frames that are decoded at a time


def read(
    path: str | Path, start: float = 0.0, end: float = math.nan, sampling_rate: int = SAMPLING_RATE
) -> NDArray[np.float32]:
    """The samples of a recording as one channel, shape `(samples,)`; the table above says what becomes of each kind.

    `start` and `end` cut an utterance out of a longer file, in seconds from its start; an `end` of NaN is the end of
    the file. `sampling_rate` in Hz is that of the result, whatever the file has.

    Raises `AudioError` for what cannot be used, `StorageError` for what may not be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> read(write(path, tone, 8000)).shape, read(path, start=0.25, end=0.75).shape
    ((16000,), (8000,))
    """
    import soundfile  # here and below, as they load slowly and who has samples or features needs neither
    import soxr

    if not Path(path).is_file():
        raise AudioError(f"{path}: no such file: check the path")
    with told(path), Path(path).open("rb") as stream:  # what may not be read says so here, in words
        if not stream.read(1):
            raise AudioError(f"{path}: an empty file, expected sound: copy or record it anew")
    try:
        with soundfile.SoundFile(path) as sound:
            samples = _mono(sound, *_frames(sound, path, start, end), path)
            rate = sound.samplerate
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: raw samples, which have no header
        raise AudioError(f"{path}: not a sound file that can be read: convert it to WAV or FLAC") from error
    bad = samples.size - np.count_nonzero(np.isfinite(samples))
    if bad:
        raise AudioError(f"{path}: {bad} of {samples.size} samples are NaN or infinite: record or convert it anew")
    resampled: NDArray[np.float32] = samples if rate == sampling_rate else soxr.resample(samples, rate, sampling_rate)
    return resampled


def seconds(path: str | Path) -> float:
    """How long a recording is, from its header alone. Raises `AudioError` for what is no sound file.

    >>> import tempfile
    >>> seconds(write(Path(tempfile.mkdtemp()) / "tone.wav", np.zeros(8000), 16000))
    0.5
    """
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise AudioError(f"{path}: not a sound file that can be read: convert it to WAV or FLAC") from error


def write(path: str | Path, samples: NDArray[np.floating], sampling_rate: int = SAMPLING_RATE) -> Path:
    """Write one channel as 16-bit WAV or FLAC, by the suffix of `path`; the path. The file is whole or not there.

    Samples are rounded to the nearest of the 65,535 steps within ±32767/32768; what lies beyond is clipped.

    Raises `AudioError` for no samples, several channels, NaN or another suffix, `StorageError` where it cannot be
    written.
    """
    import soundfile

    suffix = Path(path).suffix.lower()
    if suffix not in (".wav", ".flac"):
        raise AudioError(f"{path}: suffix {suffix or 'missing'}, expected .wav or .flac: choose one of them")
    if samples.ndim != 1 or not samples.size:
        raise AudioError(f"{path}: samples of shape {samples.shape}, expected (samples,) with one or more of them")
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: samples are NaN or infinite, expected numbers: check what computed them")
    steps = np.rint(full_scale(samples) * 32768).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, steps, sampling_rate, subtype="PCM_16", format=suffix[1:].upper())
    return store(path, content.getvalue())


def resampler(from_hz: int, to_hz: int = SAMPLING_RATE) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function `(samples, last) -> samples` that resamples one channel of a stream, block by block.

    What comes out in all is what `soxr.resample` makes of the whole, later by some milliseconds. `last` says that
    nothing follows. A function serves one stream.

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
    import soundfile
    import soxr

    return {"libsndfile": soundfile.__libsndfile_version__, "soxr": soxr.__version__}


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
            f"samples of shape {samples.shape} and type {samples.dtype}, expected one channel of floats, full scale at "
            "±1: take the mean of the channels, and divide 16-bit integers by 32768"
        )
    bad = samples.size - np.count_nonzero(np.isfinite(samples))
    if bad:
        raise AudioError(f"{bad} of {samples.size} samples are NaN or infinite: record or convert it anew")


def _frames(sound: soundfile.SoundFile, path: str | Path, start: float, end: float) -> tuple[int, int]:
    """First frame of the cut and their number; raises where the file has no such frames, or too few or too many."""
    seconds = sound.frames / sound.samplerate
    if not sound.frames:
        raise AudioError(f"{path}: no samples: leave it out, or record it anew")
    stop = seconds if math.isnan(end) else end
    if not 0 <= start < stop <= seconds + LATE_SECONDS:
        raise AudioError(
            f"{path}: cut from {start:g} to {stop:g} s, expected 0 <= start < end <= {seconds:g} s, the length of the "
            "file: correct start and end"
        )
    stop = min(stop, seconds)
    if stop - start > LONGEST_SECONDS:
        raise AudioError(
            f"{path}: {stop - start:.0f} s, expected one utterance of at most {LONGEST_SECONDS:.0f} s: give its start "
            "and end"
        )
    first = round(start * sound.samplerate)
    count = round(stop * sound.samplerate) - first
    if count < SHORTEST_SECONDS * sound.samplerate:
        raise AudioError(
            f"{path}: {1000 * count / sound.samplerate:.3g} ms, expected at least {1000 * SHORTEST_SECONDS:.0f}: leave "
            "it out, or take a longer cut"
        )
    return first, count


def _mono(sound: soundfile.SoundFile, first: int, count: int, path: str | Path) -> NDArray[np.float32]:
    """The mean of the channels, decoded block by block."""
    share = np.full(sound.channels, 1 / sound.channels, dtype=np.float32)
    if first:
        sound.seek(first)
    with np.errstate(invalid="ignore"):  # infinite samples are reported by the caller
        blocks = [
            sound.read(min(_BLOCK, count - done), dtype="float32", always_2d=True) @ share  # (frames,)
            for done in range(0, count, _BLOCK)
        ]
    samples: NDArray[np.float32] = np.concatenate(blocks)
    if samples.size < count:
        raise AudioError(f"{path}: {samples.size} of {count} samples are there, the file is cut short: copy it anew")
    return samples
