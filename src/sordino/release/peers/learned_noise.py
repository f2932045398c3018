"""Release `learned-noise`: Gaussian noise whose scale is learned for each dimension.

A classifier of the required emotion and the scales σ are trained together, so that noise grows
where the classifier does not need the dimension:

    loss = cross-entropy(required | x + σ·ε) − weight · log mean(σ²),   σ = largest · sigmoid(ρ)

Dimensions with more than half of the largest scale are then suppressed: they release their mean.
This follows the idea of Cloak (Mireshghallah et al. 2021, Not all features are equal, WWW), which
Feng, Hashemi, Annavaram and Narayanan (2022, Enhancing privacy through domain adaptive noise
injection for speech emotion recognition, ICASSP) apply to speech. Differences: the classifier is
trained together with the noise and not before; suppressed dimensions have their mean and no learned
constant; hidden attributes take no part; the noise is a keyed random draw for each vector, so
repeated requests cannot be averaged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sordino import keyed_random
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.nn.fit import Plan, run_plan
from sordino.policy import Policy
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import as_vectors
from sordino.release.training_rows import TrainingRows
from sordino.types import Vectors

RELEASE_NAME: Final = "learned-noise"
HIDDEN: Final = 32
"""Units of the classifier."""


class LearnedNoise(ArrayRelease):
    """Adds noise of one standard deviation for each dimension; suppressed ones have their mean."""

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        draw = keyed_random.noise(z, self._config["key"], "gauss", 1.0)
        out: Vectors = np.where(
            self.arrays["suppressed"], self.arrays["mean"], z + self.arrays["scale"] * draw
        ).astype(np.float32)
        return out

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> LearnedNoise:
        """The release that `save` wrote."""
        config["width"], config["key"]
        return cls(name, config, {key: arrays[key] for key in ("scale", "mean", "suppressed")})


@dataclass(frozen=True)
class LearnedNoiseFitter:
    """Learns the scales on all rows of the transform party.

    - `weight`: of the noise against the classifier; more adds noise and lowers utility.
    - `largest`: the largest scale, in standard deviations of the dimension.
    """

    policy: Policy
    weight: float = 0.3
    largest: float = 4.0
    steps: int = 400
    seed: int = 0

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> LearnedNoise:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[LearnedNoise]:
        """The release; its small network is trained here, and not in a stack with others."""
        yield from ()  # a plan is a generator
        role = corpus.roles(self.policy)
        rows = TrainingRows(z, role, corpus.genders())
        fitting = rows.require(part.rows).numpy()
        x = np.asarray(z[fitting], np.float64)
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        inputs = (x - mean) / np.where(deviation > 0, deviation, 1)
        scale = self.learn_scales(
            torch.from_numpy(inputs.astype(np.float32)),
            torch.from_numpy((role[fitting] == Role.REQUIRED).astype(np.float32)),
        )
        suppressed = scale > self.largest / 2
        config = {
            **json.loads(json.dumps(asdict(self))),
            "width": int(z.shape[1]),
            "key": self.seed,
            "suppressed": int(suppressed.sum()),
        }
        arrays = {"scale": scale * deviation, "mean": mean, "suppressed": suppressed}
        return LearnedNoise(RELEASE_NAME, config, arrays)

    def learn_scales(self, x: Tensor, required: Tensor) -> NDArray[np.float64]:
        """The scale of each dimension of `x` `(n, d)`, `(d,)`, for the classes `required` `(n,)`.

        Both classes have the same weight.
        """
        generator = torch.Generator().manual_seed(self.seed)
        width = x.shape[1]
        layers = [
            torch.randn(size, generator=generator) / size[0] ** 0.5
            for size in ((width, HIDDEN), (HIDDEN, 1))
        ]
        rho = torch.full((width,), -2.0)
        parameters = [*layers, torch.zeros(HIDDEN), torch.zeros(1), rho]
        for tensor in parameters:
            tensor.requires_grad_()
        first, second, bias, shift, rho = parameters
        optimiser = torch.optim.Adam(
            [
                {"params": [first, second, bias, shift], "lr": 3e-3, "weight_decay": 1e-3},
                {"params": [rho], "lr": 3e-2},
            ]
        )
        share = required.mean()
        balance = torch.where(required > 0, 0.5 / share, 0.5 / (1 - share))
        for _ in range(self.steps):
            sigma = self.largest * torch.sigmoid(rho)
            noisy = x + sigma * torch.randn(x.shape, generator=generator)
            logit = (torch.relu(noisy @ first + bias) @ second + shift).squeeze(1)
            loss = functional.binary_cross_entropy_with_logits(logit, required, balance)
            loss = loss - self.weight * torch.log((sigma**2).mean())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        scales: NDArray[np.float64] = (self.largest * torch.sigmoid(rho)).detach().double().numpy()
        return scales
