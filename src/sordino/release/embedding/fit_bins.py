"""Fits the bins of a drawn embedding: the biases of the classes and the prototypes of each class.

    bin          the class with the highest sum of logit and bias
    biases       the smallest biases with a recall near the best, and with nearly equal
                 distributions of the bin for women and men of one class; no class may be lost
    prototypes   synthetic embeddings of a class, private for each speaker
                 (`sordino.release.drawn.prototypes`)

All choices use cross-fitted logits: training speakers are assigned to folds, and each fold is
predicted by a network that was trained on the others for as many steps. Validation speakers are not
used.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.release.drawn.fit import speaker_folds
from sordino.release.drawn.prototypes import COUNT, prototypes
from sordino.types import Codes, Rows, Vectors

ARRAYS: Final = ("bias", "prototypes", "bin")
"""The names of the fitted arrays."""

FOLDS: Final = 3
"""Folds of training speakers; each needs one more network."""

MOST_CLASSES: Final = 4
"""Classes of a task, and so bins; with more of them a bound is loose."""

BIASES: Final = np.linspace(-2, 2, 21)
"""Candidate biases of a class, relative to the first class, as logarithms."""

RECALL_LOSS: Final = 0.02
"""Unweighted average recall that may be lost for more equal distributions of the bin."""

VARIATION_GAP: Final = 0.02
"""A smaller difference between total variations counts as none."""

SMALLEST_RECALL: Final = 0.5
"""The smallest recall of a class, as a share of chance; a class below it counts as lost."""

Logits = NDArray[np.floating[Any]]
"""Logits of classes, `(n, classes)`."""

Predict = Callable[[Rows, Rows], Logits]
"""From fitting rows and test rows to the logits of the test rows, `(test, classes)`."""


def fit(
    z: Vectors,
    label: Codes,
    gender: Codes,
    speaker: Codes,
    predict: Predict,
    seed: int,
    secret_noise: bool = False,
) -> dict[str, NDArray[Any]]:
    """Biases `(classes,)`, prototypes `(count, k)` and the bin of each `(count,)`, by the names of
    `ARRAYS`.

    - `z`: embeddings of training rows, `(n, k)`, without noise; `label`, `gender`: their codes, -1
      where unknown.
    - `predict`: the logits of rows, by a network that is trained on other rows.
    - `seed`: of the folds, and of the noise of prototypes if that is not `secret_noise` of the
      operating system, which their privacy requires.

    Raises `ReleaseError` for more than four classes, and for a class of fewer than four speakers.
    """
    logits = crossfit_logits(predict, speaker, seed)
    if logits.shape[1] > MOST_CLASSES:
        raise ReleaseError(
            f"a task of {logits.shape[1]} classes, expected at most {MOST_CLASSES}: join some"
        )
    bias = biases(logits, label, gender)
    random = None if secret_noise else np.random.default_rng(seed)
    vectors = class_prototypes(z, label, speaker, logits.shape[1], random)
    bins = np.repeat(np.arange(logits.shape[1]), COUNT).astype(np.int64)
    return {"bias": bias.astype(np.float32), "prototypes": vectors, "bin": bins}


def class_prototypes(
    z: Vectors,
    label: Codes,
    speaker: NDArray[Any],
    classes: int,
    random: np.random.Generator | None,
) -> Vectors:
    """The prototypes of embeddings `(n, k)` with these classes, -1 where unknown, `(classes *
    COUNT, k)`.

    Without `random`, the noise is that of the operating system. Raises `ReleaseError` for a class
    of fewer than four speakers.
    """
    names, rows = [f"class {code}" for code in range(classes)], label >= 0
    args = (z[rows], label[rows], speaker[rows], names, random)
    return prototypes(*args, leading=z.shape[1], scaled=False)


def crossfit_logits(predict: Predict, speaker: Codes, seed: int) -> Logits:
    """Cross-fitted logits of every row, `(n, classes)`."""
    fold = speaker_folds(speaker, seed, FOLDS)
    parts = [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for number in np.unique(fold)
    ]
    order = np.concatenate([test for _, test in parts])
    return np.concatenate([predict(fitting, test) for fitting, test in parts])[order.argsort()]


def biases(logits: Logits, label: Codes, gender: Codes) -> Logits:
    """The bias of each class, `(classes,)`; that of the first class is 0."""
    classes = logits.shape[1]
    candidates = np.array([(0.0, *further) for further in product(BIASES, repeat=classes - 1)])
    scores = [recall_and_variation(logits + bias, label, gender) for bias in candidates]
    uar, least, variation = np.array(scores).T
    good = least * classes >= min(SMALLEST_RECALL, least.max() * classes)
    good &= uar >= uar[good].max() - RECALL_LOSS
    good &= variation <= variation[good].min() + VARIATION_GAP
    best: Logits = candidates[good][np.abs(candidates[good]).sum(axis=1).argmin()]
    return best


def recall_and_variation(logits: Logits, label: Codes, gender: Codes) -> tuple[float, float, float]:
    """The mean and the smallest recall of the classes, and the total variation of the bin between
    genders.

    The total variation is conditional on the class: its mean over classes that both genders have.
    """
    classes, labelled = logits.shape[1], label >= 0
    code = np.ravel_multi_index(
        (label[labelled], gender[labelled] + 1, logits[labelled].argmax(axis=1)),
        (classes, 3, classes),
    )
    counts = np.bincount(code, minlength=3 * classes**2).reshape(classes, 3, classes)
    confusion = counts.sum(axis=1)
    totals = confusion.sum(axis=1)
    recall = (np.diag(confusion) / np.maximum(totals, 1))[totals > 0]
    women, men = counts[:, 1], counts[:, 2]
    mixed = (women.sum(axis=1) > 0) & (men.sum(axis=1) > 0)
    p, q = (count[mixed] / count[mixed].sum(axis=1, keepdims=True) for count in (women, men))
    variation = np.abs(p - q).sum(axis=1).mean() / 2 if mixed.any() else 0.0
    return float(recall.mean()), float(recall.min()), float(variation)
