"""The variational information bottleneck (Alemi et al. 2017): one Gaussian per row in place of one
vector.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence


def posterior(x: Tensor) -> Normal:
    """The Gaussian of each row, `(n, k)`, from means and log variances `x`, `(n, 2 k)`."""
    mean, log_variance = x.chunk(2, dim=1)
    return Normal(mean, (log_variance / 2).exp(), validate_args=False)


def divergence(rows: Normal) -> Tensor:
    """The mean over rows of the Kullback-Leibler divergence from N(0, 1), in nats.

    It is an upper bound on the mutual information of input and sample over the distribution of the
    rows (Alemi et al. 2017).

    >>> round(float(divergence(posterior(torch.tensor([[1.0, 0.0, 0.0, 0.0]])))), 4)
    0.5
    """
    prior = Normal(torch.zeros_like(rows.loc), 1.0, validate_args=False)
    return kl_divergence(rows, prior).sum(dim=1).mean()
