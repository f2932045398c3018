"""A recording as one vector, with nothing but Kaldi's filterbank and numpy: the feature set `mel`.

    samples        16 kHz, clipped to full scale ±1
      frames       10 ms apart: 40 log mel energies, pitch and how periodic the sound is; each from its own 40 ms
      span         from the first loud frame to the last, and 100 ms on either side
      descriptors  40 bands | 20 cepstra of them (cosine transform) | level, the log of their sum | pitch | periodicity
      functionals  each over the frames that concern it: all, and those that are

          loud     not more than 30 dB below the 10th loudest frame: speech without its pauses
          voiced   loud and at least 0.5 periodic

    functionals of a descriptor over some frames           of bands, cepstra, level: over all, and over loud frames
      mean, sd                                             of pitch: over voiced; of periodicity: over loud and voiced
      p05, p95         percentiles, less the mean
      trend            per second, by least squares
      change           mean size of the change over 20 ms, and
      change_p95       its 95th percentile, with its sign

    movement: root mean square change over 20, 80, 320, 640 ms of eight broad bands and level; of pitch, periodicity
    rhythm:   of loud and of voiced frames their share, stretches a second, mean and sd of a stretch's seconds

What surrounds speech is left out, so that a recording and what a stream cuts out of it are one
utterance. It is the 10th loudest frame that speech is measured by, since no quiet around it moves
that one, and a click is heard in five.

A sound that is twice as loud has other means of bands and level; every other value measures shape
and stays. What has no frames to be measured on (no voiced frame, a sound shorter than 640 ms) is 0.

Since a frame depends on its own samples alone, a sound may come in blocks of any length (`Blocks`)
and has the same bits as in one piece. What is kept of it are 42 numbers every 10 ms until it ends,
10 MB for the longest utterance.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio, pitch
from sordino.signal.filterbank import BANDS, filterbank
from sordino.signal.pitch import FRAME, STEP

CEPSTRA: Final = 20
"""Cepstra, from the first. That of order 0 is the mean of the bands, which `level` stands for."""

LOUD_DB: Final = 30.0
"""How far below an utterance's loudest speech a frame may lie and still count as speech."""

LOUDEST: Final = 10
"""The frame, counted from the loudest, that this is measured from."""

AROUND: Final = 10
"""Frames before and after speech that belong to it, for soft consonants: 100 ms."""

VOICED: Final = 0.5
"""From which periodicity a loud frame counts as voiced."""

OF_DESCRIPTOR: Final = ("mean", "sd", "p05", "p95", "trend", "change", "change_p95")
"""The functionals of a descriptor over some frames."""

LAGS: Final = (2, 8, 32, 64)
"""Frames of 10 ms over which movement is measured: from within a sound to the melody of a phrase.
"""

_CHANGE: Final = LAGS[0]
_BROAD: Final = 8
_MARGIN: Final = (FRAME - 400) // 2  # of the filterbank's 25 ms in the middle of the 40
_BLOCK: Final = 160_000  # samples that are worked on at a time

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
        f"{name}_{of}_{over}"
        for over in ("all", "loud")
        for of in OF_DESCRIPTOR
        for name in _SPECTRAL
    ),
    *(f"periodicity_{of}_loud" for of in OF_DESCRIPTOR),
    *(f"{name}_{of}_voiced" for of in OF_DESCRIPTOR for name in ("pitch", "periodicity")),
    *(
        f"{name}_move{10 * lag}"
        for lag in LAGS
        for name in (*(f"broad{band}" for band in range(_BROAD)), "level")
    ),
    *(f"{name}_move{10 * lag}" for lag in LAGS for name in ("pitch", "periodicity")),
    *(
        f"{over}_{of}"
        for over in ("loud", "voiced")
        for of in ("share", "rate", "seconds", "seconds_sd")
    ),
)
"""What each value is, in their order."""


