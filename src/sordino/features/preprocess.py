"""The scaled space: features brought to one scale and to few dimensions, by what the fitting
speakers show.

Risk model, release and attackers all live in it. It is public, so it may be fitted on speakers who
agreed to that only: the transform speakers by default.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError

SCALES: Final = {"minmax": (-0.5, 1.5), "zscore": (-10.0, 10.0)}
"""How columns are scaled, and the range that scaled values are clipped to unless another is given.
`minmax` maps what was seen in fitting to [0, 1]; an unseen speaker may lie outside, and with a
thousand columns one wild functional would otherwise rule the sum. `zscore` maps to mean 0 and
standard deviation 1.
"""

_ARRAYS: Final = ("offset", "factor", "mean", "components")


@dataclass(frozen=True, eq=False)
class Preprocess:
    """`(n, d) -> (n, k)` float32: `(clip((x − offset) · factor) − mean) @ componentsᵀ`, computed in
    float64.

    A callable that cannot change; two with the same `hash` are the same function. Its arrays are
    its own.

    Raises `FeatureError` for a table of another width, without rows, or with NaN or infinity.
    """

    config: dict[str, Any]
    """What was asked for: scale, components, clip."""

    offset: NDArray[np.float64]  # (d,)
    factor: NDArray[np.float64]  # (d,)
    mean: NDArray[np.float64]  # (d,)
    components: NDArray[np.float64]  # (k, d)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", dict(self.config))
        for name in _ARRAYS:
            own = np.array(getattr(self, name), dtype=np.float64)
            own.setflags(write=False)
            object.__setattr__(self, name, own)

    def __call__(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        _check(x, self.offset.size)
        z = _scaled(x, self.offset, self.factor, self.config["clip"])  # (n, d)
        return np.asarray((z - self.mean) @ self.components.T, dtype=np.float32)  # (n, k)

    def centred(self, x: NDArray[np.floating]) -> Preprocess:
        """The same space with the mean of these rows where that of the rows fitted on was, `(n,
        d)`.

        For another place (microphone, room, language) unlabelled recordings of many people there
        suffice: what place and people add to every vector is taken off (`docs/builder/carrying-over.md`).
        Raises `FeatureError` as a call does.
        """
        _check(x, self.offset.size)
        return replace(
            self, mean=_scaled(x, self.offset, self.factor, self.config["clip"]).mean(axis=0)
        )

    @property
    def dims(self) -> int:
        """k, the number of dimensions that come out."""
        return len(self.components)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of the configuration and everything fitted."""
        content = json.dumps(self.config, sort_keys=True).encode()
        fitted = b"".join(getattr(self, name).astype("<f8").tobytes() for name in _ARRAYS)
        return hashlib.sha256(content + fitted).hexdigest()[:12]

    def save(self, path: str | Path) -> Path:
        """Write it as NPZ (no pickle inside); the path. Raises `StorageError`."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        content = io.BytesIO()
        np.savez(content, config=np.array(json.dumps(self.config, sort_keys=True)), **arrays)
        return storage.write(path, content.getvalue())

    @staticmethod
    def load(path: str | Path) -> Preprocess:
        """The one that `save` wrote. Raises `FeatureError` for another file, `StorageError` for
        what cannot be read.
        """
        with storage.told(path):
            try:
                with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                    config = json.loads(arrays["config"].item())
                    return Preprocess(config, *(arrays[name] for name in _ARRAYS))
            except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
                raise FeatureError(
                    f"{path}: not a saved preprocessing, expected what `save` wrote: fit it anew"
                ) from error


@dataclass
class PreprocessFitter:
    """Fits a `Preprocess`: scale every column, then principal components (Feng 2021, section V:
    min-max, PCA to 256).

    `scale` is one of `SCALES`. `components` is how many principal components are kept, never more
    than rows − 1 or than the rank of the scaled rows: `min(components, rows − 1, rank)`, since
    further directions hold nothing but rounding. `clip` is the range of scaled values, `None` for
    that of `SCALES`; the components are computed from clipped values. Columns that are constant in
    the rows fitted on become 0 for everyone. The sign of a component, which PCA leaves open, makes
    its largest loading positive. The same rows give the same bytes on one machine.

    >>> x = np.random.default_rng(0).normal(size=(20, 50))
    >>> preprocess = PreprocessFitter(components=256).fit(x)
    >>> preprocess(x[:3]).shape, preprocess.dims
    ((3, 19), 19)
    """

    scale: str = "minmax"
    components: int = 256
    clip: tuple[float, float] | None = None

    def fit(self, x: NDArray[np.floating]) -> Preprocess:
        """Fit on these rows and no others, `(n, d)`. Raises `FeatureError` for fewer than two
        different ones.
        """
        clip = self._range()
        _check(x)
        if len(x) < 2:
            raise FeatureError(
                "one row, expected at least two to see how they differ: fit on more utterances"
            )
        offset, factor = _SCALERS[self.scale](x.astype(np.float64))
        z = _scaled(x, offset, factor, clip)  # (n, d)
        mean = z.mean(axis=0)
        config = {"scale": self.scale, "components": self.components, "clip": list(clip)}
        return Preprocess(config, offset, factor, mean, _principal(z, self.components))

    def _range(self) -> tuple[float, float]:
        """The range to clip to; raises for settings that mean nothing."""
        if self.scale not in SCALES:
            raise FeatureError(
                f"scale {self.scale!r}, expected one of {', '.join(SCALES)}: choose one"
            )
        if self.components < 1:
            raise FeatureError(
                f"components {self.components}, expected at least 1: choose how many to keep"
            )
        low, high = self.clip or SCALES[self.scale]
        if not low < high:
            raise FeatureError(
                f"clip ({low:g}, {high:g}), expected a lower and a higher number: swap or change "
                "them"
            )
        return float(low), float(high)


Scaler = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _minmax(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = x.min(axis=0)
    return low, _inverse(x.max(axis=0) - low)


def _zscore(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    constant = x.max(axis=0) == x.min(
        axis=0
    )  # the standard deviation of equal numbers is 0 but for rounding
    return x.mean(axis=0), _inverse(np.where(constant, 0, x.std(axis=0)))


_SCALERS: Final[dict[str, Scaler]] = {"minmax": _minmax, "zscore": _zscore}


def _inverse(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / spread, and 0 for what is constant."""
    return np.divide(1, spread, out=np.zeros_like(spread), where=spread > np.finfo(np.float64).tiny)


