"""Fits the scorer: a linear discriminant of emotion and gender with a shrunk covariance (Friedman
1989).

    mean of a pair     the mean of the emotion over corpora, where a corpus has the mean over its
                       speakers' means; plus or minus half the difference between the genders, and
                       likewise for every other hidden attribute
    covariance         (1 − SHRINKAGE) S + SHRINKAGE · tr(S) / d · I of the residuals, with the
                       same weight for each emotion of each corpus

A large corpus thus counts as much as a small one, and a frequent emotion as much as a rare one.

A few hundred rows cannot determine a covariance in 256 dimensions. Shrunk towards a sphere, it
outperforms logistic regression on validation speakers and takes milliseconds
(`docs/notes/drawn-choices.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.release.drawn.factors import combinations
from sordino.release.drawn.scorer import Scorer
from sordino.types import Matrix, Rows

SHRINKAGE: Final = 0.3
"""Shrinkage of the covariance towards a sphere, 0 to 1; more relies on the means alone."""


def fit(
    z: NDArray[np.floating[Any]],
    emotion: Rows,
    speaker: NDArray[Any],
    factors: Sequence[Rows] = (),
    shrinkage: float = SHRINKAGE,
    corpus: NDArray[Any] | None = None,
) -> Scorer:
    """A scorer from vectors `(n, d)`, emotions `(n,)` (codes from 0, each present) and speakers
    `(n,)`.

    `corpus` `(n,)` has the corpus of each row, for equal weights; one corpus without it. `factors`
    are the values of hidden attributes, such as gender, each `(n,)` with codes from 0, -1 for
    unknown. An attribute is modelled where all its values are present. Each shifts the mean of an
    emotion, and the scorer classifies emotion and values jointly.
    """
    x: Matrix = np.asarray(z, np.float64)
    centre = x.mean(axis=0)
    x = x - centre  # the only copy: later steps write to it
    groups = _Groups(speaker, np.zeros(len(x)) if corpus is None else corpus)
    shifts = [np.zeros((1, x.shape[1]))]
    for codes in factors:
        values = int(codes.max(initial=-1)) + 1
        if values > 1 and len({*codes.tolist()} - {-1}) == values:
            shift = groups.shifts(x, emotion, codes, values)
            x -= np.vstack([shift, np.zeros_like(shift[:1])])[codes]  # -1, unknown, gives 0
            shifts.append(shift)
    means = np.stack([groups.mean(x, emotion == code) for code in range(emotion.max() + 1)])
    pairs = means[:, None] + combinations(shifts[1:] or shifts)  # (emotions, combinations, d)
    x -= means[emotion]
    residual = groups.weighted(x, emotion)
    w = discriminant(residual, pairs.reshape(-1, x.shape[1]), shrinkage).reshape(pairs.shape)
    b = -(w * pairs).sum(axis=-1) / 2 - w @ centre
    return Scorer({"scorer.w": w, "scorer.b": b})


def discriminant(residual: Matrix, means: Matrix, shrinkage: float) -> Matrix:
    """The weights of each mean, `(k, d)`: the mean times the inverse of the shrunk covariance of
    `residual` `(n, d)`.
    """
    covariance = residual.T @ residual / len(residual)
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    w: Matrix = np.linalg.solve(
        (1 - shrinkage) * covariance + shrinkage * sphere + 1e-12 * np.eye(len(sphere)), means.T
    ).T
    return w


def direction(x: Matrix, value: NDArray[np.bool_], group: Rows, shrinkage: float) -> Matrix:
    """The direction, `(d,)`, that separates rows with a value from rows without it, within every
    group that has both.
    """
    mixed = [code for code in np.unique(group) if len(set(value[group == code].tolist())) == 2]
    in_mixed = np.isin(group, mixed)
    x, value, group = x[in_mixed].copy(), value[in_mixed], group[in_mixed]
    for code in mixed:
        x[group == code] -= x[group == code].mean(axis=0)
    change = x[value].mean(axis=0) - x[~value].mean(axis=0)
    x = x - (value[:, None] - 0.5) * change
    w: Matrix = discriminant(x, change[None], shrinkage)[0]
    return w


@dataclass(frozen=True)
class _Groups:
    """The speakers `(n,)` and corpora `(n,)` of rows, over which means are taken."""

    speaker: NDArray[Any]
    corpus: NDArray[Any]

    def mean(self, x: Matrix, rows: NDArray[np.bool_]) -> Matrix:
        """The mean over corpora of the means over their speakers, `(d,)`."""
        corpora = []
        for name in np.unique(self.corpus[rows]):
            of_corpus = rows & (self.corpus == name)
            speakers = np.unique(self.speaker[of_corpus])
            means = [x[of_corpus & (self.speaker == speaker)].mean(axis=0) for speaker in speakers]
            corpora.append(np.mean(means, axis=0))
        mean: Matrix = np.mean(corpora, axis=0)
        return mean

    def shifts(self, x: Matrix, emotion: Rows, codes: Rows, values: int) -> Matrix:
        """The deviation of each value of an attribute from the mean of all values, the mean over
        emotions that all values have, `(values, d)`.
        """
        deviations = []
        for code in range(emotion.max() + 1):
            in_emotion = emotion == code
            if {*range(values)} <= set(codes[in_emotion].tolist()):
                means = [self.mean(x, in_emotion & (codes == value)) for value in range(values)]
                if values == 2:  # exactly opposite deviations
                    half = (means[1] - means[0]) / 2
                    deviations.append(np.stack([-half, half]))
                else:
                    deviations.append(np.stack(means) - np.mean(means, axis=0))
        shape = (values, x.shape[1])
        shifts: Matrix = np.mean(deviations, axis=0) if deviations else np.zeros(shape)
        return shifts

    def weighted(self, residual: Matrix, emotion: Rows) -> Matrix:
        """Residuals `(n, d)` whose covariance has the same share of each emotion of each corpus;
        they replace `residual`.
        """
        corpus = np.unique(self.corpus, return_inverse=True)[1]
        cell = np.unique(np.stack([corpus, emotion]), axis=1, return_inverse=True)[1].ravel()
        count = np.bincount(cell)
        residual *= np.sqrt(len(cell) / len(count) / count[cell])[:, None]
        return residual