def functionals(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The vector of a sound, `(samples,) -> (len(NAMES),)` float32; the table above says of what.

    `samples` are at 16 kHz, full scale at ±1: resample others, since another rate has other bands.

    Raises `AudioError` for less than 60 ms or more than 600 s, NaN or infinity, several channels.

    >>> time = np.arange(16000) / 16000
    >>> vector = functionals(np.sin(2 * np.pi * 200 * time))
    >>> vector.shape, round(float(vector[NAMES.index("pitch_mean_voiced")]), 2)  # semitones above 100 Hz
    ((927,), 12.0)
    """
    blocks = Blocks()
    blocks.push(samples)
    return blocks.functionals()


class Blocks:
    """A sound that comes in blocks, of any lengths: `push` each, then ask for the `functionals` of
    what came.

    Raises `AudioError` for a block that `functionals` would refuse, and where it makes the sound
    longer than 600 s; such a block counts as not pushed.

    >>> noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    >>> blocks = Blocks()
    >>> for block in np.split(noise, [37, 4000]):
    ...     blocks.push(block)
    >>> np.array_equal(blocks.functionals(), functionals(noise))
    True
    """

    def __init__(self) -> None:
        self._count = 0
        self._rest = np.empty(0, dtype=np.float32)  # what the next frame begins with
        self._frames: list[NDArray[np.float32]] = []

    @property
    def seconds(self) -> float:
        """How long the sound is by now."""
        return self._count / audio.SAMPLING_RATE

    def push(self, samples: NDArray[np.floating]) -> None:
        """Take the next samples."""
        audio.check(samples)
        if self._count + samples.size > audio.LONGEST_SECONDS * audio.SAMPLING_RATE:
            raise AudioError(
                f"{self.seconds + samples.size / audio.SAMPLING_RATE:.1f} s of sound, expected one "
                "utterance of at "
                f"most {audio.LONGEST_SECONDS:.0f} s: cut it into utterances"
            )
        self._count += samples.size
        for start in range(0, samples.size, _BLOCK):
            self._add(audio.full_scale(samples[start : start + _BLOCK]).astype(np.float32))

    def functionals(self) -> NDArray[np.float32]:
        """The vector of all that came, `(len(NAMES),)`. Raises `AudioError` for less than 60 ms."""
        if self._count < audio.SHORTEST_SECONDS * audio.SAMPLING_RATE:
            raise AudioError(
                f"{1000 * self.seconds:.3g} ms of sound, expected at least "
                f"{1000 * audio.SHORTEST_SECONDS:.0f}: leave "
                "it out, or take a longer cut"
            )
        return summary(np.concatenate(self._frames))

    def _add(self, samples: NDArray[np.float32]) -> None:
        sound = np.concatenate([self._rest, samples])
        frames = max(0, 1 + (sound.size - FRAME) // STEP)
        if frames:
            self._frames.append(_frames(sound))
        self._rest = sound[frames * STEP :]


def summary(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector of a sequence of frames, `(frames, 42) -> (len(NAMES),)`: 40 log mel energies,
    pitch, periodicity.
    """
    x = frames.T.astype(np.float64)  # (42, frames): one contiguous row a descriptor
    level = np.log(np.exp(x[:BANDS]).sum(axis=0, keepdims=True))
    loud = level[0] >= np.sort(level[0])[-min(LOUDEST, len(frames))] - LOUD_DB * np.log(10) / 10
    span = _span(loud)
    bands, voice, level, loud = x[:BANDS, span], x[BANDS:, span], level[:, span], loud[span]
    spectral = np.concatenate([bands, _COSINES.T @ bands, level])
    broad = np.concatenate([bands.reshape(_BROAD, -1, len(loud)).mean(axis=1), level])
    everything = np.ones(len(loud), dtype=bool)
    voiced = loud & (voice[1] >= VOICED)
    values = [
        *(_of_descriptors(spectral, over) for over in (everything, loud)),
        _of_descriptors(voice[1:], loud),
        _of_descriptors(voice, voiced),
        *(_movement(broad, everything, lag) for lag in LAGS),
        *(_movement(voice, voiced, lag) for lag in LAGS),
        *(_rhythm(over) for over in (loud, voiced)),
    ]
    return np.concatenate(values).astype(np.float32)


def _span(loud: NDArray[np.bool_]) -> slice:
    """The frames from the first loud one to the last, and `AROUND` on either side as far as there
    are some.
    """
    first, last = np.flatnonzero(loud)[[0, -1]]
    return slice(max(0, first - AROUND), last + 1 + AROUND)


def _frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log mel energies, pitch and periodicity of each 40 ms, `(frames, 42)`."""
    return np.hstack([filterbank(samples[_MARGIN : samples.size - _MARGIN]), pitch.pitch(samples)])


def _of_descriptors(x: NDArray[np.float64], over: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`OF_DESCRIPTOR` of each row over these frames: `(descriptors, frames) -> (7 · descriptors,)`."""
    if not over.any():
        return np.zeros(len(OF_DESCRIPTOR) * len(x))
    chosen = x[:, over]
    mean = chosen.mean(axis=1)
    centred = chosen - mean[:, None]
    time = np.flatnonzero(over) * STEP / audio.SAMPLING_RATE
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
    """Of each row, `(percents, rows)`: those of `np.percentile`, which takes several times as long."""
    ordered = np.sort(x, axis=1)
    place = np.array(percents) / 100 * (x.shape[1] - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, x.shape[1] - 1)
    values: NDArray[np.float64] = ordered[:, below] + (place - below) * (
        ordered[:, above] - ordered[:, below]
    )
    return values.T


def _changes(x: NDArray[np.float64], over: NDArray[np.bool_], lag: int) -> NDArray[np.float64]:
    """What each row changes by over so many frames, where both ends are among these: `(descriptors,
    pairs)`.
    """
    changes: NDArray[np.float64] = (x[:, lag:] - x[:, :-lag])[:, over[lag:] & over[:-lag]]
    return changes


def _movement(x: NDArray[np.float64], over: NDArray[np.bool_], lag: int) -> NDArray[np.float64]:
    changes = _changes(x, over, lag)
    moved: NDArray[np.float64] = np.sqrt((changes**2).sum(axis=1) / max(1, changes.shape[1]))
    return moved


def _rhythm(over: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of these frames, their stretches a second, mean and standard deviation of a stretch in
    seconds.
    """
    edges = np.flatnonzero(np.diff(over, prepend=False, append=False))
    stretches = (edges[1::2] - edges[::2]) * STEP / audio.SAMPLING_RATE
    if not stretches.size:
        return np.zeros(4)
    rate = stretches.size * audio.SAMPLING_RATE / (over.size * STEP)
    return np.array([over.mean(), rate, stretches.mean(), stretches.std()])
