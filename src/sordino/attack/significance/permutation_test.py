"""Whether vectors say anything of a secret: one exact test for the best of many attackers.

What every attacker reaches is brought to one scale by its own mean and spread over shuffles of the
secret; the largest decides (the maximum statistic of Westfall and Young 1993). Shuffles are of
*speakers* for a secret that is constant within them: an utterance-level test takes what speakers
differ in for what genders differ in, and calls a leak where there is none.

    T_c,p   what attacker c reaches on shuffle p (0: the secret itself)
    Z_c,p = (T_c,p - mean_p T_c,p) / sd_p T_c,p
    p     = the share of the shuffles, 0 among them, with max_c Z_c,p >= max_c Z_c,0

T is the area under the ROC curve of single utterances, and for a secret between speakers also
Fisher's z of the correlation of the secret with the mean score of each speaker: an area would stop
at 1, where shuffles are too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sordino.attack.attackers import ties
from sordino.attack.attackers.kernels import FAMILIES, Scores, known_families, scores, vectors
from sordino.attack.attackers.scaling import ROUNDING, finite
from sordino.attack.secret import LEVEL, Secret
from sordino.attack.splits import crossfit
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

Answer = Literal["leak", "no leak found", "cannot tell"]

BLIND: Final = 0.7
"""A test that would not call this AUC a leak cannot say that it found none."""

_SURE: Final = 1 - 1e-6
"""No correlation counts as nearer to 1: Fisher's z stays finite."""


@dataclass(frozen=True)
class Reached:
    """One attacker before the secret and its shuffles."""

    family: str
    setting: str
    pooled: bool
    """Whether it sees all utterances of a speaker."""
    reached: Matrix
    """T on the secret, then on each shuffle, `(1 + shuffles,)`."""
    auc: Matrix
    """Its AUC, likewise."""


@dataclass(frozen=True)
class Decision:
    """What the test says of a secret."""

    answer: Answer
    p: float
    """How likely chance alone would look as good to the best of all attackers."""
    needed: float
    """The least AUC of single utterances that would have been called a leak, about: the best of all
    attackers reaches it on 5 % of the shuffles.
    """
    by_attacker: tuple[tuple[str, str, bool, float, float], ...]
    """Family, setting, whether pooled, AUC and p of each attacker, the best of all accounted for;
    the best first.
    """
    why: str
    """In a sentence where nobody can tell."""


def labels(secret: Secret, table: Matrix) -> Matrix:
    """The columns that attackers learn: values of two, ranks of a continuous secret, or each class
    against the rest.

    `table` `(n, columns)` as from `Secret.shuffles`, to `(n, classes · columns)`, or `(n, columns)`
    for two classes.
    """
    if not secret.classes:
        ranks: Matrix = rankdata(table, axis=0) / len(table)
        return ranks
    if len(secret.classes) == 2:
        return table
    return np.hstack([(table == code).astype(np.float64) for code in range(len(secret.classes))])


def reach(secret: Secret, table: Matrix, said: Scores) -> list[Reached]:
    """What an attacker reaches: on utterances, and where the secret is constant within speakers on
    whole speakers.
    """
    found = []
    values = said.values
    if not said.whole:
        auc = areas(secret, table, values)
        found.append(Reached(said.family, said.setting, False, auc, auc))
        values = _means(secret, values)
    if not secret.within:
        own = table[secret.first]
        found.append(
            Reached(
                said.family,
                said.setting,
                True,
                _fisher(secret, own, values),
                areas(secret, own, values),
            )
        )
    return found


def _means(secret: Secret, values: Matrix) -> Matrix:
    """The mean of each speaker's rows, `(speakers, columns)`."""
    sums = np.zeros((secret.speaker.max() + 1, values.shape[1]))
    np.add.at(sums, secret.speaker, values)
    means: Matrix = sums / np.bincount(secret.speaker)[:, None]
    return means


def _fisher(secret: Secret, table: Matrix, values: Matrix) -> Matrix:
    """Fisher's z of the correlation of labels and scores, the mean over classes, of each column."""
    truth = labels(secret, table)
    z = np.arctanh(np.clip(_correlation(values, truth), -_SURE, _SURE))
    mean: Matrix = z.reshape(-1, table.shape[1]).mean(axis=0)
    return mean


