"""Releases adapted to one user at a time: gain in utility and in leakage on a device that knows its
user.

Draws are those of `sordino.study.feng2021`. A release is fitted on the transform party, and each
test speaker is then a user. Fits have copies in other conditions, users have recordings alone.
Before an utterance is released, the device has heard other utterances of the same user
(`HISTORIES`), drawn at random. They determine the user's offset
(`sordino.release.drawn.speaker_offset`): of scores for `drawn`, of vectors for autoencoders, which
are fitted on vectors with the same kind of offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import parallel, storage
from sordino.attack.retraining import READER
from sordino.attack.splits import crossfit, holdout
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.features import CACHE
from sordino.policy import Policy
from sordino.progress import track
from sordino.record import settled, versions
from sordino.release import Drawn, Release
from sordino.release.drawn.speaker_offset import Personal, SpeakerStatistics, replay
from sordino.release.protocol import apply_release
from sordino.signal.feature_sets import AUTOMATIC, resolve
from sordino.storage import Location
from sordino.study import run_record
from sordino.study.adaptation.evaluation import (
    GuessTables,
    condition_estimates,
    folds_of_rows,
    readings,
)
from sordino.study.policies import check_single
from sordino.study.protocol import (
    POLICIES,
    Fitters,
    Inputs,
    Options,
    bundle_options,
    features_name,
    prepare,
    space,
)
from sordino.types import Matrix, Rows, Vectors

STUDY: Final = "personalise"
RELEASES: Final = ("drawn",)


@dataclass(frozen=True)
class History:
    """Utterances of a user before the release: at most `count`.

    `emotions` are indices into the emotions of a policy; if empty, utterances of all emotions
    count. If `labelled`, the history has at most `count` utterances of each of them, with labels.
    """

    name: str
    count: int
    emotions: tuple[int, ...] = ()
    labelled: bool = False

    def choose(
        self, rows: Rows, emotion: Rows, random: np.random.Generator
    ) -> list[tuple[Rows, int]]:
        """The rows of the history, and the index of their emotion, -1 without labels."""
        order = random.permutation(rows)
        if self.labelled:
            return [(order[emotion[order] == code][: self.count], code) for code in self.emotions]
        if self.emotions:
            order = order[np.isin(emotion[order], self.emotions)]
        return [(order[: self.count], -1)]


NO_HISTORY: Final = "nobody"
UNLIMITED: Final = 10**6
HISTORIES: Final = (
    History("5 utterances", 5),
    History("20 utterances", 20),
    History("all others", UNLIMITED),
    History("1 labelled of each emotion", 1, (0, 1, 2, 3), labelled=True),
    History("3 labelled of each emotion", 3, (0, 1, 2, 3), labelled=True),
    History("3 labelled neutral", 3, (0,), labelled=True),
    History("neutral alone, not labelled", UNLIMITED, (0,)),
    History("required alone, not labelled", UNLIMITED, (1,)),
)
"""Conditions. The last two are failures: the mix of emotions differs from that of the fitting
speakers.
"""

OF_VECTORS: Final = ("20 utterances", "all others")
"""Names of the histories for releases with an offset of vectors instead of scores."""


def personalise(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = AUTOMATIC,
    releases: Sequence[str] = RELEASES,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    histories: Sequence[History] = HISTORIES,
    noise: str | Path | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates, with the history in the column `condition`, and guesses. Writes `estimates.csv`
    and `run.json` to `out`.

    `options` are by default `sordino.study.protocol.bundle_options`; `measured_on="validation"`
    uses no test speaker. `noise` is a folder with recordings of noise for the copies.

    Raises the errors of `sordino.study.protocol.prepare` and of the fit.
    """
    out, features = storage.folder(out), resolve(features)
    options = options or bundle_options(features)
    inputs = prepare(corpus, features, options, noise=noise, cache=cache, jobs=jobs)
    guesses = guesses_of_users(
        inputs,
        options,
        releases=releases,
        policies=policies,
        fitters=fitters,
        histories=histories,
        jobs=jobs,
    )
    estimates = condition_estimates(guesses, STUDY, features_name(features), options.seed)
    config = {
        "study": STUDY,
        "corpus": inputs.corpus.name,
        "features": features_name(features),
        "releases": list(releases),
        "measured_on": options.measured_on,
        "seed": options.seed,
        "conditions": inputs.conditions,
    }
    run_record.write(estimates, {**settled(config), "versions": versions()}, out)
    return estimates, guesses


def guesses_of_users(
    inputs: Inputs,
    options: Options,
    *,
    releases: Sequence[str] = RELEASES,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    histories: Sequence[History] = HISTORIES,
    jobs: int = 0,
) -> pd.DataFrame:
    """The guesses of all attackers about every user, in the columns
    `sordino.attack.PREDICTION_COLUMNS` and `condition`. Raises the errors of the fit.
    """
    settings = (inputs, options, Fitters.with_registered(fitters), histories)
    check_single(policies)
    calls = [(parts, policy) for parts in inputs.draws for policy in policies]
    outcomes = parallel.map(partial(_compute, settings, releases), calls, jobs=jobs, ordered=True)
    units = list(track(outcomes, "draws and policies", len(calls)))
    tables = [table for unit in units for table in unit.guesses]
    tables += _read_bins(inputs.corpus, policies, units, options.seed)
    guesses: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return guesses


@dataclass(frozen=True)
class _Outcome:
    """One draw under one policy: guesses, and the bins of the test rows in drawn releases,
    `(n, bins)`, by release and condition.
    """

    policy: Policy
    rows: Rows
    guesses: list[pd.DataFrame] = field(default_factory=list)
    bins: dict[tuple[str, str], Matrix] = field(default_factory=dict)


