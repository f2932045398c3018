"""Families of attackers: scikit-learn estimators and what is tuned of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sordino import metrics
from sordino.errors import AttackError

FOLDS: Final = 4

_CERTAIN: Final = 1e-12
"""No posterior counts as nearer to 0 or 1 than this: log-odds stay finite."""

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
    "dense": Family(
        lambda seed: _scaled(MLPClassifier(max_iter=60, learning_rate_init=2e-3, random_state=seed)),
        {"model__hidden_layer_sizes": tuple((width,) * layers for layers in (2, 3, 4) for width in (32, 64))},
    ),
}
"""The attackers that there are; studies use `QUICK`. `dense` is that of Jaiswal 2020: two to four layers of 32 or 64
units (how long it was trained is not said). A new one is one line: a pipeline that scores rows, and its grid."""


def known_families(families: Sequence[str], known: Collection[str] = FAMILIES) -> None:
    """Raises `AttackError` where no family is named, or one that is not `known`."""
    unknown = [family for family in families if family not in known]
    if unknown or not families:
        raise AttackError(f"attackers {', '.join(unknown) or 'none'}, expected some of {', '.join(known)}: name those")


@dataclass(frozen=True)
class Attacker:
    """A tuned and fitted attacker, and its mean AUC in cross-validation on its own rows.

    Scores are of a secret with two values. With more, the AUC is the mean over values, each against the rest.
    """

    family: str
    validation_auc: float
    estimator: BaseEstimator

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """How sure it is of the second value, `(n,)`: above its threshold (0 or 1/2) it would say so."""
        score: NDArray[np.float64] = self.estimator.decision_function(x) if self._margins else self._posterior(x)
        return score

    def margin(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score with its threshold at 0, `(n,)`: a posterior becomes log-odds, which add up over utterances."""
        if self._margins:
            return self.score(x)
        odds: NDArray[np.float64] = logit(np.clip(self.score(x), _CERTAIN, 1 - _CERTAIN))
        return odds

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.intp]:
        """Its guess of the secret, 0 or 1 (or one of more values), `(n,)`."""
        guess: NDArray[np.intp] = self.estimator.predict(x)
        return guess

    @property
    def _margins(self) -> bool:
        return hasattr(self.estimator, "decision_function")

    def _posterior(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        posterior: NDArray[np.float64] = self.estimator.predict_proba(x)[:, 1]
        return posterior


def fit(
    family: str,
    x: NDArray[np.float32],
    secret: NDArray[np.intp],
    folds: Folds,
    seed: int = 0,
    balanced: bool = False,
    final: NDArray[np.intp] | None = None,
) -> Attacker:
    """An attacker of one family, tuned by the mean AUC over folds, then fitted on all rows.

    `x` `(n, d)`, `secret` `(n,)` of 0 and 1, or of more values. `balanced` weights rows so that every value counts the
    same: for a secret whose values are unlike in number, where the guess is judged by UAR. `final` are the rows of the
    last fit where some are kept for validation only. Raises `AttackError` for a secret with one value.
    """
    chosen, final = FAMILIES[family], np.arange(len(secret)) if final is None else final
    values = len(np.unique(secret[final]))
    if values < 2:
        raise AttackError("the secret has one value among the attacker's speakers, expected two: nothing can be learnt")
    weights = _weights(secret, final) if balanced else None
    scoring = "roc_auc" if values == 2 else _mean_auc
    search = GridSearchCV(chosen.estimator(seed), dict(chosen.grid), scoring=scoring, cv=folds, refit=False)
    _learn(search, x, secret, weights)
    best = clone(search.estimator).set_params(**clone(search.best_params_, safe=False))
    _learn(best, x[final], secret[final], None if weights is None else weights[final])
    return Attacker(family, float(search.best_score_), best)


def refit(attacker: Attacker, x: NDArray[np.float32], secret: NDArray[np.intp], balanced: bool = False) -> Attacker:
    """The same attacker fitted on another secret, as it was tuned: nothing is searched, and its validation AUC is NaN.

    Cheap enough for the many shuffled secrets of a null.
    """
    estimator = clone(attacker.estimator)
    _learn(estimator, x, secret, _weights(secret, np.arange(len(secret))) if balanced else None)
    return Attacker(attacker.family, float("nan"), estimator)


def _learn(
    estimator: BaseEstimator,
    x: NDArray[np.float32],
    secret: NDArray[np.intp],
    weights: NDArray[np.float64] | None,
) -> None:
    """Fits an estimator, or a search for one, on weighted rows."""
    last = "model__" if isinstance(getattr(estimator, "estimator", estimator), Pipeline) else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of passes is the family's definition
        warnings.filterwarnings("ignore", "The scoring .* does not support sample_weight")  # balanced, they move no AUC
        estimator.fit(x, secret, **({} if weights is None else {f"{last}sample_weight": weights}))


def _weights(secret: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Weights `(n,)` with which every value of the secret counts the same among `rows`, where their mean is 1."""
    values, place = np.unique(secret, return_inverse=True)
    counts = np.bincount(place[rows], minlength=len(values))
    weights: NDArray[np.float64] = (len(rows) / (len(values) * np.maximum(counts, 1)))[place]
    return weights


def _mean_auc(estimator: BaseEstimator, x: NDArray[np.float32], secret: NDArray[np.intp]) -> float:
    """The mean over values of the AUC of that value against the rest; values that no row has are left out."""
    says = estimator.decision_function if hasattr(estimator, "decision_function") else estimator.predict_proba
    columns = zip(estimator.classes_, says(x).T, strict=True)
    return float(np.nanmean([metrics.auc(secret == value, column) for value, column in columns]))


def grouped_folds(speaker: NDArray[np.str_], secret: NDArray[np.intp], seed: int = 0, count: int = FOLDS) -> Folds:
    """Folds that share no speaker and have every value of the secret: `(train, validation)` row positions.

    Speakers are dealt (`deal`) to at most `count` folds and no more than each value has speakers. Folds are left out
    where a side lacks a value. Raises `AttackError` when fewer than two are left.
    """
    values = np.unique(secret)
    count = min([count, *(len(np.unique(speaker[secret == value])) for value in values)])
    fold = deal(speaker, secret, seed, count)
    sides = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]
    needed = max(2, len(values))
    usable = [(a, b) for a, b in sides if min(len(np.unique(secret[side])) for side in (a, b)) >= needed]
    if len(usable) < 2:
        raise AttackError(
            f"{len(np.unique(speaker))} speaker(s) with too few values of the secret to tune an attacker by speaker, "
            "expected at least two speakers for each value: add speakers"
        )
    return usable


def deal(speaker: NDArray[np.str_], secret: NDArray[np.intp], seed: int, count: int) -> NDArray[np.intp]:
    """The fold of each row, 0 to `count` - 1, `(n,)`; a speaker is in one fold, whatever the order of the rows.

    Speakers are dealt in turn, those with the larger mean of the secret first: folds have alike shares of its values.
    """
    names, place = np.unique(speaker, return_inverse=True)
    shares = np.bincount(place, weights=secret) / np.bincount(place)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-shares[order], kind="stable")]
    fold = np.empty(len(names), dtype=np.intp)
    fold[order] = np.arange(len(names)) % count
    return fold[place]
