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

    `scorer.w` `(emotions, groups, d)` and `scorer.b` `(emotions, groups)`: groups are the genders,
    or the combinations of values of all hidden attributes; one group where none is hidden.
    """

    arrays: Mapping[str, NDArray[Any]]
    operations: Operations = NUMPY

    def __call__(self, z: Matrix) -> Matrix:
        """The posterior of each emotion, rows sum to 1."""
        w, b = self.arrays["scorer.w"], self.arrays["scorer.b"]
        pairs = self.operations.softmax(z @ w.reshape(b.size, -1).T + b.ravel(), 1)
        posterior: Matrix = pairs @ np.repeat(np.eye(len(b)), b.shape[1], axis=0)
        return posterior


def weights(tilt: float | Sequence[float], emotions: int, required: int = 1) -> Matrix:
    """The weight of each emotion against a required one, `(emotions,)`; 0 for all required ones,
    which are so many.

    `tilt` has the logarithms for neutral and each sensitive emotion. A single number t, from an
    earlier version, stands for t and −t of all sensitive ones.

    >>> weights([0.0, 0.0], 3).tolist()
    [1.0, 0.0, 1.0]
    """
    others = emotions - required
    logarithms = [tilt, *[-tilt] * (others - 1)] if isinstance(tilt, float | int) else tilt
    if len(logarithms) != others:
        raise ReleaseError(
            f"a tilt of {len(logarithms)} weights, expected {others}: fit the release again"
        )
    against: Matrix = np.insert(np.exp(np.array(logarithms, np.float64)), [1] * required, 0.0)
    return against


def required(
    posterior: Matrix, against: Matrix, operations: Operations = NUMPY, column: int = 1
) -> Matrix:
    """The score of a required emotion, `(n,)`.

    log p_R − log Σ w_e p_e, with p the posteriors `(n, emotions)` in the order of a policy's
    emotions: neutral, required ones, sensitive ones. `against` are `weights`, so that neutral and
    every sensitive emotion fall equally often in the bin of the emotion; `column` is its position.
    Other required emotions have no effect.
    """
    rest = operations.log(posterior @ against + SMALLEST)
    score: Matrix = operations.log(posterior[:, column] + SMALLEST) - rest
    return score


class Boundary(NamedTuple):
    """The boundary of the bin of a required emotion."""

    tilt: float | Sequence[float]
    """The logarithms of the weights of neutral and of each sensitive emotion (`weights`)."""
    threshold: Matrix | float
    """The score above which an utterance may fall in the bin; one number, or one per vector."""


def required_scores(
    posterior: Matrix,
    boundaries: Sequence[Boundary],
    emotions: int,
    operations: Operations = NUMPY,
) -> list[Matrix]:
    """The score of each required emotion, `(n,)` each, from posteriors `(n, emotions)`."""
    count = len(boundaries)
    return [
        required(posterior, weights(boundary.tilt, emotions, count), operations, column)
        for column, boundary in enumerate(boundaries, 1)
    ]
