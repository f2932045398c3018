"""Runs one policy of a bundle: from features or samples to released vectors, and nothing else."""

from __future__ import annotations

import copy
import functools
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.device.bundle.bundle import Bundle, read
from sordino.device.bundle.test_vectors import check_test_vectors
from sordino.device.extractors import extractor
from sordino.device.reader import Reader
from sordino.device.result import NotCentredError, Reason, Released, Result, Withheld
from sordino.device.serving import Clip, ClipServing, VectorServing
from sordino.errors import BundleError, ReleaseError, SordinoError
from sordino.policy import Policy
from sordino.types import Codes

if TYPE_CHECKING:
    from sordino.device.budget import DailyBudget
    from sordino.device.channel import Channel
    from sordino.device.sound.segment import Segmentation
    from sordino.device.sound.stream import Stream
    from sordino.device.trust.floor import Floor
    from sordino.device.trust.signature import Signature, Trust, TrustLike
    from sordino.signal.feature_sets import Extractor

FULL_SCALE: Final = 0.999
"""A sample is at full scale from this share of the largest one of its utterance: loudness has no
effect.
"""

MOST_CLIPPED: Final = 0.5
"""The largest share of samples at full scale. Angry speech is clipped first, so a low limit reveals
it by silence. Speech stays below this one, even if it is recorded 30 dB too loud.
"""

LEAST_SOUND: Final = 2.0**-15
"""The least range of samples: one step of 16 bits."""


