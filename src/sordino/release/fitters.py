"""Every release that sordino can fit: its name and the function that makes its fitter; and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release import archive
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.network import NetworkRelease
from sordino.release.protocol import Fitter, Release
from sordino.release.replacement import ReplacementFitter
from sordino.release.retaining import RetainingFitter

FITTERS: Final[dict[str, Callable[[Policy, int], Fitter]]] = {
    "none": lambda policy, seed: IdentityFitter(),  # noqa: ARG005
    "rae": lambda policy, seed: ReplacementFitter(policy, seed=seed),
    "rae-grl": lambda policy, seed: ReplacementFitter(policy, reversal=0.5, seed=seed),
    "rae-grl+": lambda policy, seed: RetainingFitter(policy, seed=seed),
}
"""Every release by name: from a policy and a seed to its fitter, with the defaults of the studies."""


def load(path: str | Path) -> Release:
    """The release in a file that `save` wrote. Raises `ReleaseError` for a file that is none."""
    name, config, arrays = archive.read(path)
    if name not in FITTERS:
        raise ReleaseError(f"{path}: release {name!r}, expected one of {', '.join(FITTERS)}: update sordino")
    try:
        return Identity.restore(config) if name == "none" else NetworkRelease.restore(name, config, arrays)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ReleaseError(f"{path}: parts of the release are missing or do not fit together: make it again") from error
