"""A stack of networks is trained as each of them alone would be."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn

from sordino.nn.autoencoder import (
    GatedAutoencoder,
    ReplacementAutoencoder,
    ReplacementLoss,
    RetainingLoss,
    RetainingTraining,
    ReversalTraining,
)
from sordino.nn.fit import Batch, Job, Loss, Settings, TrainedNetwork, fit
from sordino.nn.risk import RiskModel, risk_loss
from sordino.nn.stack import fit_stacks
from tests.nn.synthetic_problems import job, rows, weights


def close(first: TrainedNetwork, second: TrainedNetwork, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(
        weights(first.module), weights(second.module), rtol=0, atol=tolerance
    )
    assert first.history == pytest.approx(second.history, abs=tolerance)
    assert first.loss == pytest.approx(second.loss, abs=tolerance, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("validation_rows", [20, None])
def test_networks_in_a_stack_get_the_weights_of_single_training(
    validation_rows: int | None,
) -> None:
    jobs = [job(seed, validation_rows=validation_rows, epochs=20) for seed in range(5)]
    for stacked, task in zip(fit_stacks(jobs, "cpu"), jobs, strict=True):
        close(stacked, fit(task))


@pytest.mark.slow
def test_each_network_stops_when_it_alone_would() -> None:
    jobs = [
        job(seed, count=8, validation_rows=20 + seed, epochs=120, learning_rate=0.03, patience=4)
        for seed in range(5)
    ]
    stacked, single = fit_stacks(jobs, "cpu"), [fit(task) for task in jobs]
    lengths = [len(network.history) for network in single]
    assert [len(network.history) for network in stacked] == lengths
    assert len(set(lengths)) > 1
    assert max(lengths) < 120
    for network, other_stack in zip(stacked, single, strict=True):
        close(network, other_stack, 1e-3)


def test_jobs_of_unequal_length_train_on_their_own_rows_only() -> None:
    short, long = job(0, count=25, validation_rows=7), job(1, count=60, validation_rows=20)
    stacked = fit_stacks([short, long], "cpu")
    close(stacked[1], fit(long))
    assert not torch.equal(
        weights(stacked[0].module), weights(fit(short).module)
    )  # four steps an epoch, not two
    other_stack = fit_stacks([short, dataclasses.replace(long, train=rows(60, 77))], "cpu")
    torch.testing.assert_close(
        weights(stacked[0].module), weights(other_stack[0].module), rtol=0, atol=1e-6
    )


def test_validation_rows_that_fill_up_do_not_count() -> None:
    short, long = job(0, validation_rows=3), job(1, validation_rows=30)
    assert short.validation is not None
    close(fit_stacks([short, long], "cpu")[0], fit(short))


def test_jobs_of_several_shapes_and_settings_return_in_order() -> None:
    jobs = [
        job(0),
        job(1, epochs=3),
        job(2, dropout=0.5),
        job(3),
        job(4, epochs=3),
        job(5, validation_rows=None),
    ]
    stacked = fit_stacks(jobs, "cpu")
    assert [len(network.history) for network in stacked] == [8, 3, 8, 8, 3, 0]
    for index in (0, 1, 3, 4, 5):
        close(stacked[index], fit(jobs[index]))
    assert fit_stacks([], "cpu") == []


def test_rows_made_anew_for_each_epoch_are_used() -> None:
    def refresh(generator: torch.Generator, epoch: int) -> Batch:
        return rows(40, epoch + int(torch.randint(100, (), generator=generator)))

    jobs = [dataclasses.replace(job(seed), refresh=refresh) for seed in range(3)]
    for stacked, task in zip(fit_stacks(jobs, "cpu"), jobs, strict=True):
        close(stacked, fit(task))


def labelled(count: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 6, generator=generator)
    return {
        "x": x,
        "target": torch.randn(count, 6, generator=generator),
        "gender": torch.randint(-1, 2, (count,), generator=generator),
        "role": torch.randint(3, (count,), generator=generator),
        "wanted": torch.randint(2, (count,), generator=generator),
        "weight": torch.rand(count, generator=generator),
        "spread": torch.full((count, 6), 2.0),
        "strength": torch.full((count, 1), 0.5),
    }


def real(kind: str, seed: int) -> Job:
    """A job of each kind that the studies train, without its dropout and noise."""
    torch.manual_seed(seed)
    centre, scale = torch.full((6,), float(seed)), torch.tensor(1.0 + seed)
    kinds: dict[str, tuple[nn.Module, Loss]] = {
        "risk": (RiskModel(6, 16, dropout=0.0), risk_loss),
        "replacement": (ReversalTraining(ReplacementAutoencoder(6, 4)), ReplacementLoss()),
        "retaining": (
            RetainingTraining(GatedAutoencoder(centre, scale, 4, noise=0.0), RiskModel(6, 16)),
            RetainingLoss(),
        ),
    }
    module, loss = kinds[kind]
    return Job(module, loss, labelled(40, seed), labelled(20, 50 + seed), Settings(epochs=5), seed)


@pytest.mark.parametrize("kind", ["risk", "replacement", "retaining"])
def test_the_networks_of_the_studies_may_be_stacked(kind: str) -> None:
    jobs = [real(kind, seed) for seed in range(3)]
    for stacked, task in zip(fit_stacks(jobs, "cpu"), jobs, strict=True):
        close(stacked, fit(task))


def test_a_judge_in_a_stack_stays_as_it_was() -> None:
    jobs = [real("retaining", seed) for seed in range(2)]
    for stacked, task in zip(fit_stacks(jobs, "cpu"), jobs, strict=True):
        assert isinstance(stacked.module, RetainingTraining)
        assert isinstance(task.module, RetainingTraining)
        assert torch.equal(weights(stacked.module.surrogate), weights(task.module.surrogate))


def test_a_seeded_stack_repeats_and_changes_no_global_state() -> None:
    jobs = [job(seed, dropout=0.5) for seed in range(3)]
    before, state = copy.deepcopy(jobs), torch.get_rng_state()
    first, second = fit_stacks(jobs, "cpu"), fit_stacks(jobs, "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    for network, other_stack, task, was in zip(first, second, jobs, before, strict=True):
        assert torch.equal(weights(network.module), weights(other_stack.module))
        assert torch.equal(weights(task.module), weights(was.module))
        assert not network.module.training


def test_a_network_without_finite_loss_disturbs_no_other() -> None:
    sick, well = job(0), job(1)
    sick = dataclasses.replace(
        sick, train={name: values * torch.nan for name, values in sick.train.items()}
    )
    stacked = fit_stacks([sick, well], "cpu")
    assert stacked[0].loss == math.inf
    close(stacked[1], fit(well))
