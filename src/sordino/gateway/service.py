"""From the sound or features of a request to released vectors, without HTTP.

    utterance    one recording                        a vector, or None
    features     the features of one utterance        a vector, or None
    stream       blocks of samples in order           the vectors of the utterances that end there

`None` is the answer to every utterance without a vector: silent, damaged, too long, over the budget
or withheld by the model. A reason would tell a reader of the network about the recording.

The memory of a request is overwritten with zeros as soon as it was used: the bytes of the request
and its samples or features. Copies inside libsndfile, ONNX Runtime, numpy and Python's own `bytes`
are freed and not overwritten.
"""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device import Channel, Released, Result, Runtime, Sender, Stream
from sordino.device.bundle.archive import parse_json
from sordino.device.sound.stream import STREAM_RATES
from sordino.errors import AudioError, BundleError, ReleaseError
from sordino.signal import audio
from sordino.types import Vectors

MOST_STREAMS: Final = 8
"""The limit of streams at once: each has a thread and the memory of its longest utterance."""

IDLE_STREAM_SECONDS: Final = 60.0
"""A stream without samples for this time has ended; what it holds is not released."""

STARTS: Final = {
    "audio/wav": (b"RIFF", b"RF64", b"RIFX"),
    "audio/x-wav": (b"RIFF", b"RF64", b"RIFX"),
    "audio/flac": (b"fLaC",),
    "audio/ogg": (b"OggS",),
}
"""The media types of recordings, and how their content begins: no other decoder sees a request."""


class BusyError(Exception):
    """No further stream, or a second request for one stream at a time."""


@dataclass
class _OpenStream:
    """A stream of one device. Its thread is its own, and so is its mean."""

    device: str
    stream: Stream
    last_use: float
    thread: ThreadPoolExecutor
    lock: threading.Lock = field(default_factory=threading.Lock)


