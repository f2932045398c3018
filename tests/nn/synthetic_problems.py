"""Small networks to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sordino.nn.fit import Batch, Job, Settings


def squared(network: Callable[..., Any], batch: Mapping[str, Tensor]) -> Tensor:
    """Squared error of each row."""
    error: Tensor = ((network(batch["x"]) - batch["y"]) ** 2).mean(dim=1)
    return error


def network(seed: int, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2))


def rows(count: int, seed: int, noise: float = 0.3) -> Batch:
    """Rows of a linear problem that is the same for every seed, with noise on the answer."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, generator=generator)
    answer = x @ torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, -0.5], [0.0, 0.0]])
    return {"x": x, "y": answer + noise * torch.randn(count, 2, generator=generator)}


def job(
    seed: int = 0,
    count: int = 40,
    validation_rows: int | None = 20,
    dropout: float = 0.0,
    **settings: Any,
) -> Job:
    validation = None if validation_rows is None else rows(validation_rows, 100 + seed)
    chosen = Settings(**{"epochs": 8, "batch": 16, "learning_rate": 0.01, **settings})
    return Job(network(seed, dropout), squared, rows(count, seed), validation, chosen, seed)


def weights(module: nn.Module) -> Tensor:
    """All weights in one row."""
    return torch.cat([values.flatten() for values in module.state_dict().values()])
