"""Training learns the tasks, keeps the best epoch, repeats itself, and says what it cannot learn
from.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sordino.errors import ReleaseError
from sordino.nn import fit_multimodal
from sordino.nn.fit_multimodal import Training, fit
from sordino.nn.labels import class_weights, recall, weighted_loss
from sordino.nn.multimodal import Multimodal, Shape, apply
from sordino.nn.sequences import Sequences
from sordino.nn.variational import divergence, posterior
from tests.nn.synthetic_problems import weights
from tests.nn.synthetic_sequences import BOTH, GENERAL, PRIVATE, fitted, planted, shape, short

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("streams", "least"), [(("audio",), 0.75), (("text",), 0.55), (BOTH, 0.75)]
)
def test_the_primary_task_is_learnt(streams: tuple[str, ...], least: float) -> None:
    network = fitted(shape(streams))
    rows, labels = planted(300, seed=2, streams=streams)
    truth = torch.tensor(labels["activation"])
    assert recall(apply(network.network, rows).primary["activation"], truth) > least
    torch.manual_seed(0)
    assert recall(apply(Multimodal(shape(streams)), rows).primary["activation"], truth) < 0.45


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    network = fitted(
        GENERAL, rows=20, epochs=25, patience=25, learning_rate=0.01
    )  # twenty rows: it learns them by heart
    assert network.losses[network.best_epoch] == min(network.losses) < network.losses[-1] / 1.1
    rows, labels = planted(100, seed=1)
    balance = class_weights(torch.tensor(planted(20)[1]["activation"]), 3)
    logits = apply(network.network, rows).primary["activation"]
    loss = weighted_loss(logits, torch.tensor(labels["activation"]), balance)
    assert float(loss) == pytest.approx(network.losses[network.best_epoch], rel=1e-6)
    assert not network.network.training


def test_without_validation_rows_the_last_epoch_is_kept() -> None:
    rows, labels = planted(60)
    codes = {name: labels[name] for name in (*PRIVATE.primary, *PRIVATE.attributes)}
    validation = fit(PRIVATE, rows, codes, rows, codes, Training(epochs=3, patience=3), seed=1)
    single = fit(PRIVATE, rows, codes, None, {}, Training(epochs=validation.best_epoch + 1), seed=1)
    assert single.losses == ()
    assert single.best_epoch == validation.best_epoch
    assert single.health["gender"].train == ()
    for first, second in zip(
        single.network.parameters(), validation.network.parameters(), strict=True
    ):
        assert torch.equal(first, second)


def test_training_stops_when_patience_is_over() -> None:
    network = fitted(GENERAL, rows=20, epochs=50, patience=2, learning_rate=0.01)
    assert len(network.losses) == network.best_epoch + 2 + 1 < 50


@pytest.mark.parametrize(
    "sizes", [GENERAL, shape(BOTH, attributes={"gender": 2}, bottleneck=4, noise=0.5)]
)
def test_a_seed_gives_equal_bytes_without_global_random_state(
    sizes: Shape,
) -> None:
    training: dict[str, Any] = {
        "lambdas": dict.fromkeys(sizes.attributes, 0.5),
        "normalise_adversary": True,
    }
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = short(sizes, **training)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = short(sizes, **training)
    assert second.losses == first.losses
    assert second.health == first.health
    assert weights(second.network).numpy().tobytes() == weights(first.network).numpy().tobytes()
    assert not torch.equal(
        weights(short(sizes, seed=1, **training).network), weights(first.network)
    )


def test_rows_of_unknown_class_do_not_count() -> None:
    rows, labels = planted(40)
    validation, validation_labels = planted(20, seed=1)
    unknown = np.arange(40) % 3 == 0
    codes = {"activation": np.where(unknown, -1, labels["activation"])}
    frames = rows.streams["audio"]
    changed = Sequences.of(
        audio=[frame * 9 if gone else frame for frame, gone in zip(frames, unknown, strict=True)]
    )
    validation_codes = {"activation": validation_labels["activation"]}
    first, second = (
        fit(GENERAL, sequences, codes, validation, validation_codes, Training(epochs=2))
        for sequences in (rows, changed)
    )
    assert first.losses == pytest.approx(second.losses, rel=1e-5)
    known_codes = {"activation": labels["activation"]}
    assert fit(
        GENERAL, changed, known_codes, validation, validation_codes, Training(epochs=2)
    ).losses != pytest.approx(first.losses, rel=1e-3)


@pytest.mark.slow
def test_several_primary_tasks_are_learnt() -> None:
    rows, labels = planted(400, emotion=1.0)
    validation, validation_labels = planted(100, seed=1, emotion=1.0)
    codes, validation_codes = (
        {"activation": by_task["activation"], "voice": by_task["gender"]}
        for by_task in (labels, validation_labels)
    )
    sizes = shape(primary={"activation": 3, "voice": 2})
    network = fit(
        sizes, rows, codes, validation, validation_codes, Training(20, 20, learning_rate=5e-3)
    )
    logits_by_task = apply(network.network, validation).primary
    assert all(
        recall(logits_by_task[name], torch.tensor(validation_codes[name])) > 0.75
        for name in logits_by_task
    )


def test_only_tasks_that_validation_rows_have_stop_the_training() -> None:
    rows, labels = planted(40)
    validation, validation_labels = planted(20, seed=1)
    sizes = shape(primary={"activation": 3, "voice": 2}, attributes={"speaker": 4})
    codes = {
        "activation": labels["activation"],
        "voice": labels["gender"],
        "speaker": np.arange(40) % 4,
    }
    network = fit(
        sizes, rows, codes, validation, {"activation": validation_labels["activation"]}, Training(3)
    )
    logits = apply(network.network, validation).primary["activation"]
    balance = class_weights(torch.tensor(labels["activation"]), 3)
    single = weighted_loss(logits, torch.tensor(validation_labels["activation"]), balance)
    assert float(single) == pytest.approx(min(network.losses), rel=1e-6)
    assert all(math.isnan(value) for value in network.health["speaker"].validation)
    assert all(0 <= value <= 1 for value in network.health["speaker"].train)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schedule": "cosine"}, "schedule = 'cosine', expected one of constant, dann, warm-up"),
        ({"epochs": 0}, "epochs 0, patience 5, batch 32"),
        ({"learning_rate": -1.0}, "rate -1.0 came, expected all above 0"),
        ({"lambdas": {"gender": -0.5}}, r"lambdas \{'gender': -0.5\} came, expected 0 or more"),
        ({"lambdas": {"gender": math.nan}}, "expected 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        Training(**changed)


def test_a_lambda_of_an_attribute_outside_the_shape_is_refused() -> None:
    with pytest.raises(
        ReleaseError, match=r"lambda of age came, expected attributes of the shape \(gender\)"
    ):
        short(PRIVATE, lambdas={"age": 0.5})


def test_streams_that_the_shape_has_not_are_refused() -> None:
    rows, labels = planted(10, streams=BOTH)
    codes = {"activation": labels["activation"]}
    with pytest.raises(
        ReleaseError, match=r"streams \{'audio': 6, 'text': 5\} came, expected \{'audio': 6\}"
    ):
        fit(GENERAL, rows, codes, rows, codes)


def test_an_attribute_with_one_training_class_is_refused() -> None:
    rows, labels = planted(10)
    codes = {**labels, "gender": np.zeros(10, dtype=np.intp)}
    with pytest.raises(ReleaseError, match="gender has 1 of its 2 classes on the training rows"):
        fit(PRIVATE, rows, codes, rows, codes)


def test_many_training_rows_are_watched_by_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = fitted(PRIVATE, rows=40, epochs=12, patience=12, learning_rate=0.01).health["gender"]
    monkeypatch.setattr(fit_multimodal, "WATCHED", 10)
    sampled = fitted(PRIVATE, rows=40, epochs=12, patience=12, learning_rate=0.01).health["gender"]
    assert sampled.validation == complete.validation
    assert sampled.final == complete.final, "measured on all training rows"
    assert sampled.train != complete.train
    assert complete.final in complete.train, "forty rows are all watched"


def test_validation_rows_without_primary_labels_are_refused() -> None:
    rows, labels = planted(10)
    codes = {"activation": labels["activation"]}
    with pytest.raises(ReleaseError, match="no validation row has a label of activation"):
        fit(GENERAL, rows, codes, rows, {"activation": np.full(10, -1)})


def test_a_training_that_never_has_a_finite_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sick(Multimodal):
        def __init__(self, shape: Shape) -> None:
            super().__init__(shape)
            first = self.primary["activation"][0]  # type: ignore[index]
            nn.init.constant_(first.weight, torch.nan)

    monkeypatch.setattr(fit_multimodal, "Multimodal", Sick)
    with pytest.raises(ReleaseError, match="the training diverged"):
        short()


VARIATIONAL = Shape(audio=4, conv_layers=1, kernels=8, gru_width=8, bottleneck=3, latent="gaussian")


def variational_rows(n: int = 48) -> tuple[Sequences, dict[str, np.ndarray]]:
    random, label = np.random.default_rng(0), np.arange(n) % 3
    clips = [code + random.normal(size=(random.integers(3, 6), 4)) for code in label]
    return Sequences.of(audio=clips), {"activation": label}


def test_the_divergence_is_that_of_alemi_2017() -> None:
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    mean, log_variance = x[:, :3], x[:, 3:]
    by_hand = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
    torch.testing.assert_close(divergence(posterior(x)), by_hand)
    assert float(divergence(posterior(torch.zeros(2, 4)))) == 0


def test_a_sample_trains_and_the_mean_is_evaluated() -> None:
    torch.manual_seed(0)
    network, batch = Multimodal(VARIATIONAL), variational_rows()[0].pad(range(48))
    clean = network.eval().encode(batch)
    assert clean.posterior is not None
    assert torch.equal(network.embed(batch), clean.posterior.mean)
    z = (network.train().embed(batch) - clean.posterior.mean) / clean.posterior.scale
    assert float(z.detach().std()) == pytest.approx(1, abs=0.2)


def test_more_beta_leaves_less_information() -> None:
    data, labels = variational_rows()
    nats = []
    for beta in (0.0, 1.0):
        training = Training(epochs=12, learning_rate=1e-2, beta=beta)
        network = fit(VARIATIONAL, data, labels, None, {}, training).network
        gaussian = network.encode(data.pad(range(48))).posterior
        assert gaussian is not None
        nats.append(float(divergence(gaussian).detach()))
    assert nats[1] < nats[0] / 2


def test_given_weights_are_not_trained() -> None:
    data, labels = variational_rows()
    start = {"squeeze.weight": torch.ones(6, 8), "squeeze.bias": torch.zeros(6)}
    training = Training(epochs=2, learning_rate=1e-2)
    trained = fit(VARIATIONAL, data, labels, None, {}, training, weights=start).network
    assert torch.equal(trained.state_dict()["squeeze.weight"], start["squeeze.weight"])
    plain = fit(VARIATIONAL, data, labels, None, {}, training).network
    assert not torch.equal(plain.state_dict()["squeeze.weight"], start["squeeze.weight"])


def test_a_latent_without_its_bottleneck_is_refused() -> None:
    with pytest.raises(ReleaseError, match="latent = 'gaussian' came without a bottleneck"):
        replace(VARIATIONAL, bottleneck=None)
    with pytest.raises(ReleaseError, match="latent = 'cube', expected one of standardised, plain"):
        replace(VARIATIONAL, latent="cube")  # type: ignore[arg-type]
    with pytest.raises(ReleaseError, match=r"noise = 0\.5, expected 0 or more and a bottleneck"):
        replace(VARIATIONAL, noise=0.5)
    with pytest.raises(ReleaseError, match=r"beta inf, lambdas .* came, expected 0 or more"):
        Training(beta=math.inf)
