"""The ignorant attacker: the risk model of the papers, trained on original features of its own
speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import ROLES
from sordino.errors import AttackError
from sordino.nn.fit import (
    Job,
    Plan,
    Settings,
    TrainedNetwork,
    row_view,
    run_plan,
    shared_tensor,
)
from sordino.nn.risk import RiskModel, probabilities, risk_loss
from sordino.policy import Policy


@dataclass(frozen=True)
class Judgement:
    """A risk model's posteriors: `role` `(n, classes)` and `gender` `(n, 2)`, in the order of
    `Corpus.classes` and `GENDERS`. With one required emotion the classes are the roles.
    """

    role: NDArray[np.float32]
    gender: NDArray[np.float32]

    @property
    def sensitive(self) -> NDArray[np.float32]:
        """The difference of the log posteriors of sensitive and neutral, `(n,)`."""
        log = np.log(np.maximum(self.role, np.finfo(np.float32).tiny))
        return log[:, 2] - log[:, 0]


class RiskAttacker:
    """A fitted risk model on vectors of the scaled space."""

    def __init__(self, model: RiskModel, losses: Sequence[float]) -> None:
        self.model = model
        self.losses = tuple(losses)
        """The validation loss of each candidate size."""

    def __call__(self, z: NDArray[np.float32]) -> Judgement:
        """The posteriors of released or original vectors, `(n, d)`."""
        role, gender = probabilities(self.model, shared_tensor(z))
        return Judgement(role.numpy(), gender.numpy())


@dataclass(frozen=True)
class RiskFitter:
    """Fits the risk model of Feng and Narayanan (2021) on the risk party; the validation loss
    selects the size of its layers.
    """

    policy: Policy
    sizes: tuple[int, ...] = (256, 128)
    dropout: float = 0.5
    settings: Settings = field(default_factory=Settings)
    seed: int = 0

    def fit(self, z: NDArray[np.float32], corpus: Corpus, part: Part) -> RiskAttacker:
        """The attacker, fitted on the rows of one party."""
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: NDArray[np.float32], corpus: Corpus, part: Part) -> Plan[RiskAttacker]:
        """The training plan of the attacker: one round of jobs, one for each size.

        Raises `AttackError` for a party without a role or without validation rows, and for vectors
        that are missing or not finite.
        """
        if len(z) != len(corpus) or not np.isfinite(z).all():
            raise AttackError(
                f"{len(z)} vectors for {len(corpus)} utterances, expected a finite one for each: "
                "extract them anew"
            )
        x, role, gender = shared_tensor(z), corpus.classes(self.policy), corpus.genders()
        classes = len(ROLES) + len(self.policy.required_emotions) - 1
        if len(np.unique(role[part.train])) < classes:
            raise AttackError(
                "the risk party lacks a role, expected neutral, every required emotion and "
                "sensitive: change the seed"
            )
        if not len(part.validation):
            raise AttackError(
                "the risk party has no utterance for validation, expected some: add speakers"
            )
        train, validation = (
            {
                "x": row_view(x, torch.from_numpy(rows.copy())),  # read batch by batch
                "role": torch.from_numpy(role[rows]),
                "gender": torch.from_numpy(gender[rows]),
            }
            for rows in (part.train, part.validation)
        )
        jobs = []
        for size in self.sizes:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                model = RiskModel(x.shape[1], size, self.dropout, classes)
            jobs.append(Job(model, risk_loss, train, validation, self.settings, self.seed))
        fitted: Sequence[TrainedNetwork] = yield jobs
        losses = [fit.loss for fit in fitted]
        if not np.isfinite(losses).any():
            raise AttackError(
                "the risk model's training diverged, expected a finite loss: bring features to one "
                "scale"
            )
        best = fitted[int(np.argmin(losses))].module
        if not isinstance(best, RiskModel):
            raise TypeError(f"a {type(best).__name__} came back, expected the network of the job")
        return RiskAttacker(best, losses)
