"""Training one network with early stopping; `sordino.nn.stack` trains many of one shape at once.

Training in several rounds (first a surrogate, then the network that uses it) is a *plan*: a
generator that yields the jobs of a round and receives their results. `run_plan` executes one plan,
`run_rounds` many plans, round by round.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Batch = Mapping[str, Tensor]

BLOCK_ROWS: Final = 1 << 16
"""Validation rows of which the loss is computed at once."""


class RowView:
    """Some rows of a tensor, gathered batch by batch. The tensor may be mapped from a file that is
    larger than the memory.

    >>> view = RowView(torch.arange(9.0) ** 2, torch.tensor([8, 2, 4]))
    >>> len(view), view[torch.tensor([2, 0])]
    (3, tensor([16., 64.]))
    """

    def __init__(self, values: Tensor, rows: Tensor) -> None:
        self.values, self.rows = values, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        return self.values[self.rows[rows]]


def shared_tensor(values: NDArray[np.float32]) -> Tensor:
    """A tensor on the memory of an array, which may be read-only or mapped from a file. Nothing may
    write to it.

    >>> shared_tensor(np.ones(2, np.float32))
    tensor([1., 1.])
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(values, np.float32))


def row_view(values: Tensor, rows: Tensor) -> Tensor:
    """A `RowView`, typed as the tensor that it stands for in a `Job`, which takes batches of it."""
    return cast("Tensor", RowView(values, rows))


Loss = Callable[[Callable[..., Any], Batch], Tensor]
"""A network and the rows of a batch by name to the loss of each row, shape `(rows,)`."""


@dataclass(frozen=True)
class Settings:
    """Settings of a training. `patience` is the number of epochs without a better validation loss
    before it stops.
    """

    epochs: int = 300
    batch: int = 32
    learning_rate: float = 1e-3
    patience: int = 30


@dataclass(frozen=True)
class Job:
    """One network to train; `seed` determines dropout, noise and the order of batches.

    `train` and `validation` map names, `x` among them, to tensors with rows as their first
    dimension, or to a `row_view`, of which `fit` reads batches. Without `validation` the network is
    trained for all epochs and the last weights stay. `refresh` creates new training rows for each
    epoch (0, 1, ...). Training does not change a job.
    """

    module: nn.Module
    loss: Loss
    train: Batch
    validation: Batch | None
    settings: Settings
    seed: int = 0
    refresh: Callable[[torch.Generator, int], Batch] | None = None


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in evaluation mode, its best validation loss and the loss of every epoch.

    The best loss is NaN without validation. It is infinite if no epoch had a finite loss; then the
    weights are those before training.
    """

    module: nn.Module
    loss: float
    history: tuple[float, ...]


PlanResult = TypeVar("PlanResult")
Plan = Generator[Sequence[Job], Sequence[TrainedNetwork], PlanResult]


def run_plan(plan: Plan[PlanResult]) -> PlanResult:
    """The result of a plan, with its jobs trained one after the other on the CPU."""
    return run_rounds([plan], lambda jobs: [fit(job) for job in jobs])[0]


def run_rounds(
    plans: Sequence[Plan[PlanResult]], train: Callable[[Sequence[Job]], Sequence[TrainedNetwork]]
) -> list[PlanResult]:
    """The results of plans. `train` trains the jobs of all plans together, round by round."""
    results: dict[int, PlanResult] = {}
    answers: dict[int, Sequence[TrainedNetwork] | None] = dict.fromkeys(range(len(plans)))
    while answers:
        rounds: dict[int, Sequence[Job]] = {}
        for index, answer in answers.items():
            try:
                # The first `send` takes None.
                rounds[index] = plans[index].send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                results[index] = end.value
        fitted = iter(train([job for jobs in rounds.values() for job in jobs]))
        answers = {index: [next(fitted) for _ in jobs] for index, jobs in rounds.items()}
    return [results[index] for index in range(len(plans))]


def fit(job: Job) -> TrainedNetwork:
    """The network with the weights of its best validation epoch."""
    module, settings = copy.deepcopy(job.module), job.settings
    optimizer = torch.optim.Adam(
        [p for p in module.parameters() if p.requires_grad], lr=settings.learning_rate, fused=True
    )
    generator = torch.Generator().manual_seed(job.seed)
    best, last, state, history = math.inf, 0, copy.deepcopy(module.state_dict()), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        for epoch in range(settings.epochs):
            train = job.refresh(generator, epoch) if job.refresh else job.train
            module.train()
            for rows in batches(len(train["x"]), settings.batch, generator):
                optimizer.zero_grad()
                loss = job.loss(module, batch_rows(train, rows)).mean()
                torch.autograd.backward(loss)
                optimizer.step()
            if job.validation is None:
                continue
            module.eval()
            with torch.no_grad():
                history.append(float(_losses(job.loss, module, job.validation).mean()))
            if history[-1] < best:
                best, last, state = history[-1], epoch, copy.deepcopy(module.state_dict())
            elif epoch - last >= settings.patience:
                break
    if job.validation is None:
        return TrainedNetwork(module.eval(), math.nan, ())
    module.load_state_dict(state)
    return TrainedNetwork(module.eval(), best, tuple(history))


def batch_rows(batch: Batch, rows: Tensor | slice) -> dict[str, Tensor]:
    """Some rows of a training."""
    return {name: values[rows] for name, values in batch.items()}


def _losses(loss: Loss, module: nn.Module, batch: Batch) -> Tensor:
    """The loss of each row, `(rows,)`, computed in blocks."""
    starts = range(0, len(batch["x"]), BLOCK_ROWS)
    return torch.cat(
        [loss(module, batch_rows(batch, slice(start, start + BLOCK_ROWS))) for start in starts]
    )


def batches(rows: int, size: int, generator: torch.Generator, steps: int = 0) -> Tensor:
    """Row positions of batches, `(steps, size)`: a random order of all rows, repeated where it
    ends.
    """
    steps = steps or math.ceil(rows / size)
    order = torch.randperm(rows, generator=generator)
    return order.repeat(math.ceil(steps * size / rows))[: steps * size].view(steps, -1)
