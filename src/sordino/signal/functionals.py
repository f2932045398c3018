"""The feature set `mel`: a recording as one vector, from Kaldi's filterbank and numpy alone.

    samples        16 kHz, clipped to full scale ±1
      frames       10 ms apart, each from its own 40 ms: 40 log mel energies, pitch, periodicity
      span         from the first loud frame to the last, and 100 ms on either side
      range        each band relative to the level of the 10th loudest frame, at least -ln 40 minus
                   25 dB: quieter sound is the noise of the room or of the microphone
      descriptors  40 bands | 20 cepstra of them (cosine transform) | level, the log of their sum |
                   pitch | periodicity
      functionals  of each descriptor over all frames, loud frames or voiced frames

          loud     at most 30 dB below the 10th loudest frame: speech without its pauses
          voiced   loud, with a periodicity of at least 0.5

    functionals of a descriptor over some frames
      mean, sd
      p05, p95     percentiles minus the mean
      trend        slope per second, by least squares
      change       mean absolute change over 20 ms
      change_p95   95th percentile of the signed change

      bands, cepstra and level: over all frames and over loud frames
      pitch: over voiced frames; periodicity: over loud frames and over voiced frames

    movement: root mean square change over 20, 80, 320 and 640 ms of eight broad bands and level, of
              pitch and periodicity
    rhythm:   share of loud frames and of voiced frames, number of stretches per second, mean and
              standard deviation of the length of a stretch in seconds

Sound before and after speech is left out, so that a recording and its segment in a stream are the
same utterance. The threshold follows the 10th loudest frame: silence around speech does not change
it, and a click covers five frames.

A gain changes no value, as long as no sample is clipped or below the resolution of 16 bits. A value
without frames (no voiced frame, a sound shorter than 640 ms) is 0.

Recordings from a studio have pauses far below those of any other room. Without a range, values
describe these pauses, and a little noise changes them all.

A frame depends on its own samples alone. So a sound may arrive in blocks of any length (`Blocks`)
and yields the same bits as in one piece. `Blocks` stores 42 numbers every 10 ms until the sound
ends, 10 MB for the longest utterance.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio, pitch
from sordino.signal.filterbank import BANDS, filterbank
from sordino.signal.pitch import FAINT, PITCH_SAMPLES, STEP_SAMPLES

CEPSTRA: Final = 20
"""Cepstra from order 1. Order 0 is the mean of the bands, which `level` replaces."""

LOUD_DB: Final = 30.0
"""The largest distance of a loud frame below the loudest speech of the utterance."""

LOUD_RANK: Final = 10
"""The rank, from the loudest, of the frame that defines the loudest speech."""

RANGE_DB: Final = 25.0
"""The lowest energy of a band, in dB below the mean band of the loudest speech. A smaller range
hides more noise and more of quiet speech.
"""

AROUND: Final = 10
"""Frames before and after speech that belong to it, for soft consonants: 100 ms."""

VOICED: Final = 0.5
"""The lowest periodicity of a voiced frame."""

FUNCTIONALS: Final = ("mean", "sd", "p05", "p95", "trend", "change", "change_p95")
"""The functionals of a descriptor over some frames."""

LAGS: Final = (2, 8, 32, 64)
"""Lags of movement in frames of 10 ms: from a single sound to the melody of a phrase."""

_NEPERS: Final = np.log(10) / 10  # of energy, in a dB
_CHANGE: Final = LAGS[0]
_BROAD: Final = 8
_MARGIN: Final = (PITCH_SAMPLES - 400) // 2  # of the filterbank's 25 ms in the middle of the 40
_BLOCK: Final = 160_000  # samples in one step
_FAINT_4: Final = 1e-7  # without a range: the energy of a frame that had no pitch in recipe 4

_SPECTRAL: Final = (
    *(f"band{band:02d}" for band in range(BANDS)),
    *(f"cepstrum{order:02d}" for order in range(1, CEPSTRA + 1)),
    "level",
)
_COSINES: Final = np.sqrt(2 / BANDS) * np.cos(
    np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(1, CEPSTRA + 1))
)  # (40, 20)

NAMES: Final = (
    *(
        f"{name}_{functional}_{over}"
        for over in ("all", "loud")
        for functional in FUNCTIONALS
        for name in _SPECTRAL
    ),
    *(f"periodicity_{functional}_loud" for functional in FUNCTIONALS),
    *(
        f"{name}_{functional}_voiced"
        for functional in FUNCTIONALS
        for name in ("pitch", "periodicity")
    ),
    *(
        f"{name}_move{10 * lag}"
        for lag in LAGS
        for name in (*(f"broad{band}" for band in range(_BROAD)), "level")
    ),
    *(f"{name}_move{10 * lag}" for lag in LAGS for name in ("pitch", "periodicity")),
    *(
        f"{over}_{functional}"
        for over in ("loud", "voiced")
        for functional in ("share", "rate", "seconds", "seconds_sd")
    ),
)
"""The names of the values, in their order."""


def functionals(
    samples: NDArray[np.floating], range_db: float | None = RANGE_DB
) -> NDArray[np.float32]:
    """The vector of a sound, `(samples,) -> (len(NAMES),)` float32, as defined above.

    - `samples`: at 16 kHz, full scale at ±1. Resample other rates, since they have other bands.
    - `range_db`: the range of each band in dB; `None` keeps absolute energies and their pauses, as
      bundles of recipe 4 need them.

    Raises `AudioError` for less than 60 ms or more than 600 s, NaN or infinity, several channels.

    >>> time = np.arange(16000) / 16000
    >>> vector = functionals(np.sin(2 * np.pi * 200 * time))
    >>> semitones = vector[NAMES.index("pitch_mean_voiced")]  # above 100 Hz
    >>> vector.shape, round(float(semitones), 2)
    ((927,), 12.0)
    """
    blocks = Blocks(range_db)
    blocks.push(samples)
    return blocks.functionals()


class Blocks:
    """A sound in blocks of any length: `push` each block, then compute the `functionals`.

    Raises `AudioError` for a block that `functionals` would refuse, and for a block that makes the
    sound longer than 600 s; such a block is not added.

    >>> noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    >>> blocks = Blocks()
    >>> for block in np.split(noise, [37, 4000]):
    ...     blocks.push(block)
    >>> np.array_equal(blocks.functionals(), functionals(noise))
    True
    """

    def __init__(self, range_db: float | None = RANGE_DB) -> None:
        self._range_db = range_db
        self._count = 0
        self._rest = np.empty(0, dtype=np.float32)  # the start of the next frame
        self._frames: list[NDArray[np.float32]] = []

    @property
    def seconds(self) -> float:
        """The length of the sound so far."""
        return self._count / audio.SAMPLING_RATE

    def push(self, samples: NDArray[np.floating]) -> None:
        """Add the next samples."""
        audio.check_samples(samples)
        if self._count + samples.size > audio.LONGEST_SECONDS * audio.SAMPLING_RATE:
            raise AudioError(
                f"{self.seconds + samples.size / audio.SAMPLING_RATE:.1f} s of sound, expected one "
                f"utterance of at most {audio.LONGEST_SECONDS:.0f} s: cut it into utterances"
            )
        self._count += samples.size
        for start in range(0, samples.size, _BLOCK):
            self._add(audio.full_scale(samples[start : start + _BLOCK]).astype(np.float32))

    def functionals(self) -> NDArray[np.float32]:
        """The vector of all blocks, `(len(NAMES),)`. Raises `AudioError` for less than 60 ms."""
        if self._count < audio.SHORTEST_SECONDS * audio.SAMPLING_RATE:
            raise AudioError(
                f"{1000 * self.seconds:.3g} ms of sound, expected at least "
                f"{1000 * audio.SHORTEST_SECONDS:.0f}: leave it out, or take a longer cut"
            )
        return summarise(np.concatenate(self._frames), self._range_db)

    def _add(self, samples: NDArray[np.float32]) -> None:
        sound = np.concatenate([self._rest, samples])
        frames = max(0, 1 + (sound.size - PITCH_SAMPLES) // STEP_SAMPLES)
        if frames:
            self._frames.append(_frames(sound, FAINT if self._range_db is not None else _FAINT_4))
        self._rest = sound[frames * STEP_SAMPLES :]


def summarise(
    frames: NDArray[np.float32], range_db: float | None = RANGE_DB
) -> NDArray[np.float32]:
    """The vector of a sequence of frames, `(frames, 42) -> (len(NAMES),)`: 40 log mel energies,
    pitch, periodicity.
    """
    x = frames.T.astype(np.float64)  # (42, frames): one contiguous row a descriptor
    top, loud = loudness(_level(x[:BANDS])[0])
    span = speech_span(loud)
    bands, voice, loud = x[:BANDS, span], x[BANDS:, span], loud[span]
    if range_db is not None:
        bands = np.maximum(bands - top, -np.log(BANDS) - range_db * _NEPERS)
    level = _level(bands)
    spectral = np.concatenate([bands, _COSINES.T @ bands, level])
    broad = np.concatenate([bands.reshape(_BROAD, -1, len(loud)).mean(axis=1), level])
    everything = np.ones(len(loud), dtype=bool)
    voiced = loud & (voice[1] >= VOICED)
    values = [
        *(_describe(spectral, over) for over in (everything, loud)),
        _describe(voice[1:], loud),
        _describe(voice, voiced),
        *(_movement(broad, everything, lag) for lag in LAGS),
        *(_movement(voice, voiced, lag) for lag in LAGS),
        *(_rhythm(over) for over in (loud, voiced)),
    ]
    return np.concatenate(values).astype(np.float32)


def loudness(level: NDArray[np.floating]) -> tuple[float, NDArray[np.bool_]]:
    """The level of the loudest speech, and whether each frame is loud, from the natural logarithm
    of the energy of each frame, `(frames,)`.

    >>> loudness(np.array([-20.0, -3.0, -2.0]))
    (-20.0, array([ True,  True,  True]))
    """
    top = float(np.sort(level)[-min(LOUD_RANK, level.size)])
    return top, level >= top - LOUD_DB * _NEPERS


def speech_span(loud: NDArray[np.bool_]) -> slice:
    """The frames from the first loud frame to the last, and up to `AROUND` on either side.

    >>> speech_span(np.arange(100) == 30)
    slice(20, 41, None)
    """
    first, last = np.flatnonzero(loud)[[0, -1]].tolist()
    return slice(max(0, first - AROUND), min(loud.size, last + 1 + AROUND))


def _level(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """The level of each frame, the log of the sum of its bands: `(40, frames) -> (1, frames)`."""
    level: NDArray[np.float64] = np.log(np.exp(bands).sum(axis=0, keepdims=True))
    return level


def _frames(samples: NDArray[np.float32], faint: float) -> NDArray[np.float32]:
    """Log mel energies, pitch and periodicity of each 40 ms, `(frames, 42)`."""
    bands = filterbank(samples[_MARGIN : samples.size - _MARGIN])
    return np.hstack([bands, pitch.pitch(samples, faint)])


def _describe(x: NDArray[np.float64], over: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`FUNCTIONALS` of each row, `(descriptors, frames) -> (7 · descriptors,)`."""
    if not over.any():
        return np.zeros(len(FUNCTIONALS) * len(x))
    frames = x[:, over]
    mean = frames.mean(axis=1)
    centred = frames - mean[:, None]
    time = np.flatnonzero(over) * STEP_SAMPLES / audio.SAMPLING_RATE
    time = time - time.mean()
    trend = centred @ time / max(time @ time, 1e-9)
    low, high = _percentiles(centred, 5, 95)
    changes = _changes(x, over, _CHANGE)
    if not changes.size:
        changes = np.zeros((len(x), 1))
    change, (change_p95,) = np.abs(changes).mean(axis=1), _percentiles(changes, 95)
    return np.concatenate(
        [mean, np.sqrt((centred**2).mean(axis=1)), low, high, trend, change, change_p95]
    )


