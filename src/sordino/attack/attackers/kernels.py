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

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sordino.attack.attackers import arrays, scaling, ties
from sordino.attack.attackers.arrays import Array, Placement
from sordino.attack.attackers.nearest import nearest, squared_distances
from sordino.attack.attackers.ridge import centre, linear_ridge_scores, ridge_scores
from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import SplitPlan
from sordino.errors import AttackError
from sordino.parallel.compute_device import compute_device
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

    transferred: Matrix | None = None
    """The scores of other vectors of the same rows by this attacker, `(n, columns)`."""

    def column(self, index: int, columns: int) -> Scores:
        """The scores of one labelling of `columns`; the first, if the attacker is not tested."""
        return self.select(slice(index, None, columns if self.tested else 1))

    def select(self, columns: slice) -> Scores:
        """The scores of some columns."""
        others = None if self.transferred is None else self.transferred[:, columns]
        return replace(self, values=self.values[:, columns], transferred=others)


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


def mean_operator(speaker: Rows, code: Rows | None = None) -> Matrix:
    """The matrix that maps rows to the mean of each speaker's rows, `(speakers, n)`; or distinct
    rows to it, if `code` `(n,)` is the distinct row that each row equals.
    """
    counts = np.bincount(speaker)
    code = np.arange(len(speaker)) if code is None else code
    operator = np.zeros((len(counts), code.max() + 1))
    np.add.at(operator, (speaker, code), 1 / counts[speaker])
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
    return _standardise(z - mean, spread, power, per_dimension)


def _standardise(z: Matrix, spread: Matrix, power: NDArray[np.intc], per_dimension: bool) -> Matrix:
    """`scale` of centred rows with the moments of `scaling.moments`."""
    varied = spread > 0
    z, spread, power = z[:, varied], spread[varied], power[varied]
    if not per_dimension and len(spread):
        shift = power - power.max()
        spread = np.sqrt(np.mean(np.ldexp(spread, shift) ** 2))
        z = np.ldexp(z, shift)
    standardised: Matrix = z / spread
    return standardised


def _bandwidth(squared: Array) -> float:
    """The median squared distance; the mean if most rows are equal, as in a release with few
    distinct outputs.
    """
    median, mean = arrays.median(squared), float(squared.mean())
    return max(median if median > 0.01 * mean else mean, 1e-12)


KERNELS: Final[Mapping[str, str]] = {
    "linear": "linear",
    "quadratic": "quadratic",
    "cubic": "cubic",
    "rbf γ=0.5": "rbf",
    "rbf γ=2": "rbf",
}
"""Kernel to family."""

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
    others: NDArray[np.floating[Any]] | None = None,
    place: Placement | None = None,
) -> Iterator[Scores]:
    """Scores of each attacker of these families on the rows that the plan scores.

    `x` `(n, d)`; `labels` `(n, columns)`, each column a labelling of its own. `speaker` `(n,)`,
    codes from 0, may be passed if labels are constant within speakers: this adds attackers on whole
    speakers. `scales`: whether each dimension is divided by its own standard deviation. `others`
    `(n, d)` are other vectors of the same rows: linear and polynomial attackers score them too
    (`Scores.transferred`). `place` puts vectors on a device, by default that of
    `sordino.parallel.compute_device`; scores are in numpy.
    """
    train_rows, place = plan.train_rows, place or arrays.placement(compute_device())
    curved = [family for family in families if family != "linear"]
    for per_dimension in scales:
        scaling_name = "each dimension scaled" if per_dimension else "one scale"
        vectors = [scale(x, per_dimension, train_rows)]
        if others is not None:
            vectors.append(_scale_others(others, x, per_dimension, train_rows))
        copies = ties.copies(vectors[0])
        distinct, placed = ties.distinct(copies), [place(rows) for rows in vectors]
        if "linear" in families:
            values = linear_ridge_scores(placed, labels, plan, RIDGES, distinct)
            yield from _row_scores("linear", scaling_name, values, copies, plan)
            if speaker is not None:
                gram = _inner_products(arrays.like(mean_operator(speaker), placed[0]) @ placed[0])
                yield from _speaker_scores("linear", scaling_name, gram, labels, plan, speaker)
        if not curved:
            continue
        placed[0] = placed[0][distinct.first]
        inners = [_inner_products(rows, placed[0]) for rows in placed]
        mean = None if speaker is None else mean_operator(speaker, distinct.code)
        for name, grams in _grams(inners, distinct.code[train_rows], curved):
            values = ridge_scores(grams, labels, plan, RIDGES, distinct=distinct)
            yield from _row_scores(name, scaling_name, values, copies, plan)
            if speaker is not None and mean is not None:
                gram = _of_speakers(grams[0], mean)
                yield from _speaker_scores(name, scaling_name, gram, labels, plan, speaker)
        if "nearest" in families:
            squared = arrays.to_numpy(squared_distances(inners[0]))
            norms = arrays.to_numpy(inners[0].diagonal())
            for count in NEIGHBOURS:
                values = nearest(squared, norms, labels, plan, count, distinct.code)
                setting = f"{count} nearest, {scaling_name}"
                yield Scores("nearest", setting, ties.same(values, copies, plan))
        if speaker is not None and curved != ["nearest"]:
            yield from _centred_scores(x, labels, plan, speaker, curved, per_dimension, place)


