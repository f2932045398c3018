"""The scaled space of synthetic speech: no recording decides it, and it is always the same."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.features import FEATURE_SETS, Preprocess
from sordino.features.synthetic_space import SETS, synthetic_space


def space(features: str, components: int = 512) -> Preprocess:
    """A space that exists."""
    result = synthetic_space(features, components)
    assert result is not None
    return result


@pytest.mark.parametrize("features", [*SETS, "speech+mel"])
def test_each_feature_has_a_positive_deviation(features: str) -> None:
    fixed = space(features)
    assert fixed.offset.shape == fixed.factor.shape == (FEATURE_SETS[features].dims,)
    assert np.isfinite(fixed.offset).all()
    assert (fixed.factor > 0).all()
    assert np.isfinite(fixed.factor).all()


def test_the_same_name_gives_the_same_bytes() -> None:
    assert space("mel").hash == space("mel").hash != space("mel", 64).hash


def test_a_joined_set_has_the_scaling_of_its_parts() -> None:
    joined, parts = space("speech+mel"), (space("speech"), space("mel"))
    assert np.array_equal(joined.offset, np.concatenate([part.offset for part in parts]))
    assert np.array_equal(joined.factor, np.concatenate([part.factor for part in parts]))


@pytest.mark.parametrize("components", [8, 64, 10_000])
def test_directions_are_orthonormal(components: int) -> None:
    directions = space("mel", components).components
    count = min(components, FEATURE_SETS["mel"].dims)
    np.testing.assert_allclose(directions @ directions.T, np.eye(count), atol=1e-9)


def test_leading_directions_do_not_depend_on_their_number() -> None:
    few, many = (space("speech+mel", components).components[:8] for components in (8, 512))
    np.testing.assert_allclose(few, many, atol=1e-9)
    assert (np.abs(few[:, :512]).max(axis=1) > 1e-9).tolist() == [True, False] * 4


def test_distances_are_preserved_up_to_one_factor() -> None:
    fixed, dims = space("speech+mel"), FEATURE_SETS["speech+mel"].dims
    u = np.random.default_rng(0).normal(size=(40, dims))
    z = fixed(fixed.offset + u / fixed.factor)
    pairs = [(a, b) for a in range(40) for b in range(a)]
    ratio = [np.linalg.norm(z[a] - z[b]) / np.linalg.norm(u[a] - u[b]) for a, b in pairs]
    assert np.ptp(ratio) < 0.15 * np.mean(ratio)


@pytest.mark.parametrize("features", ["IS13", "vectors.parquet", "example:Mine"])
def test_other_features_have_no_fixed_space(features: str) -> None:
    assert synthetic_space(features, 512) is None
