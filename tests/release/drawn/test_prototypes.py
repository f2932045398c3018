"""Prototypes say where a class lies, are private for each speaker, and repeat no recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release import DrawnFitter
from sordino.release.drawn.gaussian_mechanism import add_gaussian_noise, noise_scale
from sordino.release.drawn.prototypes import (
    COUNT,
    EPSILON,
    LONGEST_NOISE,
    bounded_means,
    prototypes,
)

NAMES = ["calm", "loud"]
LABELS = np.tile(np.arange(3), 80)
SPEAKER = np.repeat([f"{number:02d}" for number in range(12)], 20)


def rows(seed: int = 0, dims: int = 40) -> np.ndarray:
    """Three classes 4 standard deviations apart, `(240, dims)`."""
    z = np.random.default_rng(seed).normal(size=(len(LABELS), dims)).astype(np.float32)
    z[np.arange(len(z)), LABELS] += 4
    return z


def test_prototypes_lie_nearest_to_their_class() -> None:
    z = rows()
    means = np.stack([z[code == LABELS].mean(axis=0) for code in range(3)])
    output = prototypes(z, LABELS, SPEAKER, NAMES, np.random.default_rng(0))
    distance = np.linalg.norm(output[:, None, :3] - means[None, :, :3], axis=2)
    assert distance.argmin(axis=1).tolist() == [0] * COUNT + [1] * COUNT
    assert len(np.unique(output, axis=0)) == 2 * COUNT


def test_prototypes_do_not_recognise_a_fitting_recording() -> None:
    auc = []
    for seed in range(8):
        z, others = rows(seed), rows(seed + 100)
        output = prototypes(z, LABELS, SPEAKER, NAMES, np.random.default_rng(seed))
        of_class = LABELS == 0
        scores = np.concatenate([z[of_class], others[of_class]]) @ output[:COUNT].mean(axis=0)
        auc.append(roc_auc_score(np.repeat([1, 0], of_class.sum()), scores))
    assert 0.4 < np.mean(auc) < 0.6


def test_a_speaker_moves_the_means_by_at_most_the_sensitivity() -> None:
    random = np.random.default_rng(0)
    position, member = random.normal(size=(len(LABELS), 2)), SPEAKER == "03"
    changes = []
    for size in (0.1, 1.0, 1e6):
        loud = np.where(member[:, None], size * (1 + position**2), position)
        absent = np.where(member, 2, LABELS)  # none of this speaker in the first two classes
        present, without = (bounded_means(loud, label, SPEAKER, 2) for label in (LABELS, absent))
        changes.append(np.linalg.norm(present - without))
    assert max(changes) == pytest.approx(np.sqrt(2) / 12)  # √classes / speakers, reached


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 6.0])
def test_noise_is_little_more_than_the_exact_least(epsilon: float) -> None:
    delta, scale = 1e-3, noise_scale(epsilon, 1e-3, 2.0)
    # (epsilon, delta) holds if and only if this is at most delta (Balle and Wang 2018, theorem 8)
    excess = [
        norm.cdf(1 / s - epsilon * s / 2) - np.exp(epsilon) * norm.cdf(-1 / s - epsilon * s / 2)
        for s in (scale, scale / 1.3)
    ]
    assert excess[0] < delta < excess[1]


@pytest.mark.parametrize("seed", [None, 0])
def test_noise_has_the_stated_deviation(seed: int | None) -> None:
    random = None if seed is None else np.random.default_rng(seed)
    noise = add_gaussian_noise(np.full((2, 1_000), 3.0), 0.5, random) - 3
    assert noise.shape == (2, 1_000)
    assert noise.std() == pytest.approx(0.5, rel=0.1)
    assert abs(noise.mean()) < 0.05
    assert abs(noise[0] @ noise[1]) / 1_000 < 0.04


def test_secret_noise_differs_and_that_of_a_seed_does_not() -> None:
    secret, public = (
        [prototypes(rows(), LABELS, SPEAKER, NAMES, random()) for _ in range(2)]
        for random in (lambda: None, lambda: np.random.default_rng(0))
    )
    assert np.array_equal(public[0], public[1])
    assert (secret[0] != secret[1]).all()


@pytest.mark.parametrize(
    ("epsilon", "speakers", "is_long"),
    [(EPSILON, 4, False), (1.0, 12, True), (1.0, 34, False), (0.1, 34, True)],
)
def test_noise_is_long_for_few_speakers(epsilon: float, speakers: int, is_long: bool) -> None:
    fitter = DrawnFitter(Policy("sad", ("happy", "angry")), prototype_epsilon=epsilon)
    assert (fitter.noise_length(speakers) > LONGEST_NOISE) == is_long


def test_no_noise_or_wrong_settings() -> None:
    assert noise_scale(np.inf, 1e-5, 1.0) == 0.0
    with pytest.raises(ReleaseError, match="expected a positive epsilon, a delta between 0 and 1"):
        noise_scale(0.0, 1e-5, 1.0)
    with pytest.raises(ReleaseError, match="OpenDP finds no noise for them"):
        noise_scale(1e6, 1e-5, 1.0)
    wrong: list[Any] = [0, -1.0, float("nan"), True, "6"]
    for epsilon in wrong:
        with pytest.raises(ReleaseError, match=r"prototype_epsilon .*, expected a number above 0"):
            prototypes(rows(), LABELS, SPEAKER, NAMES, np.random.default_rng(0), epsilon)
    unfit = np.where(np.arange(len(LABELS))[:, None] == 3, np.nan, rows())
    with pytest.raises(ReleaseError, match="vectors with NaN or infinity"):
        prototypes(unfit, LABELS, SPEAKER, NAMES, np.random.default_rng(0))
    few = SPEAKER < "03"
    with pytest.raises(ReleaseError, match=r"3 speaker\(s\) have utterances of calm .* 4 or more"):
        prototypes(rows()[few], LABELS[few], SPEAKER[few], NAMES, np.random.default_rng(0))
