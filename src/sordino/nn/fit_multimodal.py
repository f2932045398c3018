"""Training an embedding for its primary tasks and against its attributes (Jaiswal 2020, section
4.1).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from sordino.errors import ReleaseError
from sordino.nn.adversary_diagnostics import HeadDiagnostics, probe
from sordino.nn.fit import Batch
from sordino.nn.labels import TaskLabels, Tasks, class_codes, recall
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.sequences import Sequences, bucketed
from sordino.nn.variational import divergence

SCHEDULES = ("constant", "dann", "warm-up")
WATCHED = 256
"""The approximate number of evenly spaced training rows that measure each head after each epoch."""


@dataclass(frozen=True)
class Training:
    """Settings of a training; defaults are the paper's.

    - `epochs`, `patience`: the largest number of epochs, and the number of epochs without a better
      validation loss of the primary tasks before training stops.
    - `lambdas`: the factor of gradient reversal by attribute {0.3, 0.5, 0.75, 1}. At 0, and for an
      attribute without a factor, the head is trained on the detached embedding: it measures the
      attribute and does not change the embedding.
    - `schedule`: `constant`; `dann`, 2 / (1 + e^(-10 p)) - 1 of lambda at share p of the epochs
      (Ganin & Lempitsky 2015); `warm-up`, linear over the first tenth.
    - `beta`: the weight of the Kullback-Leibler divergence of a Gaussian embedding, in nats (Alemi
      et al. 2017).
    - `normalise_adversary`: in every batch, the reversed gradient of each head has lambda times the
      norm of the primary tasks' gradient at the same tensor, instead of lambda times its own norm.
    """

    epochs: int = 50
    patience: int = 5
    batch: int = 32
    learning_rate: float = 1e-3
    lambdas: Mapping[str, float] = field(default_factory=dict)
    schedule: Literal["constant", "dann", "warm-up"] = "constant"
    normalise_adversary: bool = False
    beta: float = 0.0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ReleaseError(
                f"schedule = {self.schedule!r}, expected one of {', '.join(SCHEDULES)}: choose one"
            )
        if min(self.epochs, self.patience, self.batch) < 1 or not 0 < self.learning_rate < math.inf:
            came = (
                f"epochs {self.epochs}, patience {self.patience}, batch {self.batch}, rate "
                f"{self.learning_rate}"
            )
            raise ReleaseError(f"{came} came, expected all above 0: correct them")
        if not all(0 <= factor < math.inf for factor in (self.beta, *self.lambdas.values())):
            raise ReleaseError(
                f"beta {self.beta}, lambdas {dict(self.lambdas)} came, expected 0 or more: "
                "correct them"
            )

    def share(self, epoch: int) -> float:
        """The factor of lambda at an epoch (0, 1, ...), in [0, 1].

        >>> [round(Training(epochs=50, schedule="dann").share(epoch), 2) for epoch in (0, 5, 25)]
        [0.0, 0.46, 0.99]
        """
        if self.schedule == "dann":
            return 2 / (1 + math.exp(-10 * epoch / self.epochs)) - 1
        return min(1.0, 10 * (epoch + 1) / self.epochs) if self.schedule == "warm-up" else 1.0


@dataclass(frozen=True)
class FittedMultimodal:
    """A trained network in evaluation mode, with the weights after `best_epoch` (0, 1, ...).

    - `losses`: the validation loss of the primary tasks after each epoch; empty without validation
      rows.
    - `health`: the diagnostics of each head by attribute, or by attribute and stream
      (`gender@audio`).
    - `warnings`: reasons against trusting the leakage of this network.
    - `epsilon`: of differential privacy for each training speaker; infinite without it.
    """

    network: Multimodal
    losses: tuple[float, ...]
    health: Mapping[str, HeadDiagnostics]
    best_epoch: int
    warnings: tuple[str, ...]
    epsilon: float = math.inf


def fit(
    shape: Shape,
    train: Sequences,
    labels: TaskLabels,
    validation: Sequences | None,
    validation_labels: TaskLabels,
    training: Training | None = None,
    seed: int = 0,
    weights: Mapping[str, Tensor] | None = None,
) -> FittedMultimodal:
    """The network of the epoch with the lowest validation loss, summed over primary tasks; without
    validation rows, the network of the last epoch.

    A row with class -1 of a task does not count for that task. Validation rows may lack all labels
    of an attribute (unseen speakers have no code) and of all primary tasks but one. The available
    labels stop the training. `seed` determines the initial weights, the order of batches and the
    noise; on one thread the same seed yields the same bytes. Global random state is neither read
    nor changed. `weights` replace initial weights by name and are not trained.

    Raises `ReleaseError` where streams or labels do not fit the shape, where a task has fewer than
    two classes on the training rows, and where no epoch ends in a finite loss.
    """
    training = training or Training()
    classes = {**shape.primary, **shape.attributes}
    _check(shape, training, *[train] if validation is None else [train, validation])
    tasks = Tasks.of(labels, classes, len(train))
    stopping = (
        None if validation is None else _ValidationRows.of(validation, validation_labels, shape)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Multimodal(shape)
        if weights:
            network.load_state_dict(weights, strict=False)
            for name, values in network.named_parameters():
                values.requires_grad_(name not in weights)
        curve = _train(_Objective(network, tasks, training), train, stopping, seed)
    if curve.best < 0:
        raise ReleaseError(
            "the training diverged, expected a finite loss: bring the features to one scale"
        )
    network.load_state_dict(curve.state)
    return _fitted(network.eval(), tasks, apply(network, train), curve, seed)


@dataclass(frozen=True)
class _ValidationRows:
    """The rows for early stopping, and their codes by task."""

    rows: Sequences
    codes: Mapping[str, Tensor]

    @classmethod
    def of(cls, rows: Sequences, labels: TaskLabels, shape: Shape) -> _ValidationRows:
        codes = class_codes(labels, {**shape.primary, **shape.attributes}, len(rows), "validation")
        if not any((codes[name] >= 0).any() for name in shape.primary):
            wanted = ", ".join(shape.primary)
            raise ReleaseError(
                f"no validation row has a label of {wanted}, expected some: add such rows"
            )
        return cls(rows, codes)


@dataclass
class _Curve:
    """The figures of each epoch, and the weights of the best epoch so far."""

    losses: list[float] = field(default_factory=list)
    recalls: list[tuple[dict[str, float], dict[str, float]]] = field(default_factory=list)
    best: int = -1
    state: dict[str, Tensor] = field(default_factory=dict)

    def note(self, network: Multimodal, epoch: int, loss: float) -> None:
        self.losses.append(loss)
        if loss < (self.losses[self.best] if self.best >= 0 else math.inf):
            self.keep(network, epoch)

    def keep(self, network: Multimodal, epoch: int) -> None:
        self.best, self.state = epoch, copy.deepcopy(network.state_dict())


@dataclass(frozen=True)
class _Objective:
    """The loss of a batch: primary tasks and adversarial heads."""

    network: Multimodal
    tasks: Tasks
    training: Training

    def loss(self, batch: Batch, codes: Mapping[str, Tensor], share: float) -> Tensor:
        """The primary losses plus the losses of all heads behind gradient reversal; `share` is the
        factor of lambda.
        """
        embedding, places, gaussian = self.network.encode(batch)
        primary = {name: head(embedding) for name, head in self.network.primary.items()}
        primary_loss = torch.stack(
            [self.tasks.loss(name, logits, codes[name]) for name, logits in primary.items()]
        ).sum()
        losses = [primary_loss]
        for name in self.network.shape.attributes:
            strength = self.strengths(name, primary_loss, places, codes[name], share)
            losses.append(self.adversary(name, places, strength, codes[name]))
        if gaussian is not None:
            losses.append(self.training.beta * divergence(gaussian))
        return torch.stack(losses).sum()

    def adversary(
        self, name: str, places: Sequence[Tensor], strength: Sequence[float], codes: Tensor
    ) -> Tensor:
        """The sum of the losses of an attribute's heads."""
        guesses = self.network.guess(name, places, strength)
        return torch.stack([self.tasks.loss(name, guess, codes) for guess in guesses]).sum()

    def strengths(
        self, name: str, primary_loss: Tensor, places: Sequence[Tensor], codes: Tensor, share: float
    ) -> Sequence[float]:
        """The factor of an attribute's gradient reversal at each tensor of `places`."""
        strength = share * self.training.lambdas.get(name, 0.0)
        if not (strength and self.training.normalise_adversary):
            return [strength] * len(places)
        pulls = torch.autograd.grad(primary_loss, places, retain_graph=True)
        bare = [tensor.detach().requires_grad_() for tensor in places]
        pushes = torch.autograd.grad(self.adversary(name, bare, [1.0] * len(places), codes), bare)
        gradients = zip(pulls, pushes, strict=True)
        return [
            strength * float(pull.norm() / push.norm().clamp(min=1e-12)) for pull, push in gradients
        ]


