"""Who learns from whom: the rows that attackers learn from, and the rows that they score.

crossfit   each fold of speakers is scored by attackers who learnt from the other folds; all are measured
held       the attacker's own speakers are cross-fitted, to choose by; others are scored by who learnt from all of
           them, and only those are measured
checked    one part is learnt from, one chooses, one is measured
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.types import Rows


class Side(NamedTuple):
    """Row positions; no row is in both."""

    own: Rows
    """Learnt from."""
    test: Rows
    """Scored."""


@dataclass(frozen=True)
class Plan:
    """Sides in which no row is scored twice."""

    sides: tuple[Side, ...]
    measured: tuple[int, ...]
    """Which of them are measured; the others are scored to choose by."""

    def choosing(self, side: int) -> list[int]:
        """The sides that an attacker of this one is chosen on: others, and where some are there for
        it, those alone.
        """
        choosing = [
            place for place in range(len(self.sides)) if place not in self.measured
        ] or self.measured
        return [place for place in choosing if place != side]

    def others(self, side: int) -> Rows:
        """The rows that an attacker of this side is chosen by: those scored on the sides that it is
        chosen on.
        """
        return np.concatenate([self.sides[place].test for place in self.choosing(side)])

    @property
    def known(self) -> Rows:
        """All rows that somebody learns from, ascending: they alone decide scales."""
        return np.unique(np.concatenate([side.own for side in self.sides]))

    def of_people(self, speaker: Rows) -> Plan:
        """The same plan of whole speakers; `speaker` `(n,)` are codes from 0, each on one part of a
        side.
        """
        people = tuple(
            Side(np.unique(speaker[own]), np.unique(speaker[test])) for own, test in self.sides
        )
        return Plan(people, self.measured)


def crossfit(fold: Rows) -> Plan:
    """Every fold scored by who learnt from the others; rows of a negative one take no part.

    >>> [side.test.tolist() for side in crossfit(np.array([0, 1, 0])).sides]
    [[0, 2], [1]]
    """
    codes = np.unique(fold[fold >= 0])
    sides = tuple(
        Side(np.flatnonzero((fold != one) & (fold >= 0)), np.flatnonzero(fold == one))
        for one in codes
    )
    return Plan(sides, tuple(range(len(codes))))


def held(own: Rows, test: Rows, fold: Rows) -> Plan:
    """Tested rows scored by who learnt from all own rows; these are cross-fitted, `fold`
    `(len(own),)`.

    >>> plan = held(np.array([0, 1]), np.array([2]), np.array([0, 1]))
    >>> plan.sides[plan.measured[0]].own.tolist(), plan.others(plan.measured[0]).tolist()
    ([0, 1], [0, 1])
    """
    inner = tuple(Side(own[fold != one], own[fold == one]) for one in np.unique(fold))
    return Plan((*inner, Side(own, test)), (len(inner),))


def checked(own: Rows, validation: Rows, test: Rows) -> Plan:
    """Tested rows scored by who learnt from own rows and was chosen by validation rows."""
    return Plan((Side(own, validation), Side(own, test)), (1,))


def deal(speaker: NDArray[np.str_], secret: NDArray[np.intp], seed: int, count: int) -> Rows:
    """The fold of each row, 0 to `count` - 1, `(n,)`; a speaker is in one fold, whatever the order
    of the rows.

    Speakers are dealt in turn, those with the larger mean of the secret first: folds have alike
    shares of its values.
    """
    names, place = np.unique(speaker, return_inverse=True)
    shares = np.bincount(place, weights=secret) / np.bincount(place)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-shares[order], kind="stable")]
    fold = np.empty(len(names), dtype=np.intp)
    fold[order] = np.arange(len(names)) % count
    return fold[place]
