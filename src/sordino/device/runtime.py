"""A bundle at work: features or samples in, released vectors out, nothing else ever."""

from __future__ import annotations

import functools
import math
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.budget import DailyBudget
from sordino.device.bundle.bundle import Bundle, Served, read
from sordino.device.bundle.test_vectors import prove
from sordino.device.extractors import extractor
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.serving import Clip, ClipServing, VectorServing
from sordino.device.sound.segment import USUAL, Segmentation
from sordino.device.sound.stream import Stream
from sordino.device.trust.floor import Floor
from sordino.errors import BundleError, ReleaseError, SordinoError
from sordino.policy import Policy

if TYPE_CHECKING:
    from sordino.device.trust.signature import Signature, Trust, Trusted
    from sordino.signal.feature_sets import Extractor

SHORTEST_SECONDS: Final = 0.06
LONGEST_SECONDS: Final = 600.0
"""How long an utterance may be, as of recordings (`sordino.signal.audio`)."""

FULL_SCALE: Final = 0.999
MOST_CLIPPED: Final = 0.01
"""The largest share of samples at full scale; recordings of RAVDESS and EMO-DB have up to a
hundredth of it.
"""

LEAST_SOUND: Final = 2.0**-15
"""How far samples lie apart at least: one step of 16 bits."""

KEY_BITS: Final = 128


class Runtime:
    """Runs one policy of a bundle.

    - `bundle`: what `sordino.device.read` returned, or the path of a bundle.
    - `policy`: the name of one of its policies; None where it has one only.
    - `key`: decides what is drawn, 0 to 2^128 - 1. A device keeps one (`sordino.device.key`): under
      another key the same utterance is drawn for anew, and whoever gets it often averages noise and
      flips away. None takes one from the operating system, for this object alone: the one place
      below the command line where chance is no argument.
    - `budget`: the count of what goes out in a day. Without one, a policy that limits it lets out
      no utterance at all.

    - `trusted`: whose bundles may run: public keys, paths of their files, or a `signature.Trust`,
      which also knows the clock and the versions that have run. None asks for no signature.
    - `floor`: what the device asks of the policy, whoever made the bundle.

    Before anything is released the bundle's own test vectors run once
    (`sordino.device.bundle.test_vectors`).

    Several threads may call `utterance` and `release` of one runtime at once. `push` and `end`
    belong to one thread; `stream` gives a stream of its own to each further source.

    Raises `BundleError` for a bundle that is not whole, has no such policy, does not reach the
    floor or differs from its test vectors, `SignatureError` (a `BundleError`) for one that is not
    signed as asked, `ReleaseError` for another key.
    """

    def __init__(
        self,
        bundle: Bundle | str | Path,
        policy: str | None = None,
        key: int | None = None,
        budget: DailyBudget | None = None,
        *,
        trusted: Trusted | None = None,
        floor: Floor | None = None,
    ) -> None:
        self._budget, self._lock = budget, threading.Lock()
        self.bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        trusts = None if trusted is None else _trust(trusted)
        self.signature: Signature | None = trusts.verify(self.bundle) if trusts else None
        """The signature of the bundle, verified; None where none was asked for."""
        self._served = _chosen(self.bundle, policy)
        if floor is not None:
            floor.check(self._served)
        if key is not None and not 0 <= key < 2**KEY_BITS:
            raise ReleaseError(
                f"key {key}, expected 0 to 2^{KEY_BITS} - 1: choose another, or none"
            )
        key = secrets.randbits(KEY_BITS) if key is None else key
        serving = ClipServing if "streams" in self.bundle.card["features"] else VectorServing
        try:
            self._serving: VectorServing | ClipServing = serving(self.bundle, self._served, key)
            prove(self.bundle, self._serving)
        except SordinoError:
            raise
        except Exception as error:  # what a bundle holds that somebody forged is anybody's guess
            raise BundleError("parts of the bundle do not fit together: write it again") from error
        if trusts and self.signature:
            trusts.admit(self.signature, self.name)

    @property
    def name(self) -> str:
        """The name of the policy."""
        return self._served.name

    @property
    def width(self) -> int:
        """How many numbers a released vector has."""
        return self._served.width

    @property
    def policy(self) -> Policy:
        """What its user agreed to share."""
        return self._served.policy

    @functools.cached_property
    def extractor(self) -> Extractor:
        """Samples to features, as in training. Raises `BundleError` where the bundle takes features
        alone.
        """
        return extractor(self.bundle.card["features"])

    @property
    def sampling_rate(self) -> int:
        """Hz of the samples that `utterance` takes."""
        return self.extractor.sampling_rate

    def release(self, features: NDArray[np.floating] | Sequence[Clip]) -> NDArray[np.float32]:
        """The released vectors of features `(n, dims)`, `(n, k)`.

        A bundle of an embedding takes clips instead, each a mapping from its streams to `(steps,
        width)`. Raises `ReleaseError` for another shape, no rows, NaN or infinity, for a model that
        fails, and where less than that may go out today: nothing is released then.
        """
        given: Any = features
        released = self._serving(given)
        if reason := self._spent(len(released)):
            raise ReleaseError(
                f"{reason}: nothing is released, pass a budget, release fewer, or wait"
            )
        return released

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
        """What comes of one utterance: `Released`, or `Withheld` with its reason. No sound makes it
        raise.

        `samples` are one channel, full scale at ±1, `sampling_rate` (Hz) is that of the bundle.
        """
        expected = self.sampling_rate
        if reason := _unfit(samples, sampling_rate, expected):
            return Withheld(reason)
        try:
            features = self.extractor(np.asarray(samples, np.float32))
        except Exception:  # whatever fails, nothing goes out
            return Withheld(Reason.FEATURES)
        try:
            given: Any = (
                [{"audio": features}] if isinstance(self._serving, ClipServing) else features[None]
            )
            released = Released(self._serving(given)[0])
            withheld = self._spent(1)  # last, and before it goes out
        except Exception:
            return Withheld(Reason.MODEL)
        return Withheld(withheld) if withheld else released

    def push(self, samples: NDArray[np.floating]) -> list[Result]:
        """What comes of the utterances that end within these samples of an endless stream
        (`Stream.push`).

        Raises `ReleaseError` in a second thread: each source needs a `stream` of its own.
        """
        return self._one_stream().push(samples)

    def end(self) -> list[Result]:
        """What comes of an utterance that the end of the stream cuts. What is pushed later is a new
        stream.

        Raises `ReleaseError` in another thread than the one that pushed.
        """
        return self._one_stream().end()

    def stream(self, sampling_rate: int | None = None, how: Segmentation = USUAL) -> Stream:
        """A new stream of another source, independent of `push`; by default at the rate of the
        bundle.
        """
        return Stream(self, self.sampling_rate if sampling_rate is None else sampling_rate, how)

    def _one_stream(self) -> Stream:
        """The stream of `push` and `end`, made once, whichever thread asks first."""
        with self._lock:
            return self._stream

    @functools.cached_property
    def _stream(self) -> Stream:
        return self.stream()

    def _spent(self, count: int) -> Reason | None:
        """Why so many vectors more may not go out today, or None, and then they are counted."""
        per_day = self.policy.budget.per_day
        if self._budget is not None:
            return self._budget.spend(per_day, count)
        return None if per_day is None else Reason.UNCOUNTED