def _train(
    objective: _Objective, train: Sequences, stopping: _ValidationRows | None, seed: int
) -> _Curve:
    network, tasks, training = objective.network, objective.tasks, objective.training
    generator, curve = torch.Generator().manual_seed(seed), _Curve()
    weights = [values for values in network.parameters() if values.requires_grad]
    # the decay and the constant of Keras, which the paper used; those of torch are 0.99 and 1e-8
    optimizer = torch.optim.RMSprop(
        weights, lr=training.learning_rate, alpha=0.9, eps=1e-7, foreach=True
    )
    watched = torch.arange(0, len(train), max(1, len(train) // WATCHED))
    watched_rows = train.select(watched.numpy())
    for epoch in range(training.epochs):
        network.train()
        for rows in bucketed(train, training.batch, generator):
            optimizer.zero_grad()
            codes = {name: values[rows] for name, values in tasks.codes.items()}
            torch.autograd.backward(objective.loss(train.pad(rows), codes, training.share(epoch)))
            optimizer.step()
        network.eval()
        if stopping is None:
            continue
        outputs = apply(network, stopping.rows)
        loss = sum(
            float(tasks.loss(name, logits, stopping.codes[name]))
            for name, logits in outputs.primary.items()
        )
        curve.note(network, epoch, loss)
        if network.shape.attributes:
            curve.recalls.append(
                (
                    _training_recalls(objective, watched_rows, watched),
                    _recalls(outputs, stopping.codes, network.shape),
                )
            )
        if epoch - curve.best >= training.patience:
            break
    if stopping is None and all(bool(values.isfinite().all()) for values in weights):
        curve.keep(network, training.epochs - 1)
    return curve


def _training_recalls(
    objective: _Objective, rows: Sequences, positions: Tensor
) -> dict[str, float]:
    """UAR of each head on these rows of the training rows, at these positions of them."""
    codes = {name: values[positions] for name, values in objective.tasks.codes.items()}
    return _recalls(apply(objective.network, rows), codes, objective.network.shape)


def _fitted(
    network: Multimodal, tasks: Tasks, outputs: Outputs, curve: _Curve, seed: int
) -> FittedMultimodal:
    health, warnings, recalls = {}, [], _recalls(outputs, tasks.codes, network.shape)
    for name, classes in network.shape.attributes.items():
        for position, embedding in zip(network.shape.places, outputs.places, strict=True):
            title, codes = _title(name, position), tasks.codes[name]
            train, validation = (
                (tuple(pair[part][title] for pair in curve.recalls)) for part in (0, 1)
            )
            health[title] = HeadDiagnostics(
                train, validation, recalls[title], probe(embedding, codes, classes, seed)
            )
            warnings.append(health[title].warning(title, torch.bincount(codes[codes >= 0])))
    messages = tuple(warning for warning in warnings if warning is not None)
    return FittedMultimodal(network, tuple(curve.losses), health, curve.best, messages)


def _recalls(outputs: Outputs, codes: Mapping[str, Tensor], shape: Shape) -> dict[str, float]:
    """UAR of each head, by its name in `FittedMultimodal.health`."""
    return {
        _title(name, position): recall(logits, codes[name])
        for name, heads in outputs.attributes.items()
        for position, logits in zip(shape.places, heads, strict=True)
    }


def _title(attribute: str, position: str) -> str:
    return attribute if position == "joint" else f"{attribute}@{position}"


def _check(shape: Shape, training: Training, *parts: Sequences) -> None:
    for rows in parts:
        if rows.widths != shape.streams:
            raise ReleaseError(
                f"streams {rows.widths} came, expected {shape.streams}: change the shape, or the "
                "streams"
            )
    if unknown := sorted(set(training.lambdas) - set(shape.attributes)):
        names = ", ".join(shape.attributes) or "none"
        raise ReleaseError(
            f"lambda of {', '.join(unknown)} came, expected attributes of the shape ({names}): "
            "name them"
        )
