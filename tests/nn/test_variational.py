"""The variational information bottleneck: divergence, sampling, and the weight beta."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import Training, fit
from sordino.nn.multimodal import Multimodal, Shape
from sordino.nn.sequences import Sequences
from sordino.nn.variational import divergence, posterior

SHAPE = Shape(audio=4, conv_layers=1, kernels=8, gru_width=8, bottleneck=3, latent="gaussian")


def rows(n: int = 48) -> tuple[Sequences, dict[str, np.ndarray]]:
    random, label = np.random.default_rng(0), np.arange(n) % 3
    clips = [code + random.normal(size=(random.integers(3, 6), 4)) for code in label]
    return Sequences.of(audio=clips), {"activation": label}


def test_the_divergence_is_that_of_alemi_2017() -> None:
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    mean, log_variance = x[:, :3], x[:, 3:]
    by_hand = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
    torch.testing.assert_close(divergence(posterior(x)), by_hand)
    assert float(divergence(posterior(torch.zeros(2, 4)))) == 0


def test_a_sample_trains_and_the_mean_is_evaluated() -> None:
    torch.manual_seed(0)
    network, batch = Multimodal(SHAPE), rows()[0].pad(range(48))
    clean = network.eval().encode(batch)
    assert clean.posterior is not None
    assert torch.equal(network.embed(batch), clean.posterior.mean)
    z = (network.train().embed(batch) - clean.posterior.mean) / clean.posterior.scale
    assert float(z.detach().std()) == pytest.approx(1, abs=0.2)


def test_more_beta_leaves_less_information() -> None:
    data, labels = rows()
    nats = []
    for beta in (0.0, 1.0):
        training = Training(epochs=12, learning_rate=1e-2, beta=beta)
        network = fit(SHAPE, data, labels, None, {}, training).network
        gaussian = network.encode(data.pad(range(48))).posterior
        assert gaussian is not None
        nats.append(float(divergence(gaussian).detach()))
    assert nats[1] < nats[0] / 2


def test_given_weights_are_not_trained() -> None:
    data, labels = rows()
    start = {"squeeze.weight": torch.ones(6, 8), "squeeze.bias": torch.zeros(6)}
    training = Training(epochs=2, learning_rate=1e-2)
    trained = fit(SHAPE, data, labels, None, {}, training, weights=start).network
    assert torch.equal(trained.state_dict()["squeeze.weight"], start["squeeze.weight"])
    plain = fit(SHAPE, data, labels, None, {}, training).network
    assert not torch.equal(plain.state_dict()["squeeze.weight"], start["squeeze.weight"])


def test_a_latent_without_its_bottleneck_is_refused() -> None:
    with pytest.raises(ReleaseError, match="latent = 'gaussian' came without a bottleneck"):
        replace(SHAPE, bottleneck=None)
    with pytest.raises(ReleaseError, match="latent = 'cube', expected one of standardised, plain"):
        replace(SHAPE, latent="cube")  # type: ignore[arg-type]
    with pytest.raises(ReleaseError, match=r"noise = 0\.5, expected 0 or more and a bottleneck"):
        replace(SHAPE, noise=0.5)
    with pytest.raises(ReleaseError, match=r"beta inf, lambdas .* came, expected 0 or more"):
        Training(beta=math.inf)
