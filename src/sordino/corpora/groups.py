"""Who has to stay together when speakers are dealt, and what a deal has to balance.

Speakers who are heard in each other's recordings (IEMOCAP's sessions) or share a byte-identical
recording stay together: such a group is a *block*. Blocks of the same corpora and genders are a
*stratum*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sordino.corpora.table import Corpus

PARTS: Final = 3
"""A stratum fills every part of a deal when it has so many blocks."""


def blocks(corpus: Corpus, sums: NDArray[np.str_]) -> NDArray[np.intp]:
    """The block of each utterance, shape `(utterances,)`: blocks share no speaker, session or
    recording.

    They are numbered by the name of their first speaker, so the order of the rows does not matter.

    Derivation: speakers, sessions and recordings are the nodes of a graph, in which each utterance
    ties its speaker to its session and to its recording; blocks are the connected components.
    """
    (names, speaker), (sessions, session), (recordings, recording) = (
        np.unique(labels, return_inverse=True)
        for labels in (corpus.speaker, corpus.column("session"), sums)
    )
    together = corpus.column("session") != ""
    left = np.concatenate([speaker[together], speaker])
    right = len(names) + np.concatenate([session[together], len(sessions) + recording])
    nodes = len(names) + len(sessions) + len(recordings)
    ties = coo_array((np.ones(len(left)), (left, right)), shape=(nodes, nodes))
    _, component = connected_components(ties, directed=False)
    _, first, block = np.unique(component[: len(names)], return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))
    return number[block][speaker].astype(np.intp)


@dataclass(frozen=True, eq=False)
class Stratum:
    """The blocks that have these corpora and these known genders."""

    corpora: tuple[str, ...]
    genders: tuple[str, ...]
    members: NDArray[np.intp]

    def __str__(self) -> str:
        return f"{'+'.join(self.corpora)}, {'+'.join(self.genders) or 'unknown gender'}"

    @property
    def cells(self) -> set[tuple[str, str]]:
        """Each corpus with each gender."""
        return set(product(self.corpora, self.genders))


def strata(corpus: Corpus, block: NDArray[np.intp]) -> list[Stratum]:
    """All blocks by corpora and genders, in the order of these names."""
    kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for one in range(block.max() + 1):
        rows = corpus.table[block == one]
        kind = tuple(sorted(set(rows["corpus"]))), tuple(sorted(set(rows["gender"]) - {""}))
        kinds.setdefault(kind, []).append(one)
    return [Stratum(*kind, np.array(kinds[kind])) for kind in sorted(kinds)]


def is_needed(one: Stratum, every: Sequence[Stratum]) -> bool:
    """Whether a part could lack a corpus and gender without it, as no other stratum that fills all
    parts has them.
    """
    others = [other.cells for other in every if other is not one and len(other.members) >= PARTS]
    return not one.cells <= set().union(*others)
