"""Releases `rae` and `rae-grl`: the recipe of Feng 2021, section IV-B and C."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.nn.autoencoder import ReplacementAutoencoder, ReplacementLoss, ReversalTraining
from sordino.nn.fit import Job, Plan, Settings, TrainedNetwork, run_plan
from sordino.nn.risk import UNKNOWN_GENDER
from sordino.policy import Policy
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.training_rows import TrainingRows
from sordino.types import Vectors


@dataclass(frozen=True)
class ReplacementFitter:
    """Fits the replacement autoencoder: the target of a sensitive row is a neutral row, and the
    target of any other row is the row itself.

    - `reversal`: lambda of the paper, which uses 0.5; 0 is the autoencoder without gradient
      reversal.
    - `alpha`: weight of the gender loss (0.1 in the paper); the reconstruction has `1 - alpha`.
    - `embeddings`: candidate sizes `a`. The size has the smallest reconstruction error on the
      validation rows of the transform party; the risk model is never used. (The total loss would
      prefer a size at which the classifier finds gender more easily.)
    - `redraw`: random neutral targets are drawn once per `run`, or again in each `epoch`.
    - `schedule`: growth of lambda: `constant`; `dann`, a share of 2 / (1 + e^(-10 p)) - 1 at share
      p of the epochs (Ganin & Lempitsky 2015); `warm-up`, linear over the first tenth.
    """

    policy: Policy
    reversal: float = 0.0
    alpha: float = 0.1
    embeddings: tuple[int, ...] = (16, 32)
    redraw: Literal["run", "epoch"] = "run"
    schedule: Literal["constant", "dann", "warm-up"] = "constant"
    settings: Settings = field(default_factory=Settings)
    seed: int = 0

    def __post_init__(self) -> None:
        for option, values in (
            ("redraw", ("run", "epoch")),
            ("schedule", ("constant", "dann", "warm-up")),
        ):
            if getattr(self, option) not in values:
                raise ReleaseError(
                    f"{option} = {getattr(self, option)!r}, expected one of {', '.join(values)}"
                )

    @property
    def name(self) -> str:
        return "rae-grl" if self.reversal else "rae"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> NetworkRelease:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[NetworkRelease]:
        """The release, by one round of jobs: one for each embedding size."""
        rows = TrainingRows(z, corpus.roles(self.policy), corpus.genders())
        train, validation = rows.require(part.train), rows.require(part.validation)
        generator = torch.Generator().manual_seed(self.seed)
        fixed = {**rows.batch(train), "target": rows.replace(train, train, generator)}
        validation_batch = {
            "x": rows.vectors(validation),
            "target": rows.replace(validation, train, generator),
            # without gender, the reconstruction alone stops the training and chooses the size
            "gender": torch.full_like(validation, UNKNOWN_GENDER),
        }

        def refresh(generator: torch.Generator, epoch: int) -> dict[str, Tensor]:
            target = (
                rows.replace(train, train, generator) if self.redraw == "epoch" else fixed["target"]
            )
            return {**fixed, "target": target, "strength": self._strength(len(train), epoch)}

        changes = self.redraw == "epoch" or (self.schedule != "constant" and self.reversal > 0)
        fixed["strength"] = self._strength(len(train), None)
        validation_batch["strength"] = self._strength(len(validation), None)
        loss = ReplacementLoss(self.alpha if self.reversal else 0.0)
        jobs = []
        for embedding in self.embeddings:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                module = ReversalTraining(ReplacementAutoencoder(z.shape[1], embedding))
            jobs.append(
                Job(
                    module,
                    loss,
                    fixed,
                    validation_batch,
                    self.settings,
                    self.seed,
                    refresh if changes else None,
                )
            )
        fitted = yield jobs
        return self._best(fitted, z.shape[1])

    def _strength(self, rows: int, epoch: int | None) -> Tensor:
        """Lambda of an epoch for each row, `(rows, 1)`; without an epoch, its final value."""
        share = 1.0
        if epoch is not None and self.schedule == "dann":
            share = 2 / (1 + math.exp(-10 * epoch / self.settings.epochs)) - 1
        elif epoch is not None and self.schedule == "warm-up":
            share = min(1.0, 10 * (epoch + 1) / self.settings.epochs)
        return torch.full((rows, 1), self.reversal * share)

    def _best(self, fitted: Sequence[TrainedNetwork], width: int) -> NetworkRelease:
        losses = [job.loss for job in fitted]
        best = int(np.argmin(losses))
        if not math.isfinite(losses[best]):
            raise ReleaseError(
                "the training diverged, expected a finite loss: bring the features to one scale"
            )
        config = {
            **asdict(self),
            "width": width,
            "embedding": self.embeddings[best],
            "validation_losses": losses,
            "epochs": [len(job.history) for job in fitted],
        }
        module = fitted[best].module
        if not isinstance(module, ReversalTraining):
            raise TypeError(
                f"training returned a {type(module).__name__}, expected the network of the job"
            )
        return NetworkRelease(self.name, json.loads(json.dumps(config)), module.autoencoder)
