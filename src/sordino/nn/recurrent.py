"""Gated recurrent units over padded sequences with analytic derivatives, trained over twice as fast
on one thread as by automatic differentiation.

A step of these small networks is little work for a core: automatic differentiation spends its time
on the start of about thirty small operations a step. The analytic form has eight, and computes all
terms that do not depend on the step before for the whole sequence at once. Packed sequences, which
avoid the padding, are slower, for long sequences by a factor of two: `benchmarks/sequences.py`
compares all variants.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear


def gru(module: nn.GRU, x: Tensor) -> Tensor:
    """The hidden states of the last layer, as `module(x)[0]` from a zero state, with the same
    derivatives.

    Shape: `(steps, n, inputs)` to `(steps, n, hidden)`. One direction, no dropout, with biases. A
    state depends on earlier steps only, so padding after the end of a row changes no earlier state.
    Without gradients `module` itself runs, which is equally fast and can be exported.
    """
    if not torch.is_grad_enabled():
        out: Tensor = module(x)[0]
        return out
    for layer in range(module.num_layers):
        w_in, w_state, b_in, b_state = module.all_weights[layer]
        x = _Layer.apply(linear(x, w_in, b_in), w_state, b_state)  # type: ignore[no-untyped-call]
    return x


class _Layer(torch.autograd.Function):
    """One layer, from the input terms of its gates: `(steps, n, 3 hidden)` to `(steps, n, hidden)`.

    With a = W_in x + b_in (the argument) and g = W h + b, each in three parts r, z, c, as in
    `torch.nn.GRU`:

        r = σ(a_r + g_r)    z = σ(a_z + g_z)    c = tanh(a_c + r g_c)    h' = (1 - z) c + z h

    Derivatives, with D = dL/dh' of a step (from above, and from the step after it):

        dL/dg_c = D (1 - z)(1 - c²) r                 dL/da_c = D (1 - z)(1 - c²)
        dL/dg_r = dL/da_r = D (1 - z)(1 - c²) g_c r (1 - r)
        dL/dg_z = dL/da_z = D (h - c) z (1 - z)
        dL/dh   = D z + dL/dg W

    Every dL/dg is D times a factor from the forward pass. So the backward pass has one product, one
    multiply-add and one matrix product a step; the gradients of the weights follow from all steps
    together.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, n, width = a.shape[0], a.shape[1], a.shape[2] // 3
        gates = torch.cat(
            [a[:, :, : 2 * width] + bias[: 2 * width], bias[2 * width :].expand(steps, n, width)],
            dim=2,
        )
        states = a.new_zeros(steps + 1, n, width)
        candidates = a[:, :, 2 * width :].clone(memory_format=torch.contiguous_format)
        transposed = weight.t().contiguous()
        parts = (gates, gates[:, :, : 2 * width], *torch.split(gates, width, dim=2), candidates)
        steps_of = (part.unbind() for part in (*parts, states[:-1], states[1:]))
        for g, rz, r, z, g_c, c, h, h_after in zip(*steps_of, strict=True):
            g.addmm_(h, transposed)
            rz.sigmoid_()
            c.addcmul_(r, g_c).tanh_()
            torch.lerp(c, h, z, out=h_after)
        ctx.save_for_backward(gates, candidates, states, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (grad,), (gates, c, states, weight) = grads, ctx.saved_tensors
        steps, n, width = c.shape
        r, z, g_c = torch.split(gates, width, dim=2)
        dg = c.new_empty(steps, n, 3, width)
        f_r, f_z, f_c = dg.unbind(dim=2)
        rest = 1 - z
        through_c = torch.addcmul(rest, rest * c, c, value=-1)
        torch.mul(through_c, r, out=f_c)
        to_r = f_c * g_c
        torch.addcmul(to_r, to_r, r, value=-1, out=f_r)
        torch.mul((states[:-1] - c).mul_(z), rest, out=f_z)
        flat = dg.view(steps, n, 3 * width)
        dh = grad.clone(memory_format=torch.contiguous_format)
        columns = dh.unsqueeze(2)  # (steps, n, 1, width)
        steps_of = [*zip(*(part.unbind() for part in (dg, columns, flat, dh, z)), strict=True)]
        before = [None, *dh.unbind()[:-1]]
        for (factor, column, product, gradient, keep), earlier in zip(
            reversed(steps_of), reversed(before), strict=True
        ):
            factor.mul_(column)  # now dL/dg
            if earlier is not None:
                earlier.addcmul_(gradient, keep).addmm_(product, weight)
        da = torch.cat([flat[:, :, : 2 * width], dh * through_c], dim=2)
        rows = flat.view(steps * n, 3 * width)
        return da, rows.t() @ states[:-1].reshape(steps * n, width), rows.sum(dim=0)
