"""The results of the utterances of an endless stream of samples.

    block    (n,) or (n, channels) floats of any length, full scale at ±1, at the rate of the stream
    sound    the mean of the channels, resampled to 16 kHz (`signal.audio.resampler`)
    cut      into utterances (`segment`)
    judge    the runtime, which releases a vector or gives a reason, within the budget of a day

Closed when in doubt: a block that is not sound, NaN or infinity, a click, an utterance that is too
loud, too quiet, or fails at any step returns `Withheld`; no sound raises. Times and lengths of
utterances are not released: a length would reveal more than the vector may. Memory is that of the
longest utterance, and no part of it is written, logged or shown.

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
from sordino.device.sound.mix_down import is_sound
from sordino.device.sound.segment import DEFAULT_SEGMENTATION, Segmentation, Segmenter, Utterance
from sordino.errors import ReleaseError
from sordino.signal.audio import SAMPLING_RATE, resampler

STREAM_RATES: Final = (8000, 384000)
"""Hz, the lowest and highest rate of a stream."""

_PIECE: Final = 1 << 14  # samples at once, so that a block of an hour is never copied
_GAP: Final = np.full(1, np.nan, np.float32)  # marks missing sound: its utterance is withheld


class Judge(Protocol):
    """Decides on one utterance: `sordino.device.Runtime`."""

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result: ...


class Stream:
    """The results of the utterances of an endless stream.

    - `judge`: a `Runtime`.
    - `sampling_rate`: Hz, 8000 to 384000; at any other rate everything is withheld.
    - `segmentation`: when an utterance begins and ends.

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
        self,
        judge: Judge,
        sampling_rate: int = SAMPLING_RATE,
        segmentation: Segmentation = DEFAULT_SEGMENTATION,
    ) -> None:
        self._judge, self._rate, self._segmentation = judge, sampling_rate, segmentation
        self._lock, self._owner = threading.Lock(), _NO_THREAD
        self._rate_is_valid = (
            isinstance(sampling_rate, int) and STREAM_RATES[0] <= sampling_rate <= STREAM_RATES[1]
        )
        self._begin()

    def _begin(self) -> None:
        self._segmenter = Segmenter(self._segmentation)
        self._resampled = resampler(self._rate if self._rate_is_valid else SAMPLING_RATE)

    def push(self, samples: NDArray[np.floating]) -> list[Result]:
        """The results of the utterances that end within these samples, in order; usually none.

        Raises `ReleaseError` in another thread than the one that began the stream.
        """
        self._claim()
        if not self._rate_is_valid:
            return [Withheld(Reason.WRONG_RATE)]
        if not is_sound(samples):
            return [Withheld(Reason.NO_SAMPLES), *self._cut(_GAP)]
        pieces = (samples[at : at + _PIECE] for at in range(0, len(samples), _PIECE))
        return [result for piece in pieces for result in self._cut(piece)]

    def end(self) -> list[Result]:
        """The result of an utterance that the end of the stream cuts.

        Later samples are a new stream, in any thread. Raises `ReleaseError` as `push` does.
        """
        self._claim()
        try:
            if not self._rate_is_valid:
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
        """Bind the stream to this thread. Raises `ReleaseError` if it belongs to another thread."""
        thread = _thread()
        with self._lock:
            if self._owner == _NO_THREAD:
                self._owner = thread
            if self._owner != thread:
                raise ReleaseError(
                    "samples from a second thread, expected those of the thread that began the "
                    "stream: use one stream for each source (Runtime.stream()), or call end() "
                    "before another thread goes on"
                )

    def _cut(self, piece: NDArray[np.floating]) -> Iterator[Result]:
        # too large numbers become infinite, and are withheld
        with np.errstate(over="ignore", invalid="ignore"):
            mono = (piece if piece.ndim == 1 else piece.mean(axis=1)).astype(np.float32)
            sound = self._resampled(mono, False)
        for utterance in self._segmenter.push(sound):
            yield self._result(utterance)

    def _result(self, utterance: Utterance) -> Result:
        if not np.isfinite(utterance.samples).all():
            return Withheld(Reason.NOT_FINITE)
        if utterance.active_seconds < self._segmentation.shortest_seconds:
            return Withheld(Reason.TOO_SHORT)
        try:
            return self._judge.utterance(utterance.samples, SAMPLING_RATE)
        except Exception:  # an error could contain parts of the utterance
            return Withheld(Reason.MODEL)


_Owner = tuple[int, threading.Thread | None]

_NO_THREAD: Final[_Owner] = (0, None)


def _thread() -> _Owner:
    """This thread. Its number is not enough: the system reuses the number of an ended thread."""
    current = threading.current_thread()
    # a thread that was begun outside Python has a new object for each call
    foreign = isinstance(current, threading._DummyThread)
    return threading.get_ident(), None if foreign else current
