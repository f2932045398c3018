"""Splits of speakers into three parties: for the risk model, for the transform, and for the test.

Feng and Narayanan (2021), section V-B: 40 % of the speakers each for risk model and transform, the
remainder for the test. A quarter of the first two is for validation. The test parts of different
draws do not overlap. For Jaiswal and Mower Provost (2020) there are folds of speakers, and pairs
for corpora with too few speakers. Blocks of speakers (`blocks`) stay together everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.groups import PARTS, Stratum, blocks, needed_strata, strata
from sordino.corpora.table import Corpus
from sordino.define import GENDERS
from sordino.errors import SplitError
from sordino.types import Rows

DRAWS: Final = 5
VALIDATION_SHARE: Final = 0.25

Validation = Literal["speaker", "utterance"]


Keep = Callable[[NDArray[np.intp], np.random.Generator], NDArray[np.bool_]]
"""From the rows of a party to the mask of its validation rows."""


@dataclass(frozen=True)
class Part:
    """Row positions of one party: its training rows and its validation rows."""

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
    splits = draws(corpus, seed, validation, sums)
    if not 0 <= draw < len(splits):
        raise SplitError(
            f"draw {draw}, expected 0 to {len(splits) - 1}: the smallest group of speakers allows "
            "no more draws"
        )
    return splits[draw]


def every_fourth(rows: NDArray[np.intp], emotion: NDArray[np.str_]) -> Part:
    """A part of these rows. Every fourth row, in the order of their emotions, is for validation.

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

    The number of draws is the number of blocks in the smallest stratum (corpus and gender, or
    corpus for blocks of both genders), at most five; with five, every block is tested exactly once.
    Strata that no part needs (speakers of unknown gender; a rare block of both genders in a corpus
    with enough others) are assigned to any part and are no limit.

    - `validation`: `speaker` takes whole speakers for validation, like the test. `utterance` takes
      utterances of the training speakers, so that every speaker and emotion is in both: there is
      more training data, but early stopping ignores the generalisation to new speakers.
    - `sums`: the checksums of the recordings, where the caller has them already.

    With the same seed every speaker is in the same part, whatever the order of the rows.

    Raises `SplitError` for a stratum with fewer than three blocks, for a part with one block and
    none for validation, and for an unknown `validation`.
    """
    if validation not in get_args(Validation):
        raise SplitError(
            f"validation {validation!r}, expected {' or '.join(get_args(Validation))}: choose one"
        )
    sums = corpus.checksums() if sums is None else sums
    block = blocks(corpus.speaker, corpus.column("session"), sums)
    needed, kinds = _needed_first(strata(corpus.table, block))
    smallest = min(needed, key=lambda stratum: len(stratum.members))
    count = min(DRAWS, len(smallest.members))
    if count < PARTS:
        raise SplitError(
            f"{smallest}: {count} speaker(s) or sessions, expected at least {PARTS} (one for each "
            "part): add speakers or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(stratum.members) for stratum in kinds]
    speaker_emotion = corpus.speaker + " " + corpus.column("emotion")
    by_speaker = validation == "speaker"
    keep = _by_speaker(kinds, block) if by_speaker else _by_utterance(speaker_emotion, sums)
    randoms = [np.random.default_rng([seed, draw]) for draw in range(count)]
    return tuple(_draw(block, shuffled, draw, count, keep, randoms[draw]) for draw in range(count))


def folds(
    corpus: Corpus, count: int = 5, seed: int = 0, sums: NDArray[np.str_] | None = None
) -> NDArray[np.intp]:
    """The fold of each utterance, 0 to `count` - 1, shape `(utterances,)`, with strata as in
    `draws`.

    Raises `SplitError` for a needed stratum with fewer blocks than folds.
    """
    sums = corpus.checksums() if sums is None else sums
    block = blocks(corpus.speaker, corpus.column("session"), sums)
    needed, kinds = _needed_first(strata(corpus.table, block))
    smallest = min(needed, key=lambda stratum: len(stratum.members))
    if len(smallest.members) < count:
        raise SplitError(
            f"{smallest}: {len(smallest.members)} speaker(s) or sessions, expected at least "
            f"{count} (one for each fold): add speakers, make fewer folds or leave that corpus out"
        )
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(stratum.members) for stratum in kinds])
    fold = np.empty(block.max() + 1, dtype=np.intp)
    fold[order] = np.arange(len(order)) % count
    return fold[block]


def pairs(
    corpus: Corpus, seed: int = 0, sums: NDArray[np.str_] | None = None
) -> tuple[tuple[Part, Rows], ...]:
    """Every pair of one woman and one man for the test: the part of the other speakers, and the
    rows of the pair.

    This is for corpora with too few speakers for folds (the six main characters of MELD make nine
    pairs). A quarter of the other speakers' utterances is for validation. Speakers of unknown
    gender are left out.

    Raises `SplitError` for fewer than three women or men, since a model of gender needs two of each
    for training.
    """
    sums = corpus.checksums() if sums is None else sums
    block = blocks(corpus.speaker, corpus.column("session"), sums)
    women, men = (
        [
            member
            for stratum in strata(corpus.table, block)
            if stratum.genders == (gender,)
            for member in stratum.members
        ]
        for gender in GENDERS
    )
    if min(len(women), len(men)) < PARTS:
        raise SplitError(
            f"{corpus.name}: {len(women)} women and {len(men)} men, expected {PARTS} of each to "
            "leave a pair out, or 5 for folds: add speakers"
        )
    kinds = corpus.speaker + " " + corpus.column("emotion")
    keep, gendered = _by_utterance(kinds, sums), np.isin(block, women + men)
    splits = []
    for number, (woman, man) in enumerate(product(women, men)):
        test = np.isin(block, (woman, man))
        rows = np.flatnonzero(gendered & ~test)
        validation = keep(rows, np.random.default_rng([seed, number]))
        splits.append((Part(rows[~validation], rows[validation]), np.flatnonzero(test)))
    return tuple(splits)


def _needed_first(kinds: list[Stratum]) -> tuple[list[Stratum], list[Stratum]]:
    """The needed strata, and all strata with the needed ones first, so that the others do not
    change their assignment.
    """
    needed = needed_strata(kinds)
    return needed, sorted(kinds, key=lambda stratum: stratum not in needed)


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
    for number, members in enumerate(shuffled):
        folds = (np.arange(len(members)) + offset) % DRAWS
        offset += len(members) % DRAWS
        chosen = folds == draw if count == DRAWS else _fifth(len(members), draw)
        test.extend(members[chosen])
        training = rng.permutation(members[~chosen])
        half = (len(training) + number % 2) // 2  # of odd counts, either party gets more in turn
        risk.extend(training[:half])
        transform.extend(training[half:])
    parties = [np.flatnonzero(np.isin(block, party)) for party in (risk, transform, test)]
    masks = [keep(rows, rng) for rows in parties[:2]]
    risk_part, transform_part = (Part(r[~m], r[m]) for r, m in zip(parties, masks, strict=False))
    return Parts(risk_part, transform_part, parties[2], draw)


def _fifth(n: int, draw: int) -> NDArray[np.bool_]:
    """A mask of about a fifth of `n` positions, at least one; disjoint for different draws."""
    size = max(1, n // DRAWS)
    return np.isin(np.arange(n), np.arange(draw * size, (draw + 1) * size))


def _by_speaker(kinds: Sequence[Stratum], block: NDArray[np.intp]) -> Keep:
    """Takes a quarter of the blocks of some rows for validation, spread over the strata: at least
    one, and never all.
    """
    order = sorted(kinds, key=lambda stratum: (stratum.genders, stratum.corpora))
    kind = np.empty(block.max() + 1, dtype=np.intp)
    for number, stratum in enumerate(order):
        kind[stratum.members] = number

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        members = rng.permutation(np.unique(block[rows]))
        if len(members) < 2:
            raise SplitError(
                "a part has one speaker or session, expected at least 2 to keep one for "
                'validation: add speakers, or validate by utterance (validation="utterance")'
            )
        members = members[np.argsort(kind[members], kind="stable")]
        share = max(1, round(VALIDATION_SHARE * len(members)))
        # evenly spaced in the order of gender and corpus: every large stratum is included
        positions = np.floor((np.arange(share) + rng.random()) * len(members) / share).astype(int)
        return np.isin(block[rows], members[positions])

    return keep


def _by_utterance(kinds: NDArray[np.str_], sums: NDArray[np.str_]) -> Keep:
    """Takes a quarter of each speaker's recordings of each emotion for validation; byte-identical
    recordings stay together. `kinds` has speaker and emotion of each utterance.
    """

    def keep(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
        # a recording of two kinds counts as the first of them
        order = np.argsort(kinds[rows], kind="stable")
        recordings, first = np.unique(sums[rows[order]], return_index=True)
        recording = np.searchsorted(recordings, sums[rows])
        kind = kinds[rows[order[first]]]
        validation = np.zeros(len(recordings), dtype=bool)
        for name in np.unique(kind):
            members = rng.permutation(np.flatnonzero(kind == name))
            validation[members[: int(len(members) * VALIDATION_SHARE + rng.random())]] = True
        return validation[recording]

    return keep
