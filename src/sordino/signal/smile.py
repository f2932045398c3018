"""Functionals of openSMILE: statistics of pitch, loudness, spectrum and voice quality over an
utterance.

openSMILE (Eyben, Wöllmer and Schuller 2010) is the reference extractor of the field. Its licence
allows research only, so it is the extra `opensmile`, and this is the one module that
imports it.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, install_step
from sordino.signal import audio

RECIPE: Final = 1
"""Number of changes of this file and of `sordino.signal.audio` that changed values."""


@dataclass(frozen=True)
class Functionals:
    """Samples to one vector: `(samples,) -> (dims,)` float32.

    Values are exactly those of `opensmile.Smile.process_signal` on samples clipped to ±32767/32768.
    openSMILE casts to 16 bits without clipping, so 1.0 would become -1.0. Its data frame only costs
    time and is not built.

    Raises `DependencyError` without the package, and `FeatureError` for values that are NaN or
    infinite: openSMILE has no others for a sound under 60 ms, and had none for longer sounds in our
    tests (silence, clicks, a constant, noise at full scale).
    """

    name: str
    """A name of `opensmile.FeatureSet`."""

    dims: int
    """The number of functionals."""

    sampling_rate: int = audio.SAMPLING_RATE
    """Hz of the samples. Another rate has other functionals."""

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values."""
        settings = {"name": self.name, "sampling_rate": self.sampling_rate, "recipe": RECIPE}
        return settings | {"opensmile": _version()} | audio.versions()

    @property
    def names(self) -> list[str]:
        """The name of each functional, as openSMILE writes it."""
        return list(_smile(self.name).feature_names)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        extractor = _smile(self.name)
        with warnings.catch_warnings():
            # the error below replaces this warning
            warnings.filterwarnings("ignore", message="Segment too short")
            values: NDArray[np.float32] = extractor(audio.full_scale(samples), self.sampling_rate)[
                0, :, 0
            ]
        bad = values.size - np.count_nonzero(np.isfinite(values))
        if bad:
            seconds = samples.size / self.sampling_rate
            raise FeatureError(
                f"{self.name}: {bad} of {values.size} values of a sound of {seconds:.3g} s are NaN "
                "or infinite, expected numbers: leave the utterance out"
            )
        return values


@functools.cache
def _smile(name: str) -> Any:
    """The extractor of this process."""
    _version()
    import opensmile  # here: reading from the cache does not need it

    return opensmile.Smile(opensmile.FeatureSet[name], opensmile.FeatureLevel.Functionals)


def _version() -> str:
    import importlib.metadata  # here, as it loads slowly

    try:
        return importlib.metadata.version("opensmile")
    except importlib.metadata.PackageNotFoundError as error:
        raise DependencyError(
            "openSMILE is not installed, expected it for these features: "
            f"{install_step('opensmile')} (its licence allows research only), or use a table of "
            "vectors"
        ) from error
