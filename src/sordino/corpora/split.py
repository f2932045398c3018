"""Speakers dealt into three parties: who trains the risk model, who trains the transform, who is tested.

Feng 2021, section V-B: 40 % of the speakers each for risk model and transform, the rest for the test; a quarter of the
first two is kept for validation; the test parts of different draws do not overlap. Speakers who are heard in each
other's recordings (IEMOCAP's sessions) or share a byte-identical recording stay together: such a group is a *block*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sordino.corpora.table import Corpus, checksums
from sordino.errors import SplitError

DRAWS: Final = 5
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

    Derivation: utterances and the things that tie them (speaker, session, recording) are the nodes of a graph; blocks
    are its connected components.
    """
    n = len(corpus)
    session = np.where(corpus.column("session") == "", corpus.speaker, corpus.column("session"))
    left, right, nodes = [], [], n
    for ties in (corpus.speaker, session, sums):
        _, place = np.unique(ties, return_inverse=True)
        left.append(np.arange(n))
        right.append(nodes + place)
        nodes += place.max() + 1
    edges = (np.ones(3 * n), (np.concatenate(left), np.concatenate(right)))
    _, component = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    return np.unique(component[:n], return_inverse=True)[1].astype(np.intp)


def three_party(
    corpus: Corpus,
    seed: int = 0,
    draw: int = 0,
    validation: Validation = "speaker",
    sums: NDArray[np.str_] | None = None,
) -> Parts:
    """One draw of the three parties; see `draws`."""
    return draws(corpus, seed, validation, sums)[draw]


def draws(
    corpus: Corpus,
    seed: int = 0,
    validation: Validation = "speaker",
    sums: NDArray[np.str_] | None = None,
) -> tuple[Parts, ...]:
    """Up to five draws whose test parts do not overlap, stratified by corpus and gender.

    There are as many draws as the rarest stratum (corpus and gender, or corpus for blocks of both) has blocks, at most
    five; with five, every block is tested exactly once. `validation` says whether the quarter kept for validation is
    made of whole speakers (default: it measures what the test will) or of utterances of the training speakers (every
    speaker and emotion is in both: more data, but early stopping then cannot see how a model carries over to new
    speakers). `sums` are the recordings' checksums where the caller has them already.

    Raises `SplitError` when a stratum has fewer than three blocks, the least that fills three parts.
    """
    sums = checksums(corpus) if sums is None else sums
    block = blocks(corpus, sums)
    strata = _strata(corpus, block)
    count = min(DRAWS, *(len(members) for members in strata.values()))
    if count < 3:
        name = min(strata, key=lambda key: len(strata[key]))
        raise SplitError(
            f"{name}: {count} speaker(s) or sessions, expected at least 3 (one for each part): "
            "add speakers or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(members) for members in strata.values()]
    keep = _by_speaker(corpus, block) if validation == "speaker" else _by_utterance(corpus, sums)
    return tuple(_draw(block, shuffled, draw, count, keep, np.random.default_rng([seed, draw])) for draw in range(count))


def _strata(corpus: Corpus, block: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
    """Corpus and gender, in words, to the blocks of that kind."""
    kinds: dict[int, str] = {}
    for one in np.unique(block):
        rows = corpus.table[block == one]
        genders = "+".join(sorted(set(rows["gender"]) - {""})) or "unknown gender"
        kinds[int(one)] = f"{'+'.join(sorted(set(rows['corpus'])))}, {genders}"
    return {kind: np.array([one for one in kinds if kinds[one] == kind]) for kind in sorted(set(kinds.values()))}


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


def _by_speaker(corpus: Corpus, block: NDArray[np.intp]) -> Keep:
    """Keeps a quarter of the blocks of some rows, spread over corpus and gender: one at least, and never all."""
    kinds = corpus.column("corpus") + corpus.column("gender")

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        ones, first = np.unique(block[rows], return_index=True)
        if len(ones) < 2:
            raise SplitError("a part has one speaker, expected at least 2 to keep one for validation: add speakers")
        order = rng.permutation(len(ones))
        order = order[np.argsort(kinds[rows[first[order]]], kind="stable")]
        share = max(1, round(VALIDATION_SHARE * len(ones)))
        # evenly spaced through the list sorted by kind: every large kind is met
        places = np.floor((np.arange(share) + rng.random()) * len(ones) / share).astype(int)
        return np.isin(block[rows], ones[order[places]])

    return keep


def _by_utterance(corpus: Corpus, sums: NDArray[np.str_]) -> Keep:
    """Keeps a quarter of each speaker's recordings of each emotion, byte-identical ones on one side."""
    kinds = corpus.speaker + " " + corpus.column("emotion")

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        recordings, first, place = np.unique(sums[rows], return_index=True, return_inverse=True)
        kind = kinds[rows[first]]
        kept = np.zeros(len(recordings), dtype=bool)
        for one in np.unique(kind):
            members = rng.permutation(np.flatnonzero(kind == one))
            kept[members[: int(len(members) * VALIDATION_SHARE + rng.random())]] = True
        return kept[place]

    return keep
