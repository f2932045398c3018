"""Whether an adversary's head still learns: one that does not makes every embedding look private."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sordino.nn.labels import class_weights, recall, weighted_loss

MARGIN = 0.1
"""How far a fresh probe may be ahead of a head: a share of the way from chance to 1 (0.05 of UAR
for two classes).
"""


@dataclass(frozen=True)
class Health:
    """One head of an attribute.

    - `train`, `validation`: its UAR after each epoch, NaN where the rows have not two classes of
      known code.
    - `kept`: its UAR on all training rows, as the kept epoch has it.
    - `probe`: the UAR of a fresh linear probe on the training rows, as the kept epoch embeds them.
    """

    train: tuple[float, ...]
    validation: tuple[float, ...]
    kept: float
    probe: float

    def warning(self, name: str, rows: Tensor) -> str | None:
        """Why what the head cannot tell is not private, or None where it keeps up with the probe.

        It does not where the probe is ahead by more than `MARGIN` of the way from chance to 1 and
        by more than twice the largest standard error of a UAR, (Σ 1 / 4 n_c)^½ / C. `rows` are the
        n_c training rows of each class.
        """
        known = rows[rows > 0].double()
        chance, error = 1 / len(known), float((1 / (4 * known)).sum().sqrt()) / len(known)
        if self.probe - self.kept <= max(MARGIN * (1 - chance), 2 * error):
            return None
        return (
            f"the head of {name} has UAR {self.kept:.2f} on its training rows, a fresh linear "
            f"probe {self.probe:.2f} "
            f"(chance {chance:.2f}): the head stopped learning or never began, so its leakage is "
            "no sign of privacy"
        )


def probe(embedding: Tensor, codes: Tensor, classes: int, seed: int) -> float:
    """The UAR of a linear probe fitted on one random half of the rows and read on the other, and
    the other way round.

    Logistic regression on z-scores, classes weighted alike. `embedding` `(n, k)` without gradient;
    `codes` `(n,)`, rows of -1 are left out.
    """
    known = (codes >= 0).nonzero().flatten()
    order = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))]
    halves = order.tensor_split(2)
    logits = torch.zeros(len(codes), classes)
    for own, other in (halves, halves[::-1]):
        mean, spread = (
            embedding[own].mean(dim=0),
            embedding[own].std(dim=0, correction=0).clamp(min=1e-6),
        )
        weight = _logistic((embedding[own] - mean) / spread, codes[own], classes)
        logits[other] = torch.addmm(weight[-1], (embedding[other] - mean) / spread, weight[:-1])
    return recall(logits, codes)


def _logistic(x: Tensor, codes: Tensor, classes: int, penalty: float = 1e-3) -> Tensor:
    """Weights of a logistic regression, `(k + 1, classes)`, the last row for the constant."""
    weight = torch.zeros(x.shape[1] + 1, classes, requires_grad=True)
    balance = class_weights(codes, classes)
    optimizer = torch.optim.LBFGS([weight], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = torch.addmm(weight[-1], x, weight[:-1])
        total = weighted_loss(logits, codes, balance) + penalty * (weight[:-1] ** 2).sum()
        torch.autograd.backward(total)
        return total.detach()

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach()
