"""Several policies on one utterance: bins are counted together, since neither the sum nor the
largest is a bound.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino import attack, metrics
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, bound, contraction, joint_contraction
from sordino.policy import Policy
from sordino.release import (
    Drawn,
    DrawnFitter,
    Identity,
    Joint,
    JointDrawn,
    bounds,
    joint,
    joint_bounds,
)
from sordino.release.drawn.joint import combine
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors

OTHER = Policy(required="happy", sensitive=("sad", "angry"))


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=20, rows=8)


@cache
def fitted(policy: Policy, seed: int) -> Drawn:
    data = scene()
    return DrawnFitter(policy, seed=seed).fit(data.z, data.corpus, data.parts.transform)


@cache
def limits(epsilon: float = float("inf")) -> dict[tuple[str, str, str], Bound]:
    """What bounds who sees both policies' releases."""
    data = scene()
    fitters = {
        "sad": DrawnFitter(POLICY, epsilon=epsilon),
        "happy": DrawnFitter(OTHER, epsilon=epsilon, seed=1),
    }
    return joint_bounds(fitters, lambda _: data.z, data.corpus, data.parts.transform)


def test_two_bins_that_say_nothing_alone_may_say_all_together() -> None:
    """The counter-example to adding up: a coin, and the same coin turned where the secret is 1."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(40), 50)
    secret = np.repeat(np.arange(40) % 2, 50)
    first = random.integers(0, 2, len(secret))
    second = first ^ secret
    alone = [bound(bins, secret, speaker, 2) for bins in (first, second)]
    both = bound(combine([first, second], [2, 2]), secret, speaker, 4)
    assert max(one.high for one in alone) < 0.2
    assert sum(one.high for one in alone) < 0.5 < 0.95 < both.tv
    assert both.auc > 0.95


def test_the_joint_bound_covers_what_another_policy_reveals() -> None:
    data = scene()
    together, alone = (
        limits(),
        bounds(DrawnFitter(POLICY), lambda _: data.z, data.corpus, data.parts.transform),
    )
    assert {name for name, _, _ in together} == {"sad", "happy"}
    key = ("sensitive-vs-neutral", "")
    assert alone[key].tv < 0.2
    assert together[("sad", *key)].tv > 0.3
    assert together[("sad", *key)].bins == 4
    for secret, result in alone.items():  # more is seen, so no less is told
        assert together[("sad", *secret)].tv >= result.tv - 1e-9


@pytest.mark.slow
def test_an_attacker_with_both_releases_stays_below_the_bound() -> None:
    data = scene()
    releases = [fitted(POLICY, 0), fitted(OTHER, 1)]
    result = {}
    for release in (releases[0], joint(releases)):
        guesses = attack.run_joint(
            release, data.z, data.corpus, data.parts, POLICY, families=("linear",)
        ).predictions
        best = guesses[guesses["best"] & (guesses["target"] == "sensitive-vs-neutral")]
        best = best[best["knowledge"] == "semi-informed"]
        result[release.name] = metrics.auc(
            (best["truth"] == 1).to_numpy(), best["score"].to_numpy()
        )
    assert result["drawn"] < 0.6
    assert result["together"] > 0.65
    assert result["together"] <= limits()["sad", "sensitive-vs-neutral", ""].auc_high


def test_joint_vectors_are_concatenated_and_readable() -> None:
    data, releases = scene(), [fitted(POLICY, 0), fitted(OTHER, 1)]
    both = joint(releases)
    assert isinstance(both, JointDrawn)
    out = both(data.z)
    assert out.shape == (len(data.z), 2 * data.z.shape[1])
    bins = [one.decide(data.z) for one in releases]
    assert (both.read(out) == 2 * bins[0] + bins[1]).all()
    assert both.bins == 4
    assert both.hash != joint(releases[::-1]).hash
    plain = joint([releases[0], Identity(16)])
    assert not isinstance(plain, JointDrawn)
    np.testing.assert_array_equal(plain(data.z)[:, 16:], data.z)


def test_randomised_bins_contract_jointly_as_derived() -> None:
    """Against the product of the channels' matrices, on many pairs of laws."""
    random = np.random.default_rng(0)
    for epsilons, counts in (((0.5, 1.0), (2, 2)), ((2.0, 0.1), (3, 2)), ((1.0, 1.0), (2, 4))):
        channel: Any = np.ones((1, 1))
        for epsilon, k in zip(epsilons, counts, strict=True):
            eta = contraction(epsilon, k)
            channel = np.kron(channel, eta * np.eye(k) + (1 - eta) / k)
        keep = joint_contraction(zip(epsilons, counts, strict=True))
        p, q = random.dirichlet(np.full(len(channel), 0.2), (2, 500))
        before, after = (np.abs(one).sum(axis=1) / 2 for one in (p - q, (p - q) @ channel))
        assert (after <= keep * before + 1e-12).all()
        assert (after / before).max() > 0.6 * keep
        ratios = channel.max(axis=0) / channel.min(axis=0)  # epsilons add up
        assert ratios.max() == pytest.approx(np.exp(sum(epsilons)))


def test_randomised_response_makes_the_joint_bound_smaller() -> None:
    plain, noisy = (
        limits(epsilon)["sad", "sensitive-vs-neutral", ""] for epsilon in (float("inf"), 1.0)
    )
    keep = joint_contraction([(1.0, 2), (1.0, 2)])
    assert noisy.tv == pytest.approx(keep * plain.tv)
    assert noisy.high == pytest.approx(keep * plain.high)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    data = scene()
    with pytest.raises(ReleaseError, match="no release, expected two or more"):
        joint([])
    with pytest.raises(
        ReleaseError, match="a joint release is for audits, expected one release: save each"
    ):
        Joint([fitted(POLICY, 0)]).save(tmp_path / "joint.npz")
    many = {str(seed): DrawnFitter(dataclasses.replace(POLICY), seed=seed) for seed in range(5)}
    with pytest.raises(ReleaseError, match="5 policies, expected at most 16 combinations"):
        joint_bounds(many, lambda _: data.z, data.corpus, data.parts.transform)
