"""A bundle at work: features or samples in, released vectors out, nothing else ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sordino.device.result import Result


class Runtime:
    """Runs one policy of a bundle.

    - `bundle`: what `sordino.device.read` returned, or the path of a bundle.
    - `policy`: the name of one of its policies; None where it has one only.
    - `key`: decides what is drawn, 0 to 2^128 - 1; None takes one from the operating system, which a device does: the
      one place below the command line where chance is no argument. A key given makes a run that can be repeated.
    """

    def __init__(self, bundle: str | Path, policy: str | None = None, key: int | None = None) -> None:
        raise NotImplementedError

    @property
    def sampling_rate(self) -> int:
        """Hz of the samples that `utterance` takes."""
        raise NotImplementedError

    def release(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """The released vectors of features `(n, d)`, `(n, k)`. Raises `ReleaseError`, and then nothing is released."""
        raise NotImplementedError

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
        """What comes of one utterance: `Released`, or `Withheld` with its reason. It raises for nothing in a sound."""
        raise NotImplementedError
