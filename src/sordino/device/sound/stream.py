"""Samples that never end, in; what comes of each utterance, out.

    block      (n,) or (n, channels) floats of any length, full scale at ±1, at the rate of the stream
      sound    the mean of the channels, resampled to 16 kHz (`signal.audio.resampler`)
      cut      into utterances (`segment`)
      judged   by the runtime, which releases a vector or says why not, and keeps to the budget of a day

Closed when in doubt: a block that is no sound, samples that are no numbers, a click, an utterance
that is too loud, too quiet, or fails anywhere on its way comes back as `Withheld`; no sound raises.
Where and how long somebody spoke is not told: the length of an utterance would say more than its
vector may. Memory is that of the longest utterance, and none of it is ever written, logged or
shown.

A stream belongs to one thread, the first that pushes, until it ends. A second thread gets
`ReleaseError`, since its samples would be mixed with those of the first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.device.result import Reason, Result, Withheld
from sordino.device.sound.segment import USUAL, Segmentation, Segmenter, Utterance
from sordino.errors import ReleaseError
from sordino.signal.audio import SAMPLING_RATE, resampler

RATES: Final = (8000, 384000)
"""Hz, the lowest and highest rate of a stream."""

_PIECE: Final = (
    1 << 14
)  # samples that are looked at in one go, so that a block of an hour is never copied
_GAP: Final = np.full(
    1, np.nan, np.float32
)  # stands where sound is missing: what is said around it is withheld


class Judge(Protocol):
    """What decides on one utterance: `sordino.device.Runtime`."""

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result: ...


class Stream:
    """What comes of each utterance of an endless stream.

    - `judge`: a `Runtime`.
    - `sampling_rate`: Hz of what is pushed, 8000 to 384000; at any other everything is withheld.
    - `how`: when an utterance begins and ends.

    >>> class Everything:
    ...     def utterance(self, samples, sampling_rate):
    ...         return Withheld(Reason.MODEL)
    >>> stream = Stream(Everything())
    >>> sound = np.random.default_rng(0).normal(0, 0.001, 4 * 16000).astype(np.float32)
    >>> sound[16000:32000] *= 100  # a second of something louder
    >>> [result.reason.name for block in np.split(sound, 8) for result in stream.push(block)]
    ['MODEL']
    >>> stream.push(np.full(4000, np.nan)), [result.reason.name for result in stream.end()]
    ([], ['NOT_FINITE'])
    """

    def __init__(
        self, judge: Judge, sampling_rate: int = SAMPLING_RATE, how: Segmentation = USUAL
    ) -> None:
        self._judge, self._rate, self._how = judge, sampling_rate, how
        self._lock, self._owner = threading.Lock(), _NO_THREAD
        self._known = isinstance(sampling_rate, int) and RATES[0] <= sampling_rate <= RATES[1]
        self._begin()

    def _begin(self) -> None:
        self._segmenter = Segmenter(self._how)
        self._resampled = resampler(self._rate if self._known else SAMPLING_RATE)

    def push(self, samples: NDArray[np.floating]) -> list[Result]:
        """What comes of the utterances that end within these samples, in their order; mostly
        nothing does.

        Raises `ReleaseError` in another thread than the one that began the stream.
        """
        self._claim()
        if not self._known:
            return [Withheld(Reason.WRONG_RATE)]
        if not _sound(samples):
            return [Withheld(Reason.NO_SAMPLES), *self._cut(_GAP)]
        pieces = (samples[at : at + _PIECE] for at in range(0, len(samples), _PIECE))
        return [result for piece in pieces for result in self._cut(piece)]

    def end(self) -> list[Result]:
        """What comes of an utterance that the end of the stream cuts.

        What is pushed later is a new stream, in any thread. Raises `ReleaseError` as `push` does.
        """
        self._claim()
        try:
            if not self._known:
                return []
            utterances = [*self._segmenter.push(self._resampled(_GAP[:0], True))]
            last = self._segmenter.end()
            self._begin()
            return [
                self._result(utterance) for utterance in [*utterances, *([last] if last else [])]
            ]
        finally:
            self._owner = _NO_THREAD

    def _claim(self) -> None:
        """Make the stream that of this thread, or raise `ReleaseError` where it is that of another."""
        thread = _thread()
        with self._lock:
            if self._owner == _NO_THREAD:
                self._owner = thread
            if self._owner != thread:
                raise ReleaseError(
                    "samples from a second thread, expected those of the thread that began the "
                    "stream: use one stream "
                    "for each source (Runtime.stream()), or call end() before another thread goes "
                    "on"
                )

    def _cut(self, piece: NDArray[np.floating]) -> Iterator[Result]:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # what is too large is infinite, and withheld
            mono = (piece if piece.ndim == 1 else piece.mean(axis=1)).astype(np.float32)
            sound = self._resampled(mono, False)
        for utterance in self._segmenter.push(sound):
            yield self._result(utterance)

    def _result(self, utterance: Utterance) -> Result:
        if not np.isfinite(utterance.samples).all():
            return Withheld(Reason.NOT_FINITE)
        if utterance.active_seconds < self._how.shortest_seconds:
            return Withheld(Reason.TOO_SHORT)
        try:
            return self._judge.utterance(utterance.samples, SAMPLING_RATE)
        except Exception:  # whatever it is, it would carry what was said along
            return Withheld(Reason.MODEL)


_Owner = tuple[int, threading.Thread | None]

_NO_THREAD: Final[_Owner] = (0, None)


def _thread() -> _Owner:
    """This thread. Its number alone would not do: the system gives that of an ended thread to a new
    one.
    """
    current = threading.current_thread()
    foreign = isinstance(
        current, threading._DummyThread
    )  # begun outside Python: a new object for each call
    return threading.get_ident(), None if foreign else current


def _sound(samples: object) -> bool:
    """Whether a block is samples of one channel or more."""
    return (
        isinstance(samples, np.ndarray)
        and samples.dtype.kind == "f"
        and (samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] > 0))
    )
