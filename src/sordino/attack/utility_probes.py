"""Utility probes: intensity and reconstruction inside the required class, the detail that a release
may keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sordino.attack.attackers.kernels import scale
from sordino.attack.attackers.scaling import rescale
from sordino.attack.splits import crossfit
from sordino.errors import AttackError

RIDGE_STRENGTHS: Final = np.logspace(-4, 1, 6)
"""Candidate strengths of the ridge regression, in units of the number of rows."""


class Rms(StandardScaler):  # type: ignore[misc]
    """Centres each dimension and divides all by their root mean square, which keeps ratios of
    distances.

    (Division of each principal component by its own standard deviation would give the smallest
    component the weight of the largest.)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Rms:
        super().fit(X, y, sample_weight)
        spread = np.sqrt(np.mean(self.var_))
        self.scale_ = np.full(len(self.var_), spread if spread > 0 else 1.0)
        return self


@dataclass(frozen=True)
class Detail:
    """Predictions and truth of one probe, each `(rows,)`; their UAR, or their R², is the detail.

    `rows` are their positions. `score` is evidence for the second of two intensities, NaN if there
    are not two.
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
    """Intensity predicted from released vectors by logistic regression, for required rows with
    labelled intensity.

    `None` if the training rows have fewer than two intensities or the test rows none.
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
    """Reconstruction of the original by ridge regression from released vectors of required rows.

    The ridge strength (`RIDGE_STRENGTHS`) is selected on the training rows by leave-one-out
    cross-validation.

    `truth` is each row's squared distance from the training mean and `prediction` its squared
    residual, so that R² = 1 - sum(prediction) / sum(truth).
    """
    scaler = Rms().fit(x[train])
    model = RidgeCV(alphas=len(train) * RIDGE_STRENGTHS)
    model.fit(scaler.transform(x[train]), original[train])
    residual = original[test] - model.predict(scaler.transform(x[test]))
    total = original[test] - original[train].mean(axis=0)
    return Detail("reconstruction", test, (total**2).sum(axis=1), (residual**2).sum(axis=1))


def crossfit_reconstruction(
    x: NDArray[np.float64],
    original: NDArray[np.float64],
    speaker: NDArray[np.intp],
    folds: int = 5,
    seed: int = 0,
) -> Detail | None:
    """Cross-fitted `reconstruction`: every row by a regression that was fitted on other speakers.

    `speaker` `(n,)` are codes from 0. Every dimension of the original has the same weight. `None`
    if none varies. Raises `AttackError` for one speaker.
    """
    x, original, speakers = rescale(x), scale(original, per_dimension=True), int(speaker.max()) + 1
    if speakers < 2:
        raise AttackError(
            "one speaker, expected two or more: reconstruction is fitted on other speakers"
        )
    if not original.shape[1]:
        return None
    fold = (np.random.default_rng(seed).permutation(speakers) % min(folds, speakers))[speaker]
    parts = [reconstruction(x, original, train, test) for train, test in crossfit(fold).splits]
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rows", "truth", "prediction")
    ]
    return Detail("reconstruction", *columns)
