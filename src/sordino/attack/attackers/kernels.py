"""Attackers with scores that are linear in the labels: hundreds of shuffles cost little more than
one fit.

Kernel least squares (least-squares support vector machines, Suykens and Vandewalle 1999) and
nearest neighbours. With the kernel K of all rows, the training rows a and the test rows b, and
labels y:

    s_b = K_ba (K_aa + ρ n k̄ I)⁻¹ (y_a - mean y_a)        k̄: the mean of K's diagonal

The factor before the labels is the same for every y: one factorisation per fold serves the secret
and all its shuffles. No setting is tuned on the labels. Each setting is an attacker of its own, so
that a test over shuffles is exact.

    linear      z·z' / d                    a shift of the mean
    quadratic   (1 + z·z' / d)²             variances, norms, products of two dimensions
    cubic       (1 + z·z' / d)³             also leaks in a few outlying rows
    rbf         exp(-γ |z - z'|² / median)  any smooth function; γ of 0.5 and 2
    nearest     the mean of 5 or 25 nearest rows

Attackers on whole speakers use mean embeddings. Their kernel of two speakers is the mean of K over
all pairs of their rows (support measure machines, Muandet et al. 2012), which distinguishes
speakers by the moments of K. Some attackers first subtract each speaker's mean, which removes the
largest differences between speakers. (With 30 speakers, a curve or a product of two dimensions was
found in half of the tables without this step, and in all of them with it.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sordino.attack.attackers import scaling, ties
from sordino.attack.attackers.ridge import centre, ridge_scores
from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import SplitPlan
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

RIDGES: Final = (0.1, 0.001, 1e-6)
"""ρ of attackers on utterances: the ridge, as a share of the training rows.

(The largest uses only directions of large variance. On 256 principal components of RAVDESS and
EMO-DB it recovered gender with an AUC of 0.91, the second with 0.98. Embeddings of Jaiswal and
Mower Provost (2020) contain gender in directions of small variance: there the first had 0.55, the
second 0.60, the smallest 0.83. With few rows, or a leak in rare rows, the largest finds more.)
"""

SPEAKER_RIDGES: Final = (0.01, 0.1, 1.0)
"""ρ of attackers on whole speakers."""

NEIGHBOURS: Final = (5, 25)

CENTRED_SETTING: Final = "less each speaker's mean"
"""Part of the setting of attackers that first subtract each speaker's mean."""

MAX_DISTANCE: Final = 1e30
"""Vectors are clipped at so many standard deviations, so that powers are finite."""


@dataclass(frozen=True)
class Scores:
    """Cross-fitted scores of one attacker; columns as in the labels."""

    family: str
    setting: str
    values: Matrix
    """The score of every row `(n, columns)`, or for an attacker on whole speakers of every speaker,
    `(speakers, columns)`; NaN for rows that no split scores.
    """
    per_speaker: bool = False
    tested: bool = True
    """Whether it scored every column, and not only the first."""
    in_sample: bool = False
    """Whether it was selected on the rows that it scores, so that it predicts nothing: it takes
    part in the test alone, which its shuffles keep exact.
    """

    def column(self, index: int, columns: int) -> Scores:
        """The scores of one labelling of `columns`; the first, if the attacker is not tested."""
        return replace(self, values=self.values[:, index :: columns if self.tested else 1])


def check_vectors(data: ArrayLike, noun: str = "vectors") -> NDArray[np.floating[Any]]:
    """Vectors as `(rows, dimensions)`; raises `AttackError` for text, another shape, and numbers
    that are not finite.

    Floating-point numbers are not copied.
    """
    x = np.asarray(data)
    if np.iscomplexobj(x):
        raise AttackError(
            f"{noun} are complex numbers, expected real ones: pass real and imaginary parts side "
            "by side"
        )
    try:
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise AttackError(
            f"{noun} hold text, expected numbers alone: leave such columns out"
        ) from error
    if x.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            x = x.astype(np.float64)  # no attacker computes in more digits
    if x.ndim != 2 or not x.size:
        raise AttackError(
            f"{noun} of shape {x.shape}, expected (rows, dimensions) with some of each: reshape "
            "them"
        )
    bad = int((~np.isfinite(x)).any(axis=1).sum())
    if bad:
        raise AttackError(
            f"{bad} of {len(x)} {noun} are not finite, expected numbers: drop those rows"
        )
    return x


