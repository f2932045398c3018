"""Groups of speakers for splits: those that stay together, and those that are balanced.

Speakers who are audible in each other's recordings (sessions of IEMOCAP) or share a byte-identical
recording stay together: such a group is a *block*. Blocks of the same corpora and genders are a
*stratum*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PARTS: Final = 3
"""Parts of a split. A stratum with at least as many blocks can be in every part."""


def blocks(
    speaker: NDArray[np.str_], session: NDArray[np.str_], sums: NDArray[np.str_]
) -> NDArray[np.intp]:
    """The block of each utterance, shape `(utterances,)`: blocks share no speaker, session or
    recording.

    `speaker`, `session` (empty if unknown) and the checksums of the recordings `sums` are
    `(utterances,)`.

    Blocks are numbered by the name of their first speaker, so that the order of the rows does not
    matter.

    Derivation: speakers, sessions and recordings are the nodes of a graph. Each utterance connects
    its speaker with its session and its recording. Blocks are the connected components.
    """
    (names, person), (sessions, group), (recordings, recording) = (
        np.unique(labels, return_inverse=True) for labels in (speaker, session, sums)
    )
    in_session = session != ""
    start = np.concatenate([person[in_session], person])
    end = len(names) + np.concatenate([group[in_session], len(sessions) + recording])
    nodes = len(names) + len(sessions) + len(recordings)
    edges = coo_array((np.ones(len(start)), (start, end)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    _, first, block = np.unique(component[: len(names)], return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))
    return number[block][person].astype(np.intp)


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


def strata(table: pd.DataFrame, block: NDArray[np.intp]) -> list[Stratum]:
    """All blocks by corpora and genders, in the order of these names.

    `table` has the columns `corpus` and `gender`, `block` the block of each of its rows.
    """
    kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for number in range(block.max() + 1):
        rows = table[block == number]
        kind = tuple(sorted(set(rows["corpus"]))), tuple(sorted(set(rows["gender"]) - {""}))
        kinds.setdefault(kind, []).append(number)
    return [Stratum(*kind, np.array(kinds[kind])) for kind in sorted(kinds)]


def needed_strata(strata: list[Stratum]) -> list[Stratum]:
    """The strata that every part must have; all, where none is needed."""
    return [stratum for stratum in strata if is_needed(stratum, strata)] or strata


def is_needed(stratum: Stratum, strata: Sequence[Stratum]) -> bool:
    """Whether a part could lack a corpus and gender without this stratum, because no other stratum
    that can be in every part has them.
    """
    cells = [kind.cells for kind in strata if kind is not stratum and len(kind.members) >= PARTS]
    return not stratum.cells <= set().union(*cells)
