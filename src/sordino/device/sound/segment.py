"""An endless stream of samples as utterances: what lies above the noise, with the pauses within it.

    frame      20 ms; its energy in bands that are evenly spaced in mel from 100 Hz on, in dB
    noise      in each band, the quietest tenth of a second of the last `memory_seconds`: minimum statistics
               (Martin 2001). Every band falls to its noise now and then while somebody speaks, so
               nobody need know when speech pauses
    activity   of a frame: how far it lies above the noise, root mean square over bands, what lies below counting as 0
               (after the divergence from the noise spectrum of Ramírez et al. 2004, without its look ahead)
    begin      at a frame above `enter_db`; `lead_seconds` before it belong to the utterance
    end        when no frame was above `leave_db` for `hangover_seconds`, of which `trail_seconds` belong to it
               (two thresholds: Rabiner and Sambur 1975)

Everything is computed for one hop of 0.1 s at a time, and hops are counted from the start of the
stream: that samples come one by one or in one block changes no bit. Memory is that of the longest
utterance. No sample is in two utterances, and none is written or shown. These bands cost a fraction
of Kaldi's, which features are computed from, and find speech as well: `python
benchmarks/segmentation.py` prints how well.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal.audio import SAMPLING_RATE, full_scale
from sordino.types import Samples

FRAME: Final = SAMPLING_RATE // 50  # samples
HOP: Final = 5 * FRAME
BANDS: Final = 16
LOWEST_HZ: Final = 100.0  # below it are mains hum and wind

FLOOR: Final = 1e-9
"""Power that is added to every band, 90 dB below full scale: no microphone is quieter, and one that
is switched off and on again does not make everything speech.
"""


@dataclass(frozen=True)
class Segmentation:
    """When an utterance begins and ends.

    - `enter_db`, `leave_db`: how far above the noise begins an utterance and keeps it going, in dB;
      noise alone has 3, seldom 5. Higher in a place where others talk in the background, lower for
      a whisper.
    - `memory_seconds`: how long noise is remembered. Longer than speech goes on without a gap; the
      shorter, the sooner a fan that is switched on is taken for noise.
    - `lead_seconds`, `trail_seconds`: quiet before and after that belongs to an utterance. `mel`
      looks at 100 ms of it, other feature sets at all there is: for those best as long as in the
      recordings that a release was fitted on.
    - `hangover_seconds`: the pause that ends an utterance; longer joins sentences, shorter splits
      them.
    - `shortest_seconds`: less activity than this is a click or a cough, and no utterance.
    - `longest_seconds`: an utterance is cut there, what follows is another one. It bounds the
      memory, 64 kB a second.

    Raises `AudioError` for what contradicts itself.
    """

    enter_db: float = 7.0
    leave_db: float = 5.0
    memory_seconds: float = 3.0
    lead_seconds: float = 0.4
    trail_seconds: float = 0.4
    hangover_seconds: float = 0.5
    shortest_seconds: float = 0.25
    longest_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not (
            0 < self.leave_db <= self.enter_db < math.inf
            and 0.1 <= self.memory_seconds <= 60
            and 0 <= self.trail_seconds <= self.hangover_seconds
            and 0 < self.shortest_seconds < self.longest_seconds <= 600
            and self.lead_seconds >= 0
            and self.lead_seconds + self.hangover_seconds < self.longest_seconds
        ):
            raise AudioError(
                f"{self}, expected 0 < leave_db <= enter_db, memory of 0.1 to 60 s, trail <= "
                "hangover, shortest < "
                "longest <= 600 s, lead + hangover < longest: correct what is out of order"
            )


USUAL: Final = Segmentation()
"""What is taken where nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """A stretch of a stream: where it starts, how much of it is above the noise, and its samples,
    never shown.
    """

    start_seconds: float
    active_seconds: float
    samples: Samples = field(repr=False)

    @property
    def end_seconds(self) -> float:
        """Where it ends in the stream."""
        return self.start_seconds + self.samples.size / SAMPLING_RATE


