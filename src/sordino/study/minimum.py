"""The minimum of data of a study: what each step needs, and what a corpus has of it.

    draw               three speakers (or sessions) of each corpus and gender, one for each part;
                       three speakers with each emotion, and an utterance of it in every part
    attack             two women, two men, and two speakers with each emotion of a bin among the
                       attacker's speakers
    release            speakers with each emotion among the fitting speakers: four where a bin has
                       prototypes of it, else two; two utterances a speaker
    bound              as many outside each fold of the cross-fit, two women and two men, and eight
                       fitting speakers with each emotion
    bound given gender eight fitting speakers of the gender
    patient attacker   five utterances of one test speaker

The numbers are counted in the draws of the study, so they hold for its seed. They suffice for the
protocol. A release may still be refused if too few speakers sound like an emotion.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import secret
from sordino.attack.pooling import POOL_SIZES
from sordino.corpora.groups import PARTS, Stratum, blocks, needed_strata, strata
from sordino.corpora.split import DRAWS, Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS
from sordino.errors import CorpusError, SplitError
from sordino.metrics import bound
from sordino.policy import Policy
from sordino.release import DrawnFitter, Fitter, MixtureFitter
from sordino.release.drawn.fit import speaker_folds
from sordino.release.drawn.prototypes import FEWEST_SPEAKERS
from sordino.study import protocol
from sordino.study.protocol import POLICIES, Fitters, Options
from sordino.types import Rows

Study = Literal["compare", "fit"]
STUDIES: Final[tuple[Study, ...]] = ("compare", "fit")

UTTERANCES_PER_SPEAKER: Final = 2
"""Utterances a fitting speaker, on average (`sordino.release.drawn.speaker_offset`)."""

OPTIONAL_STEPS: Final = ("bound", "patient attacker")
"""Steps without which a study runs, reports fewer figures and warns."""

GIVEN_GENDER: Final = "bound given gender"
"""A step that is listed alone: without it a study runs and only lacks limits of some bounds."""


class Need(NamedTuple):
    """One requirement of a step."""

    step: str
    """The step of a study."""
    item: str
    """The name of the counted items."""
    present: int
    """Their number in the corpus."""
    needed: int
    """The smallest sufficient number."""
    studies: tuple[Study, ...] = STUDIES
    """The studies that have the step."""

    @property
    def is_met(self) -> bool:
        """Whether the corpus has enough."""
        return self.present >= self.needed

    @property
    def shortfall(self) -> str:
        """The numbers in words."""
        return f"{self.present} {self.item}, expected {self.needed}"

    def __str__(self) -> str:
        return f"{self.step}: {self.shortfall}"


class Minimum(NamedTuple):
    """All requirements of a study."""

    needs: tuple[Need, ...]
    """The requirements."""
    reason: str = ""
    """The reason why no draw can be made; empty if one can."""

    def missing(self, study: Study, *, optional: bool) -> list[Need]:
        """The requirements of a study that are not met, of optional or of the other steps."""
        return [
            need
            for need in self.needs
            if study in need.studies
            and not need.is_met
            and need.step != GIVEN_GENDER
            and (need.step in OPTIONAL_STEPS) == optional
        ]


def check_minimum(
    study: Study,
    corpus: Corpus,
    options: Options,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    max_draws: int = DRAWS,
) -> None:
    """Raise `SplitError` where a step of the study cannot run, and warn where an optional one
    cannot. No feature is computed.

    The releases are those of `options`, in at most `max_draws` draws. Raises `CorpusError` as
    `Corpus.with_every_emotion` does.
    """
    corpus.with_every_emotion(policies[0].emotions)
    minimum = minimum_of(corpus, options, policies, fitters, max_draws)
    missing = minimum.missing(study, optional=False)
    if missing:
        raise SplitError(
            f"{corpus.name}: too few data for the {'; '.join(map(str, missing))}: add speakers or "
            "recordings (`sordino corpus check` lists every need), or leave that release or "
            "corpus out"
        )
    if minimum.reason:
        raise SplitError(minimum.reason)
    optional = minimum.missing(study, optional=True)
    for step in dict.fromkeys(need.step for need in optional):
        counts = "; ".join(need.shortfall for need in optional if need.step == step)
        warnings.warn(
            f"{corpus.name}: the {step} will be missing: {counts}: add speakers or recordings",
            stacklevel=3,
        )


def minimum_of(
    corpus: Corpus,
    options: Options,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    max_draws: int = DRAWS,
    sums: NDArray[np.str_] | None = None,
) -> Minimum:
    """The requirements of the releases of `options` under some policies.

    `sums` are the checksums of all recordings.
    """
    emotions = policies[0].emotions
    try:
        utterances = corpus.with_every_emotion(emotions)
    except CorpusError as error:
        return Minimum((), str(error))
    if sums is None:
        sums = utterances.checksums()
    else:
        sums = sums[corpus.table["emotion"].isin(emotions).to_numpy()]
    labels = utterances.table[["speaker", "gender", "emotion"]]
    block = blocks(utterances.speaker, utterances.column("session"), sums)
    needs = [*_of_strata(strata(utterances.table, block)), *_of_emotions(labels, emotions)]
    try:
        draws = protocol.draws(utterances, options, sums, emotions)[:max_draws]
    except SplitError as error:
        return Minimum(tuple(needs), str(error))
    counts = _Counts(labels, options.seed)
    needs += [
        *counts.utterances(draws, emotions),
        *counts.attack(draws, policies),
        *counts.patient(draws),
    ]
    fitters = Fitters.with_registered(fitters)
    released = [fitters.release(policies[0], name, options.seed) for name in options.releases]
    if any(map(_has_prototypes, released)):
        needs += [*counts.release(draws, policies), *counts.bounds(draws, policies)]
    return Minimum(tuple(needs))


def _has_prototypes(fitter: Fitter) -> bool:
    return isinstance(fitter, DrawnFitter | MixtureFitter)


def _of_strata(kinds: list[Stratum]) -> Iterator[Need]:
    """The speakers of each corpus and gender, or sessions."""
    for stratum in needed_strata(kinds):
        yield Need("draw", f"speakers or sessions of {stratum}", len(stratum.members), PARTS)


def _of_emotions(labels: pd.DataFrame, emotions: Sequence[str]) -> Iterator[Need]:
    speakers = labels.groupby("emotion")["speaker"].nunique()
    for emotion in emotions:
        yield Need("draw", f"speakers with {emotion}", int(speakers.get(emotion, 0)), PARTS)


@dataclass(frozen=True)
class _Counts:
    """Speakers of the parts of draws; of several draws the smallest number counts.

    `labels` has the columns `speaker`, `gender` and `emotion`, one row per utterance.
    """

    labels: pd.DataFrame
    seed: int

    @property
    def speaker(self) -> NDArray[np.str_]:
        """The speaker of each utterance, `(utterances,)`."""
        return self.labels["speaker"].to_numpy(dtype=str)

    def speakers(self, rows: Rows, column: str, value: str) -> int:
        """The speakers among some rows that have a label."""
        table = self.labels.iloc[rows]
        return int(table.loc[table[column] == value, "speaker"].nunique())

    def smallest(self, parts: Iterable[Rows], column: str, value: str) -> int:
        """The smallest number of speakers with a label in one of the parts."""
        return min(self.speakers(rows, column, value) for rows in parts)

    def utterances(self, draws: Sequence[Parts], emotions: Sequence[str]) -> Iterator[Need]:
        label = self.labels["emotion"].to_numpy(dtype=str)
        parts = [
            rows
            for draw in draws
            for rows in (
                draw.risk.train,
                draw.transform.train,
                draw.transform.validation,
                draw.test,
            )
        ]
        for emotion in emotions:
            present = min(int((label[rows] == emotion).sum()) for rows in parts)
            yield Need("draw", f"utterances with {emotion} in a part", present, 1)

    def attack(self, draws: Sequence[Parts], policies: Sequence[Policy]) -> Iterator[Need]:
        risk = [parts.risk.rows for parts in draws]
        of_bins = [("emotion", emotion, f"speakers with {emotion}") for emotion in _bins(policies)]
        genders = [("gender", gender, f"{gender} speakers") for gender in GENDERS]
        for column, value, noun in (*genders, *of_bins):
            present = self.smallest(risk, column, value)
            item = f"{noun} of the attacker"
            yield Need("attack", item, present, secret.SPEAKERS_PER_CLASS)

    def patient(self, draws: Sequence[Parts]) -> Iterator[Need]:
        tested = np.concatenate([parts.test for parts in draws])
        most = int(np.unique(self.speaker[tested], return_counts=True)[1].max())
        yield Need("patient attacker", "utterances of one test speaker", most, min(POOL_SIZES))

    def release(self, draws: Sequence[Parts], policies: Sequence[Policy]) -> Iterator[Need]:
        fitting = [parts.transform.rows for parts in draws]
        for emotion, needed in _fewest(policies).items():
            present = self.smallest(fitting, "emotion", emotion)
            yield Need("release", f"fitting speakers with {emotion}", present, needed)
        each = min(len(rows) // len(np.unique(self.speaker[rows])) for rows in fitting)
        yield Need("release", "utterances a fitting speaker", each, UTTERANCES_PER_SPEAKER)

    def bounds(self, draws: Sequence[Parts], policies: Sequence[Policy]) -> Iterator[Need]:
        every = [np.arange(len(self.labels))]
        fitting = [parts.transform.rows for parts in draws]
        studies: tuple[tuple[Study, list[Rows]], ...] = (("compare", fitting), ("fit", every))
        for study, parts in studies:
            others = [rows for part in parts for rows in self.outside_folds(part)]
            for emotion, needed in _fewest(policies).items():
                present = self.smallest(others, "emotion", emotion)
                item = f"fitting speakers with {emotion} outside a fold"
                yield Need("bound", item, present, needed, (study,))
            for emotion in policies[0].emotions:
                present = self.smallest(parts, "emotion", emotion)
                item = f"fitting speakers with {emotion}"
                yield Need("bound", item, present, bound.SPEAKERS_PER_LIMIT, (study,))
            for gender in GENDERS:
                present = self.smallest(parts, "gender", gender)
                item = f"{gender} fitting speakers"
                yield Need("bound", item, present, bound.SPEAKERS_PER_GROUP, (study,))
                yield Need(GIVEN_GENDER, item, present, bound.SPEAKERS_PER_LIMIT, (study,))

    def outside_folds(self, rows: Rows) -> Iterator[Rows]:
        """The rows outside each fold of the cross-fit of a bound."""
        fold = speaker_folds(self.speaker[rows], self.seed)
        return (rows[fold != number] for number in np.unique(fold))


def _fewest(policies: Sequence[Policy]) -> dict[str, int]:
    """The speakers with each emotion that a drawn release needs: those of a prototype, or two for
    an emotion without prototypes, as cross-fitting needs it outside each fold.
    """
    bins = _bins(policies)
    return {emotion: FEWEST_SPEAKERS if emotion in bins else 2 for emotion in policies[0].emotions}


def _bins(policies: Sequence[Policy]) -> tuple[str, ...]:
    """The emotions that some bin stands for: neutral and every required emotion."""
    required = (label for policy in policies for label in policy.required_emotions)
    return (policies[0].neutral, *dict.fromkeys(required))
