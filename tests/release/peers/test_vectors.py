"""Releases of other people that map vectors: `aibt` and `learned-noise`, at few steps."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sordino import metrics
from sordino.cli.options import resolve_releases
from sordino.errors import DependencyError
from sordino.policy import Policy
from sordino.release import FITTERS, PEERS, Release, load, resolve
from sordino.release.peers.aibt import BottleneckFitter
from sordino.release.peers.learned_noise import LearnedNoise, LearnedNoiseFitter
from sordino.release.protocol import Fitter
from sordino.testing import (
    POLICY,
    RELEASE_LAWS,
    SyntheticVectors,
    check_release,
    synthetic_vectors,
)
from sordino.types import Codes

VECTOR_PEERS = ("aibt", "learned-noise")


def brief(name: str, policy: Policy, seed: int) -> Fitter:
    """The fitter of a name with little training."""
    if name == "aibt":
        return BottleneckFitter(policy, latent=8, rounds=1, seed=seed)
    return LearnedNoiseFitter(policy, steps=20, seed=seed)


@cache
def vectors() -> SyntheticVectors:
    return synthetic_vectors(speakers=20)


@cache
def trained(name: str) -> Release:
    data = vectors()
    fitter = (
        BottleneckFitter(POLICY, latent=8, rounds=6)
        if name == "aibt"
        else LearnedNoiseFitter(POLICY, weight=1.0)
    )
    return fitter.fit(data.z, data.corpus, data.parts.transform)


def recovered(release: Release, code: Codes) -> float:
    """The AUC of a linear classifier that is trained on released vectors of other speakers."""
    data = vectors()
    out, risk, test = release(data.z), data.parts.risk.rows, data.parts.test
    scores = LinearDiscriminantAnalysis().fit(out[risk], code[risk]).decision_function(out[test])
    return metrics.auc(code[test] == 1, scores)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers are forgotten after the test."""
    for name, family in PEERS.items():
        monkeypatch.setitem(FITTERS, name, family)


@pytest.mark.slow
@pytest.mark.parametrize("name", VECTOR_PEERS)
def test_a_peer_obeys_the_laws_of_a_release(name: str) -> None:
    assert check_release(lambda policy, seed: brief(name, policy, seed)) == len(RELEASE_LAWS)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", VECTOR_PEERS)
def test_a_loaded_peer_is_exactly_the_same(name: str, tmp_path: Path) -> None:
    data = vectors()
    release = brief(name, POLICY, 3).fit(data.z, data.corpus, data.parts.transform)
    release.save(tmp_path / "peer.npz")
    loaded = load(tmp_path / "peer.npz", key=3)
    assert (loaded.name, loaded.config, loaded.hash) == (release.name, release.config, release.hash)
    assert np.array_equal(loaded(data.z), release(data.z))


@pytest.mark.usefixtures("registered")
def test_loaded_noise_has_a_secret_key(tmp_path: Path) -> None:
    data = vectors()
    brief("learned-noise", POLICY, 3).fit(data.z, data.corpus, data.parts.transform).save(
        tmp_path / "peer.npz"
    )
    first, second = (load(tmp_path / "peer.npz")(data.z) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", VECTOR_PEERS)
def test_a_peer_preserves_the_required_emotion(name: str) -> None:
    required = (vectors().role == 1).astype(np.intp)
    assert recovered(trained(name), required) > 0.8


def test_learned_noise_lowers_the_recovery_of_gender() -> None:
    gender = vectors().corpus.genders()
    assert recovered(unprotected(), gender) > 0.97
    assert recovered(trained("learned-noise"), gender) < 0.93


def unprotected() -> Release:
    data = vectors()
    return FITTERS["none"](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)


def test_suppressed_dimensions_release_their_mean() -> None:
    arrays = {
        "scale": np.array([1.0, 9.0]),
        "mean": np.array([0.0, 2.0]),
        "suppressed": np.array([False, True]),
    }
    release = LearnedNoise("learned-noise", {"width": 2, "key": 0}, arrays)
    out = release(np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32))
    assert (out[:, 1] == 2).all()
    assert out[:, 0].var() == pytest.approx(2, rel=0.2)  # 1 of the vector, 1 of the noise


def test_training_leaves_the_generator_of_torch_alone() -> None:
    state = torch.random.get_rng_state()
    data = vectors()
    brief("aibt", POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_aibt_trains_where_nothing_is_hidden() -> None:
    data = vectors()
    policy = Policy("sad", ("happy", "angry"), hide=())
    release = brief("aibt", policy, 0).fit(data.z, data.corpus, data.parts.transform)
    assert np.isfinite(release(data.z)).all()


def test_an_absent_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aibt", None)
    with pytest.raises(
        DependencyError, match=r"aibt is not installed, .* aibt: pip install .*peers"
    ):
        BottleneckFitter(POLICY)


@pytest.mark.usefixtures("registered")
def test_a_peer_is_found_by_name() -> None:
    assert [resolve(name) for name in PEERS] == list(PEERS.values())


@pytest.mark.usefixtures("registered")
def test_peers_stands_for_all_of_them() -> None:
    assert resolve_releases(["peers"]) == ("leace", *PEERS)
    assert resolve_releases(["drawn", "peers"]) == ("drawn", "leace", *PEERS)
    assert resolve_releases(["leace", "peers"]) == ("leace", *PEERS)
