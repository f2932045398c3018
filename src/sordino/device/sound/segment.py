"""Utterances of an endless stream of samples: activity above the noise, with pauses within it.

    frame      20 ms; its energy in bands that are evenly spaced in mel from 100 Hz, in dB
    noise      in each band, the quietest tenth of a second of the last `memory_seconds`: minimum
               statistics (Martin 2001). During speech every band falls to its noise now and then,
               so no detection of pauses is needed
    activity   of a frame: its level above the noise, root mean square over bands; lower levels
               count as 0 (after the divergence from the noise spectrum of Ramírez et al. 2004,
               without its look-ahead)
    begin      at a frame above `enter_db`; the `lead_seconds` before it belong to the utterance
    end        after `hangover_seconds` without a frame above `leave_db`; `trail_seconds` of these
               belong to the utterance (two thresholds: Rabiner and Sambur 1975)

Everything is computed for one hop of 0.1 s at a time, and hops are counted from the start of the
stream: the size of the blocks in which samples arrive changes no bit. Memory is that of the longest
utterance. No sample is in two utterances, and none is written or shown. These bands cost a fraction
of Kaldi's, which features use, and find speech as well: `benchmarks/device/segmentation.py` prints
the comparison.
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

FRAME_SAMPLES: Final = SAMPLING_RATE // 50  # samples
BLOCK_SAMPLES: Final = 5 * FRAME_SAMPLES
ENERGY_BANDS: Final = 16
LOWEST_ENERGY_HZ: Final = 100.0  # below it are mains hum and wind

POWER_FLOOR: Final = 1e-9
"""Power that is added to every band, 90 dB below full scale. No microphone is quieter. After a
microphone is switched off and on again, noise is not classified as speech.
"""


@dataclass(frozen=True)
class Segmentation:
    """The settings that decide when an utterance begins and ends.

    - `enter_db`, `leave_db`: levels above the noise that begin and continue an utterance, in dB;
      noise alone has 3, seldom 5. Increase them for voices in the background, decrease them for a
      whisper.
    - `memory_seconds`: the memory of the noise estimate. It must be longer than speech without a
      gap; a shorter memory adapts sooner to a fan that is switched on.
    - `lead_seconds`, `trail_seconds`: quiet before and after an utterance that belongs to it. `mel`
      uses 100 ms of it, other feature sets all of it: for those, choose the length in the
      recordings on which the release was fitted.
    - `hangover_seconds`: the pause that ends an utterance; longer joins sentences, shorter splits
      them.
    - `shortest_seconds`: less activity than this is a click or a cough, not an utterance.
    - `longest_seconds`: an utterance is cut at this length, and the next begins. It limits the
      memory, 64 kB a second.

    Raises `AudioError` for contradictory settings.
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
                "hangover, shortest < longest <= 600 s, lead + hangover < longest: correct the "
                "order"
            )


