"""Speakers dealt into three parties: who trains the risk model, who trains the transform, who is tested.

Feng 2021, section V-B: 40 % of the speakers each for risk model and transform, the rest for the test; a quarter of the
first two is kept for validation; the test parts of different draws do not overlap. Speakers who are heard in each
other's recordings (IEMOCAP's sessions) or share a byte-identical recording stay together: such a group is a *block*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sordino.corpora.table import Corpus, checksums
from sordino.errors import SplitError

DRAWS: Final = 5
PARTS: Final = 3
VALIDATION_SHARE: Final = 0.25

Validation = Literal["speaker", "utterance"]

Keep = Callable[[NDArray[np.intp], np.random.Generator], NDArray[np.bool_]]
"""From the rows of a party to the mask of those it keeps for validation."""


@dataclass(frozen=True)
class Part:
    """Row positions of one party: what it trains on and what it keeps for validation."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Both together, ascending."""
        return np.sort(np.concatenate([self.train, self.validation]))


@dataclass(frozen=True)
class Parts:
    """The three parties of one draw; no speaker is in two of them."""

    risk: Part
    transform: Part
    test: NDArray[np.intp]
    draw: int = 0


def blocks(corpus: Corpus, sums: NDArray[np.str_]) -> NDArray[np.intp]:
    """The block of each utterance, shape `(utterances,)`: blocks share no speaker, session or recording.

    They are numbered by the name of their first speaker, so the order of the rows does not matter.

    Derivation: speakers, sessions and recordings are the nodes of a graph, in which each utterance ties its speaker to
    its session and to its recording; blocks are the connected components.
    """
    (names, speaker), (sessions, session), (recordings, recording) = (
        np.unique(labels, return_inverse=True) for labels in (corpus.speaker, corpus.column("session"), sums)
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


def three_party(
    corpus: Corpus,
    seed: int = 0,
    draw: int = 0,
    validation: Validation = "speaker",
    sums: NDArray[np.str_] | None = None,
) -> Parts:
    """One draw of the three parties; see `draws`."""
    every = draws(corpus, seed, validation, sums)
    if not 0 <= draw < len(every):
        raise SplitError(
            f"draw {draw}, expected 0 to {len(every) - 1}: the rarest kind of speaker allows no more draws"
        )
    return every[draw]


def draws(
    corpus: Corpus,
    seed: int = 0,
    validation: Validation = "speaker",
    sums: NDArray[np.str_] | None = None,
) -> tuple[Parts, ...]:
    """Up to five draws whose test parts do not overlap, stratified by corpus and gender.

    There are as many draws as the rarest stratum (corpus and gender, or corpus for blocks of both) has blocks, at most
    five; with five, every block is tested exactly once. Strata that no part needs (speakers of unknown gender; a rare
    block of both genders in a corpus that has enough others) are dealt to any part and limit nothing. `validation` says
    whether the quarter kept for validation is made of whole speakers (default: it measures what the test will) or of
    utterances of the training speakers (every speaker and emotion is in both: more data, but early stopping then cannot
    see how a model carries over to new speakers). `sums` are the recordings' checksums where the caller has them
    already. The same seed gives every speaker the same place, whatever the order of the rows.

    Raises `SplitError` when a stratum has fewer than three blocks, the least that fills three parts, when a part has
    one block and cannot keep another for validation, or for an unknown `validation`.
    """
    if validation not in get_args(Validation):
        raise SplitError(f"validation {validation!r}, expected {' or '.join(get_args(Validation))}: choose one")
    sums = checksums(corpus) if sums is None else sums
    block = blocks(corpus, sums)
    strata = _strata(corpus, block)
    needed = [one for one in strata if _is_needed(one, strata)] or strata
    rarest = min(needed, key=lambda one: len(one.members))
    count = min(DRAWS, len(rarest.members))
    if count < PARTS:
        raise SplitError(
            f"{rarest}: {count} speaker(s) or sessions, expected at least {PARTS} (one for each part): "
            "add speakers or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    strata = sorted(strata, key=lambda one: one not in needed)  # the needed ones first: the others do not move them
    shuffled = [rng.permutation(one.members) for one in strata]
    keep = _by_speaker(strata, block) if validation == "speaker" else _by_utterance(corpus, sums)
    randoms = [np.random.default_rng([seed, draw]) for draw in range(count)]
    return tuple(_draw(block, shuffled, draw, count, keep, randoms[draw]) for draw in range(count))


def folds(corpus: Corpus, count: int = 5, seed: int = 0, sums: NDArray[np.str_] | None = None) -> NDArray[np.intp]:
    """The fold of each utterance, 0 to `count` - 1, shape `(utterances,)`: speakers dealt evenly, as in `draws`.

    Raises `SplitError` when a stratum that is needed has fewer blocks than there are folds.
    """
    block = blocks(corpus, checksums(corpus) if sums is None else sums)
    strata = _strata(corpus, block)
    needed = [one for one in strata if _is_needed(one, strata)] or strata
    rarest = min(needed, key=lambda one: len(one.members))
    if len(rarest.members) < count:
        raise SplitError(
            f"{rarest}: {len(rarest.members)} speaker(s) or sessions, expected at least {count} (one for each fold): "
            "add speakers, make fewer folds or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    dealt = np.concatenate([rng.permutation(one.members) for one in sorted(strata, key=lambda one: one not in needed)])
    fold = np.empty(block.max() + 1, dtype=np.intp)
    fold[dealt] = np.arange(len(dealt)) % count
    return fold[block]


@dataclass(frozen=True, eq=False)
class _Stratum:
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


def _strata(corpus: Corpus, block: NDArray[np.intp]) -> list[_Stratum]:
    """All blocks by corpora and genders, in the order of these names."""
    kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for one in range(block.max() + 1):
        rows = corpus.table[block == one]
        kind = tuple(sorted(set(rows["corpus"]))), tuple(sorted(set(rows["gender"]) - {""}))
        kinds.setdefault(kind, []).append(one)
    return [_Stratum(*kind, np.array(kinds[kind])) for kind in sorted(kinds)]


def _is_needed(one: _Stratum, strata: Sequence[_Stratum]) -> bool:
    """Whether a part could lack a corpus and gender without it, as no other stratum that fills all parts has them."""
    others = [other.cells for other in strata if other is not one and len(other.members) >= PARTS]
    return not one.cells <= set().union(*others)


def _draw(
    block: NDArray[np.intp],
    strata: Sequence[NDArray[np.intp]],
    draw: int,
    count: int,
    keep: Keep,
    rng: np.random.Generator,
) -> Parts:
    risk: list[int] = []
    transform: list[int] = []
    test: list[int] = []
    offset = 0  # where a stratum does not divide evenly, the next one starts at the next draw
    for place, members in enumerate(strata):
        folds = (np.arange(len(members)) + offset) % DRAWS
        offset += len(members) % DRAWS
        chosen = folds == draw if count == DRAWS else _fifth(len(members), draw)
        test.extend(members[chosen])
        rest = rng.permutation(members[~chosen])
        half = (len(rest) + place % 2) // 2  # odd ones out go to either party in turn
        risk.extend(rest[:half])
        transform.extend(rest[half:])
    parties = [np.flatnonzero(np.isin(block, party)) for party in (risk, transform, test)]
    masks = [keep(rows, rng) for rows in parties[:2]]
    risk_part, transform_part = (Part(r[~m], r[m]) for r, m in zip(parties, masks, strict=False))
    return Parts(risk_part, transform_part, parties[2], draw)


def _fifth(n: int, draw: int) -> NDArray[np.bool_]:
    """About a fifth of `n` places, at least one, other ones for each draw."""
    size = max(1, n // DRAWS)
    return np.isin(np.arange(n), np.arange(draw * size, (draw + 1) * size))


def _by_speaker(strata: Sequence[_Stratum], block: NDArray[np.intp]) -> Keep:
    """Keeps a quarter of the blocks of some rows, spread over the strata: one at least, and never all."""
    kind = np.empty(block.max() + 1, dtype=np.intp)
    for place, one in enumerate(sorted(strata, key=lambda one: (one.genders, one.corpora))):
        kind[one.members] = place  # by gender first: two of them meet both

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        ones = rng.permutation(np.unique(block[rows]))
        if len(ones) < 2:
            raise SplitError(
                "a part has one speaker or session, expected at least 2 to keep one for validation: "
                'add speakers, or validate by utterance (validation="utterance")'
            )
        ones = ones[np.argsort(kind[ones], kind="stable")]
        share = max(1, round(VALIDATION_SHARE * len(ones)))
        # evenly spaced through the list sorted by kind: every large kind is met
        places = np.floor((np.arange(share) + rng.random()) * len(ones) / share).astype(int)
        return np.isin(block[rows], ones[places])

    return keep


def _by_utterance(corpus: Corpus, sums: NDArray[np.str_]) -> Keep:
    """Keeps a quarter of each speaker's recordings of each emotion, byte-identical ones on one side."""
    kinds = corpus.speaker + " " + corpus.column("emotion")

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        order = np.argsort(kinds[rows], kind="stable")  # a recording of two kinds counts as the first of them
        recordings, first = np.unique(sums[rows[order]], return_index=True)
        place = np.searchsorted(recordings, sums[rows])
        kind = kinds[rows[order[first]]]
        kept = np.zeros(len(recordings), dtype=bool)
        for one in np.unique(kind):
            members = rng.permutation(np.flatnonzero(kind == one))
            kept[members[: int(len(members) * VALIDATION_SHARE + rng.random())]] = True
        return kept[place]

    return keep
