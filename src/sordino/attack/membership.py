"""Whether a speaker was in the training set: membership identification (Jaiswal 2020, section 4.2),
and its control.

    folds 1-3       D1: trains the network. The attacker knows that these speakers are in: yes.
    fold 4          some samples of the selected join the training. The attacker knows who was selected: their unused
                    samples are yes, all samples of the others are no. (The paper prints "selected"
                    for both.) One speaker of each label is kept for validation: it chooses the
                    attacker.
    fold 5          some samples of the selected join the training. The attacker is measured on unused samples only.

The *control*, which the paper lacks, is the same attack on an embedding trained on D1 alone. Nobody
of folds 4 and 5 is in it, so over many selections it must average 1/2; where it does not, the
figure beside it means nothing. In one selection of a few speakers it may be anything: voices
differ. So a selection comes with its *complement*, in which the others of fold 5 are selected:
everyone is tested once as a member and once not, by attackers who learnt from the same rows. Of the
pair the control is 1/2 exactly, and what the figure beside it has more is memory, not voices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.attack import retraining, splits
from sordino.attack.attackers.families import QUICK
from sordino.attack.retraining import Retrained
from sordino.errors import AttackError
from sordino.types import Rows

VALIDATION_SHARE: Final = 1 / 3
"""The share of each label's utterances of fold 4 that is kept where there are too few speakers to
keep one.
"""


@dataclass(frozen=True)
class Plan:
    """One random selection: row positions, ascending."""

    speaker: NDArray[np.str_]
    member: Rows
    """Of each row: 1 if its speaker is in the training set, 0 if not."""
    training: Rows
    """D1. The network of the control is trained on it alone."""
    added: Rows
    """What joins it: samples of the selected speakers of folds 4 and 5."""
    learn: Rows
    """What the attacker learns from."""
    validation: Rows
    """What it is tuned and chosen on."""
    test: Rows
    """What it is measured on: the unused samples of fold 5."""
    kept: str
    """What the validation rows are: `speaker` (one of each label) or `utterance` (fold 4 has too
    few speakers).
    """

    @property
    def selected(self) -> tuple[str, ...]:
        """The speakers of folds 4 and 5 who join the training."""
        return tuple(np.unique(self.speaker[self.added]).tolist())


def plan(
    speaker: NDArray[np.str_],
    fold: Rows,
    seed: int = 0,
    share: float = 0.5,
    fourth: int = 3,
    fifth: int = 4,
    stratum: Rows | None = None,
    complement: bool = False,
) -> Plan:
    """A random half of the speakers of the fourth and of the fifth fold, and a `share` of the
    samples of each of them.

    `speaker` and `fold` `(n,)`; all folds but `fourth` and `fifth` are D1, rows of a negative fold
    take no part. `stratum` `(n,)`, the gender, is selected from evenly, so that the attacker does
    not take the one for the other. Of an odd number in fold 4 the smaller half is selected: D1 says
    yes already. What a speaker of fold 5 would have given is drawn for those not selected too, and
    not tested either: what is tested differs in membership alone. With `complement` the others of
    fold 5 are selected, all else being as without. Speakers of folds 4 and 5 with one utterance
    take no part.

    Where fold 4 has two speakers (IEMOCAP), none can be kept for validation: a third of each
    label's utterances is. Raises `AttackError` for a fold with too few speakers, a speaker in two
    folds, or a share that is none.
    """
    if not 0 < share < 1:
        raise AttackError(
            f"a share of {share} joins the training, expected between 0 and 1: 0.5 leaves half to "
            "test"
        )
    if len({*zip(speaker.tolist(), fold.tolist(), strict=True)}) > len(np.unique(speaker)):
        raise AttackError(
            "a speaker is in two folds, expected speaker-independent folds: deal speakers, not rows"
        )
    random = np.random.default_rng(seed)
    stratum = np.zeros(len(speaker), np.intp) if stratum is None else stratum
    training = np.flatnonzero((fold >= 0) & (fold != fourth) & (fold != fifth))
    selected: dict[int, list[_Samples]] = {}
    others: dict[int, list[_Samples]] = {}
    for one, first in ((fourth, 1), (fifth, int(random.integers(2)) ^ int(complement))):
        people = _people(speaker, np.flatnonzero(fold == one), stratum, share, random)
        if len(people) < 2 or not len(training):
            raise AttackError(
                f"fold {one} has {len(people)} speaker(s) with two utterances beside "
                f"{len(training)} rows of D1, "
                "expected two speakers and some rows: add speakers or make fewer folds"
            )
        selected[one], others[one] = people[first::2], people[1 - first :: 2]
    yes, no = [one.unused for one in selected[fourth]], [one.rows for one in others[fourth]]
    kept, learn, validation = _keep(yes, no, random)
    added = _joined([one.given for some in selected.values() for one in some])
    return Plan(
        speaker=speaker,
        member=np.isin(speaker, np.union1d(speaker[training], speaker[added])).astype(np.intp),
        training=training,
        added=added,
        learn=_joined([training, *learn]),
        validation=_joined(validation),
        test=_joined([one.unused for one in selected[fifth] + others[fifth]]),
        kept=kept,
    )


def attack(
    e: NDArray[np.float32], plan: Plan, families: Sequence[str] = QUICK, seed: int = 0
) -> Retrained:
    """Guesses of membership on the unused samples of fold 5, for embeddings `e` `(n, k)` of all
    rows.

    Attackers learn from `plan.learn`; which of them guesses, and from which score on it says yes,
    is decided on `plan.validation`. `e` is of a network trained on `plan.training` and
    `plan.added`, or for the control on `plan.training` alone. The UAR of the best attacker's
    guesses is `sordino.metrics.membership`; `attack.patient(guesses, k=None)` pools all samples of
    a speaker, which answers for the speaker instead of for the sample. Raises `AttackError` for
    vectors that are missing.
    """
    parts = retraining.usable(
        e, plan.member, plan.speaker, [plan.learn, plan.validation, plan.test]
    )
    return retraining.by_plan(
        e, plan.member, plan.speaker, splits.checked(*parts), families=families, seed=seed
    )


@dataclass(frozen=True)
class _Samples:
    """The rows of a speaker: what joins the training if the speaker is selected, and what does not."""

    given: Rows
    unused: Rows

    @property
    def rows(self) -> Rows:
        """All of them."""
        return np.concatenate([self.given, self.unused])


def _people(
    speaker: NDArray[np.str_], rows: Rows, stratum: Rows, share: float, random: np.random.Generator
) -> list[_Samples]:
    """The speakers of some rows with two rows at least, at random within stratum after stratum."""
    names, first, count = np.unique(speaker[rows], return_index=True, return_counts=True)
    order = random.permutation(len(names))
    order = order[np.argsort(stratum[rows[first[order]]], kind="stable")]
    people = []
    for name in names[order][count[order] > 1]:
        own = random.permutation(rows[speaker[rows] == name])
        size = int(np.clip(round(share * len(own)), 1, len(own) - 1))
        people.append(_Samples(own[:size], own[size:]))
    return people


def _keep(
    yes: list[Rows], no: list[Rows], random: np.random.Generator
) -> tuple[str, list[Rows], list[Rows]]:
    """How validation rows are kept, and what is left to learn from and kept of fold 4: one speaker
    of each label.
    """
    if len(no) > 1:
        some = [
            (label.pop(int(random.integers(len(label)))), label) for label in (list(yes), list(no))
        ]
        return "speaker", [rows for _, rest in some for rows in rest], [rows for rows, _ in some]
    mixed = [random.permutation(_joined(label)) for label in (yes, no)]
    sizes = [max(1, round(VALIDATION_SHARE * len(rows))) for rows in mixed]
    pairs = list(zip(mixed, sizes, strict=True))
    return "utterance", [rows[size:] for rows, size in pairs], [rows[:size] for rows, size in pairs]


def _joined(rows: Sequence[Rows]) -> Rows:
    return np.sort(np.concatenate(rows))
