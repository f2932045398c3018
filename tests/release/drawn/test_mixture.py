"""One release after another, and the way between two of them: each does what its parts do, by the
share it says.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from sordino import metrics
from sordino.nn.fit import Settings
from sordino.release import (
    ComposedFitter,
    DrawnFitter,
    Erased,
    ErasureFitter,
    Mixture,
    MixtureFitter,
    NetworkRelease,
    ReplacementFitter,
)
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=30)


def autoencoder() -> ReplacementFitter:
    return ReplacementFitter(POLICY, settings=Settings(epochs=30, learning_rate=5e-3))


@cache
def mixture(share: float) -> Mixture:
    data = scene()
    return MixtureFitter(DrawnFitter(POLICY), autoencoder(), share).fit(
        data.z, data.corpus, data.parts.transform
    )


def remainder(share: float) -> tuple[np.ndarray, np.ndarray]:
    """What is left of released vectors without their prototype, over many devices; and the residual
    of each.
    """
    data, one = scene(), mixture(share)
    rows = data.z[data.parts.transform.rows]
    bins = one.drawn.decide(rows)
    residual = one.autoencoder(rows) - one.arrays["means"][bins]
    return one(rows) - one.drawn(rows), residual


def test_erasure_after_the_autoencoder_leaves_nothing_to_a_line() -> None:
    data = scene()
    part = data.parts.transform
    output = ComposedFitter("rae-leace", autoencoder(), ErasureFitter(POLICY)).fit(
        data.z, data.corpus, part
    )
    first, then = output.parts
    assert isinstance(first, NetworkRelease)
    assert isinstance(then, Erased)
    np.testing.assert_array_equal(output(data.z), then(first(data.z)))
    gender = data.corpus.genders()[part.rows]
    gaps = [
        np.abs(out[gender == 1].mean(axis=0) - out[gender == 0].mean(axis=0)).max()
        for out in (first(data.z[part.rows]), output(data.z[part.rows]))
    ]
    assert gaps[0] > 0.1
    assert gaps[1] < 1e-4


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_remainder_has_the_spread_of_the_residual(share: float) -> None:
    left, residual = remainder(share)
    strongest = np.linalg.svd(residual, full_matrices=False)[2][0]
    assert (left @ strongest).std() == pytest.approx((residual @ strongest).std(), rel=0.15)
    assert np.corrcoef(left @ strongest, residual @ strongest)[0, 1] == pytest.approx(
        share, abs=0.1
    )


def test_a_linear_leak_of_the_remainder_is_at_most_the_share() -> None:
    """A leak of d deviations has the AUC Φ(d / √2); noise has the variance of both values together,
    1 + d² / 4.
    """
    data = scene()
    gender = data.corpus.genders()[data.parts.transform.rows] == 1
    left, residual = remainder(0.5)
    line = np.linalg.lstsq(residual - residual.mean(axis=0), gender - gender.mean(), rcond=None)[0]
    d = np.sqrt(2) * stats.norm.ppf(metrics.auc(gender, residual @ line))
    assert d > 0.8
    result = np.sqrt(2) * stats.norm.ppf(metrics.auc(gender, left @ line))
    noise = 0.25 + 0.75 * (1 + d**2 / 4)
    assert result == pytest.approx(0.5 * d / np.sqrt(noise), abs=0.4)
    assert result < 0.5 * d