class Runtime:
    """Runs one policy of a bundle.

    - `bundle`: a bundle that `sordino.device.read` returned, or its path.
    - `policy`: the name of one of its policies; None if it has only one.
    - `key`: the key of random draws, 0 to 2^128 - 1. A device keeps one (`sordino.device.key`):
      another key draws anew for the same utterance, and an attacker with many draws of it averages
      noise and flips away. The key of each release follows from it and from the content of the
      release, so that two bundles draw independently, whatever their names are. None takes a key
      from the operating system, for this object alone.
    - `budget`: the count of vectors released in a day. Without it, a policy with a limit releases
      nothing.
    - `trusted`: public keys of makers, paths of their files, or a `signature.Trust`, which also has
      the clock and the versions that have run. None requires no signature.
    - `floor`: the limits of the device, which hold for every bundle.
    - `channel`: centres utterances on the running mean of the device. None uses the fitted mean.

    Before the first release the test vectors of the bundle run once
    (`sordino.device.bundle.test_vectors`).

    Several threads may call `utterance` and `release` of one runtime at once. `push` and `end`
    belong to one thread; `stream` returns a separate stream for each further source.

    Raises `BundleError` for a bundle that is incomplete, has no such policy, does not reach the
    floor or differs from its test vectors, `SignatureError` (a `BundleError`) for a bundle without
    a trusted signature, `ReleaseError` for a key outside its range, and for a channel with a bundle
    that has no scaled space of vectors.
    """

    def __init__(
        self,
        bundle: Bundle | str | Path,
        policy: str | None = None,
        key: int | None = None,
        budget: DailyBudget | None = None,
        *,
        trusted: TrustLike | None = None,
        floor: Floor | None = None,
        channel: Channel | None = None,
    ) -> None:
        self._budget, self._lock = budget, threading.Lock()
        self.bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        trusts = None if trusted is None else _trust(trusted)
        self.signature: Signature | None = trusts.verify(self.bundle) if trusts else None
        """The verified signature of the bundle; None if none was required."""
        self._entry = self.bundle.entry(policy)
        if floor is not None:
            floor.check(self._entry)
        if key is not None and not 0 <= key < 2**keyed_random.KEY_BITS:
            raise ReleaseError(
                f"key {key}, expected 0 to 2^{keyed_random.KEY_BITS} - 1: choose another, or none"
            )
        key = int.from_bytes(os.urandom(keyed_random.KEY_BITS // 8)) if key is None else key
        key = keyed_random.release_key(key, self.bundle.release_digest(self.name))
        serving = ClipServing if "streams" in self.bundle.card["features"] else VectorServing
        try:
            self._serving: VectorServing | ClipServing = serving(self.bundle, self._entry, key)
            check_test_vectors(self.bundle, self._serving)
        except SordinoError:
            raise
        except Exception as error:  # a forged bundle may contain anything
            raise BundleError("parts of the bundle do not fit together: write it again") from error
        if channel is not None:
            self._serving.centre_by(channel)
        if trusts and self.signature:
            trusts.admit(self.signature, self.name)

    @property
    def name(self) -> str:
        """The name of the policy."""
        return self._entry.name

    @property
    def key(self) -> int:
        """The key of this release. It follows from that of the device and stays there."""
        return self._serving.key

    @property
    def width(self) -> int:
        """The number of dimensions of a released vector."""
        return self._entry.width

    @property
    def policy(self) -> Policy:
        """The policy: what its user agreed to share."""
        return self._entry.policy

    @functools.cached_property
    def extractor(self) -> Extractor:
        """Samples to features, as in training. An encoder is loaded by the first call. Raises
        `BundleError` where the bundle accepts features only.
        """
        return extractor(self.bundle)

    @property
    def sampling_rate(self) -> int:
        """Sampling rate of the samples of `utterance`, in Hz."""
        return self.extractor.sampling_rate

    def centred(self, channel: Channel) -> Runtime:
        """The same runtime for another source, centred on its mean; they share models and budget.

        Raises `ReleaseError` as the constructor does for a channel.
        """
        twin = copy.copy(self)
        twin.__dict__.pop("_stream", None)
        twin._serving = copy.copy(self._serving)
        twin._serving.centre_by(channel)
        return twin

    def release(self, features: NDArray[np.floating] | Sequence[Clip]) -> NDArray[np.float32]:
        """The released vectors of features `(n, dims)`, `(n, k)`.

        A bundle of an embedding takes clips instead, each a mapping from its streams to `(steps,
        width)`. Raises `ReleaseError` for another shape, no rows, NaN or infinity, for a model that
        fails, and for more vectors than the budget allows today: nothing is released then.
        """
        inputs: Any = features
        released = self._serving(inputs)
        if reason := self._spent(len(released)):
            raise ReleaseError(
                f"{reason}: nothing is released, pass a budget, release fewer, or wait"
            )
        return released

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
        """The result of one utterance: `Released`, or `Withheld` with its reason. No sound makes it
        raise.

        Other rates and channels are converted as in a recording: to the mean of the channels, then
        to the rate of the bundle (`sordino.device.sound.mix_down`).

        - `samples`: `(n,)` or `(n, channels)`, full scale at ±1.
        - `sampling_rate`: Hz, 4000 to 384000.
        """
        sound = _utterance(samples, sampling_rate, self.sampling_rate)
        if isinstance(sound, Reason):
            return Withheld(sound)
        try:
            features = self.extractor(sound)
        except Exception:  # any failure withholds
            return Withheld(Reason.FEATURES)
        try:
            inputs: Any = (
                [{"audio": features}] if isinstance(self._serving, ClipServing) else features[None]
            )
            released = Released(self._serving(inputs)[0])
            withheld = self._spent(1)  # last, and before the release
        except NotCentredError as error:
            return Withheld(error.reason)
        except Exception:
            return Withheld(Reason.MODEL)
        return Withheld(withheld) if withheld else released

    def read(self, vectors: NDArray[np.float32]) -> Codes:
        """The bin of each released vector, `(n, k)` to `(n,)`, or of one, `(k,)` to `()`: 0 is *not
        required*, 1 *required* (`sordino.device.Reader.read`, which needs no model).

        Raises `ReleaseError` for a policy without bins, and for a vector that it does not release.
        """
        return self._reader.read(vectors)

    def emotions(self, vectors: NDArray[np.float32]) -> list[str]:
        """The required emotion of each released vector, empty for none (`Reader.emotions`)."""
        return self._reader.emotions(vectors)

    def row(self, vector: NDArray[np.float32]) -> dict[str, Any]:
        """A released vector `(k,)` as the server takes it: `{"prototype": 3}`, or `{"vector":
        [...]}` (`sordino.device.Reader.row`).
        """
        return self._reader.row(vector)

    @functools.cached_property
    def _reader(self) -> Reader:
        return Reader(self.bundle, self.name)

    def push(self, samples: NDArray[np.floating]) -> list[Result]:
        """The results of the utterances that end within these samples of an endless stream
        (`Stream.push`).

        Raises `ReleaseError` in a second thread: each source needs a separate `stream`.
        """
        return self._one_stream().push(samples)

    def end(self) -> list[Result]:
        """The result of an utterance that the end of the stream cuts.

        Later samples are a new stream. Raises `ReleaseError` in another thread than that of `push`.
        """
        return self._one_stream().end()

    def stream(
        self, sampling_rate: int | None = None, segmentation: Segmentation | None = None
    ) -> Stream:
        """A new stream of another source, independent of `push`; by default at the rate of the
        bundle, cut as `Segmentation()` says.
        """
        # imported here: a runtime of vectors starts without sound
        from sordino.device.sound.segment import DEFAULT_SEGMENTATION
        from sordino.device.sound.stream import Stream

        return Stream(
            self,
            self.sampling_rate if sampling_rate is None else sampling_rate,
            DEFAULT_SEGMENTATION if segmentation is None else segmentation,
        )

    def _one_stream(self) -> Stream:
        """The stream of `push` and `end`, made once, by the first thread that uses it."""
        with self._lock:
            return self._stream

    @functools.cached_property
    def _stream(self) -> Stream:
        return self.stream()

    def _spent(self, count: int) -> Reason | None:
        """Count vectors and return None, or the reason why they may not be released today."""
        per_day = self.policy.budget.per_day
        if self._budget is not None:
            return self._budget.spend(per_day, count)
        return None if per_day is None else Reason.UNCOUNTED


def _trust(trusted: TrustLike) -> Trust:
    # imported here: a device that requires no signature starts without it
    from sordino.device.trust.signature import trust

    return trust(trusted)


def _utterance(
    samples: NDArray[np.floating], sampling_rate: int, expected: int
) -> NDArray[np.float32] | Reason:
    """Samples as one channel at the expected rate, or why they are no utterance."""
    # imported here: a runtime of vectors starts without sound
    from sordino.device.sound.mix_down import is_rate, is_sound, mix_down
    from sordino.signal.audio import LONGEST_SECONDS, MOST_SAMPLES, SHORTEST_SECONDS

    if not is_sound(samples) or not samples.size:
        return Reason.NO_SAMPLES
    if not is_rate(sampling_rate):
        return Reason.WRONG_RATE
    if len(samples) < math.ceil(SHORTEST_SECONDS * sampling_rate):
        return Reason.TOO_SHORT
    if len(samples) > LONGEST_SECONDS * sampling_rate or samples.size > MOST_SAMPLES:
        return Reason.TOO_LONG
    if not np.isfinite(samples).all():
        return Reason.NOT_FINITE
    try:
        sound = mix_down(samples, sampling_rate, expected)
    except Exception:  # any failure withholds
        return Reason.NO_SAMPLES
    if not np.isfinite(sound).all():  # numbers beyond float32
        return Reason.NOT_FINITE
    return _unusable(sound) or sound


def _unusable(sound: NDArray[np.float32]) -> Reason | None:
    """Why one channel of numbers is no speech, or None."""
    if np.ptp(sound) <= LEAST_SOUND:
        return Reason.SILENT
    size = np.abs(sound)
    clipped = np.count_nonzero(size >= FULL_SCALE * size.max()) > MOST_CLIPPED * sound.size
    return Reason.CLIPPED if clipped else None
