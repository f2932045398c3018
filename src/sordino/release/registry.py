"""Every release that sordino can fit: its name and the function that makes its fitter; and how it
is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release import archive
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.composed import Composed, ComposedFitter
from sordino.release.drawn.fit import DrawnFitter
from sordino.release.drawn.mixture import Mixture, MixtureFitter
from sordino.release.drawn.release import Drawn
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.protocol import Fitter, Release

FITTERS: Final[dict[str, Callable[[Policy, int], Fitter]]] = {
    "none": lambda policy, seed: IdentityFitter(),  # noqa: ARG005
    "rae": lambda policy, seed: ReplacementFitter(policy, seed=seed),
    "rae-grl": lambda policy, seed: ReplacementFitter(policy, reversal=0.5, seed=seed),
    "rae-grl+": lambda policy, seed: RetainingFitter(policy, seed=seed),
    "rae-leace": lambda policy, seed: ComposedFitter(
        "rae-leace", ReplacementFitter(policy, seed=seed), ErasureFitter(policy, seed=seed)
    ),
    "noise-gauss": lambda policy, seed: NoiseFitter(policy, "gauss", seed=seed),
    "noise-laplace": lambda policy, seed: NoiseFitter(policy, "laplace", seed=seed),
    "leace": lambda policy, seed: ErasureFitter(policy, seed=seed),
    "drawn": lambda policy, seed: DrawnFitter(policy, seed=seed),
    "drawn+detail": lambda policy, seed: DrawnFitter(policy, detail=True, seed=seed),
    "drawn+rae-25": lambda policy, seed: MixtureFitter.of(policy, 0.25, seed),
    "drawn+rae-50": lambda policy, seed: MixtureFitter.of(policy, 0.5, seed),
    "label": lambda policy, seed: DrawnFitter(policy, alone=True, seed=seed),
}
"""Every release by name: from a policy and a seed to its fitter, with the defaults of the studies.
"""


def load(path: str | Path) -> Release:
    """The release in a file that `save` wrote. Raises `ReleaseError` for a file that is none."""
    name, config, arrays = archive.read(path)
    if "shape" in config:
        raise ReleaseError(
            f"{path}: embedding {name!r}, expected a release of vectors: use Embedding.load"
        )
    if name not in FITTERS:
        raise ReleaseError(
            f"{path}: release {name!r}, expected one of {', '.join(FITTERS)}: update sordino"
        )
    try:
        return _restored(name, config, arrays)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ReleaseError(
            f"{path}: parts of the release are missing or do not fit together: make it again"
        ) from error


def _restored(name: str, config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Release:
    """The release of a family from what was saved of it."""
    if name == "none":
        return Identity.restore(config)
    if name.startswith("noise-"):
        return Noise.restore(config)
    if name == "leace":
        return Erased.restore(config, arrays)
    if name in ("drawn", "drawn+detail", "label"):
        return Drawn.restore(name, config, arrays)
    if name == "rae-leace":
        return Composed.restore(name, config, arrays, _restored)
    if name.startswith("drawn+rae-"):
        return Mixture.restore(name, config, arrays, _restored)
    return NetworkRelease.restore(name, config, arrays)
