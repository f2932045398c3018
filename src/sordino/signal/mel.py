"""The feature set `mel`: functionals that sordino computes itself, so that anybody may ship them.

What they are is told in `sordino.signal.functionals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal import audio, functionals
from sordino.signal.filterbank import versions
from sordino.signal.functionals import NAMES

RECIPE: Final = 4
"""Counts the changes of `sordino.signal` that change values."""


@dataclass(frozen=True)
class Mel:
    """Samples to one vector: `(samples,) -> (dims,)` float32, the very function that a device runs.

    Raises `AudioError` for samples at 16 kHz that are no utterance: NaN, under 60 ms, over 600 s.
    """

    name: str = "mel"
    sampling_rate: int = audio.SAMPLING_RATE

    @property
    def dims(self) -> int:
        """How many functionals there are."""
        return len(NAMES)

    @property
    def names(self) -> list[str]:
        """What each functional is: descriptor, functional, and the frames it is over."""
        return list(NAMES)

    @property
    def recipe(self) -> int:
        """Counts the changes that change values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All that decides the values, versions included."""
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "dims": self.dims,
        }
        return settings | versions()

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return functionals(samples)
