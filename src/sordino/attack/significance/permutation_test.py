"""Whether vectors leak a secret: one exact permutation test for the best of many attackers.

The statistic of every attacker is standardised by its own mean and standard deviation over shuffles
of the secret, and the largest decides (the maximum statistic of Westfall and Young 1993). A secret
that is constant within speakers is shuffled over *speakers*. A test that shuffles utterances takes
differences between speakers for differences between genders, and reports a leak where none is.

    T_c,p   statistic of attacker c on shuffle p (0: the secret itself)
    Z_c,p = (T_c,p - mean_p T_c,p) / sd_p T_c,p
    p     = the share of the shuffles, 0 among them, with max_c Z_c,p >= max_c Z_c,0

T is the area under the ROC curve of single utterances. For a secret between speakers it also is
Fisher's z of the correlation of the secret with the mean score of each speaker, because an area
saturates at 1, which shuffles reach too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sordino.attack.attackers import screens, ties
from sordino.attack.attackers.kernels import (
    Scores,
    check_families,
    check_vectors,
    mean_operator,
    scores,
)
from sordino.attack.attackers.scaling import ROUNDING, in_range
from sordino.attack.secret import TEST_LEVEL, Secret
from sordino.attack.splits import crossfit
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

Answer = Literal["leak", "no leak found", "cannot tell"]

BLIND_AUC: Final = 0.7
"""If a test would not report this AUC as a leak, its negative result is no evidence."""

BENDS: Final = (2, 3)
"""Half waves of the rank of a continuous secret that attackers predict beside the rank."""

_MAX_CORRELATION: Final = 1 - 1e-6
"""Correlations are clipped here, so that Fisher's z is finite."""


@dataclass(frozen=True)
class AttackerStatistic:
    """The statistic of one attacker on the secret and on its shuffles."""

    family: str
    setting: str
    pooled: bool
    """Whether it uses all utterances of a speaker."""
    statistic: Matrix
    """T on the secret, then on each shuffle, `(1 + shuffles,)`."""
    auc: Matrix
    """The AUC on the same, `(1 + shuffles,)`."""


@dataclass(frozen=True)
class Decision:
    """The result of the test of a secret."""

    answer: Answer
    p: float
    """The p-value of the best of all attackers."""
    needed: float
    """The approximate AUC of single utterances that an attacker must *reach* to be reported: the
    best of all attackers reaches it on 5 % of the shuffles. The best possible attacker may have a
    higher AUC: see `power`.
    """
    by_attacker: tuple[tuple[str, str, bool, float, float], ...]
    """Family, setting, whether pooled, AUC and p of each attacker, corrected for selecting the best
    attacker; the best first.
    """
    why: str
    """The reason in one sentence, if the answer is `cannot tell`."""
    critical: float = float("nan")
    """The standardised statistic above which the test reports a leak."""
    too_small: str = ""
    """The reason why the test has too few shuffles or arrangements to report any leak at its level;
    empty if it has enough. Such a test has no power.
    """


def label_columns(secret: Secret, table: Matrix) -> Matrix:
    """The training labels: the values of a binary secret, ranks of a continuous secret, or each
    class against the rest.

    From `table` `(n, columns)` of `Secret.shuffles` to `(n, classes · columns)`, or `(n, columns)`
    for a binary or continuous secret.
    """
    if not secret.classes:
        ranks: Matrix = rankdata(table, axis=0) / len(table)
        return ranks
    if len(secret.classes) == 2:
        return table
    return np.hstack([(table == code).astype(np.float64) for code in range(len(secret.classes))])


BentSecrets = Sequence[tuple[Secret, Matrix]]
"""A continuous secret and its shuffles with each of `BENDS`; empty for classes."""


def bent_secrets(secret: Secret, table: Matrix) -> BentSecrets:
    """The bent ranks of a continuous secret and of its shuffles `(n, columns)` (`Secret.bent`)."""
    return [] if secret.classes else [secret.bent(table, count) for count in BENDS]


def columns_of_test(secret: Secret, table: Matrix, bent: BentSecrets) -> Matrix:
    """`label_columns`, followed by those of `bent_secrets`."""
    return np.hstack([label_columns(secret, table), *(columns for _, columns in bent)])


