"""Training many networks of one shape as one stack, to use a whole GPU.

Small networks trained one after the other leave a GPU nearly idle; the networks of a stack share
every kernel launch. On a CPU a stack is little faster than one process per core with single
training (`sordino.nn.fit.fit`), and slower where networks stop at very different epochs, since the
stack continues until the last network stops: `benchmarks/training.py` compares both. The results
differ only by random numbers (dropout, noise), and by the number of steps per epoch, which is equal
for all networks of a stack.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from sordino.nn.fit import Batch, Job, Loss, TrainedNetwork, batch_rows, batches


def fit_stacks(jobs: Sequence[Job], device: str = "cuda") -> list[TrainedNetwork]:
    """The result of `fit` for each job; jobs of equal shape, loss and settings are trained as one
    stack on `device`.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, job in enumerate(jobs):
        groups.setdefault(
            (str(job.module), job.loss, job.settings, job.validation is None), []
        ).append(index)
    fitted: dict[int, TrainedNetwork] = {}
    for indices in groups.values():
        fitted.update(
            zip(indices, _fit_stack([jobs[index] for index in indices], device), strict=True)
        )
    return [fitted[index] for index in range(len(jobs))]


def _fit_stack(jobs: Sequence[Job], device: str) -> list[TrainedNetwork]:
    settings = jobs[0].settings
    stack = _Stack([job.module for job in jobs], jobs[0].loss, device)
    optimizer = torch.optim.Adam(
        [p for p in stack.parameters.values() if p.requires_grad], lr=settings.learning_rate
    )
    generators = [torch.Generator().manual_seed(job.seed) for job in jobs]
    validations = [job.validation for job in jobs if job.validation is not None]
    validation = _padded(validations, device) if validations else None
    watch = _EarlyStopping(stack.parameters, len(jobs), settings.patience)
    with torch.random.fork_rng(devices=None if device.startswith("cuda") else []):
        torch.manual_seed(jobs[0].seed)
        for epoch in range(settings.epochs):
            rows = [
                j.refresh(g, epoch) if j.refresh else j.train
                for j, g in zip(jobs, generators, strict=True)
            ]
            if epoch == 0 or any(job.refresh for job in jobs):
                train, _ = _padded(rows, device)
            lengths = [len(batch["x"]) for batch in rows]
            steps = math.ceil(max(lengths) / settings.batch)
            orders = [
                batches(n, settings.batch, g, steps)
                for n, g in zip(lengths, generators, strict=True)
            ]
            for chosen in torch.stack(orders, dim=1).to(device):  # (networks, batch)
                optimizer.zero_grad()
                torch.autograd.backward(
                    stack(_select(train, chosen), training=True).mean(dim=1).sum()
                )
                optimizer.step()
            if validation and watch.stops(stack.losses(*validation), epoch):
                break
    return (
        watch.fitted(stack)
        if validation
        else [
            TrainedNetwork(stack.network(index, stack.parameters), math.nan, ())
            for index in range(len(jobs))
        ]
    )


class _EarlyStopping:
    """Early stopping of each network of a stack; a stopped network keeps its best weights while
    training continues.
    """

    def __init__(self, parameters: Mapping[str, Tensor], networks: int, patience: int) -> None:
        device = next(iter(parameters.values())).device
        self.parameters, self.patience = parameters, patience
        self.best = torch.full((networks,), math.inf, device=device)
        self.last = torch.zeros(networks, dtype=torch.long, device=device)
        self.state = {name: values.detach().clone() for name, values in parameters.items()}
        self.history: list[Tensor] = []

    def stops(self, now: Tensor, epoch: int) -> bool:
        """Add validation losses `(networks,)` of an epoch; whether all networks have stopped."""
        self.history.append(now)
        better = (now < self.best) & (epoch - self.last <= self.patience)
        self.best = torch.where(better, now, self.best)
        self.last = torch.where(better, epoch, self.last)
        for name, values in self.parameters.items():
            self.state[name][better] = values.detach()[better]
        return bool((epoch - self.last >= self.patience).all())

    def fitted(self, stack: _Stack) -> list[TrainedNetwork]:
        curves = torch.stack(self.history, dim=1).cpu()  # (networks, epochs)
        stops = (self.last + self.patience + 1).clamp(max=len(self.history)).tolist()
        return [
            TrainedNetwork(
                stack.network(index, self.state),
                float(self.best[index]),
                tuple(curves[index, :stop].tolist()),
            )
            for index, stop in enumerate(stops)
        ]


class _Stack:
    """Networks of one shape as one; parameters and buffers have a first dimension `networks`."""

    def __init__(self, modules: Sequence[nn.Module], loss: Loss, device: str) -> None:
        self.modules, self.loss = modules, loss
        self.shape = copy.deepcopy(modules[0]).to("meta")
        frozen = {
            name for name, values in modules[0].named_parameters() if not values.requires_grad
        }
        parameters, buffers = stack_module_state(list(modules))
        self.parameters = {
            name: values.detach().to(device).requires_grad_(name not in frozen)
            for name, values in parameters.items()
        }
        self.buffers = {name: values.to(device) for name, values in buffers.items()}

    def __call__(self, batch: Batch, training: bool) -> Tensor:
        """The loss of each row, `(networks, rows)`."""
        self.shape.train(training)

        def loss_of(parameters: Batch, buffers: Batch, rows: Batch) -> Tensor:
            def forward(*inputs: Tensor) -> Any:
                return functional_call(self.shape, (dict(parameters), dict(buffers)), inputs)

            return self.loss(forward, rows)

        losses: Tensor = torch.vmap(loss_of, randomness="different")(
            self.parameters, self.buffers, dict(batch)
        )
        return losses

    def losses(self, batch: Batch, counts: Tensor) -> Tensor:
        """The mean loss of each network over the rows that count, `(networks,)`."""
        with torch.no_grad():
            losses = self(batch, training=False)
        return (losses * counts).sum(dim=1) / counts.sum(dim=1)

    def network(self, index: int, state: Mapping[str, Tensor]) -> nn.Module:
        """Network `index` on the CPU with the weights in `state`."""
        module = copy.deepcopy(self.modules[index])
        weights = {**self.buffers, **state}
        module.load_state_dict(
            {name: values[index].detach().cpu() for name, values in weights.items()}
        )
        return module.eval()


def _padded(rows: Sequence[Batch], device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Batches as one in memory, `(networks, rows, ...)`, with short batches filled by their first
    row, and a mask of the rows that count.
    """
    longest = max(len(batch["x"]) for batch in rows)
    counts = torch.stack([(torch.arange(longest) < len(batch["x"])).float() for batch in rows])

    whole = [batch_rows(batch, slice(None)) for batch in rows]

    def filled(values: Tensor) -> Tensor:
        return torch.cat([values, values[:1].expand(longest - len(values), *values.shape[1:])])

    tensors = {
        name: torch.stack([filled(batch[name]) for batch in whole]).to(device) for name in rows[0]
    }
    return tensors, counts.to(device)


def _select(batch: Batch, chosen: Tensor) -> dict[str, Tensor]:
    """Rows `chosen` `(networks, size)` of `(networks, rows, ...)` tensors."""
    networks = torch.arange(len(chosen), device=chosen.device)[:, None]
    return {name: values[networks, chosen] for name, values in batch.items()}
