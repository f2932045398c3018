"""The scaled space among the transformers of scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from sordino.errors import FeatureError
from sordino.features import PreprocessFitter
from sordino.release import ScaledSpace


def test_it_obeys_the_checks_of_scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that need a package that is not installed
        checks = check_estimator(ScaledSpace(), on_fail=None)
    assert [check["check_name"] for check in checks if check["status"] == "failed"] == []
    assert sum(check["status"] == "passed" for check in checks) > 40


def test_it_is_the_preprocessing_itself() -> None:
    x = np.random.default_rng(0).normal(size=(30, 8))
    space = ScaledSpace("zscore", components=4).fit(x)
    expected = PreprocessFitter("zscore", components=4).fit(x)
    assert space.space_.hash == expected.hash
    np.testing.assert_array_equal(space.transform(x), expected(x))
    assert list(space.get_feature_names_out()) == [f"scaledspace{axis}" for axis in range(4)]


def test_another_scale_is_refused_when_it_is_fitted() -> None:
    with pytest.raises(FeatureError, match="scale 'rank', expected one of minmax, zscore"):
        ScaledSpace("rank").fit(np.eye(4))