def attacker_statistics(
    secret: Secret, table: Matrix, attacker: Scores, bent: BentSecrets = ()
) -> list[AttackerStatistic]:
    """The statistics of an attacker: on utterances, and on whole speakers if the secret is constant
    within them. The scores are of `label_columns`, or of `columns_of_test` with `bent`.
    """
    ranks, *of_bent = np.split(attacker.values, 1 + len(bent), axis=1)
    parts = [(secret, table, replace(attacker, values=ranks))]
    parts += [
        (
            *part,
            replace(attacker, values=values, setting=f"{attacker.setting}, rank bent {count}"),
        )
        for count, part, values in zip(BENDS, bent, of_bent, strict=False)
    ]
    return [item for part in parts for item in _statistics(*part)]


def _statistics(secret: Secret, table: Matrix, attacker: Scores) -> list[AttackerStatistic]:
    statistics = []
    family, setting, values = attacker.family, attacker.setting, attacker.values
    extra: Matrix | float = 0.0
    if attacker.in_sample:
        extra = np.maximum(1 - values.var(axis=0), 0.0)  # see `screens.scores`
    if not attacker.per_speaker:
        auc = areas(secret, table, values, _row_weights(secret))
        statistics.append(AttackerStatistic(family, setting, False, auc, auc))
        extra = screens.extra_noise(np.bincount(secret.speaker)) * values.var(axis=0)
        values = _speaker_means(secret, values)
    if not secret.within:
        speakers = table[secret.first]
        z, auc = _fisher_z(secret, speakers, values, extra), areas(secret, speakers, values)
        statistics.append(AttackerStatistic(family, setting, True, z, auc))
    return statistics


def _speaker_means(secret: Secret, values: Matrix) -> Matrix:
    """The mean of each speaker's rows, `(speakers, columns)`."""
    means: Matrix = mean_operator(secret.speaker) @ values
    return means


def _fisher_z(secret: Secret, table: Matrix, values: Matrix, extra: Matrix | float = 0.0) -> Matrix:
    """Fisher's z of the correlation of labels and scores, the mean over classes, of each column.

    `extra` is added to the variance of scores: see `screens.extra_noise`.
    """
    truth = label_columns(secret, table)
    variance = values.var(axis=0)
    shrunk = np.sqrt(variance / np.maximum(variance + extra, 1e-300))
    r = _correlation(values, truth) * shrunk
    z = np.arctanh(np.clip(r, -_MAX_CORRELATION, _MAX_CORRELATION))
    mean: Matrix = z.reshape(-1, table.shape[1]).mean(axis=0)
    return mean


def _correlation(x: Matrix, y: Matrix, weight: Matrix | None = None) -> Matrix:
    """The correlation of each column of `x` with that of `y`; 0 if either is constant."""
    share = np.full(len(x), 1 / len(x)) if weight is None else weight / weight.sum()
    a, b = x - share @ x, y - share @ y
    squares = [share @ centred**2 for centred in (a, b)]
    noise = [(ROUNDING * np.abs(z).max(axis=0)) ** 2 for z in (x, y)]
    varied = (squares[0] > noise[0]) & (squares[1] > noise[1])  # else the variance is rounding
    correlation: Matrix = (share @ (a * b)) / np.maximum(np.sqrt(squares[0] * squares[1]), 1e-300)
    return np.where(varied, correlation, 0.0)


def _row_weights(secret: Secret) -> Matrix | None:
    """Weights of rows that give all speakers the same weight; `None` for equal weights.

    Shuffles mix speakers with few and with many rows. Without weights, an AUC of few rows of men
    and many of women varies more than on shuffles.
    """
    count = np.bincount(secret.speaker)
    if secret.within or (count == count[0]).all():
        return None
    weight: Matrix = count.mean() / count[secret.speaker]
    return weight


def areas(secret: Secret, table: Matrix, values: Matrix, weight: Matrix | None = None) -> Matrix:
    """The AUC of each column; the mean over classes against the rest, or (1 + Spearman's ρ) / 2 for
    a continuous secret. Rows may have weights `(n,)`.
    """
    ranks = ties.ranks(values, weight)
    if not secret.classes:
        return (1 + _correlation(ranks, ties.ranks(table, weight), weight)) / 2
    columns = table.shape[1]
    codes = [1] if len(secret.classes) == 2 else range(len(secret.classes))
    weight = np.ones(len(table)) if weight is None else weight
    parts = [
        _rank_area(table == code, ranks[:, index * columns : (index + 1) * columns], weight)
        for index, code in enumerate(codes)
    ]
    mean: Matrix = np.mean(parts, axis=0)
    return mean


