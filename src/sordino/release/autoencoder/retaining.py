"""Release `rae-grl+`: a variant of the paper's autoencoder that preserves the required emotion.

The paper's autoencoder maps every utterance through an embedding of 16 or 32 numbers that is fitted
on a few hundred utterances, and it loses most of the required emotion. Here a gate, one number per
utterance, lets part of the input bypass the embedding. Four more choices were made on validation
speakers (`docs/notes/retaining.md`):

- the target of a sensitive row is the mean neutral vector, not a random one;
- a surrogate risk model, fitted on transform speakers, scores the output in training;
- required rows have weight two;
- noise on the input, as large as the spread of the data, keeps the gate from memorising its rows.

The gate passes gender as well, since gradient reversal acts on the embedding alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import ReleaseError
from sordino.nn.autoencoder import GatedAutoencoder, RetainingLoss, RetainingTraining
from sordino.nn.fit import Job, Plan, Settings, run_plan
from sordino.nn.risk import RiskModel, risk_loss
from sordino.policy import Policy
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.training_rows import TrainingRows
from sordino.types import Vectors


@dataclass(frozen=True)
class RetainingFitter:
    """Fits the gated autoencoder on all rows of the transform party, for a fixed number of epochs.

    - `required_weight`: weight of a required row relative to others; more preserves more and hides
      less.
    - `surrogate_weight`: weight of the surrogate's cross-entropy; more hides more from similar risk
      models.
    - `reversal`, `alpha`: as in `ReplacementFitter`.
    - `noise`: on the input in training, in units of the spread of all dimensions together.
    - `epochs`: fewer let the gate pass more.
    """

    policy: Policy
    reversal: float = 0.5
    alpha: float = 0.1
    embedding: int = 32
    required_weight: float = 2.0
    surrogate_weight: float = 0.1
    surrogate_size: int = 256
    noise: float = 1.0
    epochs: int = 15
    seed: int = 0

    name = "rae-grl+"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> NetworkRelease:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[NetworkRelease]:
        """The release, by two rounds of one job: first the surrogate, then the autoencoder that it
        scores.
        """
        rows = TrainingRows(z, corpus.roles(self.policy), corpus.genders())
        fitting = rows.require(part.rows)
        (surrogate,) = yield [self._surrogate(rows, part)]
        if not math.isfinite(surrogate.loss):
            raise ReleaseError(
                "the surrogate's training diverged, expected a finite loss: bring the features to "
                "one scale"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            autoencoder = GatedAutoencoder(
                *_centre_and_scale(rows.x[fitting]), self.embedding, self.noise
            )
            judge = RiskModel(z.shape[1], self.surrogate_size)
        judge.load_state_dict(surrogate.module.state_dict())
        module = RetainingTraining(autoencoder, judge)
        settings = Settings(epochs=self.epochs)
        loss = RetainingLoss(self.alpha, self.surrogate_weight)
        (fitted,) = yield [Job(module, loss, self._batch(rows, fitting), None, settings, self.seed)]
        config = json.loads(
            json.dumps({**asdict(self), "width": z.shape[1], "surrogate_loss": surrogate.loss})
        )
        if not isinstance(fitted.module, RetainingTraining):
            raise TypeError(
                f"training returned a {type(fitted.module).__name__}, expected the network of the "
                "job"
            )
        return NetworkRelease(self.name, config, fitted.module.autoencoder)

    def _surrogate(self, rows: TrainingRows, part: Part) -> Job:
        """A risk model on transform speakers. A quarter of their utterances, not of the speakers,
        stops its training.
        """
        train, validation = _split_quarter(rows.require(part.rows), rows.role, self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            module = RiskModel(rows.x.shape[1], self.surrogate_size)
        batch, validation_batch = (
            {**rows.batch(part_rows), "role": rows.role[part_rows]}
            for part_rows in (train, validation)
        )
        return Job(module, risk_loss, batch, validation_batch, Settings(), self.seed + 1)

    def _batch(self, rows: TrainingRows, fitting: Tensor) -> dict[str, Tensor]:
        x, role = rows.x[fitting], rows.role[fitting]
        sensitive = role == Role.SENSITIVE
        mean = rows.x[rows.with_role(Role.NEUTRAL, fitting)].mean(dim=0)
        weight = torch.where(role == Role.REQUIRED, self.required_weight, 1.0)
        return {
            **rows.batch(fitting),
            "target": torch.where(sensitive[:, None], mean, x),
            "wanted": torch.where(sensitive, Role.NEUTRAL, role),
            "weight": weight / weight.mean(),
            "spread": x.std(dim=0).clamp(min=1e-6).expand(len(x), -1),
            "strength": torch.full((len(x), 1), self.reversal),
        }


def _centre_and_scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of each dimension `(d,)`, and the root mean square of all dimensions around it `()`."""
    centre = x.mean(dim=0)
    return centre, (x - centre).square().mean().sqrt()


def _split_quarter(rows: Tensor, role: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Three quarters and one quarter of the rows of each role, at random."""
    shuffled = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    order = shuffled[torch.argsort(role[shuffled], stable=True)]
    fourth = torch.arange(len(order)) % 4 == 3
    return order[~fourth], order[fourth]
