"""Fits the bins of a drawn embedding: where one class of the task ends and the next begins, and
what stands for each.

    bin        the class whose logit plus its bias is highest
    biases     that find the classes nearly as well as the best do, and by which women and men of one class fall nearly
               as much alike as they can; of those the smallest. No class may be lost
    prototypes of a bin: mean embeddings of several people who have its class and were found to
    (`prototypes`)

Logits by which anything is chosen are those of speakers whom the network never saw: training
speakers are dealt to folds, and each fold is told by a network that learnt from the others in as
many steps. Whoever stopped the training is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.release.drawn.fit import folds
from sordino.release.drawn.prototypes import prototypes
from sordino.types import Codes, Vectors

ARRAYS: Final = ("bias", "prototypes", "bin")
"""What is fitted here, by name."""

FOLDS: Final = 3
"""Of training speakers: as many more networks are trained."""

MOST: Final = 4
"""Classes of a task, and so bins: with more of them a bound says little."""

BIASES: Final = np.linspace(-2, 2, 21)
"""What a class may count more or less than the first, as a logarithm: what is chosen from."""

PAID: Final = 0.02
"""Unweighted average recall that may be given for bins that fall more alike."""

GAP: Final = 0.02
"""Between total variations of genders: a smaller one is as good as none."""

LOST: Final = 0.5
"""Of the recall that chance would have: a class that is found more seldom is lost, and nobody could
be drawn for it.
"""

Matrix = NDArray[np.floating[Any]]

Unseen = Callable[[Codes, Codes], Matrix]
"""From rows to learn from and other rows to the logits of the latter, `(others, classes)`."""


def fit(
    z: Vectors, label: Codes, gender: Codes, speaker: Codes, unseen: Unseen, seed: int
) -> dict[str, NDArray[Any]]:
    """Biases `(classes,)`, prototypes `(count, k)` and the bin of each `(count,)`, by the names of
    `ARRAYS`.

    - `z`: embeddings of training rows, `(n, k)`, without noise; `label`, `gender`: their codes, -1
      where unknown.
    - `unseen`: tells rows by a network that learnt from others.

    Raises `ReleaseError` for more than four classes, and fewer than four speakers who are found to
    have one.
    """
    logits = crossfitted(unseen, speaker, seed)
    if logits.shape[1] > MOST:
        raise ReleaseError(
            f"a task of {logits.shape[1]} classes, expected at most {MOST}: join some"
        )
    bias = biases(logits, label, gender)
    found = (logits + bias).argmax(axis=1)
    score = np.exp(logits + bias - np.logaddexp.reduce(logits + bias, axis=1, keepdims=True))
    made = []
    for one in range(logits.shape[1]):
        rows = np.flatnonzero((label == one) & (found == one))
        people = speaker[rows].astype(str)
        made.append(
            prototypes(z[rows], score[rows, one], people, gender[rows], seed, f"class {one}")
        )
    stands = np.repeat(np.arange(len(made)), [len(some) for some in made]).astype(np.int64)
    return {"bias": bias.astype(np.float32), "prototypes": np.concatenate(made), "bin": stands}


def crossfitted(unseen: Unseen, speaker: Codes, seed: int) -> Matrix:
    """Logits of every row by a network that never saw its speaker, `(n, classes)`."""
    fold = folds(speaker, seed, FOLDS)
    parts = [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in np.unique(fold)]
    order = np.concatenate([others for _, others in parts])
    return np.concatenate([unseen(own, others) for own, others in parts])[order.argsort()]


def biases(logits: Matrix, label: Codes, gender: Codes) -> Matrix:
    """The bias of each class, the first one's being 0: `(classes,)`."""
    classes = logits.shape[1]
    tried = np.array([(0.0, *some) for some in product(BIASES, repeat=classes - 1)])
    found = [fallen(logits + one, label, gender) for one in tried]
    uar, least, apart = np.array(found).T
    good = least * classes >= min(LOST, least.max() * classes)
    good &= uar >= uar[good].max() - PAID
    good &= apart <= apart[good].min() + GAP
    best: Matrix = tried[good][np.abs(tried[good]).sum(axis=1).argmin()]
    return best


def fallen(logits: Matrix, label: Codes, gender: Codes) -> tuple[float, float, float]:
    """The mean and the least recall of classes, and how unlike the bins of women and men of the
    same class fall.

    The last is the total variation between genders given the class, its mean over classes that both
    have.
    """
    classes, known = logits.shape[1], label >= 0
    code = np.ravel_multi_index(
        (label[known], gender[known] + 1, logits[known].argmax(axis=1)), (classes, 3, classes)
    )
    counts = np.bincount(code, minlength=3 * classes**2).reshape(classes, 3, classes)
    told = counts.sum(axis=1)
    recall = (np.diag(told) / np.maximum(told.sum(axis=1), 1))[told.sum(axis=1) > 0]
    women, men = counts[:, 1], counts[:, 2]
    both = (women.sum(axis=1) > 0) & (men.sum(axis=1) > 0)
    p, q = (some[both] / some[both].sum(axis=1, keepdims=True) for some in (women, men))
    apart = np.abs(p - q).sum(axis=1).mean() / 2 if both.any() else 0.0
    return float(recall.mean()), float(recall.min()), float(apart)
