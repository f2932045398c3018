"""Gradient reversal (Ganin & Lempitsky 2015)."""

from __future__ import annotations

from torch import Tensor


def reverse(x: Tensor, strength: float | Tensor = 1.0) -> Tensor:
    """`x` itself; its gradient is multiplied by `-strength`.

    Derivation: `x.detach()` carries the value and no gradient; `x - x.detach()` is zero and carries
    the gradient.

    >>> import torch
    >>> x = torch.ones(1, requires_grad=True)
    >>> (3 * reverse(x, 0.5)).sum().backward()
    >>> x.grad
    tensor([-1.5000])
    """
    value = x.detach()
    return value - strength * (x - value)
