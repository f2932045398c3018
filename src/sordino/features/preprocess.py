"""The scaled space: scaled features in few dimensions, fitted on the fitting speakers.

Risk model, release and attackers all use it. It is public, so it may be fitted only on speakers who
agreed to this: the transform speakers by default.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError

SCALE_RANGES: Final = {"minmax": (-0.5, 1.5), "zscore": (-10.0, 10.0)}
"""The scalings of columns, with the default range to which scaled values are clipped. `minmax` maps
the fitting rows to [0, 1]. Other speakers may lie outside, and without clipping one extreme
functional among a thousand could dominate the sum. `zscore` maps to mean 0 and standard deviation
1.
"""

_ARRAYS: Final = ("offset", "factor", "mean", "components")


@dataclass(frozen=True, eq=False)
class Preprocess:
    """`(n, d) -> (n, k)` float32: `(clip((x − offset) · factor) − mean) @ componentsᵀ`, computed in
    float64.

    An immutable callable with its own copies of arrays; equal `hash` means equal function.

    Raises `FeatureError` for a table of another width, without rows, or with NaN or infinity.
    """

    config: dict[str, Any]
    """The settings of the fit: scale, components, clip."""

    offset: NDArray[np.float64]  # (d,)
    factor: NDArray[np.float64]  # (d,)
    mean: NDArray[np.float64]  # (d,)
    components: NDArray[np.float64]  # (k, d)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", dict(self.config))
        for name in _ARRAYS:
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __call__(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        check_features(x, self.offset.size)
        z = scale_rows(x, self.offset, self.factor, self.config["clip"])  # (n, d)
        return np.asarray((z - self.mean) @ self.components.T, dtype=np.float32)  # (n, k)

    def centred(self, x: NDArray[np.floating]) -> Preprocess:
        """The same space with the mean of these rows, `(n, d)`, in the place of the fitted mean.

        For another environment (microphone, room, language), unlabelled recordings of many people
        suffice: the common offset of environment and people is subtracted
        (`docs/builder/carrying-over.md`). Raises `FeatureError` like a call.
        """
        check_features(x, self.offset.size)
        return replace(
            self, mean=scale_rows(x, self.offset, self.factor, self.config["clip"]).mean(axis=0)
        )

    @property
    def dims(self) -> int:
        """k, the number of output dimensions."""
        return len(self.components)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of the configuration and the fitted arrays."""
        content = json.dumps(self.config, sort_keys=True).encode()
        fitted = b"".join(getattr(self, name).astype("<f8").tobytes() for name in _ARRAYS)
        return hashlib.sha256(content + fitted).hexdigest()[:12]

    def save(self, path: str | Path) -> Path:
        """Write an NPZ without pickles; the path. Raises `StorageError`."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        content = io.BytesIO()
        np.savez(content, config=np.array(json.dumps(self.config, sort_keys=True)), **arrays)
        return storage.write(Path(path), content.getvalue())

    @staticmethod
    def load(path: str | Path) -> Preprocess:
        """The preprocessing in a file of `save`. Raises `FeatureError` for another file
        and a compressed one, `StorageError` for an unreadable one.
        """
        stored = storage.read_regular(path, storage.ARCHIVE_BYTES)
        try:
            storage.open_stored(stored)
            with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
                config = json.loads(arrays["config"].item())
                return Preprocess(config, *(arrays[name] for name in _ARRAYS))
        except Exception as error:  # parsers of damaged files raise any exception
            raise FeatureError(
                f"{path}: not a saved preprocessing, expected what `save` wrote: fit it anew"
            ) from error


@dataclass
class PreprocessFitter:
    """Fits a `Preprocess`: scaling of every column, then principal components (Feng 2021, section
    V: min-max, PCA to 256).

    `scale` is one of `SCALE_RANGES`. `components` is the largest number of principal components.
    The space has `min(components, rows − 1, rank)`, since further directions are rounding errors.
    `clip` is the range of scaled values, `None` for that of `SCALE_RANGES`; the components are
    computed from clipped values. Columns that are constant in the fitting rows become 0 for all
    rows. The sign of a component makes its largest loading positive. The same rows yield the same
    bytes on one machine.

    >>> x = np.random.default_rng(0).normal(size=(20, 50))
    >>> preprocess = PreprocessFitter(components=256).fit(x)
    >>> preprocess(x[:3]).shape, preprocess.dims
    ((3, 19), 19)
    """

    scale: str = "minmax"
    components: int = 256
    clip: tuple[float, float] | None = None

    def fit(self, x: NDArray[np.floating]) -> Preprocess:
        """Fit on these rows, `(n, d)`. Raises `FeatureError` for fewer than two different rows."""
        clip = self.clip_range()
        check_features(x)
        check_two_rows(x)
        offset, factor = _SCALERS[self.scale](x.astype(np.float64))
        z = scale_rows(x, offset, factor, clip)  # (n, d)
        mean = z.mean(axis=0)
        config = {"scale": self.scale, "components": self.components, "clip": list(clip)}
        return Preprocess(config, offset, factor, mean, _principal(z, self.components))

    def clip_range(self) -> tuple[float, float]:
        """The range for clipping; raises for invalid settings."""
        if self.scale not in SCALE_RANGES:
            raise FeatureError(
                f"scale {self.scale!r}, expected one of {', '.join(SCALE_RANGES)}: choose one"
            )
        if self.components < 1:
            raise FeatureError(
                f"components {self.components}, expected at least 1: choose how many to keep"
            )
        low, high = self.clip or SCALE_RANGES[self.scale]
        if not low < high:
            raise FeatureError(
                f"clip ({low:g}, {high:g}), expected a lower and a higher number: swap or change "
                "them"
            )
        return float(low), float(high)


Scaler = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _minmax(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = x.min(axis=0)
    return low, inverse_spread(x.max(axis=0) - low)


def _zscore(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # rounding makes the standard deviation of equal numbers differ from 0
    constant = x.max(axis=0) == x.min(axis=0)
    return x.mean(axis=0), inverse_spread(np.where(constant, 0, x.std(axis=0)))


_SCALERS: Final[dict[str, Scaler]] = {"minmax": _minmax, "zscore": _zscore}


def inverse_spread(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / spread, and 0 for constant columns."""
    return np.divide(1, spread, out=np.zeros_like(spread), where=spread > np.finfo(np.float64).tiny)


def scale_rows(
    x: NDArray[np.floating],
    offset: NDArray[np.float64],
    factor: NDArray[np.float64],
    clip: tuple[float, float],
) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # too large values are clipped
        z: NDArray[np.float64] = (x.astype(np.float64) - offset) * factor
    return np.clip(z, *clip)


def _principal(z: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """The first principal components of rows `(n, d)`, shape `(k, d)`."""
    # here: it takes two seconds in every process that extracts features
    from sklearn.decomposition import PCA

    if not np.ptp(z, axis=0).any():
        raise FeatureError(
            f"{len(z)} rows that are all the same, expected different ones: check the features"
        )
    pca = PCA(min(components, len(z) - 1, z.shape[1]), svd_solver="full").fit(z)
    strength = pca.singular_values_
    rank = np.count_nonzero(strength > strength[0] * max(z.shape) * np.finfo(np.float64).eps)
    directions: NDArray[np.float64] = pca.components_[:rank]
    return directions


def check_two_rows(x: Sized) -> None:
    """Raise `FeatureError` for fewer than two rows, which no space is fitted on."""
    if len(x) < 2:
        raise FeatureError(
            "one row, expected at least two to see how they differ: fit on more utterances"
        )


def check_features(x: NDArray[np.floating], width: int | None = None) -> None:
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
