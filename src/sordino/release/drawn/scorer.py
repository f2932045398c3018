"""How much an utterance sounds like each emotion of a policy: one affine map and a softmax, weights
alone.

    z -> affine -> softmax over pairs of emotion and gender -> summed over genders

Emotion and gender are told together: what makes a woman's voice differ from a man's is then no sign
of an emotion. The weights come from `fit_scorer`. The same lines compute with numpy in the lab and
write the model that a device runs (`sordino.export.graph`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.types import Matrix


class Operations(NamedTuple):
    """Functions of whole arrays that a library has under names of its own; `softmax` takes an axis
    as well.
    """

    softmax: Any
    log: Any


def _softmax(x: Matrix, axis: int) -> Matrix:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=axis, keepdims=True)
    return shares


NUMPY: Final = Operations(_softmax, np.log)
"""Of arrays, in the lab."""

SURE: Final = 1e-12
"""No posterior counts as nearer to 0: logarithms stay finite."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """`(n, d) -> (n, emotions)` posteriors; `arrays` by name, of which `save` and `hash` of a
    release are made.

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


def required(posterior: Matrix, tilt: float, operations: Operations = NUMPY) -> Matrix:
    """How much each row sounds like the required emotion, `(n,)`.

    log p_R − log(e^tilt p_N + e^−tilt p_S), with p the posteriors `(n, emotions)` in the order of a
    policy's emotions: neutral, required, sensitive ones. `tilt` is what makes neutral and sensitive
    utterances pass equally often.
    """
    against = math.exp(tilt) * posterior[:, 0] + math.exp(-tilt) * posterior[:, 2:].sum(axis=1)
    score: Matrix = operations.log(posterior[:, 1] + SURE) - operations.log(against + SURE)
    return score
