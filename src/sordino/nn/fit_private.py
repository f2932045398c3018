"""Training an embedding with differential privacy for each training speaker: DP-SGD (Abadi et al.
2016) with the speaker as its unit (McMahan et al. 2018). Clipping, noise and accountant are those
of Opacus.

In each step every speaker u takes part with probability q, with up to m random utterances:

    g_u = gradient of the mean loss over the utterances of u     one gradient a speaker
    g   = (Σ_u g_u min(1, C / |g_u|) + N(0, σ² C²)) / (q · speakers)

All parameters count in |g_u|. So one speaker changes the sum by C at most, and the accountant
composes the steps to (epsilon, delta) under addition or removal of one speaker with all recordings.
The backward pass of one speaker's rows is that speaker's gradient. So the network needs no
gradients per utterance, and keeps its own recurrent layers in place of the DPGRU of Opacus.

The weights are private, not the inputs: a scale of the features that is fitted on training
speakers is outside the guarantee, and so is a choice of settings by their results.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sordino.errors import DependencyError, ReleaseError, install_step
from sordino.nn.fit_multimodal import FittedMultimodal
from sordino.nn.labels import TaskLabels, class_codes, class_weights, weighted_loss
from sordino.nn.multimodal import Multimodal, Shape
from sordino.nn.sequences import Sequences

ACCOUNTANT = "rdp"
"""Rényi differential privacy: epsilon is an upper limit of the true one, a few per cent above."""


@dataclass(frozen=True)
class SpeakerPrivacy:
    """Settings of a training with differential privacy.

    - `epsilon`, `delta`: the guarantee for each training speaker. A smaller epsilon hides
      participation better and adds more noise. Infinite: clipping without noise, no guarantee. The
      delta should be far below 1 / speakers.
    - `clip`: C, the largest norm of a speaker's gradient. Above typical norms noise grows, below
      them long gradients are shortened.
    - `share`: q in (0, 1], the probability that a speaker takes part in a step. At 1 all do. Many
      speakers cost less time with a smaller share; the accountant then takes seconds.
    - `utterances`: m, at most so many random utterances of a speaker in a step.
    - `steps`: their number is fixed. Early stopping would read the data again.
    - `learning_rate`: of RMSprop. 100 steps of 4e-3 move weights as far as 400 steps of 1e-3, which
      is about what a training without privacy takes on RAVDESS.
    """

    epsilon: float = 8.0
    delta: float = 1e-5
    clip: float = 1.0
    share: float = 1.0
    utterances: int = 32
    steps: int = 100
    learning_rate: float = 4e-3

    def __post_init__(self) -> None:
        fits = (
            self.epsilon > 0
            and 0 < self.delta < 1
            and 0 < self.clip < math.inf
            and 0 < self.learning_rate < math.inf
            and 0 < self.share <= 1
            and min(self.utterances, self.steps) >= 1
        )
        if not fits:
            raise ReleaseError(
                f"{self} came, expected epsilon, clip and learning_rate above 0, delta in (0, 1), "
                "share in (0, 1], and one utterance and step or more: correct them"
            )

    @property
    def config(self) -> dict[str, Any]:
        """The settings as plain JSON, which has no infinity."""
        return asdict(self) | ({"epsilon": "inf"} if math.isinf(self.epsilon) else {})


@dataclass(frozen=True)
class _Speaker:
    """The rows of one speaker, with class codes and weights that no other speaker changes."""

    rows: Sequences
    codes: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, rows: Sequences, codes: Mapping[str, Tensor], shape: Shape) -> _Speaker:
        weights = {name: class_weights(codes[name], n) for name, n in shape.primary.items()}
        return cls(rows, codes, weights)

    def gradient(
        self, network: Multimodal, utterances: int, generator: torch.Generator
    ) -> list[Tensor]:
        """The gradient of the mean loss over some random rows, one tensor a parameter."""
        chosen = torch.randperm(len(self.rows), generator=generator)[:utterances]
        embedding = network.embed(self.rows.pad(chosen))
        losses = [
            weighted_loss(head(embedding), self.codes[name][chosen], self.weights[name])
            for name, head in network.primary.items()
        ]
        return list(torch.autograd.grad(torch.stack(losses).sum(), list(network.parameters())))


def fit_private(
    shape: Shape,
    train: Sequences,
    labels: TaskLabels,
    speaker: NDArray[np.integer[Any]],
    privacy: SpeakerPrivacy,
    seed: int = 0,
    secret_noise: bool = False,
) -> FittedMultimodal:
    """The network after a fixed number of steps, and the epsilon that the accountant counted.

    - `labels`: codes `(n,)` of the primary tasks, -1 if unknown; `speaker` `(n,)`: codes of the
      training speakers. Class weights are those of each speaker's own rows.
    - `secret_noise`: whether participation and noise follow from a seed of the operating system, as
      the guarantee requires. Otherwise they follow from `seed`, and a person who knows it can
      subtract them. Noise is then summed as Opacus does against attacks on rounding. The generator
      of torch is not cryptographic.

    Raises `ReleaseError` for attributes (their heads would be trained on speakers too), speakers
    that do not fit the rows, and weights that are not finite; `DependencyError` without Opacus.
    """
    if shape.attributes or speaker.shape != (len(train),):
        raise ReleaseError(
            f"attributes {dict(shape.attributes)} and speakers {speaker.shape} for {len(train)} "
            "rows came, expected no attributes and one speaker a row: correct them"
        )
    codes = class_codes(labels, shape.primary, len(train), "training")
    speakers = []
    for code in np.unique(speaker):
        rows = np.flatnonzero(speaker == code)
        labelled = {name: values[torch.from_numpy(rows)] for name, values in codes.items()}
        speakers.append(_Speaker.of(train.select(rows), labelled, shape))
    generator = torch.Generator()
    if secret_noise:
        generator.seed()
    else:
        generator.manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Multimodal(shape)
    optimizer, accountant = _optimizer(network, len(speakers), privacy, generator, secret_noise)
    parameters: list[Any] = list(network.parameters())
    network.train()
    for _ in range(privacy.steps):
        optimizer.zero_grad()
        present = torch.rand(len(speakers), generator=generator) < privacy.share
        gradients = [
            person.gradient(network, privacy.utterances, generator)
            for person, takes_part in zip(speakers, present.tolist(), strict=True)
            if takes_part
        ]
        for index, parameter in enumerate(parameters):
            parts = [gradient[index] for gradient in gradients]
            parameter.grad_sample = (
                torch.stack(parts) if parts else parameter.new_zeros(0, *parameter.shape)
            )
        optimizer.step()
    if not all(bool(values.isfinite().all()) for values in parameters):
        raise ReleaseError(
            "the training diverged, expected finite weights: bring the features to one scale"
        )
    for parameter in parameters:
        del parameter.grad_sample, parameter.summed_grad
    epsilon = math.inf if math.isinf(privacy.epsilon) else accountant.get_epsilon(privacy.delta)
    fitted = FittedMultimodal(network.eval(), (), {}, 0, ())
    return replace(fitted, epsilon=float(epsilon))


def _optimizer(
    network: Multimodal,
    speakers: int,
    privacy: SpeakerPrivacy,
    generator: torch.Generator,
    secure: bool,
) -> tuple[Any, Any]:
    """RMSprop as without privacy, behind the clipping and the noise of Opacus; its accountant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports, and of orders beyond its table
        try:
            from opacus.accountants import create_accountant
            from opacus.accountants.utils import get_noise_multiplier
            from opacus.optimizers import DPOptimizer
        except ImportError as error:
            raise DependencyError(
                "Opacus is not installed, expected it for training with differential privacy: "
                f"{install_step('dp')}"
            ) from error
        noise = 0.0
        if not math.isinf(privacy.epsilon):
            noise = get_noise_multiplier(
                target_epsilon=privacy.epsilon,
                target_delta=privacy.delta,
                sample_rate=privacy.share,
                steps=privacy.steps,
                accountant=ACCOUNTANT,
            )
    rate = privacy.learning_rate
    plain = torch.optim.RMSprop(network.parameters(), lr=rate, alpha=0.9, eps=1e-7)
    optimizer = DPOptimizer(
        plain,
        noise_multiplier=noise,
        max_grad_norm=privacy.clip,
        expected_batch_size=max(1, round(privacy.share * speakers)),
        generator=generator,
        secure_mode=secure,
    )
    accountant = create_accountant(ACCOUNTANT)
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(privacy.share))
    return optimizer, accountant
