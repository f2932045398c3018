"""What the policy does not hide and still survives inside the required class: the price of a
release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sordino.attack.attackers.kernels import scaled
from sordino.attack.attackers.scaling import together as levelled
from sordino.attack.splits import crossfit
from sordino.errors import AttackError

SHRINKAGE: Final = np.logspace(-4, 1, 6)
"""Strengths of the ridge regression to choose from, in units of the number of rows."""


class Rms(StandardScaler):  # type: ignore[misc]
    """Centres each dimension and divides all by one number, the root mean square: distances keep
    their shape.

    (Dividing each principal component by its own spread would raise the smallest to the height of
    the largest.)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Rms:
        super().fit(X, y, sample_weight)
        spread = np.sqrt(np.mean(self.var_))
        self.scale_ = np.full(len(self.var_), spread if spread > 0 else 1.0)
        return self


@dataclass(frozen=True)
class Detail:
    """Predictions and truth whose UAR is the detail, or the parts of an R²; each `(rows,)`, with
    `rows` their place.

    `score` is how sure the second of two intensities is, NaN where there are not two.
    """

    kind: str
    rows: NDArray[np.intp]
    truth: NDArray[np.float64]
    prediction: NDArray[np.float64]
    score: NDArray[np.float64] | float = float("nan")


def intensity(
    x: NDArray[np.float32],
    labels: NDArray[np.str_],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> Detail | None:
    """Intensity told from released vectors by logistic regression, for required rows whose
    intensity is labelled.

    `None` where the training rows have fewer than two intensities or the test rows none.
    """
    train, test = train[labels[train] != ""], test[labels[test] != ""]
    codes = np.unique(labels, return_inverse=True)[1]
    if len(np.unique(codes[train])) < 2 or not len(test):
        return None
    model = make_pipeline(Rms(), LogisticRegression(C=0.03, max_iter=2000, class_weight="balanced"))
    model.fit(x[train], codes[train])
    score = model.decision_function(x[test]) if len(model.classes_) == 2 else float("nan")
    return Detail(
        "intensity", test, codes[test].astype(float), model.predict(x[test]).astype(float), score
    )


def reconstruction(
    x: NDArray[np.floating[Any]],
    original: NDArray[np.floating[Any]],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> Detail:
    """How much of the original a ridge regression gets back from released vectors of required rows.

    How much it shrinks (`SHRINKAGE`) is chosen on the training rows, each predicted from the
    others.

    `truth` is each row's squared distance from the training mean and `prediction` its squared
    residual, so that R² = 1 - sum(prediction) / sum(truth).
    """
    scale = Rms().fit(x[train])
    model = RidgeCV(alphas=len(train) * SHRINKAGE).fit(scale.transform(x[train]), original[train])
    residual = original[test] - model.predict(scale.transform(x[test]))
    total = original[test] - original[train].mean(axis=0)
    return Detail("reconstruction", test, (total**2).sum(axis=1), (residual**2).sum(axis=1))


def crossfitted(
    x: NDArray[np.float64],
    original: NDArray[np.float64],
    speaker: NDArray[np.intp],
    folds: int = 5,
    seed: int = 0,
) -> Detail | None:
    """`reconstruction` of every row by a regression that never saw its speaker, `speaker` `(n,)`
    being codes from 0.

    Every dimension of the original counts the same; `None` where none varies. Raises `AttackError`
    for one speaker.
    """
    x, original, people = levelled(x), scaled(original, each=True), int(speaker.max()) + 1
    if people < 2:
        raise AttackError(
            "one speaker, expected two or more: others are needed to learn reconstruction from"
        )
    if not original.shape[1]:
        return None
    fold = (np.random.default_rng(seed).permutation(people) % min(folds, people))[speaker]
    parts = [reconstruction(x, original, own, test) for own, test in crossfit(fold).sides]
    together = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rows", "truth", "prediction")
    ]
    return Detail("reconstruction", *together)
