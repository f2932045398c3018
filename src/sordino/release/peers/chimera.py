"""Release `chimera`: recordings that the package `chimera-voice` changed.

It moves pitch (4 to 8 semitones) and formants (12 to 20 %) with Praat, and adds slight noise. Both
follow from a key, here one for each speaker. Source: the package, at its defaults. A recording
counts as one voice; the package would otherwise look for two to eight. Segments without detected
voice stay unchanged.

Praat draws random numbers, so the package alone gives other samples in each call. Here Praat's
generator is seeded from the key and the recording.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.release.peers.packages import needed_by
from sordino.signal.audio import SAMPLING_RATE
from sordino.types import Samples

RELEASE_NAME: Final = "chimera"


@dataclass(frozen=True)
class Chimera:
    """`intensity`: 0 to 1; more moves pitch and formants further."""

    intensity: float = 1.0
    name = RELEASE_NAME

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings and the versions of the packages."""
        _import_packages()
        packages = ("chimera-voice", "praat-parselmouth")
        return {**asdict(self), **{name: importlib.metadata.version(name) for name in packages}}

    def __call__(self, samples: Samples, key: str) -> NDArray[np.float64]:
        """The changed samples, `(samples,)`."""
        mask_array, run_praat = _import_packages()
        digest = hashlib.sha256(key.encode() + samples.tobytes()).digest()
        seed = int.from_bytes(digest[:4], "big")
        run_praat(f"random_initializeWithSeedUnsafelyButPredictably ({seed})")
        try:
            result = mask_array(
                samples.astype(np.float64),
                SAMPLING_RATE,
                key=key,
                intensity=self.intensity,
                n_speakers=1,
            )
        finally:
            run_praat("random_initializeSafelyAndUnpredictably ()")
        return np.asarray(result.audio, np.float64)


def _import_packages() -> tuple[Callable[..., Any], Callable[[str], Any]]:
    """The change of chimera-voice, and a command of Praat."""
    with needed_by(RELEASE_NAME):
        from chimera import mask_array
        from parselmouth.praat import run
    return mask_array, run
