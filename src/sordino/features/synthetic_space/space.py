"""The scaled space that no recording decides: scaling and directions of synthetic speech.

    u   features, minus the mean and divided by the deviation of synthetic speech, clipped
    z   W u, with orthonormal directions in the rows of W: the leading principal components of
        synthetic speech, then random ones

A mean and a deviation per feature of real recordings recognise each of them, even when they are
rounded or have noise (`docs/methods/drawn.md`, the scaled space). Those of the voices of eSpeak NG
depend on no person. Random directions preserve distances (Johnson and Lindenstrauss 1984).
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from sordino.features.preprocess import SCALE_RANGES, Preprocess
from sordino.signal.feature_sets import FEATURE_SETS, Joined

SETS: Final = ("mel", "speech", "speech-tiny")
"""The feature sets with a model of synthetic speech: a file of this folder, which
`benchmarks/drawn/synthetic_space.py` writes.
"""

SPEECH_COMPONENTS: Final = 32
"""Principal components in the model of a set. A joined set has those of all its parts."""

SYNTHETIC_SCALE: Final = "synthetic"
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
    models = [_model(name) for name in names]
    mean, deviation = np.concatenate([model[:, :2] for model in models]).T
    clip = SCALE_RANGES["zscore"]
    config = {"scale": SYNTHETIC_SCALE, "components": components, "clip": list(clip)}
    directions = _directions([model[:, 2:] for model in models], components)
    return Preprocess(config, mean, 1 / deviation, np.zeros(len(mean)), directions)


def _model(name: str) -> NDArray[np.float64]:
    """The mean, the deviation and the loadings of the components of each feature of synthetic
    speech, `(d, 2 + SPEECH_COMPONENTS)`.
    """
    with (resources.files(__package__) / f"{name}.npy").open("rb") as file:
        return np.asarray(np.load(file, allow_pickle=False), np.float64)


def _directions(loadings: list[NDArray[np.float64]], count: int) -> NDArray[np.float64]:
    """At most `count` orthonormal directions, `(count, dims)`: the first component of each part,
    the second ones, and so on, and then random directions.
    """
    dims = sum(map(len, loadings))
    count = min(count, dims)
    leading = block_diag(*loadings)  # (dims, parts * SPEECH_COMPONENTS)
    order = np.arange(leading.shape[1]).reshape(len(loadings), -1).T.ravel()
    random = np.random.default_rng(_SEED).standard_normal((dims, count))
    both = np.concatenate([leading[:, order], random], axis=1)[:, :count]
    orthonormal, triangle = np.linalg.qr(both)
    directions: NDArray[np.float64] = (orthonormal * np.sign(np.diag(triangle))).T
    return directions
