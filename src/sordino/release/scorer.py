"""How much an utterance sounds like each emotion of a policy, in weights alone: nothing of it is anybody's row.

    z -> less the mean vector of the gender it sounds like -> logistic regressions on three views -> mean posterior

    views   one      all dimensions on one scale: principal components keep their order
            each     each dimension on its own
            bounded  tanh of each: what lies far out counts no more than what lies out

Gender is taken off as far as it is told: its mean is that over emotions, so that no emotion is taken for it.

The same lines compute with numpy in the lab and write the model that a device runs (`sordino.device.graph`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

VIEWS: Final = {"one": 0.03, "each": 0.003, "bounded": 0.01}
"""Views of the vectors, and the inverse strength of the regularisation of each."""

GENDER: Final = 0.03
"""That of the regression that tells gender."""


class Operations(NamedTuple):
    """Functions of whole arrays that a library has under names of its own; `softmax` takes an axis as well."""

    expit: Any
    softmax: Any
    tanh: Any
    log: Any


NUMPY: Final = Operations(expit, softmax, np.tanh, np.log)
"""Of arrays, in the lab."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """`(n, d) -> (n, classes)` posteriors; arrays by name, of which `save` and `hash` of a release are made."""

    arrays: Mapping[str, NDArray[np.float64]]
    operations: Operations = NUMPY

    def __call__(self, z: Matrix) -> Matrix:
        """The posterior of each emotion, rows sum to 1."""
        v = self.without_gender(z)
        logits = [self._view(v, name) @ self.arrays[f"{name}.w"].T + self.arrays[f"{name}.b"] for name in VIEWS]
        posterior: Matrix = sum(self.operations.softmax(one, 1) for one in logits) / len(VIEWS)
        return posterior

    def without_gender(self, z: Matrix) -> Matrix:
        """`z` less the mean of either gender, by how much it sounds like it; `z` itself where no gender is hidden."""
        if "gender.w" not in self.arrays:
            return z
        at = (z - self.arrays["gender.mean"]) @ self.arrays["gender.w"] + self.arrays["gender.b"]
        female, other = self.arrays["gender.means"]
        less: Matrix = z - female - self.operations.expit(at)[:, None] * (other - female)
        return less

    def _view(self, v: Matrix, name: str) -> Matrix:
        spread = np.sqrt(np.mean(self.arrays["spread"] ** 2)) if name == "one" else self.arrays["spread"]
        scaled: Matrix = (v - self.arrays["mean"]) / spread
        return self.operations.tanh(scaled) if name == "bounded" else scaled


def fit(z: NDArray[np.floating[Any]], emotion: Rows, gender: Rows | None = None) -> Scorer:
    """A scorer from vectors `(n, d)` and emotions `(n,)`, codes from 0.

    `gender` `(n,)`, 0, 1 or -1 for unknown, where it is to be taken off; it stays where one gender is all there is.
    """
    x: Matrix = np.asarray(z, np.float64)
    arrays = _gender(x, emotion, gender) if gender is not None and {0, 1} <= set(gender.tolist()) else {}
    v = Scorer(arrays).without_gender(x)
    arrays |= {"mean": v.mean(axis=0), "spread": np.maximum(v.std(axis=0), 1e-9)}
    for name, strength in VIEWS.items():
        model = LogisticRegression(C=strength, max_iter=500, class_weight="balanced")
        model.fit(Scorer(arrays)._view(v, name), emotion)
        w, b = model.coef_, model.intercept_
        if len(w) == 1:  # of two classes scikit-learn keeps one
            w, b = np.vstack([-w / 2, w / 2]), np.array([-b[0] / 2, b[0] / 2])
        arrays |= {f"{name}.w": w, f"{name}.b": b}
    return Scorer(arrays)


def _gender(z: Matrix, emotion: Rows, gender: Rows) -> dict[str, Matrix]:
    known = gender >= 0
    mean, scale = z[known].mean(axis=0), np.sqrt(z[known].var(axis=0).mean())
    model = LogisticRegression(C=GENDER, max_iter=500, class_weight="balanced")
    model.fit((z[known] - mean) / scale, gender[known])
    means = []
    for one in (0, 1):
        labels = np.unique(emotion[gender == one])
        means.append(np.mean([z[(gender == one) & (emotion == label)].mean(axis=0) for label in labels], axis=0))
    return {"gender.mean": mean, "gender.w": model.coef_[0] / scale, "gender.b": model.intercept_,
            "gender.means": np.array(means)}  # fmt: skip
