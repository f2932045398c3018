"""The feature set `mel`: functionals of sordino, under its own licence.

`sordino.signal.functionals` defines them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal import audio, functionals
from sordino.signal.filterbank import versions
from sordino.signal.functionals import NAMES, RANGE_DB

RECIPE: Final = 5
"""Number of changes of `sordino.signal` that changed values."""

ABSOLUTE_RECIPE: Final = 4
"""The last recipe with absolute energies, without a range."""


@dataclass(frozen=True)
class Mel:
    """Samples to one vector: `(samples,) -> (dims,)` float32, the same function as on a device.

    `range_db` is the range of `functionals`; `None` computes the vectors of recipe 4.

    Raises `AudioError` for NaN, and for less than 60 ms or more than 600 s at 16 kHz.
    """

    name: str = "mel"
    sampling_rate: int = audio.SAMPLING_RATE
    range_db: float | None = RANGE_DB

    @property
    def dims(self) -> int:
        """The number of functionals."""
        return len(NAMES)

    @property
    def names(self) -> list[str]:
        """The name of each functional: descriptor, functional, frames."""
        return list(NAMES)

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return ABSOLUTE_RECIPE if self.range_db is None else RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values."""
        settings: dict[str, object] = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": self.recipe,
            "dims": self.dims,
        }
        if self.range_db is not None:
            settings["range_db"] = self.range_db
        return settings | versions()

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return functionals(samples, self.range_db)
