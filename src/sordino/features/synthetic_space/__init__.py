"""The scaled space that no recording decides: the scaling of synthetic speech, random directions.

    u   features, minus the mean and divided by the deviation of synthetic speech, clipped
    z   W u, with k random orthonormal directions in the rows of W

A mean and a deviation per feature of real recordings recognise each of them, even when they are
rounded or have noise (`docs/methods/drawn.md`, the scaled space). Those of the voices of eSpeak NG
depend on no person. Random directions preserve distances (Johnson and Lindenstrauss 1984).
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.features.preprocess import SCALE_RANGES, Preprocess
from sordino.signal.feature_sets import FEATURE_SETS, Joined

SETS: Final = ("mel", "speech", "speech-tiny")
"""The feature sets with a scaling of synthetic speech: two numbers per feature in a file of this
folder, which `benchmarks/drawn/synthetic_scaling.py` writes.
"""

SCALE: Final = "synthetic"
"""The name of the scaling in `Preprocess.config`."""

_SEED: Final = 0


def synthetic_space(features: str, components: int) -> Preprocess | None:
    """The scaled space of a feature set, or None for a set without a scaling of synthetic speech.

    - `features`: a name; of a joined set, every part must be in `SETS`.
    - `components`: the number of directions; fewer make a smaller bundle and cost utility. With as
      many as features or more, there is one direction per feature.

    The same arguments give the same bytes on one machine.

    >>> synthetic_space("mel", 512).dims, synthetic_space("IS13", 512)
    (512, None)
    """
    feature_set = FEATURE_SETS.get(features)
    parts = feature_set.parts if isinstance(feature_set, Joined) else (feature_set,)
    names = [part.name for part in parts if part is not None and part.name in SETS]
    if len(names) < len(parts):
        return None
    mean, deviation = np.concatenate([_scaling(name) for name in names]).T
    clip = SCALE_RANGES["zscore"]
    config = {"scale": SCALE, "components": components, "clip": list(clip)}
    directions = _directions(min(components, len(mean)), len(mean))
    return Preprocess(config, mean, 1 / deviation, np.zeros(len(mean)), directions)


def _scaling(name: str) -> NDArray[np.float64]:
    """Mean and deviation of each feature of synthetic speech, `(d, 2)`."""
    file = resources.files(__name__) / f"{name}.csv"
    return np.loadtxt(file.read_text("utf-8").splitlines(), delimiter=",", skiprows=1)


def _directions(count: int, dims: int) -> NDArray[np.float64]:
    """Random orthonormal directions, `(count, dims)`; those of the features if count = dims."""
    if count == dims:
        return np.eye(dims)
    normal = np.random.default_rng(_SEED).standard_normal((dims, count))
    return np.asarray(np.linalg.qr(normal)[0].T, np.float64)
