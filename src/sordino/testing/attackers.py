"""Laws of an attacker: a classifier of scikit-learn's kind that learns a secret from vectors."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from sklearn.base import BaseEstimator, clone

from sordino.metrics import auc
from sordino.testing.laws import Law, check_laws
from sordino.testing.synthetic import SyntheticVectors, synthetic_vectors
from sordino.types import Codes, Matrix

STRONG: Final = 0.9
"""The AUC that an attacker reaches at least where the secret moves an axis by many deviations."""

NULL_RANGE: Final = (0.2, 0.8)
"""The AUC stays between these where the secret is a coin per speaker (24 speakers)."""


@cache
def _data() -> SyntheticVectors:
    return synthetic_vectors(gender=3.0)


def _split(gender: Codes | None = None) -> tuple[Matrix, Codes, Matrix, Codes]:
    """Vectors and secret of the first 16 speakers, then those of the last 8."""
    data = _data()
    speaker = np.unique(data.corpus.speaker, return_inverse=True)[1]
    secret = data.corpus.genders() if gender is None else gender[speaker]
    x, train = np.asarray(data.z, np.float64), speaker < 16
    return x[train], secret[train], x[~train], secret[~train]


def _scores(attacker: BaseEstimator, gender: Codes | None = None) -> tuple[Matrix, Codes]:
    x, secret, unseen, truth = _split(gender)
    fitted = clone(attacker).fit(x, secret)
    if hasattr(fitted, "decision_function"):
        return np.asarray(fitted.decision_function(unseen), np.float64), truth
    return np.asarray(fitted.predict_proba(unseen), np.float64)[:, 1], truth


def _cloned(attacker: BaseEstimator) -> None:
    """scikit-learn can copy it unfitted, and the copy has the same parameters."""
    copy = clone(attacker)
    assert copy is not attacker, "clone gives the same object"
    assert repr(copy.get_params()) == repr(attacker.get_params()), "the parameters differ"


def _scored(attacker: BaseEstimator) -> None:
    """It scores each row by one finite number, from decision_function or predict_proba."""
    scores, truth = _scores(attacker)
    assert scores.shape == truth.shape, f"{scores.shape}, not {truth.shape}"
    assert np.isfinite(scores).all(), "NaN or infinity"


def _repeated(attacker: BaseEstimator) -> None:
    """Two copies fitted on the same rows give the same scores: set random_state."""
    assert np.array_equal(_scores(attacker)[0], _scores(attacker)[0]), "the scores differ"


def _strong(attacker: BaseEstimator) -> None:
    """It recovers gender of unseen speakers where gender moves an axis by many deviations."""
    scores, truth = _scores(attacker)
    assert auc(truth == 1, scores) >= STRONG, (
        f"AUC {auc(truth == 1, scores):.2f}, expected {STRONG}"
    )


def _null(attacker: BaseEstimator) -> None:
    """It stays near chance where the secret is a coin per speaker."""
    areas = []
    for seed in range(5):
        coin = np.random.default_rng(seed).permutation(np.arange(24) % 2)
        scores, truth = _scores(attacker, coin)
        areas.append(auc(truth == 1, scores) if np.ptp(truth) else 0.5)
    mean = float(np.mean(areas))
    assert NULL_RANGE[0] <= mean <= NULL_RANGE[1], f"mean AUC {mean:.2f}, expected {NULL_RANGE}"


def _input_untouched(attacker: BaseEstimator) -> None:
    """Fitting changes neither the vectors nor the secret."""
    x, secret, _, _ = _split()
    vectors, labels = x.copy(), secret.copy()
    clone(attacker).fit(vectors, labels)
    assert np.array_equal(vectors, x), "the vectors changed"
    assert np.array_equal(labels, secret), "the secret changed"


ATTACKER_LAWS: Final[dict[str, Law]] = {
    "cloned": _cloned,
    "scored": _scored,
    "repeated": _repeated,
    "strong": _strong,
    "null": _null,
    "input untouched": _input_untouched,
}
"""Each law by name, a function of an unfitted classifier."""


def check_attacker(attacker: BaseEstimator) -> int:
    """Run every law of an attacker on synthetic vectors. Returns the number of laws that hold.
    Raises `AssertionError` that lists the broken laws.

    >>> from sklearn.linear_model import LogisticRegression
    >>> check_attacker(LogisticRegression())
    6
    """
    return check_laws(attacker, ATTACKER_LAWS)
