"""What attackers learn from embeddings: guesses of a secret, by attackers who never saw the speaker they guess.

P of Jaiswal 2020 (section 4.2) is 1 - UAR of such guesses: `sordino.metrics.privacy` of the best attackers' rows, its
interval folded to that of min(P, 1 - P). Attackers are class-balanced, since UAR is; each is tuned, and the best of
them chosen, by cross-validation on its own speakers.

                own speakers              tested on
    privacy     D2                        D1, or any other speakers
    crossfit    D2 without one fold       that fold of speakers; each fold in turn
    closed      some utterances           other utterances of the same people

Beside every P stands its `null`: what the same attackers get where there is nothing to get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import attackers
from sordino.attack.guesses import Found, Rows, Side, found, patient, usable
from sordino.attack.run import QUICK
from sordino.errors import AttackError

__all__ = ["Null", "closed", "crossfit", "null", "patient", "privacy"]


def privacy(
    e: NDArray[np.float32],
    secret: Rows,
    speaker: NDArray[np.str_],
    own: Rows,
    test: Rows,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> Found:
    """Guesses on `test` rows by attackers who learnt from `own` rows, which are of other speakers.

    Embeddings `e` `(n, k)`, `secret` `(n,)` codes from 0 (-1: unknown, such rows are left out), `speaker` `(n,)`, row
    positions `own` and `test`. The paper's P has D2 as its own rows and D1, where the network was trained, as the test.
    Where the tested rows have one value of the secret, there are guesses but their UAR is NaN. Raises `AttackError` for
    vectors that are missing, a speaker on both sides, or fewer than two own speakers for a value.
    """
    own, test = usable(e, secret, speaker, [own, test], families)
    both = sorted(set(speaker[own]) & set(speaker[test]))
    if both:
        raise AttackError(f"speaker {both[0]} is learnt from and tested, expected one of it: use crossfit or closed")
    folds = attackers.grouped_folds(speaker[own], secret[own], seed)
    return found(e, secret, speaker, [_side(e, secret, own, test, folds, families, seed)])


def crossfit(
    e: NDArray[np.float32],
    secret: Rows,
    speaker: NDArray[np.str_],
    own: Rows,
    test: Rows | None = None,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> Found:
    """Guesses on `test` rows, whose speakers are the attacker's `own` too, by attackers who never saw that speaker.

    The tested speakers are dealt to `attackers.FOLDS` folds; each is guessed by attackers tuned and fitted on all own
    speakers outside it. Without `test` all own rows are tested: the most that few speakers give. Otherwise as
    `privacy`.
    """
    own, test = usable(e, secret, speaker, [own, own if test is None else test], families)
    sides = []
    for theirs, tested in _left_out(secret, speaker, own, test, seed):
        folds = attackers.grouped_folds(speaker[theirs], secret[theirs], seed)
        sides.append(_side(e, secret, theirs, tested, folds, families, seed))
    return found(e, secret, speaker, sides)


def closed(
    e: NDArray[np.float32],
    secret: Rows,
    speaker: NDArray[np.str_],
    own: Rows,
    test: Rows,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> Found:
    """Guesses on other utterances of the very people whom the attacker learnt from: which of them is it?

    The secret is usually the speaker, `np.unique(speaker, return_inverse=True)[1]`; any number of values will do, and
    chance is 1 / values. Attackers are tuned by utterance. Tested rows of a value that no own row has are left out.
    Raises `AttackError` for a row on both sides, or a value with fewer than two own rows.
    """
    own, test = usable(e, secret, speaker, [own, test[np.isin(secret[test], secret[own])]], families)
    if np.intersect1d(own, test).size:
        raise AttackError("a row is learnt from and tested, expected one of it: split each speaker's utterances")
    each = np.array([f"{row:09d}" for row in own])
    folds = attackers.grouped_folds(each, secret[own], seed)
    return found(e, secret, speaker, [_side(e, secret, own, test, folds, families, seed)])


@dataclass(frozen=True)
class Null:
    """UARs of an attack where there is nothing to learn: one of each shuffle of the secret over speakers."""

    uar: tuple[float, ...]

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The range in which one more UAR would lie with this probability: what lies inside it means nothing.

        (1 + confidence) / (1 - confidence) shuffles are the least that tell it, 39 for 0.95 and 19 for 0.9: the limits
        are their smallest and largest UAR. Fewer give these too.

        >>> Null((0.0, 0.25, 0.5, 0.75, 1.0)).limits(0.5)
        (0.125, 0.875)
        """
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.uar, [tail, 1 - tail], method="weibull")
        return float(low), float(high)

    def privacy_limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The same range of P = 1 - UAR."""
        low, high = self.limits(confidence)
        return 1 - high, 1 - low

    def p_value(self, uar: float) -> float:
        """The share of UARs at least as high, the found one counted as one of them (Phipson and Smyth 2010).

        >>> Null((0.3, 0.4, 0.5)).p_value(0.9)
        0.25
        """
        return (1 + sum(one >= uar for one in self.uar)) / (1 + len(self.uar))

    @staticmethod
    def mean(nulls: Sequence[Null]) -> Null:
        """The null of a mean over folds, from the null of each with as many shuffles.

        >>> Null.mean([Null((0.25, 0.5)), Null((0.75, 0.5))])
        Null(uar=(0.5, 0.5))
        """
        return Null(tuple(np.mean([one.uar for one in nulls], axis=0).tolist()))


def null(
    of: Found,
    e: NDArray[np.float32],
    secret: Rows,
    speaker: NDArray[np.str_],
    ks: Sequence[int] = (1,),
    shuffles: int = 39,
    seed: int = 0,
) -> dict[int, Null]:
    """The `Null` of what `privacy` or `crossfit` found with the same `e`, `secret` and `speaker`, for each k of `ks`.

    Values of the secret are shuffled among the tested speakers and among the others, so that numbers stay. Folds are
    dealt and the best attacker of each is fitted anew; it keeps its family and hyper-parameters, which is what makes a
    null cheap. (Where there was nothing to learn, a tuned SVM reached p <= 0.05 in 5 % of 150 trials all the same.)
    Few speakers have few shuffles, some of them near the truth: a real leak widens its own null.

    Raises `AttackError` for a secret that changes within a speaker, or guesses of speakers whom the attacker saw.
    """
    test = np.concatenate([side.test for side in of.sides])
    everyone = np.union1d(test, np.concatenate([side.own for side in of.sides]))
    names, first, person = np.unique(speaker[everyone], return_index=True, return_inverse=True)
    values = secret[everyone][first]
    if (values[person] != secret[everyone]).any() or any(
        np.isin(speaker[side.test], speaker[side.own]).any() for side in of.sides
    ):
        raise AttackError(
            "a secret within speakers or a closed set, expected one value a speaker: chance is 1 / values"
        )
    tested = np.isin(names, speaker[test])
    found_uars: dict[int, list[float]] = {k: [] for k in ks}
    for shuffle in range(shuffles):
        random, mixed, shuffled = np.random.default_rng([seed, shuffle]), values.copy(), secret.copy()
        for group in (tested, ~tested):
            mixed[group] = random.permutation(values[group])
        shuffled[everyone] = mixed[person]
        table = _again(of, e, shuffled, speaker, everyone, seed + shuffle).guesses
        for k in ks:
            pooled = table if k == 1 else patient(table, k, shuffle)
            found_uars[k].append(metrics.uar(pooled["truth"].to_numpy(), pooled["prediction"].to_numpy()))
    return {k: Null(tuple(uars)) for k, uars in found_uars.items()}


def _again(
    of: Found, e: NDArray[np.float32], secret: Rows, speaker: NDArray[np.str_], everyone: Rows, seed: int
) -> Found:
    """The same attack on another secret: the best attacker of each side is fitted as it was tuned."""
    test = np.concatenate([side.test for side in of.sides])
    several = _left_out(secret, speaker, everyone, test, seed) if len(of.sides) > 1 else []
    sides = []
    for before, (own, tested) in zip(of.sides, several or [(of.sides[0].own, of.sides[0].test)], strict=True):
        fitted = attackers.refit(before.best, np.asarray(e[own], np.float32), secret[own], balanced=True)
        sides.append(Side(own, tested, (fitted,)))
    return found(e, secret, speaker, sides)


def _left_out(secret: Rows, speaker: NDArray[np.str_], own: Rows, test: Rows, seed: int) -> list[tuple[Rows, Rows]]:
    """Each fold of tested rows, and before it the own rows of all speakers who are not in it."""
    count = min(attackers.FOLDS, len(np.unique(speaker[test])))
    fold = attackers.deal(speaker[test], secret[test], seed, count)
    parts = [test[fold == k] for k in range(count)]
    return [(own[~np.isin(speaker[own], speaker[part])], part) for part in parts]


def _side(
    e: NDArray[np.float32],
    secret: Rows,
    own: Rows,
    test: Rows,
    folds: attackers.Folds,
    families: Sequence[str],
    seed: int,
) -> Side:
    x, known = np.asarray(e[own], np.float32), secret[own]
    return Side(own, test, tuple(attackers.fit(one, x, known, folds, seed, balanced=True) for one in families))
