"""Training keeps the best epoch, is the same for a seed, and touches nothing but its own copy."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sordino.nn import fit as fit_module
from sordino.nn.fit import (
    Batch,
    Job,
    Plan,
    Settings,
    TrainedNetwork,
    batches,
    fit,
    row_view,
    run_plan,
    run_rounds,
)
from sordino.nn.risk import RiskModel, risk_loss
from tests.nn.synthetic_problems import job, rows, squared, weights


def loss_of(fitted: TrainedNetwork, batch: Batch) -> float:
    with torch.no_grad():
        return float(squared(fitted.module, batch).mean())


@pytest.mark.slow
def test_training_finds_what_is_there() -> None:
    task = job(count=200, epochs=100, patience=100)
    assert task.validation is not None
    fitted = fit(task)
    assert fitted.history[0] > 0.5
    assert loss_of(fitted, task.validation) < 0.15  # noise of variance 0.09 stays


def test_the_best_epoch_is_kept_and_not_the_last() -> None:
    task = job(
        count=6, epochs=300, learning_rate=0.03, patience=300
    )  # six rows: it learns them by heart
    assert task.validation is not None
    fitted = fit(task)
    assert fitted.loss == min(fitted.history)
    assert fitted.history[-1] > 1.1 * fitted.loss
    assert loss_of(fitted, task.validation) == pytest.approx(fitted.loss, rel=1e-6)


def test_training_stops_when_patience_is_over() -> None:
    fitted = fit(job(count=6, epochs=300, learning_rate=0.03, patience=5))
    best = fitted.history.index(min(fitted.history))
    assert len(fitted.history) == best + 5 + 1 < 300


def test_without_validation_the_last_weights_of_all_epochs_stay() -> None:
    task = job(validation_rows=None)
    fitted = fit(task)
    assert math.isnan(fitted.loss)
    assert fitted.history == ()
    watched = fit(dataclasses.replace(task, validation=task.train))
    assert min(watched.history) == watched.history[-1]
    assert torch.equal(weights(fitted.module), weights(watched.module))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(dropout: float) -> None:
    task = job(dropout=dropout)
    first, second = fit(task), fit(task)
    assert torch.equal(weights(first.module), weights(second.module))
    assert first.history == second.history
    assert not torch.equal(
        weights(fit(dataclasses.replace(task, seed=9)).module), weights(first.module)
    )


def test_the_job_is_left_alone() -> None:
    task = job(dropout=0.5)
    before = copy.deepcopy(task)
    fitted = fit(task)
    assert torch.equal(weights(task.module), weights(before.module))
    assert not torch.equal(weights(task.module), weights(fitted.module))
    assert task.module.training
    for name, values in before.train.items():
        assert torch.equal(task.train[name], values)
    assert all(parameter.grad is None for parameter in task.module.parameters())


def test_the_result_shares_no_memory_with_the_job() -> None:
    task = job(epochs=0)
    fitted = fit(task)
    with torch.no_grad():
        for parameter in fitted.module.parameters():
            parameter.fill_(7.0)
    assert not (weights(task.module) == 7).any()


def test_global_random_state_is_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = fit(job(dropout=0.5))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(weights(fit(job(dropout=0.5)).module), weights(first.module))


def test_frozen_weights_stay() -> None:
    task = job()
    task.module[0].requires_grad_(False)  # type: ignore[index]
    fitted = fit(task)
    assert torch.equal(fitted.module[0].weight, task.module[0].weight)  # type: ignore[index]
    assert not torch.equal(fitted.module[3].weight, task.module[3].weight)  # type: ignore[index]


def test_refresh_is_called_once_an_epoch_with_a_seeded_generator() -> None:
    calls: list[tuple[int, float]] = []

    def refresh(generator: torch.Generator, epoch: int) -> Batch:
        calls.append((epoch, float(torch.rand((), generator=generator))))
        return rows(40, epoch)

    task = dataclasses.replace(job(epochs=3), refresh=refresh)
    fit(task)
    fit(task)
    assert [epoch for epoch, _ in calls] == [0, 1, 2, 0, 1, 2]
    assert calls[:3] == calls[3:]
    assert len({value for _, value in calls}) == 3


def test_a_loss_that_is_never_finite_is_told_as_infinite() -> None:
    task = job()
    broken = {name: values * torch.nan for name, values in task.train.items()}
    assert fit(dataclasses.replace(task, train=broken)).loss == math.inf


@pytest.mark.parametrize(("count", "size"), [(10, 3), (9, 3), (2, 5), (1, 1)])
def test_batches_have_every_row_once_before_any_comes_again(count: int, size: int) -> None:
    order = batches(count, size, torch.Generator().manual_seed(0))
    assert order.shape == (math.ceil(count / size), size)
    seen = order.flatten()
    assert sorted(seen[:count].tolist()) == list(range(count))
    assert torch.equal(seen[count:], seen[: len(seen) - count][: len(seen[count:])])


def twice(seed: int) -> Plan[float]:
    """A plan of two rounds: a network, then another one for the first one's outputs."""
    (first,) = yield [job(seed)]
    taught = {"x": rows(40, seed)["x"]}
    with torch.no_grad():
        taught["y"] = first.module(taught["x"])
    (second,) = yield [dataclasses.replace(job(seed + 1), train=taught)]
    return float(weights(second.module).sum())


def once(seed: int) -> Plan[float]:
    fitted = yield [job(seed), job(seed, epochs=2)]
    return sum(float(weights(network.module).sum()) for network in fitted)


def nothing() -> Plan[str]:
    yield from ()
    return "done"


def test_plans_carried_out_together_give_what_each_gives_alone() -> None:
    rounds: list[int] = []

    def train(jobs: Sequence[Job]) -> list[TrainedNetwork]:
        rounds.append(len(jobs))
        return [fit(request) for request in jobs]

    results = run_rounds([twice(0), once(3), twice(5)], train)
    assert results == [run_plan(twice(0)), run_plan(once(3)), run_plan(twice(5))]
    assert [count for count in rounds if count] == [4, 2]


def test_a_plan_without_jobs_has_its_result() -> None:
    assert run_plan(nothing()) == "done"


def test_a_plan_is_sent_its_results_in_the_order_of_its_jobs() -> None:
    def plan() -> Plan[list[int]]:
        fitted = yield [job(epochs=epochs) for epochs in (3, 1, 2)]
        return [len(network.history) for network in fitted]

    assert run_plan(plan()) == [3, 1, 2]


def mapped(path: Path, x: Tensor) -> Tensor:
    """The same numbers in a file that is mapped into memory."""
    np.save(path, x.numpy())
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def test_rows_of_a_file_train_like_rows_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_module, "BLOCK_ROWS", 16)
    x, generator = torch.randn(90, 5), torch.Generator().manual_seed(0)
    labels = {"role": torch.arange(90) % 3, "gender": torch.arange(90) % 2}
    order = torch.randperm(90, generator=generator)
    parts = (order[:60], order[60:])
    file = mapped(tmp_path / "x.npy", x)
    model, networks = RiskModel(5, 8), []
    for stored in (False, True):
        train, validation = (
            {
                "x": row_view(file, chosen) if stored else x[chosen],
                **{name: codes[chosen] for name, codes in labels.items()},
            }
            for chosen in parts
        )
        task = Job(model, risk_loss, train, validation, Settings(epochs=3), seed=1)
        networks.append(fit(task))
    assert torch.equal(weights(networks[0].module), weights(networks[1].module))
    assert networks[0].history == networks[1].history
