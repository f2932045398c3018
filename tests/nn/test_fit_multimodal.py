"""Training learns the tasks, keeps the best epoch, repeats itself, and says what it cannot learn
from.
"""

from __future__ import annotations

import math
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
from tests.nn.synthetic_problems import weights
from tests.nn.synthetic_sequences import BOTH, GENERAL, PRIVATE, fitted, planted, shape, short

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("streams", "least"), [(("audio",), 0.75), (("text",), 0.55), (BOTH, 0.75)]
)
def test_the_primary_task_is_learnt(streams: tuple[str, ...], least: float) -> None:
    made = fitted(shape(streams))
    rows, labels = planted(300, seed=2, streams=streams)
    truth = torch.tensor(labels["activation"])
    assert recall(apply(made.network, rows).primary["activation"], truth) > least
    torch.manual_seed(0)
    assert recall(apply(Multimodal(shape(streams)), rows).primary["activation"], truth) < 0.45


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    made = fitted(
        GENERAL, rows=20, epochs=25, patience=25, learning_rate=0.01
    )  # twenty rows: it learns them by heart
    assert made.losses[made.best_epoch] == min(made.losses) < made.losses[-1] / 1.1
    rows, labels = planted(100, seed=1)
    balance = class_weights(torch.tensor(planted(20)[1]["activation"]), 3)
    logits = apply(made.network, rows).primary["activation"]
    loss = weighted_loss(logits, torch.tensor(labels["activation"]), balance)
    assert float(loss) == pytest.approx(made.losses[made.best_epoch], rel=1e-6)
    assert not made.network.training


def test_without_validation_rows_the_last_epoch_is_kept() -> None:
    rows, labels = planted(60)
    given = {name: labels[name] for name in (*PRIVATE.primary, *PRIVATE.attributes)}
    held = fit(PRIVATE, rows, given, rows, given, Training(epochs=3, patience=3), seed=1)
    alone = fit(PRIVATE, rows, given, None, {}, Training(epochs=held.best_epoch + 1), seed=1)
    assert alone.losses == ()
    assert alone.best_epoch == held.best_epoch
    assert alone.health["gender"].train == ()
    for one, other in zip(alone.network.parameters(), held.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_stops_when_patience_is_over() -> None:
    made = fitted(GENERAL, rows=20, epochs=50, patience=2, learning_rate=0.01)
    assert len(made.losses) == made.best_epoch + 2 + 1 < 50


@pytest.mark.parametrize(
    "given", [GENERAL, shape(BOTH, attributes={"gender": 2}, bottleneck=4, noise=0.5)]
)
def test_a_seed_gives_equal_bytes_without_global_random_state(
    given: Shape,
) -> None:
    training: dict[str, Any] = {
        "lambdas": dict.fromkeys(given.attributes, 0.5),
        "normalise_adversary": True,
    }
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = short(given, **training)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = short(given, **training)
    assert second.losses == first.losses
    assert second.health == first.health
    assert weights(second.network).numpy().tobytes() == weights(first.network).numpy().tobytes()
    assert not torch.equal(
        weights(short(given, seed=1, **training).network), weights(first.network)
    )


def test_rows_of_unknown_class_do_not_count() -> None:
    rows, labels = planted(40)
    held, held_labels = planted(20, seed=1)
    unknown = np.arange(40) % 3 == 0
    codes = {"activation": np.where(unknown, -1, labels["activation"])}
    frames = rows.streams["audio"]
    other = Sequences.of(
        audio=[frame * 9 if gone else frame for frame, gone in zip(frames, unknown, strict=True)]
    )
    held_codes = {"activation": held_labels["activation"]}
    first, second = (
        fit(GENERAL, given, codes, held, held_codes, Training(epochs=2)) for given in (rows, other)
    )
    assert first.losses == pytest.approx(second.losses, rel=1e-5)
    known = {"activation": labels["activation"]}
    assert fit(GENERAL, other, known, held, held_codes, Training(epochs=2)).losses != pytest.approx(
        first.losses, rel=1e-3
    )


def test_several_primary_tasks_are_learnt() -> None:
    rows, labels = planted(400, emotion=1.0)
    held, held_labels = planted(100, seed=1, emotion=1.0)
    codes, held_codes = (
        {"activation": one["activation"], "voice": one["gender"]} for one in (labels, held_labels)
    )
    given = shape(primary={"activation": 3, "voice": 2})
    made = fit(given, rows, codes, held, held_codes, Training(20, 20, learning_rate=5e-3))
    found = apply(made.network, held).primary
    assert all(recall(found[name], torch.tensor(held_codes[name])) > 0.75 for name in found)


def test_only_tasks_that_validation_rows_have_stop_the_training() -> None:
    rows, labels = planted(40)
    held, held_labels = planted(20, seed=1)
    given = shape(primary={"activation": 3, "voice": 2}, attributes={"speaker": 4})
    codes = {
        "activation": labels["activation"],
        "voice": labels["gender"],
        "speaker": np.arange(40) % 4,
    }
    made = fit(given, rows, codes, held, {"activation": held_labels["activation"]}, Training(3))
    logits = apply(made.network, held).primary["activation"]
    balance = class_weights(torch.tensor(labels["activation"]), 3)
    alone = weighted_loss(logits, torch.tensor(held_labels["activation"]), balance)
    assert float(alone) == pytest.approx(min(made.losses), rel=1e-6)
    assert all(math.isnan(value) for value in made.health["speaker"].validation)
    assert all(0 <= value <= 1 for value in made.health["speaker"].train)


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
    every = fitted(PRIVATE, rows=40, epochs=12, patience=12, learning_rate=0.01).health["gender"]
    monkeypatch.setattr(fit_multimodal, "WATCHED", 10)
    some = fitted(PRIVATE, rows=40, epochs=12, patience=12, learning_rate=0.01).health["gender"]
    assert some.validation == every.validation
    assert some.final == every.final, "measured on all training rows"
    assert some.train != every.train
    assert every.final in every.train, "forty rows are all watched"


def test_validation_rows_without_primary_labels_are_refused() -> None:
    rows, labels = planted(10)
    codes = {"activation": labels["activation"]}
    with pytest.raises(ReleaseError, match="no validation row has a label of activation"):
        fit(GENERAL, rows, codes, rows, {"activation": np.full(10, -1)})


def test_a_training_that_never_has_a_finite_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sick(Multimodal):
        def __init__(self, shape: Shape) -> None:
            super().__init__(shape)
            nn.init.constant_(self.primary["activation"][0].weight, torch.nan)  # type: ignore[index]

    monkeypatch.setattr(fit_multimodal, "Multimodal", Sick)
    with pytest.raises(ReleaseError, match="the training diverged"):
        short()