def _trust(trusted: Trusted) -> Trust:
    from sordino.device.trust.signature import (
        trust,
    )  # here: a device that asks for no signature starts without it

    return trust(trusted)


def _chosen(bundle: Bundle, policy: str | None) -> Served:
    names = ", ".join(bundle.policies)
    if policy is None and len(bundle.policies) > 1:
        raise BundleError(
            f"policies {names}, expected the name of one of them: choose what is to be hidden"
        )
    name = next(iter(bundle.policies)) if policy is None else policy
    if name not in bundle.policies:
        raise BundleError(f"policy {name!r}, expected one of {names}: choose one of the bundle's")
    return bundle.policies[name]


def _unfit(samples: NDArray[np.floating], sampling_rate: int, expected: int) -> Reason | None:
    """Why samples are no utterance, or None."""
    if (
        not isinstance(samples, np.ndarray)
        or samples.ndim != 1
        or samples.dtype.kind != "f"
        or not samples.size
    ):
        return Reason.NO_SAMPLES
    if sampling_rate != expected:
        return Reason.WRONG_RATE
    if samples.size < math.ceil(SHORTEST_SECONDS * expected):
        return Reason.TOO_SHORT
    if samples.size > LONGEST_SECONDS * expected:
        return Reason.TOO_LONG
    if not np.isfinite(samples).all():
        return Reason.NOT_FINITE
    if np.count_nonzero(np.abs(samples) >= FULL_SCALE) > MOST_CLIPPED * samples.size:
        return Reason.CLIPPED
    return Reason.SILENT if np.ptp(samples) <= LEAST_SOUND else None
