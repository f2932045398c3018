"""Vectors that a study passes on: in memory, or in a temporary file where they are many.

An array in a file (`numpy.memmap`) is one in place of an array in memory. All functions here take
both, and give back the kind that they got. A file has the mode 0600 and is removed with its array.
"""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError, StorageError
from sordino.features.large.mapped import fit_blocks, slices
from sordino.features.large.table import VectorRows
from sordino.features.preprocess import Preprocess, PreprocessFitter
from sordino.types import Rows, Vectors


def read_mapped(vectors: VectorRows, rows: Rows) -> Vectors:
    """The vectors of a table at some positions, each at most once, `(positions, dims)`, in a
    temporary file, in one pass.

    Raises `FeatureError` for NaN and infinity in any row of the table, and `StorageError` without
    space for the file.
    """
    place = {name: column for column, name in enumerate(vectors.names)}
    target = np.full(len(vectors), -1, np.intp)
    target[rows] = np.arange(len(rows))

    def fill(x: Vectors) -> None:
        for start, names, values in vectors.table.numbers(vectors.names):
            to = target[start : start + len(values)]
            with np.errstate(over="ignore"):
                numbers = values[to >= 0].astype(np.float32)
            if not np.isfinite(numbers).all():
                raise FeatureError(
                    f"{vectors.table.path}: numbers beyond those of 32 bits among the rows from "
                    f"{start + 1:,}, expected smaller ones: leave those utterances out"
                )
            columns = np.array([place[name] for name in names])
            x[np.ix_(to[to >= 0], columns)] = numbers

    return _filled((len(rows), len(vectors.names)), fill)


def select_rows(x: Vectors, rows: Rows) -> Vectors:
    """Some rows of vectors, `(rows, d)`; `x` itself for all rows in their order."""
    if np.array_equal(rows, np.arange(len(x))):
        return x
    if not isinstance(x, np.memmap):
        return x[rows]

    def fill(selected: Vectors) -> None:
        for part in slices(selected):
            selected[part] = x[rows[part]]

    return _filled((len(rows), x.shape[1]), fill)


def fit_space(fitter: PreprocessFitter, x: NDArray[np.floating[Any]], rows: Rows) -> Preprocess:
    """The scaled space fitted on some rows; in blocks if `x` is in a file (`fit_blocks`)."""
    return (
        fit_blocks(fitter, _Selected(x, rows)) if isinstance(x, np.memmap) else fitter.fit(x[rows])
    )


def scale_vectors(preprocess: Preprocess, x: NDArray[np.floating[Any]]) -> Vectors:
    """The scaled vectors, `(n, d) -> (n, k)`; in a temporary file if `x` is in a file."""
    if not isinstance(x, np.memmap):
        return preprocess(x)

    def fill(z: Vectors) -> None:
        for part in slices(z):
            z[part] = preprocess(x[part])

    return _filled((len(x), preprocess.dims), fill)


@dataclass(frozen=True)
class _Selected:
    """Some rows of an array, gathered slice by slice."""

    x: NDArray[np.floating[Any]]
    rows: Rows

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.x.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> NDArray[np.floating[Any]]:
        return self.x[self.rows[part]]


def _filled(shape: tuple[int, int], fill: Callable[[Vectors], None]) -> Vectors:
    """An array in a new temporary file, after `fill` wrote it. A later change stays in memory."""
    handle, name = tempfile.mkstemp(prefix="sordino-", suffix=".vectors")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _reserve(file.fileno(), 4 * shape[0] * shape[1])
        written = np.memmap(path, np.float32, "r+", shape=shape)
        fill(written)
        written.flush()
        array = np.memmap(path, np.float32, "c", shape=shape)
    except BaseException as error:
        _remove(path)
        if isinstance(error, OSError):
            raise StorageError(
                f"{path}: {error.strerror}, expected space for {shape[0]:,} vectors of "
                f"{shape[1]:,} numbers: set TMPDIR to a folder of a larger disk"
            ) from error
        raise
    weakref.finalize(array, _remove, path)
    return array


def _reserve(file: int, size: int) -> None:
    """Take the space of a file now: a full disk would end the process later. Raises `OSError`."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # some file systems cannot
                raise
    os.truncate(file, size)


def _remove(path: Path) -> None:
    with suppress(OSError):  # Windows keeps a file that is mapped
        path.unlink(missing_ok=True)