def _rank_area(positive: NDArray[np.bool_], ranks: Matrix, weight: Matrix) -> Matrix:
    ones = weight @ positive
    pairs = ones * (weight.sum() - ones)
    area: Matrix = (weight @ (ranks * positive) - ones**2 / 2) / pairs
    return area


def conclude(secret: Secret, fold: Rows, statistics: Iterable[AttackerStatistic]) -> Decision:
    """The verdict from the statistics of all attackers; `fold` decides the number of
    arrangements.
    """
    attackers = list(statistics)
    values = np.stack([attacker.statistic for attacker in attackers])
    spread = values.std(axis=1, keepdims=True)
    z = np.where(
        spread > 1e-12,
        (values - values.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-12),
        0.0,
    )
    largest = z.max(axis=0)
    single = np.stack([attacker.auc for attacker in attackers if not attacker.pooled])
    needed = float(np.quantile(single.max(axis=0)[1:], 1 - TEST_LEVEL, method="higher"))
    p = _p_value(largest, largest[0])
    table = [
        (a.family, a.setting, a.pooled, float(a.auc[0]), _p_value(largest, score))
        for a, score in zip(attackers, z[:, 0], strict=True)
    ]
    order = np.argsort(-z[:, 0], kind="stable")
    too_small = _too_small(secret.arrangements(fold), values.shape[1] - 1)
    why = too_small
    if not why and needed > BLIND_AUC:
        why = f"with so few speakers an attacker must reach an AUC above {needed:.2f}"
    answer: Answer
    answer = "leak" if p <= TEST_LEVEL else "cannot tell" if why else "no leak found"
    ordered = tuple(table[index] for index in order)
    critical = float(np.quantile(largest, 1 - TEST_LEVEL, method="higher"))
    why = why if answer == "cannot tell" else ""
    return Decision(answer, p, needed, ordered, why, critical, too_small)


def _p_value(largest: Matrix, score: float) -> float:
    return float(np.mean(largest >= score - 1e-9))


def _too_small(arrangements: float, shuffles: int) -> str:
    smallest = 1 / TEST_LEVEL
    if shuffles + 1 < smallest:
        return f"{shuffles} shuffles are too few, a test at level 0.05 needs {smallest - 1:.0f}"
    if arrangements < smallest:
        return (
            f"the secret can be shuffled in {arrangements:.0f} ways, a test at level 0.05 needs "
            f"{smallest:.0f}"
        )
    return ""


def judge(
    x: NDArray[np.floating[Any]],
    secret: Secret,
    *,
    families: Sequence[str] = screens.TABLE_FAMILIES,
    shuffles: int = 199,
    seed: int = 0,
) -> Decision:
    """Whether vectors `x` `(n, d)` leak a secret.

    Raises `AttackError` for missing vectors, vectors that are not finite, and an unknown family.

    >>> random = np.random.default_rng(0)
    >>> speaker = np.repeat(np.arange(24), 10)
    >>> gender = speaker % 2
    >>> x = np.repeat(random.normal(0, 0.3, (24, 4)), 10, axis=0) + random.normal(size=(240, 4))
    >>> judge(x, Secret.of("gender", gender, speaker), shuffles=39).answer
    'no leak found'
    >>> x[:, 0] += 3 * gender
    >>> judge(x, Secret.of("gender", gender, speaker), shuffles=39).answer
    'leak'
    """
    check_families(families, screens.TABLE_FAMILIES)
    x = in_range(check_vectors(x))
    if len(x) != len(secret.values) or shuffles < 1:
        raise AttackError(
            f"{len(x)} vectors for {len(secret.values)} secrets and {shuffles} shuffles, "
            "expected one each a row, and a shuffle: align the rows"
        )
    fold = secret.folds(seed)
    table = secret.shuffles(fold, shuffles, seed)
    speaker = None if secret.within else secret.speaker
    bent, plan = bent_secrets(secret, table), crossfit(fold)
    labels = columns_of_test(secret, table, bent)
    attackers = chain(
        scores(x, labels, plan, speaker, families),
        screens.scores(x, labels, plan, secret.speaker, secret.within, families),
    )
    return conclude(
        secret,
        fold,
        (
            statistic
            for attacker in attackers
            for statistic in attacker_statistics(secret, table, attacker, bent)
        ),
    )
