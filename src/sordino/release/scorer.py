"""How much an utterance sounds like each emotion of a policy, and like which gender: one linear map and a softmax.

    z -> affine -> log p(emotion, gender | z)         numpy alone, for a device; fitted by `fit_scorer`

Emotion and gender are told together: what makes a woman's voice differ from a man's is then no sign of an emotion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scorer:
    """`(n, d) -> (n, emotions, genders)`: log posteriors of every pair; one gender where none is hidden.

    `arrays` are `scorer.w` `(emotions, genders, d)` and `scorer.b` `(emotions, genders)`: weights, nobody's row.
    """

    arrays: Mapping[str, NDArray[Any]]

    def __call__(self, z: NDArray[np.floating[Any]]) -> Matrix:
        """Log posteriors; their exponentials sum to 1 in each row."""
        w, b = self.arrays["scorer.w"], self.arrays["scorer.b"]
        logits = np.asarray(z, np.float64) @ w.reshape(-1, w.shape[-1]).T + b.ravel()
        joint: Matrix = (logits - log_sum(logits)[:, None]).reshape(-1, *b.shape)
        return joint


def required(joint: Matrix, tilt: float) -> Matrix:
    """How much each row sounds like the required emotion, `(n,)`.

    log p_R − log(e^tilt p_N + e^−tilt p_S), with p the posteriors.

    `joint` `(n, emotions, genders)` in the order of a policy's emotions: neutral, required, sensitive ones. `tilt` is
    what makes neutral and sensitive utterances pass equally often.
    """
    emotion = log_sum(joint)
    against = np.concatenate([emotion[:, :1] + tilt, emotion[:, 2:] - tilt], axis=1)
    score: Matrix = emotion[:, 1] - log_sum(against)
    return score


def log_sum(x: Matrix) -> Matrix:
    """log Σ exp over the last axis."""
    top = x.max(axis=-1)
    total: Matrix = top + np.log(np.exp(x - top[..., None]).sum(axis=-1))
    return total
