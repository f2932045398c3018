"""Functionals of openSMILE: what a recording's pitch, loudness, spectrum and voice quality do over
an utterance.

openSMILE (Eyben, Wöllmer and Schuller 2010) is the reference extractor of the field. Its licence
allows research only, so it is the extra `sordino[opensmile]`, and this is the one module that
imports it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError
from sordino.signal import audio

RECIPE: Final = 1
"""Counts the changes of this file and of `sordino.signal.audio` that change values."""


@dataclass(frozen=True)
class Functionals:
    """Samples to one vector: `(samples,) -> (dims,)` float32.

    Values are exactly those of `opensmile.Smile.process_signal` on samples clipped to ±32767/32768.
    openSMILE casts to 16 bits without clipping, and 1.0 would come out as -1.0. Its data frame is
    left out, which costs time only.

    Raises `DependencyError` without the package, and `FeatureError` where openSMILE gives a value
    that is NaN or infinite: it does so for every value of a sound under 60 ms, and for none of a
    longer one that we have seen (silence, clicks, a constant, noise at full scale).
    """

    name: str
    """A name of `opensmile.FeatureSet`."""

    dims: int
    """How many functionals the set has."""

    sampling_rate: int = audio.SAMPLING_RATE
    """Hz of the samples. Functionals at another rate are other functionals."""

    @property
    def recipe(self) -> int:
        """Counts the changes that change values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All that decides the values, versions included."""
        settings = {"name": self.name, "sampling_rate": self.sampling_rate, "recipe": RECIPE}
        return settings | {"opensmile": _version()} | audio.versions()

    @property
    def names(self) -> list[str]:
        """The name of each functional, as openSMILE writes it."""
        return list(_smile(self.name).feature_names)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        extractor = _smile(self.name)
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Segment too short"
            )  # the error below says it
            values: NDArray[np.float32] = extractor(audio.full_scale(samples), self.sampling_rate)[
                0, :, 0
            ]
        bad = values.size - np.count_nonzero(np.isfinite(values))
        if bad:
            seconds = samples.size / self.sampling_rate
            raise FeatureError(
                f"{self.name}: {bad} of {values.size} values of a sound of {seconds:.3g} s are NaN "
                "or infinite, "
                "expected numbers: leave the utterance out"
            )
        return values


@functools.cache
def _smile(name: str) -> Any:
    """The one extractor of this process."""
    _version()
    import opensmile  # here, since reading from the cache needs none of what it loads

    return opensmile.Smile(opensmile.FeatureSet[name], opensmile.FeatureLevel.Functionals)


def _version() -> str:
    try:
        return importlib.metadata.version("opensmile")
    except importlib.metadata.PackageNotFoundError as error:
        raise DependencyError(
            "openSMILE is not installed, expected it for these features: pip install "
            "sordino[opensmile] (its licence "
            "allows research only), or bring a table of vectors"
        ) from error
