"""Release `rae-grl+`: the paper's idea, with what makes it keep the required emotion.

The paper's autoencoder must carry whatever is to stay recognisable through an embedding of 16 or 32
numbers learnt from a few hundred utterances, and loses most of it. Here an utterance may pass round
the embedding: a gate, one number an utterance, decides how much. Four things more were chosen on
validation speakers (`docs/retaining.md`): the target of a sensitive row is the mean neutral vector,
not a random one; a risk model fitted on transform speakers judges the output in training; required
rows weigh twice; noise on the input, as high as the spread of the data, keeps the gate from
learning its rows by heart. What passes the gate passes whole: gender too. Gradient reversal acts on
the embedding alone.
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
from sordino.nn.fit import Job, Plan, Settings, run
from sordino.nn.risk import RiskModel, risk_loss
from sordino.policy import Policy
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.protocol import checked
from sordino.release.training_rows import TrainingRows
from sordino.types import Vectors


@dataclass(frozen=True)
class RetainingFitter:
    """Fits the gated autoencoder on all rows of the transform party, for a fixed number of epochs.

    - `required_weight`: how much a required row weighs against any other; more keeps more and hides
      less.
    - `surrogate_weight`: weight of the surrogate's cross-entropy; more hides more from risk models
      like it.
    - `reversal`, `alpha`: as in `ReplacementFitter`.
    - `noise`: on the input in training, in units of the spread of all dimensions together.
    - `epochs`: fewer let more pass.
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
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[NetworkRelease]:
        """The release, by two rounds of one job: first the surrogate, then the autoencoder that it
        judges.
        """
        rows = TrainingRows(checked(z, z.shape[-1]), corpus, self.policy)
        chosen = rows.require(part.rows)
        (surrogate,) = yield [self._surrogate(rows, part)]
        if not math.isfinite(surrogate.loss):
            raise ReleaseError(
                "the surrogate's training diverged, expected a finite loss: bring the features to "
                "one scale"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            autoencoder = GatedAutoencoder(
                *_centre_and_scale(rows.x[chosen]), self.embedding, self.noise
            )
            judge = RiskModel(z.shape[1], self.surrogate_size)
        judge.load_state_dict(surrogate.module.state_dict())
        module = RetainingTraining(autoencoder, judge)
        settings = Settings(epochs=self.epochs)
        loss = RetainingLoss(self.alpha, self.surrogate_weight)
        (fitted,) = yield [Job(module, loss, self._batch(rows, chosen), None, settings, self.seed)]
        config = json.loads(
            json.dumps({**asdict(self), "width": z.shape[1], "surrogate_loss": surrogate.loss})
        )
        if not isinstance(fitted.module, RetainingTraining):
            raise TypeError(
                f"a {type(fitted.module).__name__} came back, expected the network that was sent "
                "out"
            )
        return NetworkRelease(self.name, config, fitted.module.autoencoder)

    def _surrogate(self, rows: TrainingRows, part: Part) -> Job:
        """A risk model on transform speakers; a quarter of their utterances, not of the speakers,
        stops it.
        """
        train, validation = _quarter(rows.require(part.rows), rows.role, self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            module = RiskModel(rows.x.shape[1], self.surrogate_size)
        learnt, held = (
            {**rows.batch(some), "role": rows.role[some]} for some in (train, validation)
        )
        return Job(module, risk_loss, learnt, held, Settings(), self.seed + 1)

    def _batch(self, rows: TrainingRows, chosen: Tensor) -> dict[str, Tensor]:
        x, role = rows.x[chosen], rows.role[chosen]
        sensitive = role == Role.SENSITIVE
        mean = rows.x[rows.of(Role.NEUTRAL, chosen)].mean(dim=0)
        weight = torch.where(role == Role.REQUIRED, self.required_weight, 1.0)
        return {
            **rows.batch(chosen),
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


def _quarter(chosen: Tensor, role: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """`chosen` without and with a quarter of the rows of each role, drawn at random."""
    shuffled = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))]
    order = shuffled[torch.argsort(role[shuffled], stable=True)]
    fourth = torch.arange(len(order)) % 4 == 3
    return order[~fourth], order[fourth]
