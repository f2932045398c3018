"""Training one network with early stopping; `sordino.nn.stack` trains many of one shape at once.

What needs several rounds of training (a surrogate first, then the network that it judges) is a
*plan*: a generator that yields the jobs of a round and is sent their results. `run` carries one
plan out, `run_rounds` many, round by round.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Batch = Mapping[str, Tensor]

Loss = Callable[[Callable[..., Any], Batch], Tensor]
"""From a network and the named rows of a batch to the loss of each row, shape `(rows,)`."""


@dataclass(frozen=True)
class Settings:
    """How long and how fast to learn. `patience`: epochs without a better validation loss before
    stopping.
    """

    epochs: int = 300
    batch: int = 32
    learning_rate: float = 1e-3
    patience: int = 30


@dataclass(frozen=True)
class Job:
    """One network to train; `seed` decides dropout, noise and the order of batches.

    `train` and `validation` map names to tensors whose first dimension is the rows; `x` is among
    them. Without `validation` the network is trained for all epochs and the last weights stay.
    `refresh`, where given, makes the training rows anew for each epoch (0, 1, ...). Nothing here is
    changed by the training.
    """

    module: nn.Module
    loss: Loss
    train: Batch
    validation: Batch | None
    settings: Settings
    seed: int = 0
    refresh: Callable[[torch.Generator, int], Batch] | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained network in evaluation mode, its best validation loss, and that of every epoch.

    The best loss is NaN without validation, and infinite where no epoch had a finite one: the
    weights are then those of before the training.
    """

    module: nn.Module
    loss: float
    history: tuple[float, ...]


Result = TypeVar("Result")
Plan = Generator[Sequence[Job], Sequence[Fitted], Result]


def run(plan: Plan[Result]) -> Result:
    """The result of a plan, its jobs trained one after the other on the CPU."""
    return run_rounds([plan], lambda jobs: [fit(job) for job in jobs])[0]


def run_rounds(
    plans: Sequence[Plan[Result]], train: Callable[[Sequence[Job]], Sequence[Fitted]]
) -> list[Result]:
    """The results of plans whose jobs are trained together, round by round, by `train`."""
    results: dict[int, Result] = {}
    answers: dict[int, Sequence[Fitted] | None] = dict.fromkeys(range(len(plans)))
    while answers:
        asked: dict[int, Sequence[Job]] = {}
        for place, answer in answers.items():
            try:
                asked[place] = plans[place].send(answer)  # type: ignore[arg-type]  # the first `send` takes None
            except StopIteration as end:
                results[place] = end.value
        fitted = iter(train([job for jobs in asked.values() for job in jobs]))
        answers = {place: [next(fitted) for _ in jobs] for place, jobs in asked.items()}
    return [results[place] for place in range(len(plans))]


def fit(job: Job) -> Fitted:
    """The network with the weights of its best validation epoch."""
    module, settings = copy.deepcopy(job.module), job.settings
    optimizer = torch.optim.Adam(
        [p for p in module.parameters() if p.requires_grad], lr=settings.learning_rate
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
                loss = job.loss(
                    module, {name: values[rows] for name, values in train.items()}
                ).mean()
                torch.autograd.backward(loss)
                optimizer.step()
            if job.validation is None:
                continue
            module.eval()
            with torch.no_grad():
                history.append(float(job.loss(module, job.validation).mean()))
            if history[-1] < best:
                best, last, state = history[-1], epoch, copy.deepcopy(module.state_dict())
            elif epoch - last >= settings.patience:
                break
    if job.validation is None:
        return Fitted(module.eval(), math.nan, ())
    module.load_state_dict(state)
    return Fitted(module.eval(), best, tuple(history))


def batches(rows: int, size: int, generator: torch.Generator, steps: int = 0) -> Tensor:
    """Row positions of `(steps, size)` batches: an order of all rows, begun again where they run
    out.
    """
    steps = steps or math.ceil(rows / size)
    order = torch.randperm(rows, generator=generator)
    return order.repeat(math.ceil(steps * size / rows))[: steps * size].view(steps, -1)
