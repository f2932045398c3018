"""Release `aibt`: the latent vector of adversarial information bottleneck training.

A variational encoder is trained with gradient reversal, so that a predictor recovers the required
emotion from its latent vector and an adversary does not recover the hidden attributes:

    loss = cross-entropy(required) + kl · KL(latent, N(0, 1)) − adversarial · cross-entropy(hidden)

Model and training are those of the package `aibt-fl` (MIT). Differences in use: it has one client,
the fitting party, so its federated averaging has no effect; the adversary has gender and age as far
as the policy hides them, and not the emotion. The package releases latent vectors of another width.
They are mapped back to the scaled space by a linear map, fitted by least squares on the fitting
party: it has full rank, so a retrained attacker loses nothing, and models of the scaled space
still run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.nn.fit import Plan, run_plan
from sordino.policy import Policy
from sordino.release.array_release import ArrayRelease
from sordino.release.peers.packages import needed_by
from sordino.release.protocol import as_vectors
from sordino.release.training_rows import TrainingRows, hidden
from sordino.types import Codes, Matrix, Rows, Vectors

RELEASE_NAME: Final = "aibt"
WEIGHTS_PREFIX: Final = "model."
"""Start of the names of the arrays of the network."""


class Bottleneck(ArrayRelease):
    """The mean of the latent vector, mapped back to the scaled space."""

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        model = _new_model(self._config)
        weights = {
            name.removeprefix(WEIGHTS_PREFIX): torch.from_numpy(values.copy())
            for name, values in self.arrays.items()
            if name.startswith(WEIGHTS_PREFIX)
        }
        model.load_state_dict(weights)
        x = (z - self.arrays["mean"]) / self.arrays["deviation"]
        out: Vectors = (_latent(model, x) @ self.arrays["map"] + self.arrays["offset"]).astype(
            np.float32
        )
        return out

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Bottleneck:
        """The release that `save` wrote."""
        for key in ("width", "latent", "classes"):
            config[key]
        for key in ("mean", "deviation", "map", "offset"):
            arrays[key]
        return cls(name, config, arrays)


@dataclass(frozen=True)
class BottleneckFitter:
    """Trains the model of `aibt-fl`. Defaults are those of the package and of its example.

    - `kl`: weight of the bottleneck; `adversarial`: of the adversary; `latent`: width.
    - `rounds`: of five epochs each; fewer hide less.
    """

    policy: Policy
    kl: float = 0.01
    adversarial: float = 1.0
    latent: int = 64
    rounds: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        _package()  # refuses before a study computes anything

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Bottleneck:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Bottleneck]:
        """The release; the package trains the network itself."""
        yield from ()  # a plan is a generator
        role = corpus.roles(self.policy)
        rows = TrainingRows(z, role, corpus.genders())
        fitting = rows.require(part.rows).numpy()
        secret = _hidden_attributes(self.policy, corpus, fitting)
        fitting, secret = fitting[secret >= 0], secret[secret >= 0]
        x = np.asarray(z[fitting], np.float64)
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-8  # aibt.utils.normalize_data
        config = {
            **json.loads(json.dumps(asdict(self))),
            "width": int(z.shape[1]),
            "classes": max(2, int(secret.max()) + 1),
        }
        inputs = ((x - mean) / deviation).astype(np.float32)
        required = (role[fitting] == Role.REQUIRED).astype(np.int64)
        with torch.random.fork_rng(devices=[]):  # the package draws from torch's own generator
            torch.manual_seed(self.seed)
            training = _package().AIBTFL(
                _new_model(config), 1, lambda_kl=self.kl, lambda_adv=self.adversarial
            )
            training.setup_clients([(inputs, required)], [secret.astype(np.int64)])
            training.train(self.rounds, 5, verbose=False)
        model = training.get_model()
        latent = _latent(model, inputs)
        weights, offset = _least_squares(latent, x)
        network = {
            WEIGHTS_PREFIX + name: values.numpy() for name, values in model.state_dict().items()
        }
        arrays = {"mean": mean, "deviation": deviation, "map": weights, "offset": offset, **network}
        return Bottleneck(RELEASE_NAME, config, arrays)


def _package() -> Any:
    """The package aibt-fl. Raises `DependencyError` where it is absent."""
    with needed_by(RELEASE_NAME):
        import aibt
    return aibt


def _new_model(config: Mapping[str, Any]) -> Any:
    """The untrained model of the package."""
    return _package().create_aibt_model(
        config["width"], 2, latent_dim=config["latent"], num_sensitive_classes=config["classes"]
    )


def _latent(model: Any, x: NDArray[np.floating[Any]]) -> Matrix:
    """The latent vectors of the package, `(n, latent)`: without noise, as it evaluates them."""
    latent: Matrix = model.get_latent(torch.from_numpy(x.astype(np.float32))).double().numpy()
    return latent


def _hidden_attributes(policy: Policy, corpus: Corpus, rows: Rows) -> Codes:
    """The class of the hidden attributes together, `(rows,)`; 0 where there are none, -1 where one
    is unknown.
    """
    joint: Codes = np.zeros(len(rows), np.intp)
    for codes in hidden(policy, corpus, rows)[:-1]:  # the last is sensitive against neutral
        if (codes >= 0).any():
            joint = np.where((joint >= 0) & (codes >= 0), 2 * joint + codes, -1)
            if policy.columns:  # columns have many combinations that no row has
                known = joint >= 0
                joint[known] = np.unique(joint[known], return_inverse=True)[1]
    return joint


def _least_squares(latent: Matrix, x: Matrix) -> tuple[Matrix, Matrix]:
    """The linear map from latent vectors to vectors, and its offset."""
    centre, mean = latent.mean(axis=0), x.mean(axis=0)
    centred = latent - centre
    gram = centred.T @ centred
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, centred.T @ (x - mean))
    return weights, mean - centre @ weights