def _percentiles(x: NDArray[np.float64], *percents: float) -> NDArray[np.float64]:
    """Percentiles of each row, `(percents, rows)`, as by `np.percentile` but faster."""
    ordered = np.sort(x, axis=1)
    position = np.array(percents) / 100 * (x.shape[1] - 1)
    below = position.astype(int)
    above = np.minimum(below + 1, x.shape[1] - 1)
    values: NDArray[np.float64] = ordered[:, below] + (position - below) * (
        ordered[:, above] - ordered[:, below]
    )
    return values.T


def _changes(x: NDArray[np.float64], over: NDArray[np.bool_], lag: int) -> NDArray[np.float64]:
    """The change of each row over `lag` frames, where both ends are among these frames:
    `(descriptors, pairs)`.
    """
    changes: NDArray[np.float64] = (x[:, lag:] - x[:, :-lag])[:, over[lag:] & over[:-lag]]
    return changes


def _movement(x: NDArray[np.float64], over: NDArray[np.bool_], lag: int) -> NDArray[np.float64]:
    changes = _changes(x, over, lag)
    moved: NDArray[np.float64] = np.sqrt((changes**2).sum(axis=1) / max(1, changes.shape[1]))
    return moved


def _rhythm(over: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of these frames, their stretches per second, and the mean and standard deviation of
    the length of a stretch in seconds.
    """
    edges = np.flatnonzero(np.diff(over, prepend=False, append=False))
    stretches = (edges[1::2] - edges[::2]) * STEP_SAMPLES / audio.SAMPLING_RATE
    if not stretches.size:
        return np.zeros(4)
    rate = stretches.size * audio.SAMPLING_RATE / (over.size * STEP_SAMPLES)
    return np.array([over.mean(), rate, stretches.mean(), stretches.std()])
