"""Class codes of rows by task: class weights, loss and recall."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from sordino.errors import ReleaseError

TaskLabels = Mapping[str, NDArray[np.integer[Any]]]
"""Class codes of each row by task, `(n,)`, -1 where the class is unknown."""


@dataclass(frozen=True)
class Tasks:
    """Codes `(n,)` of training rows by task, and the weights `(classes,)` of its classes."""

    codes: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, labels: TaskLabels, classes: Mapping[str, int], rows: int) -> Tasks:
        """The tasks of labels. Raises `ReleaseError` where labels do not fit, or a task has fewer
        than two classes on these rows.
        """
        codes = class_codes(labels, classes, rows, "training")
        weights = {name: class_weights(codes[name], count) for name, count in classes.items()}
        for name, values in weights.items():
            if (present := int((values > 0).sum())) < 2:
                raise ReleaseError(
                    f"{name} has {present} of its {len(values)} classes on the training rows, "
                    "expected 2 or more: split anew, or leave the task out"
                )
        return cls(codes, weights)

    def loss(self, name: str, logits: Tensor, codes: Tensor) -> Tensor:
        """The weighted cross-entropy of a task."""
        return weighted_loss(logits, codes, self.weights[name])


def class_codes(
    labels: TaskLabels, classes: Mapping[str, int], rows: int, part: str
) -> dict[str, Tensor]:
    """The codes of each task as `(rows,)` tensors; all -1 for a task without labels.

    `part` names the rows in messages. Raises `ReleaseError` for a task outside `classes`, another
    number of rows, and codes outside the range of classes.
    """
    if unknown := sorted(set(labels) - set(classes)):
        raise ReleaseError(
            f"{part} labels of {', '.join(unknown)} came, expected {', '.join(classes)}: name them "
            "alike"
        )
    codes = {name: torch.full((rows,), -1) for name in classes}
    for name, array in labels.items():
        values = np.asarray(array)
        if values.shape != (rows,) or not np.issubdtype(values.dtype, np.integer):
            came = f"{part} labels of {name} are {values.dtype} {values.shape}"
            raise ReleaseError(
                f"{came}, expected integers ({rows},): one code a row, -1 where it is unknown"
            )
        if values.min() < -1 or values.max() >= classes[name]:
            came = f"{part} labels of {name} from {values.min()} to {values.max()}"
            raise ReleaseError(
                f"{came}, expected -1 to {classes[name] - 1}: give the shape more classes, or code "
                "anew"
            )
        codes[name] = torch.tensor(values.astype(np.int64))
    return codes


def class_weights(codes: Tensor, classes: int) -> Tensor:
    """Inverse class frequencies, `(classes,)`: known rows / (non-empty classes · rows of the
    class).

    The mean weight of known rows is 1; a class without rows has weight 0.

    >>> class_weights(torch.tensor([0, 0, 0, 1, -1]), 3)
    tensor([0.6667, 2.0000, 0.0000])
    """
    rows = torch.bincount(codes[codes >= 0], minlength=classes)
    return torch.where(rows > 0, rows.sum() / ((rows > 0).sum() * rows), 0.0)


def weighted_loss(logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy, the mean over rows of known class; 0 without such rows.

    The sum is not divided by the weights in the batch: otherwise the weight of a class would cancel
    in a batch of that class alone.
    """
    losses = cross_entropy(logits, codes, weights, ignore_index=-1, reduction="sum")
    return losses / (codes >= 0).sum().clamp(min=1)


def recall(logits: Tensor, codes: Tensor) -> float:
    """Unweighted average recall of the likeliest class over the non-empty classes; rows with -1 are
    left out.

    NaN with fewer than two classes. `sordino.metrics.uar` is the same number for numpy arrays.

    >>> recall(torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1, 1]))
    0.75
    """
    mask = codes >= 0
    hits, codes = (logits.argmax(dim=1) == codes)[mask].double(), codes[mask]
    rows = torch.bincount(codes)
    recalls = torch.bincount(codes, weights=hits)[rows > 0] / rows[rows > 0]
    return float(recalls.mean()) if len(recalls) > 1 else math.nan