def _scaled(
    x: NDArray[np.floating],
    offset: NDArray[np.float64],
    factor: NDArray[np.float64],
    clip: tuple[float, float],
) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # what is too large is clipped
        z: NDArray[np.float64] = (x.astype(np.float64) - offset) * factor
    return np.clip(z, *clip)


def _principal(z: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """The first principal components of rows `(n, d)`, shape `(k, d)`."""
    from sklearn.decomposition import (
        PCA,
    )  # here: it takes two seconds, in every process that extracts features

    if not np.ptp(z, axis=0).any():
        raise FeatureError(
            f"{len(z)} rows that are all the same, expected different ones: check the features"
        )
    pca = PCA(min(components, len(z) - 1, z.shape[1]), svd_solver="full").fit(z)
    strength = pca.singular_values_
    rank = np.count_nonzero(strength > strength[0] * max(z.shape) * np.finfo(np.float64).eps)
    directions: NDArray[np.float64] = pca.components_[:rank]
    return directions


def _check(x: NDArray[np.floating], width: int | None = None) -> None:
    if x.ndim != 2 or not x.size or (width is not None and x.shape[1] != width):
        raise FeatureError(
            f"vectors of shape {x.shape}, expected (rows, {width or 'dims'}) with one row or more: "
            "extract them anew"
        )
    bad = x.size - np.count_nonzero(np.isfinite(x))
    if bad:
        raise FeatureError(
            f"{bad} of {x.size} values are NaN or infinite, expected numbers: leave those rows out"
        )
