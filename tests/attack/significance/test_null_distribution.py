"""The null distribution of the UAR and its limits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sordino import metrics
from sordino.attack import Null, pool_scores, retrain
from sordino.attack.attackers import kernels
from sordino.attack.secret import Secret
from sordino.attack.selection import predict
from sordino.attack.significance.null_distribution import nulls
from sordino.attack.significance.permutation_test import label_columns
from sordino.attack.splits import crossfit
from tests.attack.synthetic_voices import people


def test_a_leak_exceeds_its_null_single_and_pooled() -> None:
    e, speaker, _ = people(20, 12, seed=0, voice=0.4)
    gender = (speaker.astype(int) % 2).astype(np.intp)
    e[:, 0] += 1.6 * gender
    rows = np.arange(len(e))
    result = retrain(
        e, gender, speaker, rows[:120], rows[120:], families=["linear"], ks=(12,), shuffles=39
    )
    single, pooled = (
        metrics.uar(table["truth"].to_numpy(), table["prediction"].to_numpy())
        for table in (result.best, pool_scores(result.best, 12))
    )
    assert 0.6 < single < pooled
    assert single > result.null[1].limits()[1]
    assert result.null[1].p_value(single) == pytest.approx(1 / 40)
    assert np.std(result.null[12].uar) > np.std(
        result.null[1].uar
    )  # one guess a speaker: a wider range means nothing


@pytest.mark.parametrize(("shuffles", "confidence"), [(39, 0.95), (19, 0.9), (199, 0.9)])
def test_limits_hold_one_more_value_as_often_as_they_say(shuffles: int, confidence: float) -> None:
    random, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        low, high = Null(tuple(random.normal(size=shuffles))).limits(confidence)
        inside += low <= random.normal() <= high
    assert inside / 1000 == pytest.approx(confidence, abs=0.03)


def test_the_null_of_a_mean_is_narrower() -> None:
    random = np.random.default_rng(0)
    nulls = [Null(tuple(random.normal(0.5, 0.1, 200))) for _ in range(5)]
    joint = Null.mean(nulls)
    width = [high - low for low, high in (null.limits() for null in (nulls[0], joint))]
    assert width[0] / width[1] == pytest.approx(math.sqrt(5), rel=0.3)
    low, high = joint.limits()
    assert joint.privacy_limits() == (1 - high, 1 - low)


@pytest.mark.parametrize("values", [2, 3])
def test_a_null_is_that_of_one_prediction_for_each_shuffle(values: int) -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), 6)
    secret = Secret.of("secret", speaker % values, speaker)
    plan = crossfit(secret.folds())
    shuffled = secret.shuffles(secret.folds(), 7)
    labels = label_columns(secret, shuffled)
    attackers = list(kernels.scores(random.normal(size=(72, 4)), labels, plan))
    expected = []
    for column in range(1, 8):
        shuffle = replace(secret, values=shuffled[:, column])
        table = predict(shuffle, plan, [attacker.column(column, 8) for attacker in attackers])
        best = table[table["best"]]
        expected.append(metrics.uar(best["truth"].to_numpy(), best["prediction"].to_numpy()))
    assert nulls(secret, shuffled, plan, attackers)[1].uar == tuple(expected)
