"""Membership inference: whether a speaker was in the training set (Jaiswal and Mower Provost 2020,
section 4.2), and its control.

    folds 1-3   D1, which trains the network. The attacker knows that these speakers are members.
    fold 4      Some samples of the selected speakers join the training. The attacker knows the
                selection: unused samples of selected speakers are members, all samples of the
                other speakers are not. (The paper prints "selected" for both.) One speaker of each
                label is reserved for validation, which selects the attacker.
    fold 5      Some samples of the selected speakers join the training. The attacker is measured
                on unused samples only.

The *control*, which the paper lacks, is the same attack on an embedding that was trained on D1
alone. It contains no speaker of folds 4 and 5. Its mean over many selections must therefore be 1/2;
otherwise the figure beside it is not valid. For one selection of a few speakers the control may
take any value, because voices differ. So each selection has a *complement*, in which the other
speakers of fold 5 are selected. Each speaker is then tested once as a member and once as a
non-member, by attackers that were trained on the same rows. The mean control of the pair is exactly
1/2, and an excess of the figure beside it is due to memory and not to voices.

The *likelihood ratio* attack compares the confidence of the attacked network in the recordings of
a speaker with that of networks whose training set the attacker knows (Carlini et al. 2022, at the
level of speakers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from sordino.attack import retraining, splits
from sordino.attack.attackers.families import QUICK
from sordino.attack.retraining import RetrainResult
from sordino.errors import AttackError
from sordino.types import Rows

UTTERANCE_VALIDATION_SHARE: Final = 1 / 3
"""The share of each label's utterances of fold 4 that is reserved for validation, if there are too
few speakers to reserve one.
"""


PROBABILITY_LIMIT: Final = 1e-6
"""Probabilities are clipped to this distance from 0 and 1, so that logits are finite."""


@dataclass(frozen=True)
class MembershipPlan:
    """One random selection of speakers: row positions, ascending."""

    speaker: NDArray[np.str_]
    member: Rows
    """1 for rows of speakers in the training set, else 0, `(n,)`."""
    training: Rows
    """D1. The network of the control is trained on it alone."""
    added: Rows
    """Samples of the selected speakers of folds 4 and 5, which join the training."""
    learn: Rows
    """The rows on which the attacker is trained."""
    validation: Rows
    """The rows on which the attacker is tuned and selected."""
    test: Rows
    """The unused samples of fold 5, on which the attacker is measured."""
    validation_unit: str
    """`speaker` if one speaker of each label is reserved for validation, `utterance` if fold 4 has
    too few speakers.
    """

    @property
    def selected(self) -> tuple[str, ...]:
        """The speakers of folds 4 and 5 that join the training."""
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
) -> MembershipPlan:
    """A random half of the speakers of the fourth and of the fifth fold, and a `share` of the
    samples of each.

    - `speaker` and `fold` `(n,)`: all folds but `fourth` and `fifth` are D1; rows with a negative
      fold take no part. Speakers of folds 4 and 5 with one utterance take no part either.
    - `stratum` `(n,)`, the gender: the selection is balanced over it, so that the attacker does not
      infer gender in place of membership.
    - `complement`: selects the other speakers of fold 5 and changes nothing else.

    From an odd number of speakers of fold 4 the smaller half is selected, because D1 consists of
    members already. In fold 5 a share of the samples of speakers that are not selected is also
    excluded from the test. So test speakers differ in membership alone.

    If fold 4 has two speakers (IEMOCAP), none can be reserved for validation: a third of each
    label's utterances is. Raises `AttackError` for a fold with too few speakers, a speaker in two
    folds, or a share outside (0, 1).
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
    members: dict[int, list[_Samples]] = {}
    outsiders: dict[int, list[_Samples]] = {}
    for code, first in ((fourth, 1), (fifth, int(random.integers(2)) ^ int(complement))):
        speakers = _speaker_samples(speaker, np.flatnonzero(fold == code), stratum, share, random)
        if len(speakers) < 2 or not len(training):
            raise AttackError(
                f"fold {code} has {len(speakers)} speaker(s) with two utterances beside "
                f"{len(training)} rows of D1, "
                "expected two speakers and some rows: add speakers or make fewer folds"
            )
        members[code], outsiders[code] = speakers[first::2], speakers[1 - first :: 2]
    positive = [samples.unused for samples in members[fourth]]
    negative = [samples.rows for samples in outsiders[fourth]]
    unit, learn, validation = _reserve_validation(positive, negative, random)
    added = _join([samples.added for group in members.values() for samples in group])
    return MembershipPlan(
        speaker=speaker,
        member=np.isin(speaker, np.union1d(speaker[training], speaker[added])).astype(np.intp),
        training=training,
        added=added,
        learn=_join([training, *learn]),
        validation=_join(validation),
        test=_join([samples.unused for samples in members[fifth] + outsiders[fifth]]),
        validation_unit=unit,
    )


def attack(
    e: NDArray[np.float32], plan: MembershipPlan, families: Sequence[str] = QUICK, seed: int = 0
) -> RetrainResult:
    """Predictions of membership for the unused samples of fold 5, from embeddings `e` `(n, k)` of
    all rows.

    Attackers are trained on `plan.learn`. The best attacker and its threshold are selected on
    `plan.validation`. `e` comes from a network that was trained on `plan.training` and
    `plan.added`, or for the control on `plan.training` alone. The UAR of the best attacker is
    `sordino.metrics.membership`. `attack.pool_scores(guesses, k=None)` pools all samples of a
    speaker and so predicts the membership of the speaker in place of the sample. Raises
    `AttackError` for missing vectors.
    """
    parts = retraining.labelled_rows(
        e, plan.member, plan.speaker, [plan.learn, plan.validation, plan.test]
    )
    return retraining.retrain_by_plan(
        e, plan.member, plan.speaker, splits.with_validation(*parts), families=families, seed=seed
    )


