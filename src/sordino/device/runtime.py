"""A bundle at work: features or samples in, released vectors out, nothing else ever."""

from __future__ import annotations

import functools
import math
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle import Bundle, Served, read
from sordino.device.extractors import Extractor, extractor
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.serving import Clip, Clips, Table
from sordino.errors import BundleError, ReleaseError
from sordino.policy import Policy

SHORTEST_SECONDS: Final = 0.06
LONGEST_SECONDS: Final = 600.0
"""How long an utterance may be, as of recordings (`sordino.signal.audio`)."""

KEY_BITS: Final = 128


class Runtime:
    """Runs one policy of a bundle.

    - `bundle`: what `sordino.device.read` returned, or the path of a bundle.
    - `policy`: the name of one of its policies; None where it has one only.
    - `key`: decides what is drawn, 0 to 2^128 - 1; None takes one from the operating system, which a device does: the
      one place below the command line where chance is no argument. A key given makes a run that can be repeated.

    Raises `BundleError` for a bundle that is not whole or has no such policy, `ReleaseError` for another key.
    """

    def __init__(self, bundle: Bundle | str | Path, policy: str | None = None, key: int | None = None) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        self._served = _chosen(self.bundle, policy)
        if key is not None and not 0 <= key < 2**KEY_BITS:
            raise ReleaseError(f"key {key}, expected 0 to 2^{KEY_BITS} - 1: choose another, or none")
        key = secrets.randbits(KEY_BITS) if key is None else key
        serving = Clips if "streams" in self.bundle.card["features"] else Table
        self._serving: Table | Clips = serving(self.bundle, self._served, key)

    @property
    def name(self) -> str:
        """The name of the policy."""
        return self._served.name

    @property
    def policy(self) -> Policy:
        """What its user agreed to share."""
        return self._served.policy

    @functools.cached_property
    def extractor(self) -> Extractor:
        """Samples to features, as in training. Raises `BundleError` where the bundle takes features alone."""
        return extractor(self.bundle.card["features"])

    @property
    def sampling_rate(self) -> int:
        """Hz of the samples that `utterance` takes."""
        return self.extractor.sampling_rate

    def release(self, features: NDArray[np.floating] | Sequence[Clip]) -> NDArray[np.float32]:
        """The released vectors of features `(n, dims)`, `(n, k)`.

        A bundle of an embedding takes clips instead, each a mapping from its streams to `(steps, width)`. Raises
        `ReleaseError` for another shape, no rows, NaN or infinity and for a model that fails: nothing is released then.
        """
        given: Any = features
        return self._serving(given)

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
        """What comes of one utterance: `Released`, or `Withheld` with its reason. No sound makes it raise.

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
            given = [{"audio": features}] if isinstance(self._serving, Clips) else features[None]
            return Released(self.release(given)[0])
        except Exception:
            return Withheld(Reason.MODEL)


def _chosen(bundle: Bundle, policy: str | None) -> Served:
    names = ", ".join(bundle.policies)
    if policy is None and len(bundle.policies) > 1:
        raise BundleError(f"policies {names}, expected the name of one of them: choose what is to be hidden")
    name = next(iter(bundle.policies)) if policy is None else policy
    if name not in bundle.policies:
        raise BundleError(f"policy {name!r}, expected one of {names}: choose one of the bundle's")
    return bundle.policies[name]


def _unfit(samples: NDArray[np.floating], sampling_rate: int, expected: int) -> Reason | None:
    """Why samples are no utterance, or None."""
    if not isinstance(samples, np.ndarray) or samples.ndim != 1 or samples.dtype.kind != "f" or not samples.size:
        return Reason.NO_SAMPLES
    if sampling_rate != expected:
        return Reason.WRONG_RATE
    if samples.size < math.ceil(SHORTEST_SECONDS * expected):
        return Reason.TOO_SHORT
    if samples.size > LONGEST_SECONDS * expected:
        return Reason.TOO_LONG
    return None if np.isfinite(samples).all() else Reason.NOT_FINITE
