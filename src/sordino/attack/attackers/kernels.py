"""Attackers whose score is linear in the labels, so that hundreds of shuffles cost little more than
one fit.

Kernel least squares (least-squares support vector machines, Suykens and Vandewalle 1999) and
nearest neighbours. With the kernel K of all rows, the rows a to learn from and b to guess, and
labels y:

    s_b = K_ba (K_aa + ρ n k̄ I)⁻¹ (y_a - mean y_a)        k̄: the mean of K's diagonal

What stands before the labels is the same for every y: one factorisation a fold serves the secret
and all its shuffles. No setting is tuned on the labels, each is an attacker of its own, so that a
test over shuffles is exact.

    linear      z·z' / d                    a shift of the mean
    quadratic   (1 + z·z' / d)²             variances, norms, products of two dimensions
    cubic       (1 + z·z' / d)³             and what a few far rows carry
    rbf         exp(-γ |z - z'|² / median)  anything smooth; γ of 0.5 and 2
    nearest     the mean of 5 or 25 nearest rows

Those who see whole speakers learn from mean embeddings: their kernel of two speakers is the mean of
K over all pairs of their rows (support measure machines, Muandet et al. 2012), which tells apart
whatever K's moments tell apart. Some look at rows as they are, some after taking each speaker's
mean away: what speakers differ in most is then out of the way. (With 30 speakers a bend or a
product of two dimensions was found in half of the tables without, in all of them with.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sordino.attack.attackers import scaling, ties
from sordino.attack.attackers.scaling import ROUNDING
from sordino.attack.splits import Plan
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

RIDGES: Final = (0.1, 0.001, 1e-6)
"""ρ of attackers who learn from utterances: how much weights shrink, as a share of the rows to
learn from.

(The largest reads only directions in which rows differ much. Of 256 principal components of RAVDESS
and EMO-DB it told gender with an AUC of 0.91, the second with 0.98. Embeddings of Jaiswal 2020 keep
gender where they hardly vary: there the first got 0.55, the second 0.60, the smallest 0.83. Where
rows are few or rare ones carry the leak, the largest finds more.)
"""

WHOLE: Final = (0.01, 0.1, 1.0)
"""The same of those who learn from whole speakers."""

NEIGHBOURS: Final = (5, 25)

CENTRED: Final = "less each speaker's mean"
"""In the setting of attackers who take each speaker's mean away first."""

FAR: Final = 1e30
"""No vector counts as farther away than so many spreads: powers stay finite."""


@dataclass(frozen=True)
class Scores:
    """What one attacker says, who never saw the speaker it guesses; columns as the labels have
    them.
    """

    family: str
    setting: str
    values: Matrix
    """Of every row `(n, columns)`, or where it sees whole speakers of every speaker, `(speakers,
    columns)`; NaN where nobody scored.
    """
    whole: bool = False
    tested: bool = True
    """Whether it scored every column, and not the first alone."""

    def of(self, column: int, columns: int) -> Scores:
        """The scores of one labelling of `columns`; of who is not tested, the first."""
        return replace(self, values=self.values[:, column :: columns if self.tested else 1])


def vectors(given: ArrayLike, what: str = "vectors") -> NDArray[np.floating[Any]]:
    """Vectors as `(rows, dimensions)`; raises `AttackError` for text, another shape, and what is
    not finite.

    Not copied where they are floating-point numbers already.
    """
    x = np.asarray(given)
    if np.iscomplexobj(x):
        raise AttackError(
            f"{what} are complex numbers, expected real ones: pass real and imaginary parts side "
            "by side"
        )
    try:
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise AttackError(
            f"{what} hold text, expected numbers alone: leave such columns out"
        ) from error
    if x.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            x = x.astype(np.float64)  # no attacker computes in more digits
    if x.ndim != 2 or not x.size:
        raise AttackError(
            f"{what} of shape {x.shape}, expected (rows, dimensions) with some of each: reshape "
            "them"
        )
    bad = int((~np.isfinite(x)).any(axis=1).sum())
    if bad:
        raise AttackError(
            f"{bad} of {len(x)} {what} are not finite, expected numbers: drop those rows"
        )
    return x


def means(speaker: Rows) -> Matrix:
    """What takes the mean of each speaker's rows, `(speakers, n)`."""
    counts = np.bincount(speaker)
    means = np.zeros((len(counts), len(speaker)))
    means[speaker, np.arange(len(speaker))] = 1 / counts[speaker]
    return means


def scaled(
    x: NDArray[np.floating[Any]], each: bool, known: Rows | None = None, size: Matrix | None = None
) -> Matrix:
    """Centred rows, each dimension divided by its own spread or all by one; constant dimensions are
    left out.

    The `known` rows decide, or all. `size` is the largest magnitude of each dimension, where rows
    are differences of larger ones. A factor of any size changes nothing: see
    `sordino.attack.attackers.scaling`.
    """
    known = np.arange(len(x)) if known is None else known
    z, mean, spread, power = scaling.moments(x, known, size)
    z, kept = z - mean, spread > 0
    z, spread, power = z[:, kept], spread[kept], power[kept]
    if not each and len(spread):
        shift = power - power.max()
        spread = np.sqrt(np.mean(np.ldexp(spread, shift) ** 2))
        z = np.ldexp(z, shift)
    even: Matrix = z / spread
    return even


