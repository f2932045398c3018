"""Training with early stopping: one network at a time, or many of one shape as a stack.

On a CPU a tiny network keeps one core busy, so several are trained in one process a core; a GPU is filled only by a
stack, whose networks share every kernel launch. `benchmarks/training.py` prints both. The two ways differ in nothing
but their random numbers (dropout, noise) and in that networks of a stack take equally many steps an epoch.

What needs several rounds of training (a surrogate first, then the network that it judges) is a *plan*: a generator that
yields the jobs of a round and is sent their results. `run` carries one plan out; `run_stacked` many, round by round.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

Batch = Mapping[str, Tensor]

Loss = Callable[[Callable[..., Any], Batch], Tensor]
"""From a network and the named rows of a batch to the loss of each row, shape `(rows,)`."""


@dataclass(frozen=True)
class Settings:
    """How long and how fast to learn. `patience`: epochs without a better validation loss before stopping."""

    epochs: int = 300
    batch: int = 32
    learning_rate: float = 1e-3
    patience: int = 30


@dataclass(frozen=True)
class Job:
    """One network to train; `seed` decides dropout, noise and the order of batches.

    `train` and `validation` map names to tensors whose first dimension is the rows; `x` is among them. `refresh`, where
    given, makes the training rows of each epoch anew. Nothing here is changed by the training.
    """

    module: nn.Module
    loss: Loss
    train: Batch
    validation: Batch
    settings: Settings
    seed: int = 0
    refresh: Callable[[torch.Generator], Batch] | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained network in evaluation mode, its best validation loss, and that of every epoch."""

    module: nn.Module
    loss: float
    history: tuple[float, ...]


Result = TypeVar("Result")
Plan = Generator[Sequence[Job], Sequence[Fitted], Result]


def run(plan: Plan[Result]) -> Result:
    """The result of a plan, its jobs trained one after the other on the CPU."""
    return run_rounds([plan], lambda jobs: [fit(job) for job in jobs])[0]


def run_stacked(plans: Sequence[Plan[Result]], device: str = "cuda") -> list[Result]:
    """The results of several plans, the jobs of each round trained as stacks of networks of one shape."""
    return run_rounds(plans, lambda jobs: fit_stacks(jobs, device))


def run_rounds(plans: Sequence[Plan[Result]], train: Callable[[Sequence[Job]], Sequence[Fitted]]) -> list[Result]:
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
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=settings.learning_rate)
    generator = torch.Generator().manual_seed(job.seed)
    best, last, state, history = math.inf, 0, copy.deepcopy(module.state_dict()), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        for epoch in range(settings.epochs):
            train = job.refresh(generator) if job.refresh else job.train
            module.train()
            for rows in _batches(len(train["x"]), settings.batch, generator):
                optimizer.zero_grad()
                job.loss(module, {name: values[rows] for name, values in train.items()}).mean().backward()
                optimizer.step()
            module.eval()
            with torch.no_grad():
                history.append(float(job.loss(module, job.validation).mean()))
            if history[-1] < best:
                best, last, state = history[-1], epoch, copy.deepcopy(module.state_dict())
            elif epoch - last >= settings.patience:
                break
    module.load_state_dict(state)
    return Fitted(module.eval(), best, tuple(history))


def _batches(rows: int, size: int, generator: torch.Generator, steps: int = 0) -> Tensor:
    """Row positions of `(steps, size)` batches: an order of all rows, begun again where they run out."""
    steps = steps or math.ceil(rows / size)
    order = torch.randperm(rows, generator=generator)
    return order.repeat(math.ceil(steps * size / rows))[: steps * size].view(steps, -1)