def mean_operator(speaker: Rows) -> Matrix:
    """The matrix that maps rows to the mean of each speaker's rows, `(speakers, n)`."""
    counts = np.bincount(speaker)
    operator = np.zeros((len(counts), len(speaker)))
    operator[speaker, np.arange(len(speaker))] = 1 / counts[speaker]
    return operator


def scale(
    x: NDArray[np.floating[Any]],
    per_dimension: bool,
    train_rows: Rows | None = None,
    size: Matrix | None = None,
) -> Matrix:
    """Centred rows, each dimension divided by its own standard deviation or all by one; constant
    dimensions are left out.

    Means and standard deviations come from `train_rows`, or from all rows. `size` is the largest
    magnitude of each dimension, for rows that are differences of larger numbers. A factor of any
    size changes nothing: see `sordino.attack.attackers.scaling`.
    """
    train_rows = np.arange(len(x)) if train_rows is None else train_rows
    z, mean, spread, power = scaling.moments(x, train_rows, size)
    z, varied = z - mean, spread > 0
    z, spread, power = z[:, varied], spread[varied], power[varied]
    if not per_dimension and len(spread):
        shift = power - power.max()
        spread = np.sqrt(np.mean(np.ldexp(spread, shift) ** 2))
        z = np.ldexp(z, shift)
    standardised: Matrix = z / spread
    return standardised


Kernel = Callable[[Matrix, Rows], Matrix]


def _squared_distances(inner: Matrix) -> Matrix:
    """Squared distances from inner products."""
    norms = np.diag(inner)
    return np.maximum(norms[:, None] + norms[None, :] - 2 * inner, 0.0)


def _rbf(gamma: float) -> Kernel:
    def kernel(inner: Matrix, train_rows: Rows) -> Matrix:
        squared = _squared_distances(inner)
        return np.exp(-gamma * squared / _bandwidth(squared[np.ix_(train_rows, train_rows)]))

    return kernel


def _bandwidth(squared: Matrix) -> float:
    """The median squared distance; the mean if most rows are equal, as in a release with few
    distinct outputs.
    """
    median, mean = float(np.median(squared)), float(np.mean(squared))
    return max(median if median > 0.01 * mean else mean, 1e-12)


def _power(degree: int) -> Kernel:
    return lambda inner, train_rows: (1 + inner) ** degree  # noqa: ARG005


KERNELS: Final[Mapping[str, tuple[str, Kernel]]] = {
    "linear": ("linear", lambda inner, train_rows: inner),  # noqa: ARG005
    "quadratic": ("quadratic", _power(2)),
    "cubic": ("cubic", _power(3)),
    "rbf γ=0.5": ("rbf", _rbf(0.5)),
    "rbf γ=2": ("rbf", _rbf(2.0)),
}
"""Name to family and kernel. A kernel maps inner products of scaled rows over their number of
dimensions, and the training rows, to the matrix K.
"""

KERNEL_FAMILIES: Final = ("linear", "quadratic", "cubic", "rbf", "nearest")
"""The families of this module."""


def check_families(families: Sequence[str], available: Collection[str] = KERNEL_FAMILIES) -> None:
    """Raises `AttackError` for an empty list of families, and for one that is not `available`."""
    unknown = [family for family in families if family not in available]
    if unknown or not families:
        raise AttackError(
            f"attackers {', '.join(unknown) or 'none'}, expected some of {', '.join(available)}: "
            "name those"
        )


