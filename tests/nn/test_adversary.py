"""The adversary removes gender, has the set strength, and a dead head is reported."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sordino.nn import fit_multimodal
from sordino.nn.adversary_diagnostics import probe
from sordino.nn.fit_multimodal import FittedMultimodal, Training, _Objective
from sordino.nn.labels import Tasks, recall
from sordino.nn.multimodal import Multimodal, Shape, apply
from tests.nn.synthetic_sequences import BOTH, GENERAL, PRIVATE, fitted, planted, shape, short

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def tied(strength: float | None, seed: int = 0) -> FittedMultimodal:
    """Trained where gender is a clue to activation; without a head of gender where `strength` is
    None.
    """
    training: dict[str, Any] = {
        "rows": 400,
        "emotion": 0.4,
        "tied": True,
        "epochs": 10,
        "seed": seed,
    }
    if strength is None:
        return fitted(GENERAL, **training)
    return fitted(PRIVATE, lambdas={"gender": strength}, normalise_adversary=True, **training)


def gender_recall(network: Multimodal) -> float:
    """UAR of a fresh linear probe of gender, on rows that the network never saw."""
    rows, labels = planted(600, seed=2, emotion=0.4, tied=True)
    return probe(apply(network, rows).embedding, torch.tensor(labels["gender"]), 2, seed=0)


@pytest.mark.slow
def test_the_private_embedding_reveals_less_gender_than_general() -> None:
    general, private = (
        [tied(strength, seed).network for seed in range(2)] for strength in (None, 0.5)
    )
    before, after = (sum(map(gender_recall, networks)) / 2 for networks in (general, private))
    assert before > 0.75
    assert after < before - 0.03
    rows, labels = planted(600, seed=2, emotion=0.4, tied=True)
    outputs = [apply(network, rows).primary["activation"] for network in private]
    assert sum(recall(logits, torch.tensor(labels["activation"])) for logits in outputs) / 2 > 0.65


@pytest.mark.slow
def test_an_attribute_at_lambda_zero_changes_no_weights() -> None:
    plain, watched = tied(None), tied(0.0)
    assert watched.losses == plain.losses
    state = watched.network.state_dict()
    for name, values in plain.network.state_dict().items():
        assert torch.equal(state[name], values)
    assert watched.health["gender"].validation[watched.best_epoch] > 0.7  # and the head learns
    assert plain.health == {}


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_head_that_learns_is_not_taken_for_a_dead_one(strength: float) -> None:
    fitted_network = tied(strength)
    assert fitted_network.warnings == ()
    assert (
        abs(
            fitted_network.health["gender"].train[fitted_network.best_epoch]
            - fitted_network.health["gender"].probe
        )
        < 0.06
    )


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_dead_adversary_is_told_of(monkeypatch: pytest.MonkeyPatch, strength: float) -> None:
    class Dead(Multimodal):
        def __init__(self, shape: Shape) -> None:
            super().__init__(shape)
            self.attributes.requires_grad_(False)

    monkeypatch.setattr(fit_multimodal, "Multimodal", Dead)
    fitted_network = fitted(PRIVATE, emotion=0.4, tied=True, lambdas={"gender": strength})
    (warning,) = fitted_network.warnings
    assert warning.startswith("the head of gender has UAR ")
    assert "stopped learning" in warning
    assert (
        fitted_network.health["gender"].probe
        > fitted_network.health["gender"].train[fitted_network.best_epoch] + 0.1
    )


def test_the_health_of_every_head_is_known_after_every_epoch() -> None:
    sizes = shape(BOTH, attributes={"gender": 2}, adversary_at="streams")
    fitted_network = short(sizes, lambdas={"gender": 0.5})
    assert list(fitted_network.health) == ["gender@audio", "gender@text"]
    for curve in fitted_network.health.values():
        assert len(curve.train) == len(curve.validation) == len(fitted_network.losses) == 3
        assert all(0 <= value <= 1 for value in (*curve.train, *curve.validation, curve.probe))
    rows, labels = planted(40, streams=BOTH)
    for at, curve in enumerate(fitted_network.health.values()):
        logits = apply(fitted_network.network, rows).attributes["gender"][at]
        assert (
            recall(logits, torch.tensor(labels["gender"])) == curve.train[fitted_network.best_epoch]
        )


def gradients_at_places(
    sizes: Shape, training: Training, share: float = 1.0
) -> list[dict[str, Tensor]]:
    """At each place, the gradients of the whole loss, of the primary task alone, and of each
    attribute's head alone.
    """
    torch.manual_seed(0)
    network = Multimodal(sizes)
    rows, labels = planted(30, streams=tuple(sizes.streams))
    labels["speaker"] = np.arange(30) % 5
    classes = {**sizes.primary, **sizes.attributes}
    tasks = Tasks.of({name: labels[name] for name in classes}, classes, 30)
    captured: list[Tensor] = []
    encode = network.encode

    def watched(batch: Any) -> Any:
        encoded = encode(batch)
        captured.extend(encoded.places)
        return encoded

    network.encode = watched  # type: ignore[method-assign]
    total = torch.autograd.grad(
        _Objective(network, tasks, training).loss(rows.pad(range(30)), tasks.codes, share), captured
    )
    captured.clear()
    embedding, places, _ = watched(rows.pad(range(30)))
    heads = {name: [head(embedding)] for name, head in network.primary.items()}
    attributes: Any = network.attributes
    heads |= {
        name: [head(at) for head, at in zip(attributes[name], places, strict=True)]
        for name in attributes
    }
    single = {
        name: torch.autograd.grad(
            torch.stack([tasks.loss(name, out, tasks.codes[name]) for out in logits]).sum(),
            places,
            retain_graph=True,
        )
        for name, logits in heads.items()
    }
    return [
        {"whole": total[at], **{name: tensors[at] for name, tensors in single.items()}}
        for at in range(len(places))
    ]


CASES = [
    shape(attributes={"gender": 2, "speaker": 5}),
    shape(BOTH, attributes={"gender": 2}, adversary_at="streams"),
    shape(BOTH, attributes={"gender": 2}, bottleneck=4),
]
LAMBDAS = {"gender": 0.5, "speaker": 0.3}


@pytest.mark.parametrize("sizes", CASES)
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_streams_get_primary_minus_lambda_of_attributes(sizes: Shape, share: float) -> None:
    lambdas = {name: LAMBDAS[name] for name in sizes.attributes}
    for gradients in gradients_at_places(sizes, Training(lambdas=lambdas), share):
        expected = gradients["activation"] - sum(
            share * lambdas[name] * gradients[name] for name in lambdas
        )
        torch.testing.assert_close(gradients["whole"], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("sizes", CASES)
def test_a_normalised_adversary_has_lambda_of_the_primary_norm(
    sizes: Shape,
) -> None:
    lambdas = {name: LAMBDAS[name] for name in sizes.attributes}
    for gradients in gradients_at_places(
        sizes, Training(lambdas=lambdas, normalise_adversary=True)
    ):
        pull = gradients["activation"].norm()
        pushes = {
            name: lambdas[name] * pull / gradients[name].norm() * gradients[name]
            for name in lambdas
        }
        torch.testing.assert_close(
            gradients["whole"], gradients["activation"] - sum(pushes.values()), rtol=1e-3, atol=1e-7
        )
        if len(lambdas) == 1:
            assert float(
                (gradients["whole"] - gradients["activation"]).norm() / pull
            ) == pytest.approx(0.5, rel=1e-3)


def test_schedules_are_those_of_the_papers() -> None:
    assert {Training(schedule="constant").share(epoch) for epoch in range(50)} == {1.0}
    warm = Training(schedule="warm-up")
    assert [warm.share(epoch) for epoch in range(7)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1])
    dann = Training(schedule="dann")
    assert [dann.share(epoch) for epoch in (0, 5, 10)] == pytest.approx(
        [0, math.tanh(0.5), math.tanh(1)]
    )


@pytest.mark.slow
def test_each_schedule_trains_and_none_is_the_same() -> None:
    losses = [
        short(PRIVATE, epochs=20, lambdas={"gender": 1.0}, schedule=schedule).losses
        for schedule in fit_multimodal.SCHEDULES
    ]
    assert all(first != second for first, second in itertools.combinations(losses, 2))