def confidence(probability: NDArray[np.floating[Any]], truth: Rows) -> NDArray[np.float64]:
    """The logit log p / (1 - p) of the probability of the true class, `(n,)`; NaN for truth -1.

    `probability` is `(n, classes)`, `truth` `(n,)`. Carlini et al. (2022, section IV.C): unlike the
    probability, the logit is about Gaussian over networks.

    >>> confidence(np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0, 1])).round(2).tolist()
    [0.0, 2.2]
    """
    p = np.take_along_axis(np.asarray(probability, np.float64), truth[:, None].clip(min=0), 1)[:, 0]
    values: NDArray[np.float64] = logit(p.clip(PROBABILITY_LIMIT, 1 - PROBABILITY_LIMIT))
    return np.where(truth >= 0, values, np.nan)


def likelihood_ratio(
    target: NDArray[np.float64], shadows: NDArray[np.float64], member: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Evidence that each of n speakers was in the training of a network, `(n,)`; above 0 for yes.

        t, s_j        mean confidence of a speaker under the network, and under shadow network j,
                      less the mean over the n speakers
        m_in, m_out   means of s_j over the shadows with and without the speaker
        v             mean square of s_j - m over speakers and shadows

        with m_in     ((t - m_out)² - (t - m_in)²) / 2 v: the log ratio of two Gaussians
        without       t - m_out in units of its spread over speakers; without shadows m_out = 0

    - `target` `(n,)`; `shadows` `(j, n)`; `member` `(j, n)`: whether shadow j was trained with the
      speaker. Speakers need equally many shadows of each kind, or their numbers reveal membership.

    Carlini et al. (2022, sections IV and VI.C): one variance for all if shadows are few; the second
    form is their offline attack, of one shadow that of Watson et al. (2022), and without any that
    of Yeom et al. (2018). Raises `AttackError` for shapes that do not fit and NaN.
    """
    n = len(target)
    if shadows.shape != member.shape or shadows.shape[1:] != (n,):
        raise AttackError(
            f"shadows {shadows.shape}, member {member.shape} for {n} speakers, expected twice "
            f"(networks, {n}): align the speakers"
        )
    if not (np.isfinite(target).all() and np.isfinite(shadows).all()):
        raise AttackError("a confidence is not finite, expected numbers: leave that speaker out")
    t, s = target - target.mean(), shadows - shadows.mean(axis=1, keepdims=True)
    with_speaker, without = member.sum(axis=0), (~member).sum(axis=0)
    m_in = np.where(member, s, 0).sum(axis=0) / with_speaker.clip(min=1)
    m_out = np.where(member, 0, s).sum(axis=0) / without.clip(min=1)
    residual = s - np.where(member, m_in, m_out)
    freedom = residual.size - int((with_speaker > 0).sum() + (without > 0).sum())
    if with_speaker.all() and without.all() and freedom > 0 and (residual**2).sum() > 0:
        variance = (residual**2).sum() / freedom
        return np.asarray(((t - m_out) ** 2 - (t - m_in) ** 2) / (2 * variance))
    difference = t - m_out
    spread = difference.std()
    return np.asarray(difference / (spread if spread > 0 else 1.0))


@dataclass(frozen=True)
class _Samples:
    """The rows of a speaker: those that join the training if the speaker is selected, and the
    unused ones.
    """

    added: Rows
    unused: Rows

    @property
    def rows(self) -> Rows:
        """All rows of the speaker."""
        return np.concatenate([self.added, self.unused])


def _speaker_samples(
    speaker: NDArray[np.str_], rows: Rows, stratum: Rows, share: float, random: np.random.Generator
) -> list[_Samples]:
    """The speakers with two rows or more, stratum after stratum, in random order within each."""
    names, first, count = np.unique(speaker[rows], return_index=True, return_counts=True)
    order = random.permutation(len(names))
    order = order[np.argsort(stratum[rows[first[order]]], kind="stable")]
    speakers = []
    for name in names[order][count[order] > 1]:
        samples = random.permutation(rows[speaker[rows] == name])
        size = int(np.clip(round(share * len(samples)), 1, len(samples) - 1))
        speakers.append(_Samples(samples[:size], samples[size:]))
    return speakers


def _reserve_validation(
    positive: list[Rows], negative: list[Rows], random: np.random.Generator
) -> tuple[str, list[Rows], list[Rows]]:
    """The unit of validation, and the training and validation rows of fold 4: one speaker of each
    label validates.
    """
    if len(negative) > 1:
        pairs = [
            (speakers.pop(int(random.integers(len(speakers)))), speakers)
            for speakers in (list(positive), list(negative))
        ]
        learn = [rows for _, speakers in pairs for rows in speakers]
        return "speaker", learn, [rows for rows, _ in pairs]
    labels = [random.permutation(_join(speakers)) for speakers in (positive, negative)]
    sizes = [max(1, round(UTTERANCE_VALIDATION_SHARE * len(rows))) for rows in labels]
    cuts = list(zip(labels, sizes, strict=True))
    return "utterance", [rows[size:] for rows, size in cuts], [rows[:size] for rows, size in cuts]


def _join(rows: Sequence[Rows]) -> Rows:
    return np.sort(np.concatenate(rows))
