"""Attackers that are scikit-learn estimators: slower than those of `kernels`, because each shuffle
is a new fit.

A new family is one line: settings of one estimator, made from a seed. The permutation test fits the
first setting of each family on all shuffles. Further settings are fitted on the secret alone. The
setting that predicts is selected on speakers on which it is not measured. A continuous secret is
predicted as above or below its median.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, LinearSVC

from sordino import plugins
from sordino.attack.attackers import scaling, ties
from sordino.attack.attackers.kernels import Scores, scale
from sordino.attack.attackers.screens import TABLE_FAMILIES
from sordino.attack.splits import SplitPlan
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

EstimatorSettings = Callable[[int], Sequence[BaseEstimator]]
"""From a seed to an estimator with each of its settings."""

_BALANCED: Final = {"class_weight": "balanced"}


def _mlp(*layers: tuple[int, ...]) -> EstimatorSettings:
    return lambda seed: [
        MLPClassifier(sizes, alpha=alpha, max_iter=20, learning_rate_init=2e-3, random_state=seed)
        for sizes in layers
        for alpha in (0.01, 1.0)
    ]


ESTIMATORS: Final[dict[str, EstimatorSettings]] = {
    "logistic": lambda _seed: [
        LogisticRegression(C=c, max_iter=500, **_BALANCED) for c in (0.003, 0.03, 0.3, 30.0)
    ],
    "svm-linear": lambda seed: [
        LinearSVC(C=c, random_state=seed, **_BALANCED) for c in (0.001, 0.01)
    ],
    "svm-poly": lambda seed: [
        SVC(kernel="poly", degree=degree, coef0=1.0, C=0.1, random_state=seed, **_BALANCED)
        for degree in (2, 3)
    ],
    "svm-rbf": lambda seed: [SVC(C=c, random_state=seed, **_BALANCED) for c in (1.0, 10.0)],
    "forest": lambda seed: [
        RandomForestClassifier(
            30, min_samples_leaf=5, max_features=share, random_state=seed, **_BALANCED
        )
        for share in ("sqrt", 0.2)
    ],
    # no class weights: weighted percentiles would take most of its time
    "boosting": lambda seed: [
        HistGradientBoostingClassifier(
            max_iter=count, max_leaf_nodes=8, max_bins=63, learning_rate=0.2, random_state=seed
        )
        for count in (30, 100)
    ],
    "mlp": _mlp((64, 64), (32, 32, 32)),
    "deep": _mlp((128, 128, 128, 128)),
}
"""The families of estimators by name."""

_NAMES: Final = frozenset(ESTIMATORS)


def add(name: str, estimator: BaseEstimator) -> str:
    """Add a classifier of a user's own as a family with one setting; its name.

    The registry belongs to one process: a worker process adds the family again. Raises
    `AttackError` for an object that is no classifier and for the name of a family of sordino.
    """
    if name in {*_NAMES, *TABLE_FAMILIES}:
        raise AttackError(f"attacker {name!r} is one of sordino's: choose another name")
    plugins.check_name(name, "attacker")
    scored = any(hasattr(estimator, kind) for kind in ("decision_function", "predict_proba"))
    if not (scored and hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise AttackError(
            f"attacker {name!r}: a {type(estimator).__name__}, expected a classifier of "
            "scikit-learn's kind: see sordino.testing.check_attacker"
        )
    seeded = "random_state" in estimator.get_params()

    def settings(seed: int) -> list[BaseEstimator]:
        copy = clone(estimator)
        return [copy.set_params(random_state=seed) if seeded else copy]

    ESTIMATORS[name] = settings
    return name


def resolve(reference: str) -> tuple[str, BaseEstimator]:
    """The name and the classifier of a reference `module:Class`, which is added as a family.

    Raises `PluginError` for a reference that cannot be imported, else what `add` raises.
    """
    estimator = plugins.construct(reference, plugins.import_name("attackers", reference))
    return add(reference.rpartition(":")[2], estimator), estimator


UNLIKE_UNITS: Final = 100.0
"""If the largest standard deviation of a dimension is so many times the median one, each dimension
is divided by its own.
"""

_MIN_PROBABILITY: Final = 1e-12
"""Posteriors are clipped here, so that log-odds are finite."""


def scores(
    x: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: SplitPlan,
    family: str,
    settings: Sequence[BaseEstimator],
    classes: int = 2,
) -> Iterator[Scores]:
    """Scores of a family on the rows that the plan scores: its first setting on all columns, the
    others on the first.

    `x` `(n, d)`. `labels` are `(n, classes · columns)` for more than two classes, as from
    `permutation_test.label_columns`, or `(n, columns)` of 0 and 1, or of ranks from 0 to 1.
    """
    z = _scale_units(x, plan.train_rows)
    copy = ties.copies(z)
    blocks = classes if classes > 2 else 1
    codes = labels.reshape(len(z), blocks, -1)
    truth = codes.argmax(axis=1) if blocks > 1 else (codes[:, 0] > 0.5).astype(np.intp)
    for index, setting in enumerate(settings):
        tested = index == 0
        columns = truth if tested else truth[:, :1]
        values = _fit_scores(z, columns, plan, setting, classes)
        name = f"{setting!r}".replace("\n", "").replace("  ", "")
        values = ties.same(values.reshape(len(z), -1), copy, plan)
        yield Scores(family, name, values, tested=tested)


def _scale_units(x: NDArray[np.floating[Any]], train_rows: Rows) -> Matrix:
    """Rows on one scale, which preserves the order of principal components, or each dimension on
    its own if their units differ.
    """
    _, _, spread, power = scaling.moments(x, train_rows)
    if not spread.any():
        return np.zeros((len(x), 0))
    sizes = np.ldexp(spread, np.maximum(power - power[spread > 0].max(), -1000))
    return scale(x, bool(sizes.max() > UNLIKE_UNITS * np.median(sizes)), train_rows)


def _fit_scores(
    z: Matrix, truth: NDArray[np.intp], plan: SplitPlan, setting: BaseEstimator, classes: int
) -> Matrix:
    """Scores of labellings `(n, columns)`: `(n, classes, columns)`, or `(n, 1, columns)` for two
    classes.
    """
    width = classes if classes > 2 else 1
    scores = np.full((len(z), width, truth.shape[1]), np.nan)
    for train, test in plan.splits:
        varied = np.flatnonzero(np.ptp(z[train], axis=0) > 0)  # constant dimensions are dropped
        rows = z if len(varied) == z.shape[1] else z[:, varied]
        model, train_x, test_x = _shared_kernel(setting, rows[train], rows[test])
        for index, column in enumerate(truth.T):
            values = np.unique(column[train])
            if len(values) < 2 or not len(varied):
                scores[test, :, index] = 0.0
                continue
            with warnings.catch_warnings():
                # a fixed number of iterations defines the family
                warnings.simplefilter("ignore", ConvergenceWarning)
                margins = _predict(model, train_x, column[train], test_x)
            if width == 1:
                scores[test, 0, index] = margins if margins.ndim == 1 else margins[:, 1]
            else:
                columns = margins if margins.ndim == 2 else np.column_stack([-margins, margins])
                scores[test, :, index] = columns.min() - 1  # of classes without training rows
                scores[test[:, None], values, index] = columns
    return scores


def _shared_kernel(
    setting: BaseEstimator, x: Matrix, test: Matrix
) -> tuple[BaseEstimator, Matrix, Matrix]:
    """An estimator, its training rows and its test rows; of a support vector machine with a kernel
    the matrices of this kernel, which serve all labellings.
    """
    if type(setting) is not SVC or setting.kernel not in ("rbf", "poly") or not x.size:
        return setting, x, test
    scales = {"scale": 1 / (x.shape[1] * x.var()), "auto": 1 / x.shape[1]}
    gamma = scales.get(setting.gamma, setting.gamma)
    if setting.kernel == "rbf":
        matrices = [rbf_kernel(rows, x, gamma) for rows in (x, test)]
    else:
        power = (setting.degree, gamma, setting.coef0)
        matrices = [polynomial_kernel(rows, x, *power) for rows in (x, test)]
    return clone(setting).set_params(kernel="precomputed"), *matrices


def _predict(setting: BaseEstimator, x: Matrix, truth: NDArray[np.intp], test: Matrix) -> Matrix:
    """The margins of test rows after a fit.

    Raises `AttackError` where a classifier of a user's own raises.
    """
    name, step = type(setting).__name__, "see sordino.testing.check_attacker"
    with plugins.errors_of(setting, f"attacker {name!r}", AttackError, step):
        return _margins(clone(setting).fit(x, truth), test)


def _margins(model: BaseEstimator, z: Matrix) -> Matrix:
    """The decision function, or log-odds, which add up over utterances."""
    if hasattr(model, "decision_function"):
        margins: Matrix = model.decision_function(z)
        return margins
    odds: Matrix = logit(np.clip(model.predict_proba(z), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY))
    return odds
