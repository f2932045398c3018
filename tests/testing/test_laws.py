"""The checks pass what obeys the laws, and name the laws that a method breaks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

from sordino.release import ArrayRelease, ErasureFitter
from sordino.testing import (
    ATTACKER_LAWS,
    EXTRACTOR_LAWS,
    RELEASE_LAWS,
    check_attacker,
    check_extractor,
    check_release,
)

TEMPLATES = Path(__file__).parents[2] / "docs" / "templates"


def template(name: str) -> Any:
    """A template of the manual as a module."""
    spec = importlib.util.spec_from_file_location(name, TEMPLATES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("law", RELEASE_LAWS)
def test_the_template_of_a_release_obeys(law: str) -> None:
    assert RELEASE_LAWS[law](template("rounded").RoundedFitter) is None


@pytest.mark.parametrize("law", EXTRACTOR_LAWS)
def test_the_template_of_a_feature_set_obeys(law: str) -> None:
    assert EXTRACTOR_LAWS[law](template("energies").BandEnergies()) is None


@pytest.mark.parametrize("law", ATTACKER_LAWS)
def test_a_classifier_of_scikit_learn_obeys(law: str) -> None:
    assert ATTACKER_LAWS[law](DecisionTreeClassifier(max_depth=4, random_state=0)) is None


class Batch(ArrayRelease):
    """Breaks `row by row`, `refusals`, `same shape` and `input untouched`."""

    def __call__(self, z: Any) -> Any:
        z -= z.mean(axis=0)
        return z.astype(np.float64)


class Careless:
    """Learns from every row, of every party, and from its own counter."""

    calls = 0

    def __init__(self, *_: Any) -> None:
        pass

    def fit(self, z: Any, *_: Any) -> Batch:
        Careless.calls += 1
        return Batch("careless", {"seed": Careless.calls}, {"mean": z.mean(axis=0)})


def test_a_careless_release_breaks_these_laws() -> None:
    with pytest.raises(AssertionError, match="of 9 laws are broken") as error:
        check_release(Careless)
    for law in ("same shape", "same seed", "row by row", "input untouched", "own rows", "refusals"):
        assert f"  {law}: " in str(error.value)


def test_a_release_of_sordino_breaks_no_law() -> None:
    assert check_release(ErasureFitter) == len(RELEASE_LAWS)


class Unstable:
    """A feature set that counts its calls, and accepts NaN."""

    name, sampling_rate, dims, recipe = "unstable", 16000, 2, 1
    names, config = ("count", "count"), {"recipe": 1}
    calls = 0

    def __call__(self, _samples: Any) -> Any:
        self.calls += 1
        return np.array([self.calls, np.nan], np.float32)


def test_an_unstable_feature_set_breaks_these_laws() -> None:
    with pytest.raises(AssertionError, match="laws are broken") as error:
        check_extractor(Unstable())  # type: ignore[arg-type]
    for law in ("described", "finite", "repeated", "refusals"):
        assert f"  {law}: " in str(error.value)


class Guess(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An attacker that draws its scores."""

    def fit(self, _x: Any, y: Any) -> Guess:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x: Any) -> Any:
        return np.random.default_rng().normal(size=len(x))


def test_a_guessing_attacker_breaks_these_laws() -> None:
    with pytest.raises(AssertionError, match="laws are broken") as error:
        check_attacker(Guess())
    for law in ("repeated", "strong"):
        assert f"  {law}: " in str(error.value)
