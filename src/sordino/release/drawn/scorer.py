"""Posteriors of the emotions of a policy, from one affine map and a softmax.

    z -> affine -> softmax over pairs of emotion and gender -> sum over genders

Emotion and gender are classified jointly, so that a difference between the genders is not mistaken
for an emotion. `fit_scorer` fits the weights. The same code runs with numpy and writes the model
for a device (`sordino.onnx.writer`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.types import Matrix


class Operations(NamedTuple):
    """Array functions of a library, such as numpy or the symbols of `sordino.onnx.writer`;
    `softmax` also takes an axis.
    """

    softmax: Any
    """The softmax of an array along an axis."""
    log: Any
    """The natural logarithm of each number."""


def _softmax(x: Matrix, axis: int) -> Matrix:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=axis, keepdims=True)
    return shares


NUMPY: Final = Operations(_softmax, np.log)
"""The operations of numpy."""

SMALLEST: Final = 1e-12
"""Added to every posterior, so that its logarithm is finite."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """`(n, d) -> (n, emotions)` posteriors; `arrays` by name, which are part of the arrays of a
    release.

    `scorer.w` `(emotions, genders, d)` and `scorer.b` `(emotions, genders)`; one gender where none
    is hidden.
    """

    arrays: Mapping[str, NDArray[Any]]
    operations: Operations = NUMPY

    def __call__(self, z: Matrix) -> Matrix:
        """The posterior of each emotion, rows sum to 1."""
        w, b = self.arrays["scorer.w"], self.arrays["scorer.b"]
        pairs = self.operations.softmax(z @ w.reshape(b.size, -1).T + b.ravel(), 1)
        posterior: Matrix = pairs @ np.repeat(np.eye(len(b)), b.shape[1], axis=0)
        return posterior


def weights(tilt: float | Sequence[float], emotions: int) -> Matrix:
    """The weight of each emotion against the required one, `(emotions,)`; 0 for that itself.

    `tilt` has the logarithms for neutral and each sensitive emotion. A single number t, from an
    earlier version, stands for t and −t of all sensitive ones.

    >>> weights([0.0, 0.0], 3).tolist()
    [1.0, 0.0, 1.0]
    """
    logarithms = [tilt, *[-tilt] * (emotions - 2)] if isinstance(tilt, float | int) else tilt
    if len(logarithms) != emotions - 1:
        raise ReleaseError(
            f"a tilt of {len(logarithms)} weights, expected {emotions - 1}: fit the release again"
        )
    against: Matrix = np.insert(np.exp(np.array(logarithms, np.float64)), 1, 0.0)
    return against


def required(posterior: Matrix, against: Matrix, operations: Operations = NUMPY) -> Matrix:
    """The score of the required emotion, `(n,)`.

    log p_R − log Σ w_e p_e, with p the posteriors `(n, emotions)` in the order of a policy's
    emotions: neutral, required, sensitive ones. `against` are `weights`, so that neutral and every
    sensitive emotion fall equally often in the required bin.
    """
    rest = operations.log(posterior @ against + SMALLEST)
    score: Matrix = operations.log(posterior[:, 1] + SMALLEST) - rest
    return score
