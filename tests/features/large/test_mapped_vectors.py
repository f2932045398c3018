"""The scaled space of vectors on disk is that of the same vectors in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.features import PreprocessFitter
from sordino.features.large import (
    SPACE_TOLERANCE,
    VectorRows,
    fit_blocks,
    map_scaled,
    map_vectors,
    mapped,
    open_vectors,
)


def vectors(rows: int = 900, dims: int = 40) -> NDArray[np.float32]:
    """Correlated columns far from 0, the last one constant."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(dims, dims)) * np.geomspace(1, 1e-3, dims)
    x = 1000 + random.normal(size=(rows, dims)) @ mixing.T
    x[:, -1] = 7
    return x.astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_BLOCK", 128)


@pytest.mark.parametrize("scale", ["minmax", "zscore"])
@pytest.mark.parametrize("components", [12, 256])
def test_a_space_fitted_in_blocks_is_the_exact_one(scale: str, components: int) -> None:
    x = vectors()
    fitter = PreprocessFitter(scale, components)
    exact, blocked = fitter.fit(x), fit_blocks(fitter, x)
    assert blocked.dims == exact.dims == min(components, 39)
    expected, z = exact(x), blocked(x)
    assert np.abs(z - expected).max() < SPACE_TOLERANCE * np.abs(expected).max()
    assert blocked.config == exact.config


def test_a_weak_direction_is_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(500, 6)) * [1, 1, 1, 1, 1, 0]
    x[:, 5] = x[:, 0] + 1e-8 * np.random.default_rng(1).normal(size=500)
    fitter = PreprocessFitter("zscore")
    assert (fitter.fit(x).dims, fit_blocks(fitter, x).dims) == (6, 5)


def test_rows_without_a_difference_have_no_space() -> None:
    with pytest.raises(FeatureError, match="all the same"):
        fit_blocks(PreprocessFitter(), np.ones((9, 3)))
    with pytest.raises(FeatureError, match="one row, expected"):
        fit_blocks(PreprocessFitter(), np.ones((1, 3)))


def test_mapped_vectors_and_their_space_are_those_in_memory(tmp_path: Path) -> None:
    x = vectors()
    names = [f"x{number}" for number in range(x.shape[1])]
    pd.DataFrame(x, columns=names).to_parquet(tmp_path / "x.parquet")
    rows = open_vectors(tmp_path / "x.parquet", largest=0).vectors(names)
    assert isinstance(rows, VectorRows)
    array = map_vectors(rows, tmp_path / "x.npy")
    assert np.array_equal(array, x)
    assert (tmp_path / "x.npy").stat().st_mode & 0o777 == 0o600
    space = fit_blocks(PreprocessFitter(components=8), array)
    z = map_scaled(space, array, tmp_path / "z.npy")
    assert isinstance(z, np.memmap)
    np.testing.assert_allclose(z, space(x), rtol=0, atol=1e-6 * np.abs(z).max())
