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

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.attack.attackers import banks, ties
from sordino.attack.attackers.kernels import KERNEL_FAMILIES, Scores, mean_operator
from sordino.attack.attackers.views import AuditRows, SplitView
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

WEIGHT_NAMES: Final = tuple(f"weighted by r^{power}" for power in WEIGHTS)
"""The names of the attackers on one bank."""

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
    copies, table = ties.copies(vectors), AuditRows(vectors, speaker)
    for family in families:
        if family not in SCREENS:
            continue
        for title, values in _cross_fit(table, labels, plan, within, SCREENS[family]).items():
            for name, part in zip(WEIGHT_NAMES, values, strict=True):
                yield Scores(family, f"{title}, {name}", ties.same(part, copies, plan))
            if family == "single" and title in IN_SAMPLE_BANKS and not within:
                (features,) = SCREENS[family][title](SplitView(table, np.arange(len(x))))
                largest = _largest(features, labels, speaker)
                name = f"{title}, the largest correlation"
                yield Scores(family, name, largest, per_speaker=True, in_sample=True)


def screen(
    x: Matrix, labels: Matrix, plan: SplitPlan, speaker: Rows, within: bool
) -> list[tuple[str, Matrix]]:
    """Name and scores `(n, columns)` of the attackers on the dimensions themselves, one for each of
    `WEIGHTS`. See `scores`.
    """
    rows = {"rows": banks.rows}
    (values,) = _cross_fit(AuditRows(x, speaker), labels, plan, within, rows).values()
    return list(zip(WEIGHT_NAMES, values, strict=True))


def _cross_fit(
    table: AuditRows,
    labels: Matrix,
    plan: SplitPlan,
    within: bool,
    banks_by_title: Mapping[str, banks.Bank],
) -> dict[str, Matrix]:
    """Scores of each bank with each of `WEIGHTS`, `(weights, n, columns)`."""
    scores = {title: np.full((len(WEIGHTS), *labels.shape), np.nan) for title in banks_by_title}
    units = np.arange(len(table.x)) if within else table.speaker
    for split in plan.splits:
        view = SplitView(table, split.train)
        for title, bank in banks_by_title.items():
            scores[title][:, split.test] = _screen(bank(view), labels, split, units)
    return scores


def _screen(blocks: Iterator[Matrix], labels: Matrix, split: Split, unit: Rows) -> Matrix:
    """Scores of the test rows with each of `WEIGHTS`, `(weights, rows, columns)`."""
    codes, first, inverse = np.unique(unit[split.train], return_index=True, return_inverse=True)
    targets = _standardise(labels[split.train][first].T)[0].T / len(codes)
    noise, mean = extra_noise(np.bincount(inverse)), _means_of(inverse, split.train, unit)
    scores = np.zeros((len(split.test), len(WEIGHTS) * labels.shape[1]))
    for features in blocks:
        if not len(features):
            continue
        extra = noise * features[:, split.train].var(axis=1) if noise else 0.0
        means, centre, spread = _standardise(mean(features), extra)
        varied = spread > 0
        scale = np.where(varied, 1 / np.where(varied, spread, 1.0), 0.0)
        z = (np.take(features, split.test, axis=1) - centre[:, None]) * scale[:, None]
        scores += z.T @ _powers(means @ targets)
    return scores.reshape(len(split.test), len(WEIGHTS), -1).transpose(1, 0, 2)


def _powers(r: Matrix) -> Matrix:
    """r with each of `WEIGHTS` as power, side by side."""
    fifth = np.square(np.square(r)) * r
    return np.hstack([fifth, fifth * fifth * fifth])


def _largest(features: Matrix, labels: Matrix, speaker: Rows) -> Matrix:
    """The mean of each speaker in the feature with the largest correlation, `(speakers, columns)`,
    positive where its label is high. With the extra noise the variance is 1.
    """
    first = np.unique(speaker, return_index=True)[1]
    targets = _standardise(labels[first].T)[0].T / len(first)
    if not len(features):
        return np.zeros(targets.shape)
    noise = extra_noise(np.bincount(speaker)) * features.var(axis=1)
    means, _, _ = _standardise(features @ mean_operator(speaker).T, noise)
    r = means @ targets
    top = np.abs(r).argmax(axis=0)
    largest: Matrix = means[top].T * np.sign(r[top, np.arange(len(top))])
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


def _means_of(code: Rows, train: Rows, unit: Rows) -> Callable[[Matrix], Matrix]:
    """The function from features `(features, n)` to the mean of each unit's training rows,
    `(features, units)`.
    """
    if len(np.unique(code)) == len(train):
        rows = train[np.argsort(code)]
        return lambda features: np.take(features, rows, axis=1)
    operator = np.zeros((len(unit), code.max() + 1))
    operator[train] = mean_operator(code).T
    return lambda features: features @ operator


def _standardise(values: Matrix, extra: Matrix | float = 0.0) -> tuple[Matrix, Matrix, Matrix]:
    """Rows of mean 0, divided by their standard deviation, and both; `extra` is added to the
    variance. Constant rows are 0, with a standard deviation of 0.
    """
    mean, size = values.mean(axis=1), np.abs(values).max(axis=1)
    centred = values - mean[:, None]
    spread = np.sqrt(np.einsum("ij,ij->i", centred, centred) / values.shape[1])
    varied = spread > 1e-9 * np.maximum(size, 1e-300)
    spread = np.where(varied, np.sqrt(spread**2 + extra), 0.0)
    centred *= np.where(varied, 1 / np.where(varied, spread, 1.0), 0.0)[:, None]
    return centred, mean, spread
