"""The scaled space depends on the fitting rows only, and does not change afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sordino.errors import FeatureError, StorageError
from sordino.features import Preprocess, PreprocessFitter


def features(rows: int, dims: int, seed: int = 0) -> NDArray[np.float32]:
    """Columns of very different sizes, as functionals are, of which two are constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, dims)) * np.logspace(-6, 9, dims)
    x[:, 1] = 0.1
    x[:, 2] = 0
    return x.astype(np.float32)


@pytest.mark.parametrize("scale", ["minmax", "zscore"])
def test_it_is_scikit_learns_scaler_and_pca(scale: str) -> None:
    x = features(60, 200)
    z = {"minmax": MinMaxScaler, "zscore": StandardScaler}[scale]().fit_transform(
        x.astype(np.float64)
    )
    pca = PCA(10, svd_solver="full").fit(z)
    ours = PreprocessFitter(scale, components=10).fit(x)(x)
    assert ours.dtype == np.float32
    theirs = pca.transform(z)
    np.testing.assert_allclose(ours * np.sign((ours * theirs).sum(axis=0)), theirs, atol=1e-4)


def test_other_rows_change_nothing() -> None:
    x, fitted_on = features(60, 50), np.arange(0, 60, 2)
    changed = x.copy()
    changed[1::2] = 1e6 * features(30, 50, seed=1)
    first, second = (PreprocessFitter().fit(table[fitted_on]) for table in (x, changed))
    assert first.hash == second.hash
    np.testing.assert_array_equal(first(x[fitted_on]), second(changed[fitted_on]))


def test_a_fitted_row_does_change_it() -> None:
    x = features(60, 50)
    changed = x.copy()
    changed[7, 5] *= 2
    assert PreprocessFitter().fit(x).hash != PreprocessFitter().fit(changed).hash


@pytest.mark.parametrize(
    ("rows", "components", "given_back"), [(30, 256, 29), (30, 8, 8), (300, 256, 198)]
)
def test_there_are_never_more_components_than_the_rows_hold(
    rows: int, components: int, given_back: int
) -> None:
    x = features(rows, 200)  # two of the columns are constant
    assert PreprocessFitter(components=components).fit(x).dims == given_back


def test_a_repeated_recording_adds_no_component_of_rounding() -> None:
    x = features(30, 200)
    assert PreprocessFitter().fit(np.vstack([x, x[:1]])).dims == 29


def test_unseen_speakers_stay_in_the_stated_range() -> None:
    x = features(40, 30)
    wild = x[:2] * np.array([[1e6], [-1e6]], dtype=np.float32)
    for clip in (None, (0.0, 1.0)):
        preprocess = PreprocessFitter(clip=clip).fit(x)
        low, high = clip or (-0.5, 1.5)
        scaled = preprocess(wild) @ preprocess.components + preprocess.mean
        assert scaled.min() >= low - 1e-5
        assert scaled.max() <= high + 1e-5
    np.testing.assert_allclose(
        PreprocessFitter(clip=(0, 1)).fit(x)(x), PreprocessFitter().fit(x)(x), atol=1e-5
    )


def test_what_was_constant_in_fitting_is_ignored_afterwards() -> None:
    x = features(40, 30)
    preprocess = PreprocessFitter().fit(x)
    changed = x.copy()
    changed[:, 1:3] = 12345
    np.testing.assert_array_equal(preprocess(changed), preprocess(x))


@given(st.permutations(range(20)))
def test_order_of_rows_does_not_matter(order: list[int]) -> None:
    x = features(20, 30)
    preprocess = PreprocessFitter().fit(x)
    np.testing.assert_allclose(preprocess(x[order]), preprocess(x)[order], atol=1e-6)
    np.testing.assert_allclose(PreprocessFitter().fit(x[order])(x), preprocess(x), atol=1e-5)


@given(
    arrays.arrays(
        np.float32, (6, 4), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)
    )
)
def test_any_finite_table_gives_finite_vectors_or_says_why_not(x: NDArray[np.float32]) -> None:
    if (x == x[0]).all():
        with pytest.raises(FeatureError, match="all the same"):
            PreprocessFitter().fit(x)
    else:
        preprocess = PreprocessFitter().fit(x)
        assert np.isfinite(preprocess(x)).all()
        assert np.isfinite(preprocess(-x)).all()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        PreprocessFitter().fit(features(40, 30)).save(tmp_path / name)
        for name in ("one.npz", "two.npz")
    )
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["preprocess.npz", "no_suffix"])
def test_save_and_load_change_nothing(tmp_path: Path, name: str) -> None:
    x = features(40, 30)
    preprocess = PreprocessFitter("zscore", components=5, clip=(-3, 3)).fit(x)
    loaded = Preprocess.load(preprocess.save(tmp_path / name))
    assert loaded.hash == preprocess.hash
    assert (
        loaded.config
        == preprocess.config
        == {"scale": "zscore", "components": 5, "clip": [-3.0, 3.0]}
    )
    np.testing.assert_array_equal(loaded(x), preprocess(x))


