"""Gradient reversal against gradients worked out by hand, and equation 3 as it is meant."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sordino.nn.autoencoder import (
    GatedAutoencoder,
    ReplacementAutoencoder,
    ReplacementLoss,
    RetainingTraining,
    ReversalTraining,
)
from sordino.nn.reversal import reverse
from sordino.nn.risk import UNKNOWN_GENDER, RiskModel

ALPHA = 0.1


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_reversal_changes_no_value() -> None:
    x = torch.randn(50, 7, generator=seeded(0)) * 1e6
    assert torch.equal(reverse(x, 0.37), x)


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_the_gradient_is_minus_strength_times_the_chain_rule(strength: float) -> None:
    x, weight = torch.randn(5, 3, generator=seeded(1)), torch.randn(3, 2, generator=seeded(2))
    x.requires_grad_(True)
    loss = ((reverse(x, strength) @ weight) ** 2).sum()
    (result,) = torch.autograd.grad(loss, x)
    by_hand = 2 * (x.detach() @ weight) @ weight.T  # d sum((xW)^2) / dx
    torch.testing.assert_close(result, -strength * by_hand)


def test_each_row_may_have_its_own_strength() -> None:
    x = torch.ones(3, 2, requires_grad=True)
    (result,) = torch.autograd.grad((5 * reverse(x, torch.tensor([[0.0], [0.5], [1.0]]))).sum(), x)
    assert result.tolist() == [[0, 0], [-2.5, -2.5], [-5, -5]]


def gradients(loss: Tensor, module: nn.Module) -> dict[str, Tensor]:
    names, weights = zip(*module.named_parameters(), strict=True)
    result = torch.autograd.grad(loss, weights, allow_unused=True)
    return {
        name: torch.zeros_like(w) if g is None else g
        for name, w, g in zip(names, weights, result, strict=True)
    }


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_equation_3_scales_gradients_of_classifier_and_encoder(
    strength: float,
) -> None:
    torch.manual_seed(0)
    autoencoder = ReplacementAutoencoder(6, embedding=4)
    x, target, gender = torch.randn(9, 6), torch.randn(9, 6), torch.randint(2, (9,))
    batch = {"x": x, "target": target, "gender": gender, "strength": torch.full((9, 1), strength)}
    result = gradients(
        ReplacementLoss(ALPHA)(ReversalTraining(autoencoder), batch).mean(), autoencoder
    )
    # the two losses apart, without any reversal
    error = gradients(((autoencoder(x) - target) ** 2).mean(), autoencoder)
    guess = gradients(
        cross_entropy(autoencoder.gender(autoencoder.encoder(x)), gender), autoencoder
    )
    for name, gradient in result.items():
        share = {"encoder": -ALPHA * strength, "decoder": 0.0, "gender": ALPHA}[name.split(".")[0]]
        expected = (1 - ALPHA) * error[name] + share * guess[name]
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-7)
        assert gradient.abs().max() > 1e-6


def test_without_gradient_reversal_the_classifier_moves_nothing() -> None:
    torch.manual_seed(0)
    autoencoder = ReplacementAutoencoder(6, embedding=4)
    batch = {
        "x": torch.randn(9, 6),
        "gender": torch.randint(2, (9,)),
        "strength": torch.zeros(9, 1),
    }
    loss = ReplacementLoss(alpha=0.0)(
        ReversalTraining(autoencoder), {**batch, "target": batch["x"]}
    ).mean()
    result = gradients(loss, autoencoder)
    assert all(not gradient.any() for name, gradient in result.items() if name.startswith("gender"))
    error = gradients(((autoencoder(batch["x"]) - batch["x"]) ** 2).mean(), autoencoder)
    torch.testing.assert_close(result, error)


def test_unknown_gender_gives_no_gradient_to_the_classifier() -> None:
    torch.manual_seed(0)
    autoencoder = ReplacementAutoencoder(6, embedding=4)
    x = torch.randn(4, 6)
    batch = {
        "x": x,
        "target": x,
        "gender": torch.full((4,), UNKNOWN_GENDER),
        "strength": torch.ones(4, 1),
    }
    result = gradients(
        ReplacementLoss(ALPHA)(ReversalTraining(autoencoder), batch).mean(), autoencoder.gender
    )
    assert all(not gradient.any() for gradient in result.values())


def test_the_papers_layers_are_8a_2a_a_and_back() -> None:
    network = ReplacementAutoencoder(256, embedding=16)
    sizes = [
        layer.out_features
        for part in (network.encoder, network.decoder)
        for layer in part
        if hasattr(layer, "bias")
    ]
    assert sizes == [128, 32, 16, 32, 128, 256]
    assert isinstance(network.encoder[-1], nn.SELU)
    assert isinstance(network.decoder[-1], nn.Linear)


def gated(noise: float = 1.0) -> GatedAutoencoder:
    torch.manual_seed(0)
    return GatedAutoencoder(torch.arange(5.0), torch.tensor(2.0), embedding=4, noise=noise)


def test_an_open_gate_passes_the_vector_and_a_shut_gate_decodes() -> None:
    network, x = gated().eval(), torch.randn(7, 5)
    with torch.no_grad():
        network.gate.weight.zero_()
        network.gate.bias.fill_(50.0)
        torch.testing.assert_close(network(x), x)
        network.gate.bias.fill_(-50.0)
        torch.testing.assert_close(
            network(x), network.decoder(network.embed(x)) * 2 + torch.arange(5.0)
        )


def test_noise_is_added_in_training_only() -> None:
    network, x = gated(), torch.randn(7, 5)
    assert not torch.equal(network.train()(x), network.train()(x))
    assert torch.equal(network.eval()(x), network.eval()(x))
    silent = gated(noise=0.0)
    assert torch.equal(silent.train()(x), silent.eval()(x))


def test_the_judge_is_never_trained_and_never_drops_out() -> None:
    torch.manual_seed(0)
    judged: Any = RetainingTraining(gated(noise=0.0), RiskModel(5, 8, dropout=0.9)).train()
    assert not any(weights.requires_grad for weights in judged.surrogate.parameters())
    x, strength = torch.randn(7, 5), torch.ones(7, 1)
    assert torch.equal(judged(x, strength)[2], judged(x, strength)[2])
