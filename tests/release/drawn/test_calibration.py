"""Every sensitive emotion falls in the required bin as often as neutral."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.errors import ReleaseError
from sordino.release.drawn.calibration import calibrate
from sordino.release.drawn.scorer import required, weights
from sordino.types import Codes, Matrix


def posteriors(rows: int = 1500, similar: float = 1.5, seed: int = 0) -> tuple[Matrix, Codes]:
    """Posteriors of neutral, the required emotion and two sensitive ones; the first of these
    resembles the required one.
    """
    random = np.random.default_rng(seed)
    emotion = np.arange(rows) % 4
    logits = 2 * np.eye(4)[emotion] + random.normal(0, 1.0, (rows, 4))
    logits[emotion == 2, 1] += similar
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), emotion


def shares(posterior: Matrix, emotion: Codes, tilt: tuple[float, ...], threshold: float) -> Matrix:
    """The share of each emotion in the required bin, `(emotions,)`."""
    passes = required(posterior, weights(tilt, posterior.shape[1])) > threshold
    return np.array([passes[emotion == code].mean() for code in range(posterior.shape[1])])


@pytest.mark.parametrize("rate", [None, 0.1])
def test_each_sensitive_emotion_passes_as_often_as_neutral(rate: float | None) -> None:
    posterior, emotion = posteriors()
    before = shares(posterior, emotion, (0.0, 0.0, 0.0), 0.0)
    after = shares(posterior, emotion, *calibrate(posterior, emotion, rate))
    assert before[2] - before[0] > 0.2
    assert abs(after[2:] - after[0]).max() < 0.04
    assert after[1] > after[0] + 0.4


def test_tilts_that_are_chosen_on_rows_hold_on_others() -> None:
    boundary = calibrate(*posteriors(), None)
    after = shares(*posteriors(seed=1), *boundary)
    assert abs(after[2:] - after[0]).max() < 0.06


def test_emotions_that_pass_equally_often_get_hardly_any_tilt() -> None:
    posterior, emotion = posteriors(similar=0.0)
    assert max(map(abs, calibrate(posterior, emotion, None)[0])) < 0.15


def test_a_large_gap_leaves_the_scores_without_a_tilt() -> None:
    posterior, emotion = posteriors()
    assert set(calibrate(posterior, emotion, None, gap=100.0)[0]) == {0.0}
    assert max(map(abs, calibrate(posterior, emotion, None)[0])) > 0.5


@pytest.mark.parametrize("rows", [60, 1500])
def test_copies_equal_to_their_recordings_change_no_boundary(rows: int) -> None:
    """60 rows have too few utterances of an emotion for a weight, and four times as many rows."""
    posterior, emotion = posteriors(rows=rows)
    repeated = np.tile(posterior, (4, 1)), np.tile(emotion, 4)
    plain = calibrate(posterior, emotion, None)
    assert calibrate(*repeated, None, copies=3) == plain
    assert calibrate(*repeated, None) != plain


def test_few_utterances_of_an_emotion_share_one_tilt() -> None:
    posterior, emotion = posteriors(rows=60)  # 15 of each emotion
    tilt = calibrate(posterior, emotion, None)[0]
    assert tilt[1] == tilt[2]
    posterior, emotion = posteriors()
    tilt = calibrate(posterior, emotion, None)[0]
    assert tilt[1] > tilt[2]


def test_separable_scores_have_their_threshold_half_way() -> None:
    emotion = np.repeat([0, 1, 2], 30)
    posterior = 0.1 + 0.7 * np.eye(3)[emotion]
    tilt, threshold = calibrate(posterior, emotion, None)
    score = required(posterior, weights(tilt, 3))
    assert threshold == pytest.approx((score.min() + score.max()) / 2)


def test_a_tilt_of_an_earlier_version_is_one_number() -> None:
    assert weights(0.5, 4).tolist() == weights([0.5, -0.5, -0.5], 4).tolist()
    with pytest.raises(ReleaseError, match="a tilt of 2 weights, expected 3: fit the release"):
        weights([0.5, -0.5], 4)