def test_it_shares_no_memory_and_leaves_its_input_alone() -> None:
    x = features(40, 30)
    before, fitter = x.copy(), PreprocessFitter()
    preprocess = fitter.fit(x)
    expected, digest = preprocess(x), preprocess.hash
    np.testing.assert_array_equal(x, before)
    x *= 0
    fitter.fit(features(40, 30, seed=1))
    fitter.scale = "zscore"
    np.testing.assert_array_equal(preprocess(before), expected)
    assert preprocess.hash == digest
    with pytest.raises(ValueError, match="read-only"):
        preprocess.mean[0] = 1


def bad(x: NDArray[np.float32], value: float) -> NDArray[np.float32]:
    x[3, 4] = value
    return x


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 30), np.float32), r"shape \(0, 30\), expected \(rows, "),
        (np.zeros((5, 0), np.float32), r"shape \(5, 0\), expected \(rows, "),
        (np.zeros(30, np.float32), r"shape \(30,\), expected \(rows, "),
        (bad(features(10, 30), np.nan), "1 of 300 values are NaN or infinite"),
        (bad(features(10, 30), np.inf), "1 of 300 values are NaN or infinite"),
    ],
)
def test_tables_that_are_none_are_refused_in_fitting_and_after(
    x: NDArray[np.float32], message: str
) -> None:
    preprocess = PreprocessFitter().fit(features(40, 30))
    with pytest.raises(FeatureError, match=message):
        PreprocessFitter().fit(x)
    with pytest.raises(FeatureError, match=message):
        preprocess(x)


def test_another_width_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"shape \(40, 29\), expected \(rows, 30\)"):
        PreprocessFitter().fit(features(40, 30))(features(40, 29))


@pytest.mark.parametrize(
    ("fitter", "message"),
    [
        (PreprocessFitter("robust"), "scale 'robust', expected one of minmax, zscore"),
        (PreprocessFitter(components=0), "components 0, expected at least 1"),
        (PreprocessFitter(clip=(1, 0)), r"clip \(1, 0\), expected a lower and a higher number"),
    ],
)
def test_settings_that_mean_nothing_are_refused(fitter: PreprocessFitter, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        fitter.fit(features(40, 30))


def test_one_row_shows_no_difference() -> None:
    with pytest.raises(FeatureError, match="one row, expected at least two"):
        PreprocessFitter().fit(features(1, 30))


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    saved = PreprocessFitter().fit(features(40, 30)).save(tmp_path / "saved.npz").read_bytes()
    (tmp_path / "short.npz").write_bytes(saved[: len(saved) // 2])
    for name in ("text.npz", "other.npz", "short.npz"):
        with pytest.raises(
            FeatureError, match=f"{name}: not a saved preprocessing, expected what `save` wrote"
        ):
            Preprocess.load(tmp_path / name)
    with pytest.raises(StorageError, match=r"absent\.npz: No such file"):
        Preprocess.load(tmp_path / "absent.npz")


def test_centring_on_an_environment_removes_its_offset() -> None:
    random = np.random.default_rng(1)
    here, offset = random.normal(size=(40, 30)), random.normal(size=30)
    space = PreprocessFitter("zscore").fit(here)
    centred = space.centred(here + offset)
    np.testing.assert_allclose(centred(here + offset).mean(axis=0), 0, atol=1e-5)
    assert np.abs(space(here + offset).mean(axis=0)).max() > 0.1
    np.testing.assert_allclose(centred(here + offset), space(here), atol=1e-4)
    np.testing.assert_allclose(space.centred(here)(here), space(here), atol=1e-5)
    assert np.array_equal(centred.components, space.components)
    assert centred.hash != space.hash


def test_centred_on_what_is_no_number_is_refused() -> None:
    space = PreprocessFitter().fit(features(40, 30))
    with pytest.raises(FeatureError, match="values are NaN or infinite"):
        space.centred(np.full((2, 30), np.nan))
    with pytest.raises(FeatureError, match=r"expected \(rows, 30\) with one row or more"):
        space.centred(np.zeros((0, 30)))