def scores(
    x: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows | None = None,
    families: Sequence[str] = KERNEL_FAMILIES,
    scales: Sequence[bool] = (False, True),
) -> Iterator[Scores]:
    """Scores of each attacker of these families on the rows that the plan scores.

    `x` `(n, d)`; `labels` `(n, columns)`, each column a labelling of its own. `speaker` `(n,)`,
    codes from 0, may be passed if labels are constant within speakers: this adds attackers on whole
    speakers. `scales`: whether each dimension is divided by its own standard deviation.
    """
    train_rows = plan.train_rows
    for per_dimension in scales:
        scaling_name = "each dimension scaled" if per_dimension else "one scale"
        z = scale(x, per_dimension, train_rows)
        inner, copies = _inner_products(z), ties.copies(z)
        for name, kernel in _kernels_of(families):
            gram = kernel(inner, train_rows)
            values_by_ridge = ridge_scores([gram], labels, plan, RIDGES)
            for ridge, (values,) in zip(RIDGES, values_by_ridge, strict=True):
                setting = f"{name}, ρ={ridge:g}, {scaling_name}"
                yield Scores(KERNELS[name][0], setting, ties.same(values, copies, plan))
            if speaker is not None:
                yield from _speaker_scores(name, scaling_name, gram, labels, plan, speaker)
        if "nearest" in families:
            squared = _squared_distances(inner)
            for count in NEIGHBOURS:
                values = nearest(squared, np.diag(inner), labels, plan, count)
                setting = f"{count} nearest, {scaling_name}"
                yield Scores("nearest", setting, ties.same(values, copies, plan))
        if speaker is not None:
            size, rows = np.abs(x[train_rows]).max(axis=0), np.bincount(speaker)
            several = train_rows[rows[speaker[train_rows]] > 1]
            if not len(several):
                continue
            centred = scale(_centre_speakers(x, speaker), per_dimension, several, size)
            inner, setting = _inner_products(centred), f"{scaling_name}, {CENTRED_SETTING}"
            for name, kernel in _kernels_of(families):
                if name != "linear":  # all speakers have the mean 0
                    gram = kernel(inner, several)
                    yield from _speaker_scores(
                        name, setting, gram, labels, plan, speaker, rows == 1
                    )


def _kernels_of(families: Sequence[str]) -> list[tuple[str, Kernel]]:
    return [(name, kernel) for name, (family, kernel) in KERNELS.items() if family in families]


def _inner_products(z: Matrix) -> Matrix:
    inner: Matrix = z @ z.T / max(z.shape[1], 1)
    return inner


def linear_speakers(z: Matrix, labels: Matrix, plan: SplitPlan, speaker: Rows) -> Iterator[Scores]:
    """The linear attackers on whole speakers, from means of rows `(n, d)`, without the inner
    products of all rows.
    """
    means = mean_operator(speaker) @ z
    first = np.unique(speaker, return_index=True)[1]
    single, codes = plan.of_speakers(speaker), np.arange(len(first))
    gram = _inner_products(means)
    yield from _speaker_scores("linear", "means", gram, labels[first], single, codes)


def _centre_speakers(x: NDArray[np.floating[Any]], speaker: Rows) -> Matrix:
    """Rows minus the mean of their speaker's n rows, times sqrt(n / (n - 1)).

    Without the factor the variance would be 1 - 1/n times that of the speaker, and attackers would
    read the number of rows. The single row of a speaker is 0.
    """
    z, count = np.asarray(x, dtype=np.float64), np.bincount(speaker)
    factor = np.sqrt(count / np.maximum(count - 1, 1))
    centred: Matrix = (z - (mean_operator(speaker) @ z)[speaker]) * factor[speaker, None]
    return centred