DEFAULT_SEGMENTATION: Final = Segmentation()
"""The default settings."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """A part of a stream: its start, its activity above the noise, and its samples, which are never
    shown.
    """

    start_seconds: float
    active_seconds: float
    samples: Samples = field(repr=False)

    @property
    def end_seconds(self) -> float:
        """The end in the stream."""
        return self.start_seconds + self.samples.size / SAMPLING_RATE


class Segmenter:
    """Utterances of one stream: 16 kHz, one channel, full scale at ±1.

    A sample that is NaN or infinite counts as activity. It is therefore in an utterance, which the
    runtime withholds.

    >>> rng = np.random.default_rng(0)
    >>> stream = rng.normal(0, 0.001, 5 * 16000).astype(np.float32)
    >>> stream[16000:32000] *= 100  # a second of something louder
    >>> segmenter = Segmenter()
    >>> [(round(u.start_seconds, 1), round(u.end_seconds, 1)) for u in segmenter.push(stream)]
    [(0.6, 2.4)]
    >>> segmenter
    Segmenter(5.0 s)
    """

    def __init__(self, segmentation: Segmentation = DEFAULT_SEGMENTATION) -> None:
        self._segmentation = segmentation
        self._next = np.zeros(
            BLOCK_SAMPLES, np.float32
        )  # the next hop, of which so many samples are there:
        self._filled = 0
        self._hops = 0  # processed
        self._noise = np.full(
            (round(segmentation.memory_seconds * SAMPLING_RATE / BLOCK_SAMPLES), len(_EDGES)),
            np.inf,
        )  # a ring of hops
        self._hops_in_memory: deque[Samples] = (
            deque()
        )  # the latest hops: those of the open utterance, or of its lead
        self._first = 0  # the sample that they start with
        self._free = 0  # samples before this one are in earlier utterances
        self._start = -1  # sample where the open utterance starts; below 0 none is open
        self._last = 0  # its latest active frame
        self._active = 0  # its active frames

    def __repr__(self) -> str:
        return f"Segmenter({(self._hops * BLOCK_SAMPLES + self._filled) / SAMPLING_RATE:.1f} s)"

    def push(self, samples: NDArray[np.floating]) -> Iterator[Utterance]:
        """The utterances that end within these samples, `(n,)`; samples are processed during
        iteration.
        """
        position = 0
        while position < samples.size:
            block = samples[position : position + BLOCK_SAMPLES - self._filled]
            self._next[self._filled : self._filled + block.size] = block
            self._filled += block.size
            position += block.size
            if self._filled == BLOCK_SAMPLES:
                yield from self._hop()

    def end(self) -> Utterance | None:
        """The utterance that the end of the stream cuts, or None. No samples may follow."""
        if self._start < 0:
            return None
        self._hops_in_memory.append(self._next[: self._filled])
        return self._cut(min(self._trailed(), self._hops * BLOCK_SAMPLES + self._filled))

    def _hop(self) -> Iterator[Utterance]:
        """Process the next five frames."""
        activity = self._activity(self._next)
        self._hops_in_memory.append(self._next.copy())
        self._filled = 0
        self._hops += 1
        for frame, level in enumerate(activity, (self._hops - 1) * BLOCK_SAMPLES // FRAME_SAMPLES):
            yield from self._frame(frame, level)
        needed = (
            self._start
            if self._start >= 0
            else self._hops * BLOCK_SAMPLES - _samples(self._segmentation.lead_seconds)
        )
        while self._first + BLOCK_SAMPLES <= needed:
            self._hops_in_memory.popleft()
            self._first += BLOCK_SAMPLES

    def _activity(self, samples: Samples) -> list[float]:
        """The level of each frame above the noise, in dB; infinite for NaN in a frame."""
        finite = np.isfinite(samples)
        energies = _energies(full_scale(np.where(finite, samples, 0)))  # (5, bands)
        if finite.all():
            self._noise[self._hops % len(self._noise)] = energies.mean(axis=0)
        above = np.maximum(
            energies - self._noise.min(axis=0), 0
        )  # (5, bands); 0 while nothing is known of the noise
        activity = np.sqrt(np.mean(above**2, axis=1))  # (5,)
        activity[~finite.reshape(-1, FRAME_SAMPLES).all(axis=1)] = math.inf
        levels: list[float] = activity.tolist()
        return levels

    def _frame(self, frame: int, level: float) -> Iterator[Utterance]:
        """Begin, continue or end an utterance at one frame."""
        if self._start < 0:
            if level <= self._segmentation.enter_db:
                return
            self._start = max(
                frame * FRAME_SAMPLES - _samples(self._segmentation.lead_seconds), self._free
            )
            self._active = 0
        if level > self._segmentation.leave_db:
            self._last = frame
            self._active += 1
        now = (frame + 1) * FRAME_SAMPLES
        if now - self._start >= _samples(self._segmentation.longest_seconds):
            yield self._cut(min(now, self._trailed()))
        elif now - (self._last + 1) * FRAME_SAMPLES >= _samples(
            self._segmentation.hangover_seconds
        ):
            yield self._cut(self._trailed())

    def _trailed(self) -> int:
        """The sample at which the open utterance ends, including its trail."""
        return (self._last + 1) * FRAME_SAMPLES + _samples(self._segmentation.trail_seconds)

    def _cut(self, end: int) -> Utterance:
        """Close the open utterance at a sample."""
        samples = np.concatenate(self._hops_in_memory)[
            self._start - self._first : end - self._first
        ]
        cut = Utterance(
            self._start / SAMPLING_RATE,
            self._active * FRAME_SAMPLES / SAMPLING_RATE,
            samples.copy(),
        )
        self._start, self._free = -1, end
        return cut


def _samples(seconds: float) -> int:
    """The nearest whole number of frames, in samples."""
    return round(seconds * SAMPLING_RATE / FRAME_SAMPLES) * FRAME_SAMPLES


def _edges() -> NDArray[np.intp]:
    """The first line of the spectrum in each band; the narrowest bands have one line."""
    mel = np.log1p(np.arange(FRAME_SAMPLES // 2 + 1) * SAMPLING_RATE / FRAME_SAMPLES / 700)
    edges = np.interp(
        np.linspace(np.log1p(LOWEST_ENERGY_HZ / 700), mel[-1], ENERGY_BANDS + 1)[:-1],
        mel,
        np.arange(len(mel)),
    )
    return np.array(
        sorted(set(np.ceil(edges).tolist())), np.intp
    )  # np.unique would load masked arrays


_EDGES: Final = _edges()
_HANN: Final = np.hanning(FRAME_SAMPLES) / np.sqrt(
    FRAME_SAMPLES / 2 * np.sum(np.hanning(FRAME_SAMPLES) ** 2)
)  # powers are those of the sound


def _energies(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """The energy of each frame of a hop in each band, in dB of full scale, `(5, bands)`."""
    power = np.abs(np.fft.rfft(samples.reshape(-1, FRAME_SAMPLES) * _HANN)) ** 2
    energies: NDArray[np.float64] = 10 * np.log10(
        np.add.reduceat(power[:, :-1], _EDGES, axis=1) + POWER_FLOOR
    )
    return energies