def _correlation(one: Matrix, other: Matrix) -> Matrix:
    """Of each column of one with that of the other; 0 where either is constant."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    squares = [(some**2).sum(axis=0) for some in (a, b)]
    least = [len(some) * (ROUNDING * np.abs(some).max(axis=0)) ** 2 for some in (one, other)]
    varied = (squares[0] > least[0]) & (squares[1] > least[1])  # else what is left is rounding
    correlation: Matrix = (a * b).sum(axis=0) / np.maximum(np.sqrt(squares[0] * squares[1]), 1e-300)
    return np.where(varied, correlation, 0.0)


def areas(secret: Secret, table: Matrix, values: Matrix) -> Matrix:
    """The AUC of each column; the mean over classes against the rest, or (1 + Spearman's ρ) / 2 of
    a continuous one.
    """
    ranks = ties.ranks(values)
    if not secret.classes:
        return (1 + _correlation(ranks, rankdata(table, axis=0))) / 2
    columns = table.shape[1]
    codes = [1] if len(secret.classes) == 2 else range(len(secret.classes))
    parts = [
        _area(table == code, ranks[:, place * columns : (place + 1) * columns])
        for place, code in enumerate(codes)
    ]
    mean: Matrix = np.mean(parts, axis=0)
    return mean


def _area(positive: NDArray[np.bool_], ranks: Matrix) -> Matrix:
    ones = positive.sum(axis=0)
    pairs = ones * (len(positive) - ones)
    area: Matrix = ((ranks * positive).sum(axis=0) - ones * (ones + 1) / 2) / pairs
    return area


def decide(secret: Secret, fold: Rows, attackers: Iterable[Reached]) -> Decision:
    """The verdict on what some attackers found; `fold` says how many arrangements there are to
    compare with.
    """
    every = list(attackers)
    reached = np.stack([one.reached for one in every])
    spread = reached.std(axis=1, keepdims=True)
    z = np.where(
        spread > 1e-12,
        (reached - reached.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-12),
        0.0,
    )
    most = z.max(axis=0)
    single = np.stack([one.auc for one in every if not one.pooled])
    needed = float(np.quantile(single.max(axis=0)[1:], 1 - LEVEL, method="higher"))
    p = _share(most, most[0])
    listed = [
        (one.family, one.setting, one.pooled, float(one.auc[0]), _share(most, own))
        for one, own in zip(every, z[:, 0], strict=True)
    ]
    order = np.argsort(-z[:, 0], kind="stable")
    ways = secret.arrangements(fold)
    why = _too_few(ways, reached.shape[1] - 1, needed)
    answer: Answer = "leak" if p <= LEVEL else "cannot tell" if why else "no leak found"
    return Decision(
        answer,
        p,
        needed,
        tuple(listed[place] for place in order),
        "" if answer != "cannot tell" else why,
    )


def _share(most: Matrix, own: float) -> float:
    return float(np.mean(most >= own - 1e-9))


def _too_few(ways: float, shuffles: int, needed: float) -> str:
    if shuffles + 1 < 1 / LEVEL:
        return (
            f"{shuffles} shuffles are too few, {1 / LEVEL - 1:.0f} are the least that tell a leak"
        )
    if ways < 1 / LEVEL:
        return f"the secret can be shuffled in {ways:.0f} ways, and fewer than {1 / LEVEL:.0f} cannot tell a leak"
    if needed > BLIND:
        return f"with so few speakers only an AUC above {needed:.2f} would have been called a leak"
    return ""


def judge(
    x: NDArray[np.floating[Any]],
    secret: Secret,
    *,
    families: Sequence[str] = FAMILIES,
    shuffles: int = 199,
    seed: int = 0,
) -> Decision:
    """Whether vectors `x` `(n, d)` say anything of a secret.

    Raises `AttackError` for vectors that are missing or not finite, and for an unknown family.

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
    known_families(families)
    x = finite(vectors(x))
    if len(x) != len(secret.values) or shuffles < 1:
        raise AttackError(
            f"{len(x)} vectors for {len(secret.values)} secrets and {shuffles} shuffles, "
            "expected one each a row, and a shuffle: align the rows"
        )
    fold = secret.folds(seed)
    table = secret.shuffles(fold, shuffles, seed)
    said = scores(
        x,
        labels(secret, table),
        crossfit(fold),
        None if secret.within else secret.speaker,
        families,
    )
    return decide(secret, fold, (one for of in said for one in reach(secret, table, of)))
