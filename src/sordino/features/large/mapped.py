"""Vectors in a memory-mapped file, and the scaled space fitted on them block by block.

    vectors of a table in blocks -> map_vectors -> an array on disk, (rows, dims) of 32-bit floats
    the array -> fit_blocks -> Preprocess -> map_scaled -> the scaled vectors on disk, (rows, k)

Each step has the memory of a few blocks. A mapped array is a numpy array: everything that reads
rows of an array reads those of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError
from sordino.features.large.table import VectorRows
from sordino.features.preprocess import (
    Preprocess,
    PreprocessFitter,
    check_features,
    check_two_rows,
    inverse_spread,
    scale_rows,
)
from sordino.types import Matrix, Vectors

SPACE_TOLERANCE: Final = 1e-6
"""The largest difference of scaled vectors between `fit_blocks` and `PreprocessFitter.fit`, as a
share of the largest number, if the kept directions have different strengths.
"""

WEAKEST_DIRECTION: Final = 1e-6
"""Directions with a singular value below this share of the largest one are left out."""

_BLOCK: Final = 1 << 14  # rows


class RowArray(Protocol):
    """An array `(rows, d)`, or rows that are gathered slice by slice."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> NDArray[np.floating[Any]]: ...


def map_vectors(vectors: VectorRows, path: Path) -> Vectors:
    """A memory-mapped array of all vectors of a table, `(rows, dims)`, in a new file of NumPy's
    format with mode 0600.

    Raises `FeatureError` for NaN and infinity, `StorageError` where the file cannot be written.
    """
    place = {name: column for column, name in enumerate(vectors.names)}

    def fill(temporary: Path) -> None:
        x = np.lib.format.open_memmap(temporary, "w+", np.float32, vectors.shape)
        for start, columns, values in vectors.table.numbers(vectors.names):
            x[start : start + len(values), [place[name] for name in columns]] = values
        x.flush()

    return _mapped(storage.write(path, fill, mode=storage.PRIVATE))


def map_scaled(preprocess: Preprocess, x: NDArray[np.floating], path: Path) -> Vectors:
    """A memory-mapped array of the scaled vectors of `x` `(rows, d)`, `(rows, k)`, as
    `map_vectors` writes it. Raises `FeatureError` as a call of `preprocess` does.
    """

    def fill(temporary: Path) -> None:
        shape = (len(x), preprocess.dims)
        z = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
        for rows in slices(x):
            z[rows] = preprocess(x[rows])
        z.flush()

    return _mapped(storage.write(path, fill, mode=storage.PRIVATE))


def fit_blocks(fitter: PreprocessFitter, x: RowArray) -> Preprocess:
    """The scaled space of rows `(n, d)` that need not fit into memory: `fitter.fit` in blocks.

    The first pass finds the scale of each column (scikit-learn's `partial_fit`), the second the
    mean and the covariance of the scaled and clipped rows, `(d, d)`. Its eigenvectors are the
    principal components. They agree with those of `fit`, which decomposes the rows themselves, to
    `SPACE_TOLERANCE`. Weak directions differ: squares of the rows have half of the digits, so that
    directions below `WEAKEST_DIRECTION` are left out. Raises `FeatureError` as `fit` does.
    """
    low, high = fitter.clip_range()
    check_two_rows(x)
    offset, factor = _scale(fitter.scale, x)

    def blocks() -> Iterator[Matrix]:
        for rows in slices(x):
            yield scale_rows(x[rows], offset, factor, (low, high))

    shift = next(blocks()).mean(axis=0)  # near the mean: squares of differences keep their digits
    total, squares = np.zeros(x.shape[1]), np.zeros((x.shape[1], x.shape[1]))
    for z in blocks():
        z -= shift
        total += z.sum(axis=0)
        squares += z.T @ z
    mean = total / len(x)
    values, vectors = np.linalg.eigh(squares - len(x) * np.outer(mean, mean))
    components = _strongest(values, vectors, min(fitter.components, len(x) - 1))
    config = {"scale": fitter.scale, "components": fitter.components, "clip": [low, high]}
    return Preprocess(config, offset, factor, shift + mean, components)


def _scale(scale: str, x: RowArray) -> tuple[Matrix, Matrix]:
    """Offset and factor of each column; constant columns have the factor 0."""
    from sklearn.preprocessing import MinMaxScaler, StandardScaler  # takes two seconds

    ranges, moments = MinMaxScaler(), StandardScaler()
    for rows in slices(x):
        check_features(x[rows])
        block = x[rows].astype(np.float64)
        ranges.partial_fit(block)
        moments.partial_fit(block)
    low, high = ranges.data_min_, ranges.data_max_
    if scale == "minmax":
        return low, inverse_spread(high - low)
    deviation = np.where(low == high, 0, np.sqrt(moments.var_))
    return moments.mean_, inverse_spread(deviation)


def _strongest(values: Matrix, vectors: Matrix, count: int) -> Matrix:
    """The strongest eigenvectors as rows, each with a positive largest loading."""
    order = np.argsort(values)[::-1][:count]
    strength = np.sqrt(np.maximum(values[order], 0))
    if not strength[0] > 0:
        raise FeatureError(
            "rows that are all the same, expected different ones: check the features"
        )
    components: Matrix = vectors[:, order[strength > WEAKEST_DIRECTION * strength[0]]].T
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, None]
    return components


def _mapped(path: Path) -> Vectors:
    """The array in a file; a change would stay in memory, so that the file keeps its content."""
    array: Vectors = np.load(path, mmap_mode="c", allow_pickle=False)
    return array


def slices(x: RowArray) -> Iterator[slice]:
    """Slices of the rows of an array, in blocks."""
    for start in range(0, len(x), _BLOCK):
        yield slice(start, start + _BLOCK)