def _centred_scores(
    x: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows,
    families: Sequence[str],
    per_dimension: bool,
    place: Placement,
) -> Iterator[Scores]:
    """The attackers on whole speakers that first subtract each speaker's mean; the linear one is
    left out, as all speakers have the mean 0.
    """
    train_rows = plan.train_rows
    size, rows = np.abs(x[train_rows]).max(axis=0), np.bincount(speaker)
    several = train_rows[rows[speaker[train_rows]] > 1]
    if not len(several):
        return
    centred = place(scale(_centre_speakers(x, speaker), per_dimension, several, size))
    scaling_name = "each dimension scaled" if per_dimension else "one scale"
    setting, mean = f"{scaling_name}, {CENTRED_SETTING}", mean_operator(speaker)
    for name, (kernel,) in _grams([_inner_products(centred)], several, families):
        gram = _of_speakers(kernel, mean)
        yield from _speaker_scores(name, setting, gram, labels, plan, speaker, rows == 1)


def _grams(
    inners: Sequence[Array], train_rows: Rows, families: Sequence[str]
) -> Iterator[tuple[str, list[Array]]]:
    """Name and matrices K of each kernel of these families but the linear one.

    `inners` are inner products over the number of dimensions: of all distinct rows, then of other
    rows with these. The latter have no RBF. `train_rows` are the distinct rows that the training
    rows equal.
    """
    if {"quadratic", "cubic"} & set(families):
        shifted = [1 + inner for inner in inners]
        if "quadratic" in families:
            yield "quadratic", [inner * inner for inner in shifted]
        if "cubic" in families:
            yield "cubic", [inner * inner * inner for inner in shifted]
    if "rbf" in families:
        squared, xp = squared_distances(inners[0]), arrays.library(inners[0])
        every = np.array_equal(train_rows, np.arange(len(squared)))
        width = _bandwidth(squared if every else squared[np.ix_(train_rows, train_rows)])
        kernel = xp.exp(-0.5 / width * squared)
        yield "rbf γ=0.5", [kernel]
        yield "rbf γ=2", [xp.square(xp.square(kernel))]


def _row_scores(
    name: str, scaling_name: str, values_by_ridge: Matrix, copies: Rows, plan: SplitPlan
) -> Iterator[Scores]:
    """The attackers of one kernel on rows, from the result of `ridge_scores`."""
    for ridge, (values, *transferred) in zip(RIDGES, values_by_ridge, strict=True):
        setting = f"{name}, ρ={ridge:g}, {scaling_name}"
        score = Scores(KERNELS[name], setting, ties.same(values, copies, plan))
        yield replace(score, transferred=transferred[0]) if transferred else score


def _inner_products(z: Array, train: Array | None = None) -> Array:
    inner = z @ (z if train is None else train).T
    inner /= max(z.shape[1], 1)
    return inner


def _of_speakers(kernel: Array, operator: Matrix) -> Array:
    """The mean of the kernel over all pairs of rows of two speakers, `(speakers, speakers)`."""
    mean = arrays.like(operator, kernel)
    return mean @ kernel @ mean.T


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
    gram: Array,
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows,
    neutral: NDArray[np.bool_] | None = None,
) -> Iterator[Scores]:
    """The attackers of one kernel on whole speakers; `gram` `(speakers, speakers)`.

    In each split the mean of the training speakers is the origin: a score is a function of training
    speakers alone, so its expectation is the same for any number of rows. `neutral` `(speakers,)`
    marks speakers at the origin.
    """
    first = np.unique(speaker, return_index=True)[1]
    weight: Matrix = np.ones(len(gram))
    if neutral is not None:
        weight[neutral] = 0.0
    placed = arrays.like(weight, gram)
    spread = float(centre(gram, placed, placed).diagonal().mean())
    if spread <= ROUNDING * float(abs(gram).max()):
        gram = arrays.library(gram).zeros_like(gram)  # all speakers are equal up to rounding error
    values_by_ridge = ridge_scores(
        [gram], labels[first], plan.of_speakers(speaker), SPEAKER_RIDGES, weight, spread
    )
    for ridge, (values,) in zip(SPEAKER_RIDGES, values_by_ridge, strict=True):
        title = f"{name}, ρ={ridge:g}, whole speakers, {setting}"
        yield Scores(KERNELS[name], title, values, per_speaker=True)


def _scale_others(
    others: NDArray[np.floating[Any]],
    x: NDArray[np.floating[Any]],
    per_dimension: bool,
    train_rows: Rows,
) -> Matrix:
    """Other vectors, scaled as `scale` does `x`, and clipped to `MAX_DISTANCE`."""
    _, mean, spread, power = scaling.moments(x, train_rows)
    with np.errstate(over="ignore"):
        y = np.ldexp(np.asarray(others, np.float64), -power) - mean
        scaled = _standardise(y, spread, power, per_dimension)
    return np.clip(scaled, -MAX_DISTANCE, MAX_DISTANCE)
