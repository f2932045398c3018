"""Attackers that screen many features of a row and use the few that go with the secret.

Kernel attackers weigh all dimensions alike. They miss an interaction of three dimensions, one
dimension of a thousand, and a digit. A screen computes a *bank* of fixed features (`banks`) and
correlates each feature with the labels on the training speakers. For a secret between speakers it
correlates the means of speakers (marginal screening, Fan and Lv 2008):

    m_uj  mean of feature j over the rows of training unit u (a speaker, or a row)
    r_j   correlation of m_uj with the labels of the units
    s     score of a row with the standardised features f_j: Σ_j r_j^k f_j, with k = 5 or 15

A high power selects the strongest features without a choice of their number.

The correlations of all shuffles are one matrix product. Features are scaled by the training
speakers of each split alone. A score is therefore a function of training speakers, and its mean
over the rows of a speaker has an expectation that does not depend on the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.attack.attackers import banks, ties
from sordino.attack.attackers.kernels import KERNEL_FAMILIES, Scores, mean_operator
from sordino.attack.splits import Split, SplitPlan
from sordino.types import Matrix, Rows

SCREENS: Final[Mapping[str, Mapping[str, banks.Bank]]] = {
    "single": {
        "each dimension": banks.values,
        "each principal component": banks.principal(banks.values),
        "functions of each dimension": banks.functions,
        "functions of each principal component": banks.principal(banks.functions),
        "order of a row": banks.ordered,
    },
    "waves": {"each dimension": banks.waves, "two dimensions": banks.wave_pairs},
    "products": {
        "two dimensions": banks.dimension_pairs,
        "two principal components": banks.principal(banks.dimension_pairs),
        "three dimensions": banks.triples,
    },
    "digits": {"digits": banks.digits, "equal values": banks.equal_values},
}
"""Family to its banks by title."""

SCREEN_FAMILIES: Final = tuple(SCREENS)
"""The families of this module."""

TABLE_FAMILIES: Final = (*KERNEL_FAMILIES, *SCREEN_FAMILIES)
"""Kernels and screens: the families that score hundreds of shuffles at the cost of one."""

WEIGHTS: Final = (5, 15)
"""Powers of r that weigh features: many weak features, and the few strongest."""

IN_SAMPLE_BANKS: Final = ("each dimension", "each principal component")
"""Banks with a test of the largest correlation over all speakers, see `scores`."""


def scores(
    x: NDArray[np.floating],
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows,
    within: bool,
    families: Sequence[str] = SCREEN_FAMILIES,
) -> Iterator[Scores]:
    """Scores of each screen of these families on the rows that the plan scores.

    `x` `(n, d)`; `labels` `(n, columns)`; `speaker` `(n,)` are codes from 0. Labels that change
    `within` speakers are correlated row by row, others over the means of speakers. For these the
    dimension with the largest correlation over *all* speakers is an attacker `in_sample` too: it
    finds one dimension of a thousand, which a selection on fewer speakers misses.
    """
    vectors: Matrix = np.asarray(x, np.float64)
    copies = ties.copies(vectors)
    for family in families:
        for title, bank in SCREENS.get(family, {}).items():
            for name, values in screen(vectors, labels, plan, speaker, within, bank):
                yield Scores(family, f"{title}, {name}", ties.same(values, copies, plan))
            if family == "single" and title in IN_SAMPLE_BANKS and not within:
                blocks = bank(vectors, np.arange(len(x)), speaker)
                values = _largest(blocks, labels, speaker)
                name = f"{title}, the largest correlation"
                yield Scores(family, name, values, per_speaker=True, in_sample=True)


def screen(
    x: Matrix,
    labels: Matrix,
    plan: SplitPlan,
    speaker: Rows,
    within: bool,
    bank: banks.Bank = banks.rows,
) -> list[tuple[str, Matrix]]:
    """Name and scores `(n, columns)` of the attackers on one bank, one for each of `WEIGHTS`; the
    default has the dimensions themselves. See `scores`.
    """
    values = np.full((len(WEIGHTS), *labels.shape), np.nan)
    units = np.arange(len(x)) if within else speaker
    for split in plan.splits:
        values[:, split.test] = _screen(bank(x, split.train, speaker), labels, split, units)
    return [(f"weighted by r^{power}", part) for power, part in zip(WEIGHTS, values, strict=True)]


def _screen(blocks: Iterator[Matrix], labels: Matrix, split: Split, unit: Rows) -> Matrix:
    """Scores of the test rows with each of `WEIGHTS`, `(weights, rows, columns)`."""
    codes, first, inverse = np.unique(unit[split.train], return_index=True, return_inverse=True)
    targets = _standardise(labels[split.train][first])[0] / len(codes)
    noise = extra_noise(np.bincount(inverse))
    scores = np.zeros((len(WEIGHTS), len(split.test), labels.shape[1]))
    for features in blocks:
        if not features.shape[1]:
            continue
        train = features[split.train]
        extra = noise * train.var(axis=0) if noise else 0.0
        means, centre, spread = _standardise(_means(train, inverse, len(codes)), extra)
        r = means.T @ targets
        varied = spread > 0
        z = np.where(varied, (features[split.test] - centre) / np.where(varied, spread, 1.0), 0.0)
        for index, power in enumerate(WEIGHTS):
            scores[index] += z @ r**power
    return scores


def _largest(blocks: Iterator[Matrix], labels: Matrix, speaker: Rows) -> Matrix:
    """The mean of each speaker in the feature with the largest correlation, `(speakers, columns)`,
    positive where its label is high. With the extra noise the variance is 1.
    """
    first = np.unique(speaker, return_index=True)[1]
    targets = _standardise(labels[first])[0] / len(first)
    (features,) = blocks
    if not features.shape[1]:
        return np.zeros(targets.shape)
    noise = extra_noise(np.bincount(speaker)) * features.var(axis=0)
    means, _, _ = _standardise(_means(features, speaker, len(first)), noise)
    r = means.T @ targets
    top = np.abs(r).argmax(axis=0)
    largest: Matrix = means[:, top] * np.sign(r[top, np.arange(len(top))])
    return largest


def extra_noise(count: Rows) -> float:
    """The variance to add to that of the means of units, for a feature of variance 1: twice that of
    the mean of few rows (the lowest tenth of units) minus the mean one. 0 for equal row counts.

    With few rows, the mean of a rare feature is 0 for nearly all speakers. It is not 0 for speakers
    with many rows, so the feature would read the number of rows. And a variance that comes from the
    speakers with few rows alone is an estimate of few degrees of freedom: correlations have longer
    tails than on shuffles, where all speakers mix.
    """
    return float(2 * (1 / np.quantile(count, 0.1, method="lower") - np.mean(1 / count)))


def _means(features: Matrix, code: Rows, units: int) -> Matrix:
    """The mean of each unit's rows, `(units, features)`."""
    if units == len(features):
        return features[np.argsort(code)]
    means: Matrix = mean_operator(code) @ features
    return means


def _standardise(values: Matrix, extra: Matrix | float = 0.0) -> tuple[Matrix, Matrix, Matrix]:
    """Columns of mean 0, divided by their standard deviation, and both; `extra` is added to the
    variance. Constant columns are 0, with a standard deviation of 0.
    """
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-300), spread, 0.0)
    varied = spread > 0
    spread = np.where(varied, np.sqrt(spread**2 + extra), 0.0)
    scaled = np.where(varied, (values - mean) / np.where(varied, spread, 1.0), 0.0)
    return scaled, mean, spread