def fit_stacks(jobs: Sequence[Job], device: str) -> list[Fitted]:
    """As `fit` for each job; jobs that share shape, loss and settings are trained as one stack on `device`."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, job in enumerate(jobs):
        groups.setdefault((str(job.module), job.loss, job.settings), []).append(place)
    fitted: dict[int, Fitted] = {}
    for places in groups.values():
        fitted.update(zip(places, _fit_stack([jobs[place] for place in places], device), strict=True))
    return [fitted[place] for place in range(len(jobs))]


def _fit_stack(jobs: Sequence[Job], device: str) -> list[Fitted]:
    settings, loss = jobs[0].settings, jobs[0].loss
    stack = _Stack([job.module for job in jobs], loss, device)
    optimizer = torch.optim.Adam([p for p in stack.parameters.values() if p.requires_grad], lr=settings.learning_rate)
    generators = [torch.Generator().manual_seed(job.seed) for job in jobs]
    validation, counted = _padded([job.validation for job in jobs], device)
    best = torch.full((len(jobs),), math.inf, device=device)
    last = torch.zeros(len(jobs), dtype=torch.long, device=device)
    state = {name: values.detach().clone() for name, values in stack.parameters.items()}
    history: list[Tensor] = []
    with torch.random.fork_rng(devices=None if device != "cpu" else []):
        torch.manual_seed(jobs[0].seed)
        for epoch in range(settings.epochs):
            fresh = [j.refresh(g) if j.refresh else j.train for j, g in zip(jobs, generators, strict=True)]
            if epoch == 0 or any(job.refresh for job in jobs):
                train, _ = _padded(fresh, device)
            lengths = [len(rows["x"]) for rows in fresh]
            steps = math.ceil(max(lengths) / settings.batch)
            orders = [_batches(n, settings.batch, g, steps) for n, g in zip(lengths, generators, strict=True)]
            for rows in torch.stack(orders, dim=1).to(device):  # (networks, batch)
                optimizer.zero_grad()
                stack(_taken(train, rows), training=True).mean(dim=1).sum().backward()
                optimizer.step()
            with torch.no_grad():
                each = stack(validation, training=False)  # (networks, rows)
            now = (each * counted).sum(dim=1) / counted.sum(dim=1)
            history.append(now.cpu())
            better = (now < best) & (epoch - last <= settings.patience)  # one that stopped early stays as it was
            best, last = torch.where(better, now, best), torch.where(better, epoch, last)
            for name, values in stack.parameters.items():
                state[name][better] = values.detach()[better]
            if bool((epoch - last >= settings.patience).all()):
                break
    curves = torch.stack(history, dim=1)  # (networks, epochs)
    stops = (last + settings.patience + 1).clamp(max=len(history)).tolist()
    return [
        Fitted(stack.one(place, state), float(best[place]), tuple(curves[place, :stop].tolist()))
        for place, stop in enumerate(stops)
    ]


class _Stack:
    """Networks of one shape as one: parameters and buffers get a first dimension `networks`."""

    def __init__(self, modules: Sequence[nn.Module], loss: Loss, device: str) -> None:
        self.modules = modules
        self.shape = copy.deepcopy(modules[0]).to("meta")
        parameters, buffers = stack_module_state(list(modules))
        frozen = {name for name, values in modules[0].named_parameters() if not values.requires_grad}
        self.parameters = {
            name: values.detach().to(device).requires_grad_(name not in frozen) for name, values in parameters.items()
        }
        self.buffers = {name: values.to(device) for name, values in buffers.items()}
        self.loss = loss

    def __call__(self, batch: Batch, training: bool) -> Tensor:
        """The loss of each row, `(networks, rows)`."""
        self.shape.train(training)

        def one(parameters: Batch, buffers: Batch, rows: Batch) -> Tensor:
            def network(*inputs: Tensor) -> Any:
                return functional_call(self.shape, (dict(parameters), dict(buffers)), inputs)

            return self.loss(network, rows)

        losses: Tensor = torch.vmap(one, randomness="different")(self.parameters, self.buffers, dict(batch))
        return losses

    def one(self, place: int, state: Mapping[str, Tensor]) -> nn.Module:
        """Network `place` on the CPU with the weights in `state`."""
        module = copy.deepcopy(self.modules[place])
        module.load_state_dict({name: values[place].cpu() for name, values in {**self.buffers, **state}.items()})
        return module.eval()


def _padded(batches: Sequence[Batch], device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Batches as one, `(networks, rows, ...)`, short ones filled up with their first row; and 1 where a row counts."""
    rows = max(len(batch["x"]) for batch in batches)
    counted = torch.stack([(torch.arange(rows) < len(batch["x"])).float() for batch in batches])
    filled = {
        name: torch.stack([torch.cat([b[name], b[name][:1].expand(rows - len(b[name]), *b[name].shape[1:])]) for b in batches])
        for name in batches[0]
    }
    return {name: values.to(device) for name, values in filled.items()}, counted.to(device)


def _taken(batch: Batch, rows: Tensor) -> dict[str, Tensor]:
    """Rows `(networks, size)` of `(networks, rows, ...)` tensors."""
    networks = torch.arange(len(rows), device=rows.device)[:, None]
    return {name: values[networks, rows] for name, values in batch.items()}
