"""The types that several rooms share, each defined once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Positions of rows in a table, shape (n,)."""

Codes = NDArray[np.intp]
"""Classes or bins as positions in a list of names, shape (n,)."""

Vectors = NDArray[np.float32]
"""Vectors as a release takes and gives them, shape (n, dimensions)."""

Matrix = NDArray[np.float64]
"""Numbers in the precision of linear algebra, shape (n, dimensions)."""

Samples = NDArray[np.float32]
"""Sound, shape (samples,), in [-1, 1] at full scale."""

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name, as a file keeps them."""

Statistic = Callable[[Rows], float]
"""A metric of the rows at these positions."""


Real = TypeVar("Real", bound=np.floating[Any])


@runtime_checkable
class RowReader(Protocol):
    """Vectors `(rows, dims)` in a file, of which rows are read on request."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        ...

    def read_rows(self, rows: Rows, /) -> Matrix:
        """The vectors at some positions, `(positions, dims)`, in this order."""
        ...


def vectors_at(x: NDArray[Real] | RowReader, rows: Rows) -> NDArray[Real] | Matrix:
    """Some rows of vectors in memory or in a file, `(positions, dims)`.

    >>> vectors_at(np.eye(3), np.array([2, 0]))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    return x.read_rows(rows) if isinstance(x, RowReader) else x[rows]
