"""Diagnostics of adversarial heads: a head that does not learn makes any embedding look private."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sordino.nn.labels import class_weights, recall, weighted_loss

PROBE_MARGIN = 0.1
"""The largest lead of a fresh probe over a head, as a share of the range from chance to 1 (0.05 of
UAR for two classes).
"""


@dataclass(frozen=True)
class HeadDiagnostics:
    """The UAR of one head of an attribute.

    - `train`, `validation`: after each epoch, NaN for rows with fewer than two known classes.
    - `final`: on all training rows, at the best epoch.
    - `probe`: of a fresh linear probe on the embeddings of the training rows at the best epoch.
    """

    train: tuple[float, ...]
    validation: tuple[float, ...]
    final: float
    probe: float

    def warning(self, name: str, rows: Tensor) -> str | None:
        """Why a low UAR of this head is no sign of privacy, None where the head is as good as the
        probe.

        A warning is due if the probe leads by more than `PROBE_MARGIN` of the range from chance to
        1 and by more than twice the largest standard error of a UAR, (Σ 1 / 4 n_c)^½ / C. `rows`
        are the numbers n_c of training rows of each class.
        """
        counts = rows[rows > 0].double()
        chance, error = 1 / len(counts), float((1 / (4 * counts)).sum().sqrt()) / len(counts)
        if self.probe - self.final <= max(PROBE_MARGIN * (1 - chance), 2 * error):
            return None
        return (
            f"the head of {name} has UAR {self.final:.2f} on its training rows, a fresh linear "
            f"probe {self.probe:.2f} (chance {chance:.2f}): the head stopped learning or never "
            "began, so its leakage is no sign of privacy"
        )


def probe(embedding: Tensor, codes: Tensor, classes: int, seed: int) -> float:
    """The UAR of a linear probe with two-fold cross-validation on random halves of the rows.

    Logistic regression on z-scores with balanced class weights. `embedding` `(n, k)` has no
    gradient. `codes` `(n,)`; rows with -1 are left out.
    """
    rows = (codes >= 0).nonzero().flatten()
    order = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    halves = order.tensor_split(2)
    logits = torch.zeros(len(codes), classes)
    for fit_rows, score_rows in (halves, halves[::-1]):
        mean, spread = (
            embedding[fit_rows].mean(dim=0),
            embedding[fit_rows].std(dim=0, correction=0).clamp(min=1e-6),
        )
        weight = _logistic((embedding[fit_rows] - mean) / spread, codes[fit_rows], classes)
        logits[score_rows] = torch.addmm(
            weight[-1], (embedding[score_rows] - mean) / spread, weight[:-1]
        )
    return recall(logits, codes)


def _logistic(x: Tensor, codes: Tensor, classes: int, penalty: float = 1e-3) -> Tensor:
    """Weights of a logistic regression, `(k + 1, classes)`; the last row is the intercept."""
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
