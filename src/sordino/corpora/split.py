"""Speakers dealt into three parties: who trains the risk model, who trains the transform, who is
tested.

Feng 2021, section V-B: 40 % of the speakers each for risk model and transform, the rest for the
test; a quarter of the first two is kept for validation; the test parts of different draws do not
overlap. Beside them folds of speakers, and pairs for corpora with too few (Jaiswal 2020). Blocks of
speakers (`blocks`) stay together everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.groups import PARTS, Stratum, blocks, is_needed, strata
from sordino.corpora.table import Corpus, checksums
from sordino.define import GENDERS
from sordino.errors import SplitError
from sordino.types import Rows

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
            f"draw {draw}, expected 0 to {len(every) - 1}: the rarest kind of speaker allows no "
            "more draws"
        )
    return every[draw]


def every_fourth(rows: NDArray[np.intp], emotion: NDArray[np.str_]) -> Part:
    """Rows to train on. Every fourth row, counted within each emotion, is validation instead.

    `emotion` has the emotion of every utterance of the corpus.
    """
    rows = rows[np.argsort(emotion[rows], kind="stable")]
    fourth = np.arange(len(rows)) % 4 == 3
    return Part(np.sort(rows[~fourth]), np.sort(rows[fourth]))


def draws(
    corpus: Corpus,
    seed: int = 0,
    validation: Validation = "speaker",
    sums: NDArray[np.str_] | None = None,
) -> tuple[Parts, ...]:
    """Up to five draws whose test parts do not overlap, stratified by corpus and gender.

    There are as many draws as the rarest stratum (corpus and gender, or corpus for blocks of both)
    has blocks, at most five; with five, every block is tested exactly once. Strata that no part
    needs (speakers of unknown gender; a rare block of both genders in a corpus that has enough
    others) are dealt to any part and limit nothing. `validation` says whether the quarter kept for
    validation is made of whole speakers (default: it measures what the test will) or of utterances
    of the training speakers (every speaker and emotion is in both: more data, but early stopping
    then cannot see how a model carries over to new speakers). `sums` are the recordings' checksums
    where the caller has them already. The same seed gives every speaker the same place, whatever
    the order of the rows.

    Raises `SplitError` when a stratum has fewer than three blocks, the least that fills three
    parts, when a part has one block and cannot keep another for validation, or for an unknown
    `validation`.
    """
    if validation not in get_args(Validation):
        raise SplitError(
            f"validation {validation!r}, expected {' or '.join(get_args(Validation))}: choose one"
        )
    sums = checksums(corpus) if sums is None else sums
    block = blocks(corpus, sums)
    kinds = strata(corpus, block)
    needed = [one for one in kinds if is_needed(one, kinds)] or kinds
    rarest = min(needed, key=lambda one: len(one.members))
    count = min(DRAWS, len(rarest.members))
    if count < PARTS:
        raise SplitError(
            f"{rarest}: {count} speaker(s) or sessions, expected at least {PARTS} (one for each "
            "part): "
            "add speakers or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    kinds = sorted(
        kinds, key=lambda one: one not in needed
    )  # the needed ones first: the others do not move them
    shuffled = [rng.permutation(one.members) for one in kinds]
    keep = _by_speaker(kinds, block) if validation == "speaker" else _by_utterance(corpus, sums)
    randoms = [np.random.default_rng([seed, draw]) for draw in range(count)]
    return tuple(_draw(block, shuffled, draw, count, keep, randoms[draw]) for draw in range(count))


def folds(
    corpus: Corpus, count: int = 5, seed: int = 0, sums: NDArray[np.str_] | None = None
) -> NDArray[np.intp]:
    """The fold of each utterance, 0 to `count` - 1, shape `(utterances,)`: speakers dealt evenly,
    as in `draws`.

    Raises `SplitError` when a stratum that is needed has fewer blocks than there are folds.
    """
    block = blocks(corpus, checksums(corpus) if sums is None else sums)
    kinds = strata(corpus, block)
    needed = [one for one in kinds if is_needed(one, kinds)] or kinds
    rarest = min(needed, key=lambda one: len(one.members))
    if len(rarest.members) < count:
        raise SplitError(
            f"{rarest}: {len(rarest.members)} speaker(s) or sessions, expected at least {count} "
            "(one for each fold): "
            "add speakers, make fewer folds or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    dealt = np.concatenate(
        [rng.permutation(one.members) for one in sorted(kinds, key=lambda one: one not in needed)]
    )
    fold = np.empty(block.max() + 1, dtype=np.intp)
    fold[dealt] = np.arange(len(dealt)) % count
    return fold[block]


def pairs(
    corpus: Corpus, seed: int = 0, sums: NDArray[np.str_] | None = None
) -> tuple[tuple[Part, Rows], ...]:
    """Every way to test one woman and one man: what the others train on and keep, and the rows of
    the two.

    For corpora with too few speakers for folds (MELD's six main characters make nine pairs). A
    quarter of the others' utterances is kept for validation. Speakers of unknown gender take no
    part.

    Raises `SplitError` for fewer than three women or men: two of each are left to learn gender
    from.
    """
    sums = checksums(corpus) if sums is None else sums
    block = blocks(corpus, sums)
    kinds = [one for one in strata(corpus, block) if len(one.genders) == 1]
    women, men = (
        [place for one in kinds if one.genders == (g,) for place in one.members] for g in GENDERS
    )
    if min(len(women), len(men)) < PARTS:
        raise SplitError(
            f"{corpus.name}: {len(women)} women and {len(men)} men, expected {PARTS} of each to "
            "leave a pair out, or 5 "
            "for folds: add speakers"
        )
    keep, known = _by_utterance(corpus, sums), np.isin(block, women + men)
    found = []
    for place, (woman, man) in enumerate(product(women, men)):
        tested = np.isin(block, (woman, man))
        rest = np.flatnonzero(known & ~tested)
        held = keep(rest, np.random.default_rng([seed, place]))
        found.append((Part(rest[~held], rest[held]), np.flatnonzero(tested)))
    return tuple(found)


def _draw(
    block: NDArray[np.intp],
    shuffled: Sequence[NDArray[np.intp]],
    draw: int,
    count: int,
    keep: Keep,
    rng: np.random.Generator,
) -> Parts:
    risk: list[int] = []
    transform: list[int] = []
    test: list[int] = []
    offset = 0  # where a stratum does not divide evenly, the next one starts at the next draw
    for place, members in enumerate(shuffled):
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


def _by_speaker(kinds: Sequence[Stratum], block: NDArray[np.intp]) -> Keep:
    """Keeps a quarter of the blocks of some rows, spread over the strata: one at least, and never
    all.
    """
    kind = np.empty(block.max() + 1, dtype=np.intp)
    for place, one in enumerate(sorted(kinds, key=lambda one: (one.genders, one.corpora))):
        kind[one.members] = place  # by gender first: two of them meet both

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        ones = rng.permutation(np.unique(block[rows]))
        if len(ones) < 2:
            raise SplitError(
                "a part has one speaker or session, expected at least 2 to keep one for "
                "validation: "
                'add speakers, or validate by utterance (validation="utterance")'
            )
        ones = ones[np.argsort(kind[ones], kind="stable")]
        share = max(1, round(VALIDATION_SHARE * len(ones)))
        # evenly spaced through the list sorted by kind: every large kind is met
        places = np.floor((np.arange(share) + rng.random()) * len(ones) / share).astype(int)
        return np.isin(block[rows], ones[places])

    return keep


def _by_utterance(corpus: Corpus, sums: NDArray[np.str_]) -> Keep:
    """Keeps a quarter of each speaker's recordings of each emotion, byte-identical ones on one
    side.
    """
    kinds = corpus.speaker + " " + corpus.column("emotion")

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        order = np.argsort(
            kinds[rows], kind="stable"
        )  # a recording of two kinds counts as the first of them
        recordings, first = np.unique(sums[rows[order]], return_index=True)
        place = np.searchsorted(recordings, sums[rows])
        kind = kinds[rows[order[first]]]
        kept = np.zeros(len(recordings), dtype=bool)
        for one in np.unique(kind):
            members = rng.permutation(np.flatnonzero(kind == one))
            kept[members[: int(len(members) * VALIDATION_SHARE + rng.random())]] = True
        return kept[place]

    return keep
