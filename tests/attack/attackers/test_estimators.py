"""Attackers that are scikit-learn estimators find planted leaks, and none without a leak."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sordino import metrics
from sordino.attack import FULL, QUICK, Audit, retrain
from sordino.attack.attackers import estimators
from sordino.attack.attackers.screens import SCREEN_FAMILIES
from sordino.attack.splits import crossfit
from sordino.types import Rows
from tests.attack.synthetic_voices import people

NAMES = tuple(estimators.ESTIMATORS)


def halves(speaker: NDArray[np.str_], count: int) -> tuple[Rows, Rows]:
    """Rows of the first `own` speakers, and those of all others."""
    return np.flatnonzero(speaker < f"{count:02d}"), np.flatnonzero(speaker >= f"{count:02d}")


def test_all_families_are_those_of_both_kinds() -> None:
    assert (*QUICK, *SCREEN_FAMILIES, *NAMES) == FULL
    assert len(set(FULL)) == len(FULL)


@pytest.mark.parametrize("family", NAMES)
def test_a_planted_leak_is_found_on_new_speakers(family: str) -> None:
    x, speaker, _ = people(24, 8, seed=0)
    secret = (np.arange(len(x)) // 8 % 2).astype(np.intp)
    x[:, 2] += np.where(secret == 1, 2, -2)
    result = retrain(x, secret, speaker, *halves(speaker, 16), families=[family])
    best = result.best
    assert metrics.auc((best["truth"] == 1).to_numpy(), best["score"].to_numpy()) > 0.95
    assert metrics.uar(best["truth"].to_numpy(), best["prediction"].to_numpy()) > 0.85
    assert result.quality[family] > 0.95


@pytest.mark.parametrize(
    ("family", "finds"), [("logistic", False), ("svm-rbf", True), ("forest", True), ("mlp", True)]
)
def test_nonlinear_families_find_a_leak_in_the_variance(family: str, finds: bool) -> None:
    x, speaker, random = people(24, 20, seed=1, dims=3, voice=0.0)
    secret = random.integers(0, 2, len(x)).astype(np.intp)
    x[:, :2] *= np.where(secret == 1, 3.0, 0.5)[:, None].astype(np.float32)
    best = retrain(x, secret, speaker, *halves(speaker, 16), families=[family]).best
    assert (metrics.auc((best["truth"] == 1).to_numpy(), best["score"].to_numpy()) > 0.8) is finds


@pytest.mark.slow
@pytest.mark.parametrize("family", NAMES)
def test_scores_are_repeatable_and_the_input_is_unchanged(family: str) -> None:
    x, speaker, _ = people(12, 6, seed=3)
    secret = (np.arange(len(x)) // 6 % 2).astype(np.intp)
    before, state = x.copy(), repr(np.random.get_state())  # noqa: NPY002
    scores = [
        retrain(x, secret, speaker, *halves(speaker, 8), families=[family]).best["score"]
        for _ in range(2)
    ]
    assert scores[0].tolist() == scores[1].tolist()
    assert np.array_equal(x, before)
    assert repr(np.random.get_state()) == state  # noqa: NPY002


def test_only_the_first_setting_is_fitted_on_every_column() -> None:
    """Solved to the end in float64: where a solver stops early, its path depends on the processor's
    rounding.
    """
    x, speaker, random = people(8, 6, seed=5)
    x = x.astype(np.float64)
    labels = random.integers(0, 2, (len(x), 3)).astype(float)
    plan = crossfit(speaker.astype(int).astype(np.intp) % 4)
    settings = [LogisticRegression(C=strength, tol=1e-10, max_iter=1000) for strength in (0.1, 1.0)]
    first, second = estimators.scores(x, labels, plan, "logistic", settings)
    assert (first.tested, first.values.shape) == (True, (len(x), 3))
    assert (second.tested, second.values.shape) == (False, (len(x), 1))
    side = plan.splits[1]
    scale = np.sqrt(x.var(axis=0).mean())
    train_x, test = ((x[rows] - x.mean(axis=0)) / scale for rows in (side.train, side.test))
    for column in range(3):
        model = LogisticRegression(C=0.1, tol=1e-10, max_iter=1000).fit(
            train_x, labels[side.train, column]
        )
        np.testing.assert_allclose(
            first.values[side.test, column], model.decision_function(test), atol=1e-6
        )


@pytest.mark.parametrize(
    "setting", [LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0)]
)
def test_the_class_with_the_highest_score_is_predicted(setting: object) -> None:
    x, speaker, _ = people(12, 10, seed=6)
    truth = (np.arange(len(x)) % 3).astype(np.intp)
    x[np.arange(len(x)), truth] += 8
    x[:, 3:] = 0
    labels = np.hstack([(truth == code).astype(float)[:, None] for code in range(3)])
    plan = crossfit(speaker.astype(int).astype(np.intp) % 3)
    (attacker,) = estimators.scores(x, labels, plan, "one", [setting], classes=3)
    assert metrics.uar(truth, attacker.values.argmax(axis=1)) > 0.9


def test_a_class_without_training_rows_is_never_predicted() -> None:
    x, speaker, _ = people(6, 10, seed=6)
    truth = (speaker.astype(int) % 3).astype(np.intp)
    plan = crossfit(truth)  # no other fold has the value of the fold
    labels = np.hstack([(truth == code).astype(float)[:, None] for code in range(3)])
    (attacker,) = estimators.scores(x, labels, plan, "logistic", [LogisticRegression()], classes=3)
    assert (attacker.values.argmax(axis=1) != truth).all()


def test_scores_of_a_continuous_secret_correlate_with_it() -> None:
    x, speaker, random = people(10, 10, seed=7)
    age = random.permutation(len(x)) / len(x)
    x[:, 0] += 6 * age
    plan = crossfit(speaker.astype(int).astype(np.intp) % 5)
    (attacker,) = estimators.scores(x, age[:, None], plan, "logistic", [LogisticRegression()])
    assert np.corrcoef(attacker.values[:, 0], age)[0, 1] > 0.7


def test_units_of_the_dimensions_change_no_result() -> None:
    x, speaker, _ = people(16, 8, seed=9)
    secret = (speaker.astype(int) % 2).astype(np.intp)
    x[:, 0] += 3 * secret
    x[:, 1] *= 1e6  # in hertz beside decibels
    best = retrain(x, secret, speaker, *halves(speaker, 8), families=["logistic"]).best
    assert metrics.auc((best["truth"] == 1).to_numpy(), best["score"].to_numpy()) > 0.9


def test_a_custom_estimator_takes_part_in_the_verdict() -> None:
    x, speaker, _ = people(16, 8, seed=8)
    secret = speaker.astype(int) % 2
    x[:, 0] += 4 * secret
    audit = Audit(
        families=(),
        estimators={"tree": DecisionTreeClassifier(max_depth=2, random_state=0)},
        shuffles=19,
    )
    result = audit.run(x, secret, speaker, name="gender")
    assert result.decision.answer == "leak"
    assert {family for family, *_ in result.decision.by_attacker} == {"tree"}
    assert result.auc("tree") > 0.9
    blind = Audit(families=(), estimators={"blind": DummyClassifier()}, shuffles=19).run(
        x, secret, speaker
    )
    assert blind.decision.answer != "leak"


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_a_shared_kernel_gives_the_margins_of_the_machine(kernel: str) -> None:
    x, speaker, random = people(12, 8, seed=0)
    setting = SVC(kernel=kernel, degree=2, coef0=1.0)
    labels = random.integers(0, 2, (len(x), 3)).astype(np.float64)
    fold = speaker.astype(np.intp) % 2
    plan = crossfit(fold)
    (attacker,) = estimators.scores(x, labels, plan, "machine", [setting])
    z = estimators._scale_units(x, plan.train_rows)
    for column in range(3):
        model = SVC(kernel=kernel, degree=2, coef0=1.0).fit(z[fold == 0], labels[fold == 0, column])
        expected = model.decision_function(z[fold == 1])
        np.testing.assert_allclose(attacker.values[fold == 1, column], expected, atol=1e-6)