Kernel = Callable[[Matrix, Rows], Matrix]


def _squared(inner: Matrix) -> Matrix:
    """Squared distances from inner products."""
    own = np.diag(inner)
    return np.maximum(own[:, None] + own[None, :] - 2 * inner, 0.0)


def _rbf(gamma: float) -> Kernel:
    def kernel(inner: Matrix, known: Rows) -> Matrix:
        squared = _squared(inner)
        return np.exp(-gamma * squared / _typical(squared[np.ix_(known, known)]))

    return kernel


def _typical(squared: Matrix) -> float:
    """The median squared distance; the mean where most rows are the same, as those of a release
    that says little.
    """
    median, mean = float(np.median(squared)), float(np.mean(squared))
    return max(median if median > 0.01 * mean else mean, 1e-12)


def _power(degree: int) -> Kernel:
    return lambda inner, known: (1 + inner) ** degree  # noqa: ARG005


KERNELS: Final[Mapping[str, tuple[str, Kernel]]] = {
    "linear": ("linear", lambda inner, known: inner),  # noqa: ARG005
    "quadratic": ("quadratic", _power(2)),
    "cubic": ("cubic", _power(3)),
    "rbf γ=0.5": ("rbf", _rbf(0.5)),
    "rbf γ=2": ("rbf", _rbf(2.0)),
}
"""Name to family and kernel, from the inner products of scaled rows over their number of
dimensions, and known rows.
"""

FAMILIES: Final = ("linear", "quadratic", "cubic", "rbf", "nearest")
"""The families that there are."""


def known_families(families: Sequence[str], known: Collection[str] = FAMILIES) -> None:
    """Raises `AttackError` where no family is named, or one that is not `known`."""
    unknown = [family for family in families if family not in known]
    if unknown or not families:
        raise AttackError(
            f"attackers {', '.join(unknown) or 'none'}, expected some of {', '.join(known)}: name "
            "those"
        )


def scores(
    x: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: Plan,
    speaker: Rows | None = None,
    families: Sequence[str] = FAMILIES,
    scales: Sequence[bool] = (False, True),
) -> Iterator[Scores]:
    """What each attacker of these families says of the rows that the plan has scored.

    `x` `(n, d)`, `labels` `(n, columns)`, each column a labelling of its own. `speaker` `(n,)`,
    codes from 0, where labels are the same in all rows of a speaker: then some learn from whole
    speakers too. `scales`: whether each dimension is divided by its own spread.
    """
    known = plan.known
    for each in scales:
        scale = "each dimension scaled" if each else "one scale"
        z = scaled(x, each, known)
        inner, copies = _inner(z), ties.copies(z)
        for name, kernel in _chosen(families):
            made = kernel(inner, known)
            for ridge, (said,) in zip(RIDGES, _ridge([made], labels, plan, RIDGES), strict=True):
                yield Scores(
                    KERNELS[name][0], f"{name}, ρ={ridge:g}, {scale}", ties.same(said, copies, plan)
                )
            if speaker is not None:
                yield from _of_speakers(name, scale, made, labels, plan, speaker)
        if "nearest" in families:
            squared = _squared(inner)
            for count in NEIGHBOURS:
                said = nearest(squared, np.diag(inner), labels, plan, count)
                yield Scores("nearest", f"{count} nearest, {scale}", ties.same(said, copies, plan))
        if speaker is not None:
            own = _inner(scaled(_centred(x, speaker), each, known, np.abs(x[known]).max(axis=0)))
            how = f"{scale}, {CENTRED}"
            for name, kernel in _chosen(families):
                if name != "linear":  # nothing is left of the means
                    yield from _of_speakers(name, how, kernel(own, known), labels, plan, speaker)


def _chosen(families: Sequence[str]) -> list[tuple[str, Kernel]]:
    return [(name, kernel) for name, (family, kernel) in KERNELS.items() if family in families]


def _inner(z: Matrix) -> Matrix:
    inner: Matrix = z @ z.T / max(z.shape[1], 1)
    return inner


def _centred(x: NDArray[np.floating[Any]], speaker: Rows) -> Matrix:
    """Rows less the mean of their speaker's."""
    z = np.asarray(x, dtype=np.float64)
    less: Matrix = z - (means(speaker) @ z)[speaker]
    return less


def _of_speakers(
    name: str, how: str, kernel: Matrix, labels: Matrix, plan: Plan, speaker: Rows
) -> Iterator[Scores]:
    """The attackers of one kernel who learn from whole speakers."""
    first, mean = np.unique(speaker, return_index=True)[1], means(speaker)
    of = mean @ kernel @ mean.T
    level = float(np.abs(of).max())
    of = of - of.mean(axis=0) - of.mean(axis=1)[:, None] + of.mean()
    if np.abs(of).max() <= ROUNDING * level:
        of = np.zeros_like(of)  # all speakers are alike: what is left is rounding
    people = plan.of_people(speaker)
    for ridge, (said,) in zip(WHOLE, _ridge([of], labels[first], people, WHOLE), strict=True):
        yield Scores(
            KERNELS[name][0], f"{name}, ρ={ridge:g}, whole speakers, {how}", said, whole=True
        )


