"""Attackers that are scikit-learn estimators: slower than those of `machines`, since each shuffle
is a fit of its own.

A new one is one line: settings of one estimator, made from a seed. Of each family the first setting
is the one that the test over shuffles fits again and again; the others are fitted on the secret
alone. Which setting guesses is chosen on speakers it is not measured on. A continuous secret is
told as lying above its median or not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, LinearSVC

from sordino.attack.attackers import scaling, ties
from sordino.attack.attackers.kernels import Scores, scaled
from sordino.attack.splits import Plan
from sordino.types import Matrix, Rows

Settings = Callable[[int], Sequence[BaseEstimator]]
"""From a seed to an estimator with each of its settings."""

_EVEN: Final = {"class_weight": "balanced"}


def _mlp(*layers: tuple[int, ...]) -> Settings:
    return lambda seed: [
        MLPClassifier(one, alpha=alpha, max_iter=20, learning_rate_init=2e-3, random_state=seed)
        for one in layers
        for alpha in (0.01, 1.0)
    ]


FAMILIES: Final[Mapping[str, Settings]] = {
    "logistic": lambda _seed: [
        LogisticRegression(C=c, max_iter=500, **_EVEN) for c in (0.003, 0.03, 0.3, 30.0)
    ],
    "svm-linear": lambda seed: [LinearSVC(C=c, random_state=seed, **_EVEN) for c in (0.001, 0.01)],
    "svm-poly": lambda seed: [
        SVC(kernel="poly", degree=degree, coef0=1.0, C=0.1, random_state=seed, **_EVEN)
        for degree in (2, 3)
    ],
    "svm-rbf": lambda seed: [SVC(C=c, random_state=seed, **_EVEN) for c in (1.0, 10.0)],
    "forest": lambda seed: [
        RandomForestClassifier(
            30, min_samples_leaf=5, max_features=share, random_state=seed, **_EVEN
        )
        for share in ("sqrt", 0.2)
    ],
    "boosting": lambda seed: [
        HistGradientBoostingClassifier(
            max_iter=count, max_leaf_nodes=8, max_bins=63, learning_rate=0.2, random_state=seed
        )  # no class weights: with weighted rows most of its time goes into weighted percentiles
        for count in (30, 100)
    ],
    "mlp": _mlp((64, 64), (32, 32, 32)),
    "deep": _mlp((128, 128, 128, 128)),
}
"""The families that there are."""

UNLIKE: Final = 100.0
"""Where the largest spread of a dimension is so many times the median one, each is divided by its
own.
"""

_CERTAIN: Final = 1e-12
"""No posterior counts as nearer to 0 or 1 than this: log-odds stay finite."""


def scores(
    x: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: Plan,
    family: str,
    settings: Sequence[BaseEstimator],
    classes: int = 2,
) -> Iterator[Scores]:
    """What a family says of the rows that the plan has scored: its first setting of all columns,
    the others of one.

    `x` `(n, d)`, `labels` `(n, classes · columns)` for more than two classes, as from
    `verdict.labels`, or `(n, columns)` of 0 and 1, or of ranks from 0 to 1.
    """
    z = _scaled(x, plan.known)
    copy = ties.copies(z)
    blocks = classes if classes > 2 else 1
    codes = labels.reshape(len(z), blocks, -1)
    truth = codes.argmax(axis=1) if blocks > 1 else (codes[:, 0] > 0.5).astype(np.intp)
    for place, setting in enumerate(settings):
        some = truth if place == 0 else truth[:, :1]
        values = np.stack([_said(z, column, plan, setting, classes) for column in some.T], axis=2)
        shape = f"{setting!r}".replace("\n", "").replace("  ", "")
        yield Scores(
            family, shape, ties.same(values.reshape(len(z), -1), copy, plan), tested=place == 0
        )


def _scaled(x: NDArray[np.floating[Any]], known: Rows) -> Matrix:
    """Rows on one scale, which leaves principal components their order, or where units are unlike
    on that of each.
    """
    _, _, spread, power = scaling.moments(x, known)
    if not spread.any():
        return np.zeros((len(x), 0))
    sizes = np.ldexp(spread, np.maximum(power - power[spread > 0].max(), -1000))
    return scaled(x, bool(sizes.max() > UNLIKE * np.median(sizes)), known)


def _said(
    z: Matrix, truth: NDArray[np.intp], plan: Plan, setting: BaseEstimator, classes: int
) -> Matrix:
    """Scores of one labelling, `(n, classes)`, or `(n, 1)` of two."""
    said = np.full((len(z), classes if classes > 2 else 1), np.nan)
    for own, test in plan.sides:
        known = np.unique(truth[own])
        varied = np.flatnonzero(np.ptp(z[own], axis=0) > 0)  # of the others, nothing can be learnt
        if len(known) < 2 or not len(varied):
            said[test] = 0.0
            continue
        learnt, met = (
            (z[own], z[test])
            if len(varied) == z.shape[1]
            else (z[np.ix_(own, varied)], z[np.ix_(test, varied)])
        )
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # a fixed number of passes is the family's definition
            model = clone(setting).fit(learnt, truth[own])
        found = _margins(model, met)
        if classes <= 2:
            said[test, 0] = found if found.ndim == 1 else found[:, 1]
        else:
            columns = found if found.ndim == 2 else np.column_stack([-found, found])
            said[test] = columns.min() - 1  # classes that nobody in the training has
            said[np.ix_(test, known)] = columns
    return said


def _margins(model: BaseEstimator, z: Matrix) -> Matrix:
    """The decision function, or log-odds, which add up over utterances."""
    if hasattr(model, "decision_function"):
        margins: Matrix = model.decision_function(z)
        return margins
    odds: Matrix = logit(np.clip(model.predict_proba(z), _CERTAIN, 1 - _CERTAIN))
    return odds