class Segmenter:
    """Utterances of one stream: 16 kHz, one channel, full scale at ±1.

    A sample that is NaN or infinite counts as activity: it ends up in an utterance, and whoever
    judges that is told.

    >>> rng = np.random.default_rng(0)
    >>> stream = rng.normal(0, 0.001, 5 * 16000).astype(np.float32)
    >>> stream[16000:32000] *= 100  # a second of something louder
    >>> segmenter = Segmenter()
    >>> [(round(one.start_seconds, 1), round(one.end_seconds, 1)) for one in segmenter.push(stream)]
    [(0.6, 2.4)]
    >>> segmenter
    Segmenter(5.0 s)
    """

    def __init__(self, how: Segmentation = USUAL) -> None:
        self._how = how
        self._next = np.zeros(HOP, np.float32)  # the next hop, of which so many samples are there:
        self._filled = 0
        self._hops = 0  # that were looked at
        self._noise = np.full(
            (round(how.memory_seconds * SAMPLING_RATE / HOP), len(_EDGES)), np.inf
        )  # a ring of hops
        self._kept: deque[Samples] = (
            deque()
        )  # the latest hops: those of the open utterance, or of its lead
        self._first = 0  # the sample that they start with
        self._free = 0  # samples before this one are in earlier utterances
        self._start = -1  # sample where the open utterance starts; below 0 none is open
        self._last = 0  # its latest active frame
        self._active = 0  # its active frames

    def __repr__(self) -> str:
        return f"Segmenter({(self._hops * HOP + self._filled) / SAMPLING_RATE:.1f} s)"

    def push(self, samples: NDArray[np.floating]) -> Iterator[Utterance]:
        """The utterances that end within these samples, `(n,)`: they are looked at while one
        iterates.
        """
        taken = 0
        while taken < samples.size:
            block = samples[taken : taken + HOP - self._filled]
            self._next[self._filled : self._filled + block.size] = block
            self._filled += block.size
            taken += block.size
            if self._filled == HOP:
                yield from self._hop()

    def end(self) -> Utterance | None:
        """The utterance that the end of the stream cuts, if any; none begins in its last hop.
        Nothing may follow.
        """
        if self._start < 0:
            return None
        self._kept.append(self._next[: self._filled])
        return self._cut(min(self._trailed(), self._hops * HOP + self._filled))

    def _hop(self) -> Iterator[Utterance]:
        """Look at the next five frames."""
        activity = self._activity(self._next)
        self._kept.append(self._next.copy())
        self._filled = 0
        self._hops += 1
        for frame, level in enumerate(activity, (self._hops - 1) * HOP // FRAME):
            yield from self._frame(frame, level)
        needed = (
            self._start if self._start >= 0 else self._hops * HOP - _samples(self._how.lead_seconds)
        )
        while self._first + HOP <= needed:
            self._kept.popleft()
            self._first += HOP

    def _activity(self, samples: Samples) -> list[float]:
        """How far each frame lies above the noise, in dB; infinite where it has samples that are no
        numbers.
        """
        known = np.isfinite(samples)
        energies = _energies(full_scale(np.where(known, samples, 0)))  # (5, bands)
        if known.all():
            self._noise[self._hops % len(self._noise)] = energies.mean(axis=0)
        above = np.maximum(
            energies - self._noise.min(axis=0), 0
        )  # (5, bands); 0 while nothing is known of the noise
        activity = np.sqrt(np.mean(above**2, axis=1))  # (5,)
        activity[~known.reshape(-1, FRAME).all(axis=1)] = math.inf
        levels: list[float] = activity.tolist()
        return levels

    def _frame(self, frame: int, level: float) -> Iterator[Utterance]:
        """Open, carry on or close an utterance at one frame."""
        if self._start < 0:
            if level <= self._how.enter_db:
                return
            self._start = max(frame * FRAME - _samples(self._how.lead_seconds), self._free)
            self._active = 0
        if level > self._how.leave_db:
            self._last = frame
            self._active += 1
        now = (frame + 1) * FRAME
        if now - self._start >= _samples(self._how.longest_seconds):
            yield self._cut(min(now, self._trailed()))
        elif now - (self._last + 1) * FRAME >= _samples(self._how.hangover_seconds):
            yield self._cut(self._trailed())

    def _trailed(self) -> int:
        """The sample at which the open utterance ends, its trail included."""
        return (self._last + 1) * FRAME + _samples(self._how.trail_seconds)

    def _cut(self, end: int) -> Utterance:
        """Close the open utterance at a sample."""
        samples = np.concatenate(self._kept)[self._start - self._first : end - self._first]
        cut = Utterance(
            self._start / SAMPLING_RATE, self._active * FRAME / SAMPLING_RATE, samples.copy()
        )
        self._start, self._free = -1, end
        return cut


def _samples(seconds: float) -> int:
    """So many samples, a whole number of frames."""
    return round(seconds * SAMPLING_RATE / FRAME) * FRAME


def _edges() -> NDArray[np.intp]:
    """The first line of the spectrum in each band; the narrowest have one."""
    mel = np.log1p(np.arange(FRAME // 2 + 1) * SAMPLING_RATE / FRAME / 700)
    edges = np.interp(
        np.linspace(np.log1p(LOWEST_HZ / 700), mel[-1], BANDS + 1)[:-1], mel, np.arange(len(mel))
    )
    return np.array(
        sorted(set(np.ceil(edges).tolist())), np.intp
    )  # np.unique would load masked arrays


_EDGES: Final = _edges()
_HANN: Final = np.hanning(FRAME) / np.sqrt(
    FRAME / 2 * np.sum(np.hanning(FRAME) ** 2)
)  # powers are those of the sound


def _energies(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """The energy of each frame of a hop in each band, in dB of full scale, `(5, bands)`."""
    power = np.abs(np.fft.rfft(samples.reshape(-1, FRAME) * _HANN)) ** 2
    energies: NDArray[np.float64] = 10 * np.log10(
        np.add.reduceat(power[:, :-1], _EDGES, axis=1) + FLOOR
    )
    return energies