class Gateway:
    """Releases vectors for the devices of one user.

    - `runtime`: a bundle, its policy, the key and the budget of the user.
    - `sender`: sends each released vector to a server too; None returns it to the device alone.
    - `centring`: each stream subtracts the mean of its own earlier utterances, which ends with the
      stream. The bound does not hold then (`sordino.device.channel`). An utterance and features
      alone are never centred.
    - `clock`: seconds that only increase.

    Threads may call it at once. Raises `ReleaseError` for centring with a bundle that has none.
    """

    def __init__(
        self,
        runtime: Runtime,
        sender: Sender | None = None,
        *,
        centring: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime, self._sender = runtime, sender
        self._centring, self._clock = centring, clock
        self._streams: dict[str, _OpenStream] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Timer | None = None
        self.takes_sound = _takes_sound(runtime)
        """Whether the bundle takes sound; features alone otherwise."""
        if centring:
            runtime.centred(Channel())  # refused now, and not at the first stream

    def description(self) -> dict[str, Any]:
        """What a device needs to know: the policy, and the input that the bundle takes."""
        features = self._runtime.bundle.card["features"]
        return {
            "policy": self._runtime.name,
            "width": self._runtime.width,
            "features": {
                name: features[name] for name in ("set", "dims", "streams") if name in features
            },
            "stream_rates": list(STREAM_RATES),
        }

    def utterance(self, content: io.BytesIO, kind: str) -> Vectors | None:
        """The vector of a recording, `(k,)`; None where nothing is released.

        - `kind`: its media type, a key of `STARTS`.

        Raises `StorageError` where a queue for the server cannot be written.
        """
        samples = np.zeros(0, np.float32)
        with content.getbuffer() as buffer:
            size, start = len(buffer), bytes(buffer[:4])
        try:
            if start not in STARTS[kind]:
                return None
            rate = self._runtime.sampling_rate
            samples = audio.read_stream(content, size, rate)
            result = self._runtime.utterance(samples, rate)
        except AudioError:
            return None
        finally:
            _overwrite(content)
            samples.fill(0)
        return self._released(result)

    def features(self, content: io.BytesIO) -> Vectors | None:
        """The vector of the features of one utterance, as JSON `{"features": [...]}`, or of its
        streams as `{"streams": {"audio": [[...], ...]}}`; None where nothing is released.
        """
        arrays = list[NDArray[np.float32]]()
        try:
            parsed = parse_json(content.getvalue())
            released = self._runtime.release(self._inputs(parsed, arrays))
        except Exception:  # any failure withholds
            return None
        finally:
            _overwrite(content)
            for array in arrays:
                array.fill(0)
        return self._sent(released[0])

    def open_stream(self, device: str, sampling_rate: int) -> str:
        """The id of a new stream of a device. Raises `BusyError` for too many, `ReleaseError` for
        another rate.
        """
        if not STREAM_RATES[0] <= sampling_rate <= STREAM_RATES[1]:
            raise ReleaseError(
                f"{sampling_rate} Hz, expected {STREAM_RATES[0]} to {STREAM_RATES[1]}: resample"
            )
        runtime = self._runtime.centred(Channel()) if self._centring else self._runtime
        with self._lock:
            self._end_idle()
            if len(self._streams) >= MOST_STREAMS:
                raise BusyError
            self._watch()
            identity = secrets.token_hex(16)
            self._streams[identity] = _OpenStream(
                device,
                runtime.stream(sampling_rate),
                self._clock(),
                ThreadPoolExecutor(1, "stream"),
            )
        return identity

    def push(self, identity: str, device: str, content: io.BytesIO) -> list[Vectors]:
        """The vectors of the utterances that end in a block of samples (16 bits, little-endian, one
        channel). Raises `KeyError` for an unknown stream, `BusyError` during another block.
        """
        entry = self._entry(identity, device)
        with self._only(identity, entry):
            samples = np.zeros(0, np.float32)
            try:
                with content.getbuffer() as buffer:
                    whole = len(buffer) // 2 * 2
                    samples = np.frombuffer(buffer[:whole], "<i2").astype(np.float32)
                samples /= 32768
                entry.last_use = self._clock()
                results = entry.thread.submit(entry.stream.push, samples).result()
            finally:
                _overwrite(content)
                samples.fill(0)
            return self._all_released(results)

    def close_stream(self, identity: str, device: str) -> list[Vectors]:
        """The vectors of the last utterance; then the stream and its mean are gone. Raises as
        `push` does.
        """
        entry = self._entry(identity, device)
        with self._only(identity, entry):
            del self._streams[identity]
            results = entry.thread.submit(entry.stream.end).result()
            entry.thread.shutdown()
            return self._all_released(results)

    def close(self) -> None:
        """End all streams without a release."""
        with self._lock:
            for entry in self._streams.values():
                entry.thread.shutdown(wait=False, cancel_futures=True)
            self._streams.clear()
            if self._watcher is not None:
                self._watcher.cancel()

    def _entry(self, identity: str, device: str) -> _OpenStream:
        with self._lock:
            self._end_idle()
            entry = self._streams[identity]
        if entry.device != device:
            raise KeyError(identity)
        return entry

    @contextmanager
    def _only(self, identity: str, entry: _OpenStream) -> Iterator[None]:
        """Hold a stream. Raises `BusyError` if another request does, `KeyError` if it has ended."""
        if not entry.lock.acquire(blocking=False):
            raise BusyError
        try:
            if identity not in self._streams:
                raise KeyError(identity)
            yield
        finally:
            entry.lock.release()

    def _watch(self) -> None:
        """End idle streams even if no request comes; called with the lock."""
        if self._watcher is None:
            self._watcher = threading.Timer(IDLE_STREAM_SECONDS, self._look)
            self._watcher.daemon = True
            self._watcher.start()

    def _look(self) -> None:
        with self._lock:
            self._watcher = None
            self._end_idle()
            if self._streams:
                self._watch()

    def _end_idle(self) -> None:
        """End the streams of devices that are gone; called with the lock."""
        limit = self._clock() - IDLE_STREAM_SECONDS
        for identity, entry in list(self._streams.items()):
            if entry.last_use < limit and not entry.lock.locked():
                del self._streams[identity]
                entry.thread.shutdown(wait=False)

    def _inputs(self, parsed: Any, arrays: list[NDArray[np.float32]]) -> Any:
        """The argument of `Runtime.release`; its arrays are listed in `arrays`, to be overwritten.
        Raises for any other content.
        """
        if not isinstance(parsed, dict) or len(parsed) != 1:
            raise ValueError("not one input")
        if "features" in parsed:
            arrays.append(_numbers(parsed["features"], 1))
            return arrays[0][None]
        clip = dict[str, NDArray[np.float32]]()
        for name, values in parsed["streams"].items():
            arrays.append(_numbers(values, 2))
            clip[name] = arrays[-1]
        return [clip]

    def _all_released(self, results: Sequence[Result]) -> list[Vectors]:
        vectors = (self._released(result) for result in results)
        return [vector for vector in vectors if vector is not None]

    def _released(self, result: Result) -> Vectors | None:
        return self._sent(result.vector) if isinstance(result, Released) else None

    def _sent(self, vector: Vectors) -> Vectors:
        if self._sender is not None:
            self._sender.add(vector)
        return vector


def _takes_sound(runtime: Runtime) -> bool:
    """Whether a bundle has an extractor here; it is loaded now, not by the first request."""
    try:
        return runtime.sampling_rate > 0
    except BundleError:
        return False


def _numbers(values: Any, dimensions: int) -> NDArray[np.float32]:
    """Numbers of JSON as an array. Raises `ValueError` for any other content."""
    array = np.array(values)
    if array.ndim != dimensions or array.dtype.kind not in "iuf":
        raise ValueError("other content than numbers")
    with np.errstate(over="ignore"):  # too large a number becomes infinite, and is withheld
        return array.astype(np.float32)


def _overwrite(content: io.BytesIO) -> None:
    """Fill the memory of a request with zeros."""
    with content.getbuffer() as buffer:
        buffer[:] = bytes(len(buffer))
