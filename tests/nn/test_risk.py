"""The risk model's loss, worked out by hand; speakers of unknown gender count for emotion and not
for gender.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sordino.nn.risk import UNKNOWN_GENDER, RiskModel, gender_loss, probabilities, risk_loss


def certain(x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits that do not depend on the row: roles 1/2, 1/4, 1/4 and genders 3/4, 1/4."""
    roles, genders = torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor([0.75, 0.25]).log()
    return roles.expand(len(x), 3), genders.expand(len(x), 2)


def test_the_loss_of_a_row_is_the_sum_of_both_cross_entropies() -> None:
    batch = {
        "x": torch.zeros(3, 4),
        "role": torch.tensor([0, 1, 2]),
        "gender": torch.tensor([0, 1, UNKNOWN_GENDER]),
    }
    expected = [math.log(2) + math.log(4 / 3), math.log(4) + math.log(4), math.log(4)]
    torch.testing.assert_close(risk_loss(certain, batch), torch.tensor(expected))


def test_an_unknown_gender_gives_no_loss_and_no_gradient() -> None:
    logits = torch.zeros(2, 2, requires_grad=True)
    loss = gender_loss(logits, torch.tensor([UNKNOWN_GENDER, 1]))
    (result,) = torch.autograd.grad(loss.sum(), logits)
    torch.testing.assert_close(loss, torch.tensor([0.0, math.log(2)]))
    torch.testing.assert_close(result, torch.tensor([[0.0, 0.0], [0.5, -0.5]]))


def test_unknown_gender_still_trains_the_emotion_head() -> None:
    torch.manual_seed(0)
    model = RiskModel(4, 8).eval()
    batch = {
        "x": torch.randn(1, 4),
        "role": torch.tensor([2]),
        "gender": torch.tensor([UNKNOWN_GENDER]),
    }
    torch.autograd.backward(risk_loss(model, batch).sum())
    assert model.emotion.weight.grad is not None
    assert model.emotion.weight.grad.any()
    assert model.gender.weight.grad is not None
    assert not model.gender.weight.grad.any()


def test_there_are_three_dense_layers_on_each_path() -> None:
    shapes = {
        name: tuple(w.shape)
        for name, w in RiskModel(256, 128).named_parameters()
        if name.endswith("weight")
    }
    assert list(shapes.values()) == [(128, 256), (64, 128), (3, 64), (2, 64)]


def test_probabilities_are_posteriors_without_dropout() -> None:
    torch.manual_seed(0)
    model, x = RiskModel(4, 8, dropout=0.9).train(), torch.randn(5, 4)
    role, gender = probabilities(model, x)
    torch.testing.assert_close(role.sum(dim=1), torch.ones(5))
    torch.testing.assert_close(gender.sum(dim=1), torch.ones(5))
    assert torch.equal(role, probabilities(model, x)[0])
    assert not role.requires_grad
