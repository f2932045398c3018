"""The recurrence written out by hand is that of torch, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sordino.nn.recurrent import gru


def synthetic_gru(layers: int, double: bool = False, steps: int = 7) -> tuple[nn.GRU, Tensor]:
    torch.manual_seed(0)
    kind = torch.float64 if double else torch.float32
    return nn.GRU(3, 4, layers).to(kind), torch.randn(steps, 5, 3, dtype=kind, requires_grad=True)


@pytest.mark.parametrize("steps", [1, 2, 60])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_states_and_gradients_are_those_of_torch(layers: int, steps: int) -> None:
    module, x = synthetic_gru(layers, steps=steps)
    heights = torch.randn(steps, 5, 4)
    result, expected = gru(module, x), module(x)[0]
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
    weights = [x, *module.parameters()]
    by_hand = torch.autograd.grad((result**2 * heights).sum(), weights)
    by_torch = torch.autograd.grad((expected**2 * heights).sum(), weights)
    for first, second in zip(by_hand, by_torch, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    assert (
        all(gradient.abs().max() > 1e-3 for gradient in by_torch) or steps == 1
    )  # no state before the first step


def test_gradients_are_those_of_finite_differences() -> None:
    module, x = synthetic_gru(2, double=True, steps=4)
    assert torch.autograd.gradcheck(lambda x, *_: gru(module, x), (x, *module.parameters()))


def test_a_gradient_that_reaches_one_step_only_is_right_too() -> None:
    module, x = synthetic_gru(2)
    for step in (0, 3, 6):
        (result,) = torch.autograd.grad(gru(module, x)[step].sum(), x)
        (expected,) = torch.autograd.grad(module(x)[0][step].sum(), x)
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


def test_without_gradients_the_states_are_the_same() -> None:
    module, x = synthetic_gru(2)
    with_gradients = gru(module, x)
    with torch.no_grad():
        torch.testing.assert_close(gru(module, x), with_gradients, rtol=0, atol=1e-6)


def test_later_steps_change_no_state_and_inputs_do_not_change() -> None:
    module, x = synthetic_gru(2)
    before, longer = x.detach().clone(), torch.cat([x.detach(), torch.full((9, 5, 3), 1e3)])
    torch.testing.assert_close(
        gru(module, longer.requires_grad_())[:7], gru(module, x), rtol=0, atol=1e-6
    )
    torch.autograd.backward(gru(module, x).sum())
    assert torch.equal(x, before)


def test_one_step_of_one_row_leaves_its_input_alone() -> None:
    module, x = synthetic_gru(2, steps=1)
    row = x[:, :1].detach().requires_grad_()
    (result,) = torch.autograd.grad(gru(module, row).sum(), row)
    (expected,) = torch.autograd.grad(module(row)[0].sum(), row)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    module, x = synthetic_gru(1)
    (first,) = torch.autograd.grad((gru(module, x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(first.sum())
