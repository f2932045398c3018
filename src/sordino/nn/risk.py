"""The risk model: an attacker, trained on public data, that predicts role and gender (Feng 2021,
section IV-A and Fig. 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

UNKNOWN_GENDER = -1
"""Label of an utterance of unknown gender, which does not count in the gender loss."""


class RiskModel(nn.Module):
    """Predicts the role of an utterance's emotion and its speaker's gender.

    A shared trunk of two dense layers (`size`, `size / 2`; ReLU, dropout), then one dense layer for
    each head, three layers in all.

    Shape: `(n, inputs)` to `(n, classes)` and `(n, 2)`, logits in the order of `Corpus.classes`
    (with one required emotion, that of `sordino.define.Role`) and `GENDERS`.
    """

    def __init__(
        self, inputs: int, size: int = 256, dropout: float = 0.5, classes: int = 3
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(inputs, size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(size, size // 2),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.emotion = nn.Linear(size // 2, classes)
        self.gender = nn.Linear(size // 2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden: Tensor = self.trunk(x)  # (n, size / 2)
        return self.emotion(hidden), self.gender(hidden)


def risk_loss(
    model: Callable[[Tensor], tuple[Tensor, Tensor]], batch: Mapping[str, Tensor]
) -> Tensor:
    """Cross-entropy of the role plus cross-entropy of the gender for each row, `(n,)`.

    `batch`: `x` `(n, inputs)`, `role` `(n,)`, `gender` `(n,)` with `UNKNOWN_GENDER` where it is
    unknown.
    """
    role, gender = model(batch["x"])
    return cross_entropy(role, batch["role"], reduction="none") + gender_loss(
        gender, batch["gender"]
    )


def gender_loss(logits: Tensor, gender: Tensor) -> Tensor:
    """Cross-entropy of each row's gender, `(n,)`; 0 where it is `UNKNOWN_GENDER`."""
    return cross_entropy(logits, gender.clamp(min=0), reduction="none") * (gender != UNKNOWN_GENDER)


def probabilities(model: RiskModel, x: Tensor) -> tuple[Tensor, Tensor]:
    """Posteriors of the classes, `(n, classes)`, and of the genders, `(n, 2)`."""
    model.eval()
    with torch.no_grad():
        role, gender = model(x)
    return role.softmax(dim=1), gender.softmax(dim=1)