def applied(
    x: NDArray[np.floating[Any]],
    original: NDArray[np.floating[Any]],
    labels: Matrix,
    plan: Plan,
    families: Sequence[str] = FAMILIES,
) -> Iterator[tuple[Scores, Scores]]:
    """What those who learnt from `original` vectors, and never saw others, say of these and of `x`,
    both `(n, d)`.

    Those whose kernel is a polynomial: they need inner products alone.
    """
    known = plan.known
    for each in (False, True):
        scale = "each dimension scaled" if each else "one scale"
        own, other = _alike(original, x, each)
        dimensions = max(own.shape[1], 1)
        for name, kernel in _chosen(families):
            if (family := KERNELS[name][0]) != "rbf":
                kernels = [kernel(rows @ own.T / dimensions, known) for rows in (own, other)]
                for ridge, (before, after) in zip(
                    RIDGES, _ridge(kernels, labels, plan, RIDGES), strict=True
                ):
                    setting = f"{name}, ρ={ridge:g}, {scale}"
                    yield Scores(family, setting, before), Scores(family, setting, after)


def _alike(
    original: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]], each: bool
) -> tuple[Matrix, Matrix]:
    """Original vectors and others, both scaled as the original ones are; what lies beyond all
    bounds, on the bound.
    """
    every = np.arange(len(original))
    z, mean, spread, power = scaling.moments(original, every)
    with np.errstate(over="ignore"):
        y = np.ldexp(np.asarray(x, np.float64), -power)
    kept = spread > 0
    spread, shift = spread[kept], power[kept] - power[kept].max(initial=0)
    if not each and len(spread):
        z, y, mean = (np.ldexp(some[..., kept], shift) for some in (z, y, mean))
        size: Any = np.sqrt(np.mean(np.ldexp(spread, shift) ** 2))
    else:
        z, y, mean, size = z[:, kept], y[:, kept], mean[kept], spread
    with np.errstate(over="ignore"):
        return (z - mean) / size, np.clip((y - mean) / size, -FAR, FAR)


def _ridge(
    kernels: Sequence[Matrix], labels: Matrix, plan: Plan, ridges: Sequence[float]
) -> Matrix:
    """Scores of who learnt from the rows of the first kernel, with each ridge, `(ridges, kernels,
    n, columns)`.

    The first kernel is of all rows with themselves, any further one of other rows with these.
    """
    said = np.full((len(ridges), len(kernels), *labels.shape), np.nan)
    level = float(np.mean(np.diag(kernels[0])[plan.known])) or 1.0
    for own, other in plan.sides:
        centred = labels[own] - labels[own].mean(axis=0)
        gram, met = kernels[0][np.ix_(own, own)], [kernel[np.ix_(other, own)] for kernel in kernels]
        for place, ridge in enumerate(ridges):
            weights = _solved(gram, ridge * len(own) * level, centred)
            for which, rows in enumerate(met):
                said[place, which, other] = ties.informed(rows @ weights, rows, weights)
    return said


def _solved(gram: Matrix, ridge: float, right: Matrix) -> Matrix:
    """(gram + ridge I)⁻¹ right; a ridge that rounding swallows is raised until it holds."""
    for raised in (1, 1e3, 1e6):
        held = gram.copy()
        held[np.diag_indices_from(held)] += ridge * raised
        try:
            factor = cho_factor(held, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            continue
        solved: Matrix = cho_solve(factor, right, check_finite=False)
        return solved
    return np.zeros_like(right)  # nothing can be learnt


def nearest(squared: Matrix, norms: Matrix, labels: Matrix, plan: Plan, count: int) -> Matrix:
    """The mean label of the nearest rows, less that of all; of rows equally far all count, in equal
    parts.

    `squared` `(n, n)` are squared distances, `norms` `(n,)` squared lengths: distances are sure to
    rounding of these.
    """
    said = np.full_like(labels, np.nan)
    for own, other in plan.sides:
        among, base = min(count, len(own)), labels[own].mean(axis=0)
        apart = squared[np.ix_(other, own)]
        near = np.argpartition(apart, among - 1, axis=1)[:, :among]
        found = labels[own[near]].mean(axis=1)
        last = np.take_along_axis(apart, near, axis=1).max(axis=1, keepdims=True)
        slack = ROUNDING * (norms[other][:, None] + last)
        tied = np.flatnonzero((apart <= last + slack).sum(axis=1) > among)
        if len(tied):
            share = ties.shares(apart[tied], last[tied], slack[tied], among)
            found[tied] = share @ labels[own] / among
        moved = np.abs(found - base).max(axis=0) > ROUNDING
        said[other] = np.where(moved, found - base, 0.0)
    return said
