"""Families of attackers: scikit-learn estimators and what is tuned of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sordino.errors import AttackError

FOLDS: Final = 4

Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Family:
    """An estimator from a seed, and the grid that is searched."""

    estimator: Callable[[int], BaseEstimator]
    grid: Mapping[str, Sequence[Any]]


class Rms(StandardScaler):  # type: ignore[misc]
    """Centres each dimension and divides all by one number, the root mean square: distances keep their shape.

    (Dividing each principal component by its own spread would raise the smallest to the height of the largest.)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Rms:
        super().fit(X, y, sample_weight)
        spread = np.sqrt(np.mean(self.var_))
        self.scale_ = np.full(len(self.var_), spread if spread > 0 else 1.0)
        return self


def _scaled(model: BaseEstimator) -> Pipeline:
    return Pipeline([("scale", Rms()), ("model", model)])


FAMILIES: Final = {
    "logistic": Family(
        lambda seed: _scaled(LogisticRegression(max_iter=2000)),  # noqa: ARG005
        {"scale": (Rms(), StandardScaler()), "model__C": (0.003, 0.03, 0.3, 3.0, 30.0)},
    ),
    "svm-rbf": Family(
        lambda seed: _scaled(SVC(random_state=seed)),  # without one it would draw from global random state
        {"scale": (Rms(), StandardScaler()), "model__C": (1.0, 10.0), "model__gamma": (0.0003, 0.001, 0.004, 0.016)},
    ),
    "mlp": Family(
        lambda seed: _scaled(MLPClassifier(max_iter=60, learning_rate_init=2e-3, random_state=seed)),
        {"model__hidden_layer_sizes": ((64, 64), (32, 32, 32)), "model__alpha": (0.01, 1.0)},
    ),
}
"""The quick attackers. A new one is one line: a pipeline that scores rows, and its grid."""


@dataclass(frozen=True)
class Attacker:
    """A tuned and fitted attacker on a secret with two values, and its mean AUC in speaker-grouped cross-validation."""

    family: str
    validation_auc: float
    estimator: BaseEstimator

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """How sure it is of the second value, `(n,)`: above its threshold (0 or 1/2) it would say so."""
        score: NDArray[np.float64] = self.estimator.decision_function(x) if self._margins else self._posterior(x)
        return score

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.intp]:
        """Its guess of the secret, 0 or 1, `(n,)`."""
        guess: NDArray[np.intp] = self.estimator.predict(x)
        return guess

    @property
    def _margins(self) -> bool:
        return hasattr(self.estimator, "decision_function")

    def _posterior(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        posterior: NDArray[np.float64] = self.estimator.predict_proba(x)[:, 1]
        return posterior


def fit(family: str, x: NDArray[np.float32], secret: NDArray[np.intp], folds: Folds, seed: int = 0) -> Attacker:
    """An attacker of one family, tuned by the mean AUC over folds, then fitted on all rows.

    `x` `(n, d)`, `secret` `(n,)` of 0 and 1. Raises `AttackError` for a secret with one value.
    """
    if len(np.unique(secret)) < 2:
        raise AttackError("the secret has one value among the attacker's speakers, expected two: nothing can be learnt")
    chosen = FAMILIES[family]
    search = GridSearchCV(chosen.estimator(seed), dict(chosen.grid), scoring="roc_auc", cv=folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of passes is the family's definition
        search.fit(x, secret)
    return Attacker(family, float(search.best_score_), search.best_estimator_)


def grouped_folds(speaker: NDArray[np.str_], secret: NDArray[np.intp], seed: int = 0, count: int = FOLDS) -> Folds:
    """Folds that share no speaker and have both values of the secret: `(train, validation)` row positions.

    Speakers are dealt in turn, those with the larger share of the secret's second value first, to at most `count` folds
    and no more than each value has speakers. Folds are left out where a side has one value. Raises `AttackError` when
    fewer than two are left.
    """
    names, place = np.unique(speaker, return_inverse=True)
    count = max(1, min(count, *(len(np.unique(place[secret == value])) for value in (0, 1))))
    shares = np.bincount(place, weights=secret) / np.bincount(place)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-shares[order], kind="stable")]
    fold = np.empty(len(names), dtype=int)
    fold[order] = np.arange(len(names)) % count
    sides = [(np.flatnonzero(fold[place] != k), np.flatnonzero(fold[place] == k)) for k in range(count)]
    usable = [(a, b) for a, b in sides if len(np.unique(secret[a])) > 1 and len(np.unique(secret[b])) > 1]
    if len(usable) < 2:
        raise AttackError(
            f"{len(names)} speaker(s) with too few values of the secret to tune an attacker by speaker, "
            "expected at least two speakers for each value: add speakers"
        )
    return usable
