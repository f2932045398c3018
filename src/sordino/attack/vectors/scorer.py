"""Leakage as a scorer of scikit-learn, for `cross_validate` and `GridSearchCV`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sordino.attack.vector_audit import Audit, check_unweighted
from sordino.errors import AttackError


class LeakageScorer(BaseEstimator):  # type: ignore[misc]
    """Minus the leakage of a transformer's output: 0 at chance, −1 for certain attackers.

    See `leakage_scorer`.
    """

    def __init__(
        self,
        audit: Audit | None = None,
        secret: pd.Series | None = None,
        groups: pd.Series | None = None,
    ) -> None:
        self.audit = audit
        self.secret = secret
        self.groups = groups

    def __call__(
        self,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        secret: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The score of a fitted transformer on rows `X` `(n, d)`.

        Raises `AttackError` for rows without secret or speaker, an estimator that transforms
        nothing, and in the cases of `Audit.run`.
        """
        check_unweighted(sample_weight)
        return self.score(
            _transformed(estimator, X),
            y,
            secret=_aligned("secret", secret, self.secret, X),
            groups=_aligned("groups", groups, self.groups, X),
        )

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        secret: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> float:
        """The score of vectors `X` `(n, d)` themselves; `y` is the secret if `secret` is None."""
        labels = y if secret is None else secret
        if labels is None:
            raise AttackError("no secret, expected one value a row: pass secret=, or y")
        if groups is None:
            raise AttackError(
                "no groups, expected the speaker of each row: pass groups= to leakage_scorer as a "
                "Series with the index of X, or through metadata routing"
            )
        audit = self.audit if self.audit is not None else Audit(shuffles=1)
        return -audit.run(X, labels, groups).leakage()


def leakage_scorer(
    audit: Audit | None = None,
    secret: pd.Series | None = None,
    groups: pd.Series | None = None,
) -> LeakageScorer:
    """A scorer: how little a retrained attacker infers from the output of a transformer.

    The score is −(value − chance) / (1 − chance) of the best attacker with one utterance: 0 at
    chance, −1 for an attacker without errors. A pipeline that ends in a classifier is scored on the
    input of the classifier.

    `secret` and `groups`, the speakers, are Series with the index of the DataFrame `X`. Without
    `secret`, the labels `y` are the secret. With metadata routing of scikit-learn, both are routed
    instead: `leakage_scorer().set_score_request(secret=True, groups=True)`. `audit` are the
    settings; by default quick families without a permutation test, which the score does not need.

    >>> from sklearn.feature_selection import SelectKBest
    >>> from sklearn.model_selection import GridSearchCV
    >>> random = np.random.default_rng(0)
    >>> speaker = pd.Series(np.repeat(np.arange(24), 5).astype(str))
    >>> gender = pd.Series(np.repeat(["female", "male"] * 12, 5))
    >>> mood = np.tile([0, 1], 60)
    >>> x = pd.DataFrame(random.normal(size=(120, 4)))
    >>> x[0] += 2 * mood; x[1] += 3 * (gender == "male") + mood
    >>> scorer = leakage_scorer(Audit(("linear",), shuffles=1), secret=gender, groups=speaker)
    >>> search = GridSearchCV(SelectKBest(), {"k": [1, 2]}, scoring=scorer, cv=2)
    >>> search.fit(x, mood).best_params_
    {'k': 1}
    """
    return LeakageScorer(audit, secret, groups)


def _aligned(
    name: str, values: ArrayLike | None, series: pd.Series | None, X: ArrayLike
) -> ArrayLike | None:
    """The values of the rows of `X`: routed ones, or those of a series by the index of `X`."""
    if values is not None or series is None:
        return values
    if not isinstance(series, pd.Series) or not isinstance(X, pd.DataFrame):
        raise AttackError(
            f"{name} is {type(series).__name__} and X is {type(X).__name__}, expected a Series and "
            "a DataFrame with the same index: convert them, or use metadata routing"
        )
    if not series.index.is_unique:
        raise AttackError(f"{name}: an index with repeated entries, expected one a row: reset it")
    if len(missing := X.index.difference(series.index)):
        raise AttackError(
            f"{name} has no entry for row {missing[0]!r} of X, expected one a row: align them"
        )
    return series.loc[X.index]


def _transformed(estimator: BaseEstimator, X: ArrayLike) -> Any:
    """The vectors that an estimator passes on, before a final classifier."""
    if isinstance(estimator, Pipeline) and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]
    if not hasattr(estimator, "transform"):
        raise AttackError(
            f"{type(estimator).__name__} transforms nothing, expected a transformer, or a pipeline "
            "of transformers before a classifier: choose another estimator"
        )
    vectors = estimator.transform(X)
    return vectors.toarray() if hasattr(vectors, "toarray") else np.asarray(vectors)
