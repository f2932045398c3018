"""Who trains, who stops the training and who is tested in the study of Jaiswal 2020.

    five folds   folds k, k+1, k+2   D1: trains the network
                 fold  k+3           stops the training; with fold k+4 it is D2, whom the paper's attacker learns from
                 fold  k+4           tested: primary task, the attribute's head, attackers who learnt from all others
    pairs        one woman and one man are tested, each with each; a quarter of the others' rows stops the training

Pairs are for corpora with too few speakers for folds (MELD). There is no D2 then, and nobody to ask
whether they are a member; who has no known gender takes no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora import split
from sordino.corpora.groups import PARTS, blocks
from sordino.corpora.table import Corpus
from sordino.types import Rows

FOLDS: Final = 5


@dataclass(frozen=True)
class Draw:
    """Row positions of one draw; the tested speakers are in no other part."""

    train: Rows
    stop: Rows
    test: Rows
    folds: bool = True
    """Whether `stop` are other speakers than `train`, as in the paper."""

    @property
    def known(self) -> Rows:
        """All that are not tested: whom an attacker may learn from."""
        return np.union1d(self.train, self.stop)

    @property
    def d2(self) -> Rows:
        """The paper's D2: who is not in the training."""
        return np.union1d(self.stop, self.test)


@dataclass(frozen=True)
class Scene:
    """Labels of all utterances as codes, -1 where unknown, and the draws."""

    labels: dict[str, Rows]
    """Codes of `activation` and `valence` (0 low, 1 mid, 2 high), `gender`, `speaker`."""
    speaker: NDArray[np.str_]
    draws: tuple[Draw, ...]

    @property
    def rows(self) -> Rows:
        """All rows that take part."""
        return np.unique(
            np.concatenate([part for draw in self.draws for part in (draw.known, draw.test)])
        )

    def people(self, rows: Rows) -> list[str]:
        """The names of the speakers of some rows."""
        return sorted(set(self.speaker[rows].tolist()))


def draws(corpus: Corpus, seed: int, sums: NDArray[np.str_]) -> tuple[Draw, ...]:
    """Five folds, or pairs where a gender has speakers for those alone. Raises `SplitError` where
    for neither.
    """
    if _speakers_of_rarer_gender(corpus, sums) in range(PARTS, FOLDS):
        return tuple(
            Draw(rest.train, rest.validation, pair, folds=False)
            for rest, pair in split.pairs(corpus, seed, sums)
        )
    fold = split.folds(corpus, FOLDS, seed, sums)

    def part(tested: int, *places: int) -> Rows:
        return np.flatnonzero(np.isin(fold, [(tested + 1 + place) % FOLDS for place in places]))

    return tuple(Draw(part(k, 0, 1, 2), part(k, 3), part(k, 4)) for k in range(FOLDS))


def _speakers_of_rarer_gender(corpus: Corpus, sums: NDArray[np.str_]) -> int:
    gender, block = corpus.genders(), blocks(corpus, sums)
    return min(len(np.unique(block[gender == code])) for code in (0, 1))