_Settings = tuple[Inputs, Options, Fitters, Sequence[History]]


def _compute(settings: _Settings, releases: Sequence[str], call: tuple[Parts, Policy]) -> _Outcome:
    parts, policy = call
    torch.set_num_threads(1)
    with threadpool_limits(1):
        unit = _PersonalUnit(settings, parts, policy)
        for name in releases:
            unit.measure(name)
        return unit.outcome


class _PersonalUnit:
    """One draw under one policy."""

    def __init__(self, settings: _Settings, parts: Parts, policy: Policy) -> None:
        self.inputs, options, self.fitters, self.histories = settings
        self.corpus, self.fitting = self.inputs.corpus, self.inputs.fitting
        self.parts, self.policy = parts, policy
        self.seed, self.families = 1000 * options.seed + parts.draw, options.families
        self.z_fitting = space(self.inputs, parts, options)
        self.z = self.z_fitting[: len(self.corpus)]
        emotions = self.fitting.column("emotion")
        self.emotion = np.array([policy.emotions.index(name) for name in emotions], np.intp)
        risk = self.fitters.risk_model(policy, self.seed)
        self.risk = risk.fit(self.z_fitting, self.fitting, self.inputs.with_copies(parts.risk))
        self.outcome = _Outcome(policy, parts.test)

    def measure(self, name: str) -> None:
        """Guesses about one release, without adaptation and with each history."""
        test = self.parts.test
        fitting = self.inputs.with_copies(self.parts.transform).rows
        release = self.fit(name, self.z_fitting)
        self.attack(name, NO_HISTORY, apply_release(release, self.z[test]), release)
        if isinstance(release, Drawn):
            score = release.score(self.z)[:, None]
            for history in self.histories:
                offset = self.offsets(score, release.people, history, test)[:, 0]
                out = release.draw(self.z[test], release.decide(self.z[test], offset))
                self.attack(name, history.name, out, release)
            return
        speaker, z = self.fitting.speaker[fitting], self.z_fitting.copy()
        people = SpeakerStatistics.fit(
            z[fitting],
            speaker,
            self.emotion[fitting],
            self.policy.emotions,
            copies=self.inputs.copies,
        )
        for number in range(1 + self.inputs.copies):  # each copy is heard by itself
            rows = fitting[fitting // len(self.corpus) == number]
            z[rows] = replay(z[rows], self.fitting.speaker[rows], people, self.seed)
        release = self.fit(name, z)
        for history in self.histories:
            if history.name in OF_VECTORS:
                rows = np.concatenate([self.parts.risk.rows, test])
                adapted = self.z.copy()
                adapted[rows] -= self.offsets(self.z.astype(np.float64), people, history, rows)
                out = apply_release(release, adapted[test])
                self.attack(name, history.name, out, release, adapted)

    def fit(self, name: str, z: Vectors) -> Release:
        fitter = self.fitters.release(self.policy, name, self.seed)
        return fitter.fit(z, self.fitting, self.inputs.with_copies(self.parts.transform))

    def offsets(
        self, values: Matrix, people: SpeakerStatistics, history: History, rows: Rows
    ) -> Matrix:
        """The offset of each row's speaker from other rows of that speaker, `(rows, d)`."""
        random, speaker = np.random.default_rng(self.seed), self.corpus.speaker
        offset = np.empty((len(rows), values.shape[1]))
        for index, row in enumerate(rows):
            earlier = np.flatnonzero((speaker == speaker[row]) & (np.arange(len(speaker)) != row))
            user = Personal(people)
            for chosen, emotion in history.choose(earlier, self.emotion, random):
                user.update(values[chosen], "" if emotion < 0 else people.emotions[emotion])
            offset[index] = user.offset
        return offset

    def attack(
        self,
        name: str,
        condition: str,
        out: Vectors,
        release: Release,
        adapted: Vectors | None = None,
    ) -> None:
        """Add the guesses of all attackers, or the bins that `_read_bins` attacks later."""
        test, tables = self.parts.test, GuessTables(self.corpus, self.policy)
        before, after = (self.risk(z).role.argmax(axis=1) for z in (self.z[test], out))
        draw = self.parts.draw
        self.outcome.guesses.append(tables.emotion(test, name, condition, before, after, draw))
        bins = readings(release, out)
        if bins is not None:
            self.outcome.bins[name, condition] = bins
            return
        vectors, risk = self.z.copy(), self.parts.risk.rows
        z = self.z if adapted is None else adapted
        vectors[test], vectors[risk] = out, apply_release(release, z[risk])
        plan = holdout(risk, test, folds_of_rows(self.corpus, risk, self.seed)[risk])
        guesses = tables.secrets(vectors, plan, name, condition, self.families, seed=self.seed)
        self.outcome.guesses.append(guesses.assign(draw=draw))


def _read_bins(
    corpus: Corpus, policies: Sequence[Policy], units: Sequence[_Outcome], seed: int
) -> Iterator[pd.DataFrame]:
    """Guesses of attackers that read the bins of drawn releases: the test speakers of all draws,
    cross-fitted.

    A drawn release has no information beside its bins, and bins mean the same in every draw.
    """
    for policy in policies:
        outcomes = [unit for unit in units if unit.policy == policy]
        rows = np.unique(np.concatenate([unit.rows for unit in outcomes]))
        plan = crossfit(folds_of_rows(corpus, rows, seed))
        for key in outcomes[0].bins:
            width = max(unit.bins[key].shape[1] for unit in outcomes)
            vectors = np.zeros((len(corpus), width))
            for unit in outcomes:
                vectors[unit.rows, : unit.bins[key].shape[1]] = unit.bins[key]
            yield GuessTables(corpus, policy).secrets(vectors, plan, *key, ["linear"], READER)