def _speaker_scores(
    name: str,
    setting: str,
    kernel: Matrix,
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows,
    neutral: NDArray[np.bool_] | None = None,
) -> Iterator[Scores]:
    """The attackers of one kernel on whole speakers.

    In each split the mean of the training speakers is the origin: a score is a function of training
    speakers alone, so its expectation is the same for any number of rows. `neutral` `(speakers,)`
    marks speakers at the origin.
    """
    first, mean = np.unique(speaker, return_index=True)[1], mean_operator(speaker)
    gram = mean @ kernel @ mean.T
    weight: Matrix = np.ones(len(gram))
    if neutral is not None:
        weight[neutral] = 0.0
    spread = np.diag(centre(gram, weight, weight)).mean()
    if spread <= ROUNDING * np.abs(gram).max():
        gram = np.zeros_like(gram)  # all speakers are equal up to rounding error
    values_by_ridge = ridge_scores(
        [gram], labels[first], plan.of_speakers(speaker), SPEAKER_RIDGES, weight, float(spread)
    )
    for ridge, (values,) in zip(SPEAKER_RIDGES, values_by_ridge, strict=True):
        title = f"{name}, ρ={ridge:g}, whole speakers, {setting}"
        yield Scores(KERNELS[name][0], title, values, per_speaker=True)


def ignorant_scores(
    x: NDArray[np.floating[Any]],
    original: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: SplitPlan,
    families: Sequence[str] = KERNEL_FAMILIES,
) -> Iterator[tuple[Scores, Scores]]:
    """Scores on `original` vectors and on `x`, both `(n, d)`, of attackers that were trained on
    original vectors alone.

    Polynomial kernels only, which need inner products alone.
    """
    train_rows = plan.train_rows
    for per_dimension in (False, True):
        scaling_name = "each dimension scaled" if per_dimension else "one scale"
        before, after = _scale_as_original(original, x, per_dimension)
        dimensions = max(before.shape[1], 1)
        for name, kernel in _kernels_of(families):
            if (family := KERNELS[name][0]) == "rbf":
                continue
            grams = [kernel(rows @ before.T / dimensions, train_rows) for rows in (before, after)]
            values_by_ridge = ridge_scores(grams, labels, plan, RIDGES)
            for ridge, (original_values, values) in zip(RIDGES, values_by_ridge, strict=True):
                setting = f"{name}, ρ={ridge:g}, {scaling_name}"
                yield Scores(family, setting, original_values), Scores(family, setting, values)


def _scale_as_original(
    original: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]], per_dimension: bool
) -> tuple[Matrix, Matrix]:
    """Original vectors and others, both scaled by moments of the original ones; the others are
    clipped to `MAX_DISTANCE`.
    """
    z, mean, spread, power = scaling.moments(original, np.arange(len(original)))
    with np.errstate(over="ignore"):
        y = np.ldexp(np.asarray(x, np.float64), -power)
    varied = spread > 0
    spread, shift = spread[varied], power[varied] - power[varied].max(initial=0)
    z, y, mean = z[:, varied], y[:, varied], mean[varied]
    size: Any = spread
    if not per_dimension and len(spread):
        z, y, mean = (np.ldexp(values, shift) for values in (z, y, mean))
        size = np.sqrt(np.mean(np.ldexp(spread, shift) ** 2))
    with np.errstate(over="ignore"):
        return (z - mean) / size, np.clip((y - mean) / size, -MAX_DISTANCE, MAX_DISTANCE)


def nearest(squared: Matrix, norms: Matrix, labels: Matrix, plan: SplitPlan, count: int) -> Matrix:
    """The mean label of the nearest rows minus that of all rows; rows at equal distances have equal
    weights.

    `squared` `(n, n)` are squared distances, and `norms` `(n,)` squared lengths, which decide the
    rounding error of distances.
    """
    scores = np.full_like(labels, np.nan)
    for train, test in plan.splits:
        size, base = min(count, len(train)), labels[train].mean(axis=0)
        distance = squared[np.ix_(test, train)]
        near = np.argpartition(distance, size - 1, axis=1)[:, :size]
        means = labels[train[near]].mean(axis=1)
        last = np.take_along_axis(distance, near, axis=1).max(axis=1, keepdims=True)
        slack = ROUNDING * (norms[test][:, None] + last)
        tied = np.flatnonzero((distance <= last + slack).sum(axis=1) > size)
        if len(tied):
            weights = ties.shares(distance[tied], last[tied], slack[tied], size)
            means[tied] = weights @ labels[train] / size
        varied = np.abs(means - base).max(axis=0) > ROUNDING
        scores[test] = np.where(varied, means - base, 0.0)
    return scores
