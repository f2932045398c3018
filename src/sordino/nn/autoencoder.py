"""Autoencoders that replace sensitive speech features by neutral ones (Feng 2021, section IV and
Fig. 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sordino.nn.reversal import reverse
from sordino.nn.risk import RiskModel, gender_loss


class ReplacementAutoencoder(nn.Module):
    """The paper's transform: encoder `8a, 2a, a` with SELU, mirrored decoder with a linear output
    layer.

    The gender classifier behind gradient reversal reads the embedding. It has one hidden layer
    `2a`, since the paper states no size.

    Shape: `(n, inputs)` to `(n, inputs)`.
    """

    def __init__(self, inputs: int, embedding: int = 16) -> None:
        super().__init__()
        a = embedding
        self.encoder = nn.Sequential(
            nn.Linear(inputs, 8 * a),
            nn.SELU(),
            nn.Linear(8 * a, 2 * a),
            nn.SELU(),
            nn.Linear(2 * a, a),
            nn.SELU(),
        )
        self.decoder = nn.Sequential(
            nn.Linear(a, 2 * a),
            nn.SELU(),
            nn.Linear(2 * a, 8 * a),
            nn.SELU(),
            nn.Linear(8 * a, inputs),
        )
        self.gender = nn.Sequential(nn.Linear(a, 2 * a), nn.SELU(), nn.Linear(2 * a, 2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(x))
        return out


class GatedAutoencoder(ReplacementAutoencoder):
    """An autoencoder with one gate per utterance: `g·x + (1 − g)·decoder(z)`.

    The encoder receives `(x - centre) / scale`, with one scale for all dimensions: whitening would
    raise the noise of small principal components to the level of large ones. In training its input
    has noise of standard deviation `noise`.

    Shape: `(n, inputs)` to `(n, inputs)`.
    """

    centre: Tensor  # (inputs,)
    scale: Tensor  # ()

    def __init__(
        self, centre: Tensor, scale: Tensor, embedding: int = 32, noise: float = 1.0
    ) -> None:
        super().__init__(len(centre), embedding)
        self.gate = nn.Linear(embedding, 1)
        self.noise = noise
        self.register_buffer("centre", centre.clone())
        self.register_buffer("scale", scale.clone())

    def extra_repr(self) -> str:
        return f"noise={self.noise}"

    def embed(self, x: Tensor) -> Tensor:
        u = (x - self.centre) / self.scale
        z: Tensor = self.encoder(u + self.noise * torch.randn_like(u) if self.training else u)
        return z

    def forward(self, x: Tensor) -> Tensor:
        return self.gated(x, self.embed(x))

    def gated(self, x: Tensor, z: Tensor) -> Tensor:
        g = torch.sigmoid(self.gate(z))  # (n, 1)
        out: Tensor = g * x + (1 - g) * (self.decoder(z) * self.scale + self.centre)
        return out


class ReversalTraining(nn.Module):
    """An autoencoder in training: `(x, strength)` to its output and the gender logits behind
    gradient reversal.
    """

    def __init__(self, autoencoder: ReplacementAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        z = self.autoencoder.encoder(x)
        return self.autoencoder.decoder(z), self.autoencoder.gender(reverse(z, strength))


class RetainingTraining(nn.Module):
    """A gated autoencoder in training: its output, the gender logits, and the role logits of a
    frozen risk model on the output.

    Shape: `x` `(n, inputs)`, `strength` `(n, 1)` to `(n, inputs)`, `(n, 2)`, `(n, 3)`.
    """

    def __init__(self, autoencoder: GatedAutoencoder, surrogate: RiskModel) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.surrogate = surrogate.requires_grad_(False)

    def train(self, mode: bool = True) -> RetainingTraining:
        super().train(mode)
        self.surrogate.eval()  # no dropout in the risk model
        return self

    def forward(self, x: Tensor, strength: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.autoencoder.embed(x)
        out = self.autoencoder.gated(x, z)
        return out, self.autoencoder.gender(reverse(z, strength)), self.surrogate(out)[0]


@dataclass(frozen=True)
class ReplacementLoss:
    """Feng 2021, eq. 3, as intended: `(1 − alpha)·MSE + alpha·cross-entropy of the gender` of each
    row, `(n,)`.

    The classifier minimises its cross-entropy. Through the reversal (`strength`, the paper's
    lambda) the encoder receives `−alpha·lambda` times that gradient.
    """

    alpha: float = 0.1

    def __call__(self, network: Callable[..., Any], batch: Mapping[str, Tensor]) -> Tensor:
        out, gender = network(batch["x"], batch["strength"])
        error: Tensor = ((out - batch["target"]) ** 2).mean(dim=1)
        return (1 - self.alpha) * error + self.alpha * gender_loss(gender, batch["gender"])


@dataclass(frozen=True)
class RetainingLoss:
    """`ReplacementLoss` with each dimension in units of its standard deviation, plus the
    surrogate's cross-entropy.

    `batch["wanted"]` is the target role of the risk model (neutral for sensitive rows),
    `batch["weight"]` the weight of the row, `batch["spread"]` `(n, inputs)` the standard deviation
    of each dimension.
    """

    alpha: float = 0.1
    surrogate: float = 0.1

    def __call__(self, network: Callable[..., Any], batch: Mapping[str, Tensor]) -> Tensor:
        out, gender, role = network(batch["x"], batch["strength"])
        error: Tensor = (((out - batch["target"]) / batch["spread"]) ** 2).mean(dim=1)
        loss = error + self.surrogate * cross_entropy(role, batch["wanted"], reduction="none")
        return (1 - self.alpha) * loss * batch["weight"] + self.alpha * gender_loss(
            gender, batch["gender"]
        )
