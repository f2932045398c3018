"""Prototypes say where a class lies, are private for each speaker, and repeat no recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release import DrawnFitter
from sordino.release.drawn.gaussian_mechanism import noise_scale
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


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_the_noise_has_exactly_the_stated_delta(epsilon: float) -> None:
    delta, scale = 1e-3, noise_scale(epsilon, 1e-3, 2.0)
    grid = np.linspace(-12 * scale, 12 * scale + 2, 400_001)
    density = [np.exp(-(((grid - mean) / scale) ** 2) / 2) for mean in (0.0, 2.0)]
    p, q = (values / (scale * np.sqrt(2 * np.pi)) for values in density)
    excess = np.maximum(p - np.exp(epsilon) * q, 0).sum() * (grid[1] - grid[0])
    assert excess == pytest.approx(delta, rel=1e-3)  # the hockey-stick divergence


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
