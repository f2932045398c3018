"""Matrices of kernel attackers on a device: numpy's on a processor, tensors of PyTorch on a GPU.

The attackers are written once, with operators, methods and functions of `library` that both have.
On a processor they have all digits of numpy. On a GPU numbers are float64 too, and sums have
another order: scores agree to `SCORE_TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sordino.types import Matrix

Array = Any
"""A `Matrix`, or a tensor of PyTorch with the same numbers."""

Placement = Callable[[Matrix], Array]
"""From a matrix to the same numbers on a device."""

SCORE_TOLERANCE: Final = 1e-6
"""The largest difference of scores between devices, as a share of the largest score of an attacker.
"""


def placement(device: str) -> Placement:
    """The placement on `cpu`, which changes nothing, or on `cuda`."""
    return _unchanged if device == "cpu" else partial(as_tensor, device=device)


def as_tensor(values: Matrix, device: Any) -> Array:
    """A float64 tensor on a device of PyTorch."""
    import torch  # here: on a processor no tensor is made

    return torch.as_tensor(np.ascontiguousarray(values, np.float64), device=device)


def like(values: Matrix, other: Array) -> Array:
    """A matrix on the device of another one."""
    return values if isinstance(other, np.ndarray) else as_tensor(values, other.device)


def to_numpy(values: Array) -> Matrix:
    """The numbers in numpy."""
    matrix: Matrix = values if isinstance(values, np.ndarray) else values.cpu().numpy()
    return matrix


def library(values: Array) -> Any:
    """The module with functions of such a matrix: numpy or torch."""
    if isinstance(values, np.ndarray):
        return np
    import torch

    return torch


def median(values: Array) -> float:
    """The median of all numbers."""
    if isinstance(values, np.ndarray):
        return float(np.median(values))
    flat, half = values.flatten(), values.numel() // 2
    upper = flat.kthvalue(half + 1).values
    lower = upper if values.numel() % 2 else flat.kthvalue(half).values
    return float((lower + upper) / 2)


def solve_positive(gram: Array, diagonal: Matrix | float, right: Array) -> Array | None:
    """(gram + diagonal)⁻¹ right by a Cholesky factor; None if the matrix is not positive definite.
    `diagonal` may be one number for each row.
    """
    if not isinstance(gram, np.ndarray):
        return _solve_tensor(gram, diagonal, right)
    regularised = gram.copy()
    regularised[np.diag_indices_from(regularised)] += diagonal
    try:  # of a symmetric matrix the transpose is the same, and LAPACK does not copy it
        cholesky = cho_factor(regularised.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    return cho_solve(cholesky, right, check_finite=False)


def _solve_tensor(gram: Array, diagonal: Matrix | float, right: Array) -> Array | None:
    import torch

    regularised = gram.clone()
    regularised.diagonal().add_(like(np.asarray(diagonal, np.float64), gram))
    factor, failure = torch.linalg.cholesky_ex(regularised)
    return None if failure else torch.cholesky_solve(right, factor)


def _unchanged(values: Matrix) -> Array:
    return values
