"""One user at a time: what a release gains, and what it tells, when the device knows whom it hears.

Draws are those of `sordino.study.feng2021`: a release is fitted on its party's speakers, and each
speaker of the test is then a user. Before an utterance is released, others of the same user were
heard (`HEARD`), at random and never itself. They tell the user's offset
(`sordino.release.drawn.speaker_offset`): of scores for `drawn`, of vectors for autoencoders, which
are fitted on speakers who were heard in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino import storage
from sordino.attack import RiskFitter
from sordino.attack.retraining import READER
from sordino.attack.splits import crossfit, held
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus, checksums
from sordino.features import CACHE, PreprocessFitter
from sordino.policy import Policy
from sordino.progress import track
from sordino.release import FITTERS, Drawn, Release
from sordino.release.drawn.speaker_offset import Personal, SpeakerStatistics, replay
from sordino.study import protocol
from sordino.study.adaptation.evaluation import Labels, estimated, folds, said, write
from sordino.study.units import POLICIES, Options
from sordino.types import Matrix, Rows, Vectors

STUDY: Final = "personalise"
RELEASES: Final = ("drawn",)


@dataclass(frozen=True)
class Heard:
    """What was heard of a user: at most `count` utterances; of `emotions` of a policy by place, all
    where there are none, `count` of each of them where they are `labelled`.
    """

    name: str
    count: int
    emotions: tuple[int, ...] = ()
    labelled: bool = False

    def of(self, rows: Rows, emotion: Rows, random: np.random.Generator) -> list[tuple[Rows, int]]:
        """Some of these rows, and the place of the emotion that they are known to have, -1 for
        unknown.
        """
        mixed = random.permutation(rows)
        if self.labelled:
            return [(mixed[emotion[mixed] == one][: self.count], one) for one in self.emotions]
        return [
            (
                (mixed[np.isin(emotion[mixed], self.emotions)] if self.emotions else mixed)[
                    : self.count
                ],
                -1,
            )
        ]


NOBODY: Final = "nobody"
EVERYTHING: Final = 10**6
HEARD: Final = (
    Heard("5 utterances", 5),
    Heard("20 utterances", 20),
    Heard("all others", EVERYTHING),
    Heard("1 labelled of each emotion", 1, (0, 1, 2, 3), labelled=True),
    Heard("3 labelled of each emotion", 3, (0, 1, 2, 3), labelled=True),
    Heard("3 labelled neutral", 3, (0,), labelled=True),
    Heard("neutral alone, not labelled", EVERYTHING, (0,)),
    Heard("required alone, not labelled", EVERYTHING, (1,)),
)
"""Conditions. The last two are what goes wrong: users whose mix of emotions is not that of the
people fitted on.
"""

OF_VECTORS: Final = tuple(one for one in HEARD if one.name in ("20 utterances", "all others"))
"""Conditions of releases that hear vectors instead of scores."""


def personalise(
    corpus: Corpus,
    out: str | Path,
    *,
    features: str = "IS13",
    releases: Sequence[str] = RELEASES,
    options: Options | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates, of which `condition` says what was heard, and the guesses; `estimates.csv` and
    `run.json` go to `out`.

    `measured_on="validation"` of `options` studies it without touching a test speaker. Raises what
    `sordino.study.feng2021.reproduce` raises.
    """
    options, out = options or Options(), storage.folder(out)
    study = protocol.four_emotions(corpus)
    x = protocol.vectors(features, corpus, protocol.EMOTIONS, cache, jobs)
    draws = protocol.deal(study, options, checksums(study))
    calls = [
        joblib.delayed(_one)(x, study, parts, policy, releases, options)
        for parts in draws
        for policy in POLICIES
    ]
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    units = list(track(workers(calls), "draws and policies", len(calls)))
    guesses = pd.concat(
        [*(table for unit in units for table in unit.guesses), *_read(study, units, options)]
    )
    guesses = guesses.reset_index(drop=True)
    estimates = estimated(guesses, STUDY, protocol.name_of(features), options.seed)
    config = {
        "study": STUDY,
        "corpus": study.name,
        "features": protocol.name_of(features),
        "releases": list(releases),
        "measured_on": options.measured_on,
        "seed": options.seed,
    }
    write(estimates, config, out)
    return estimates, guesses


@dataclass(frozen=True)
class _Done:
    """One draw under one policy: guesses, and what drawn releases say of the tested rows, `(n,
    bins)`, by condition.
    """

    policy: Policy
    rows: Rows
    guesses: list[pd.DataFrame]
    said: dict[tuple[str, str], Matrix]


def _one(
    x: NDArray[np.float32],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    releases: Sequence[str],
    options: Options,
) -> _Done:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        unit = _Unit(x, corpus, parts, policy, options)
        for name in releases:
            unit.measure(name)
        return _Done(policy, parts.test, unit.guesses, unit.said)


class _Unit:
    """One draw under one policy."""

    def __init__(
        self, x: NDArray[np.float32], corpus: Corpus, parts: Parts, policy: Policy, options: Options
    ) -> None:
        self.corpus, self.parts, self.policy, self.seed = (
            corpus,
            parts,
            policy,
            1000 * options.seed + parts.draw,
        )
        self.families = options.families
        self.z = PreprocessFitter(options.scale, options.components).fit(x[parts.transform.rows])(x)
        self.emotion = np.array(
            [policy.emotions.index(one) for one in corpus.column("emotion")], np.intp
        )
        self.risk = RiskFitter(policy, seed=self.seed).fit(self.z, corpus, parts.risk)
        self.guesses: list[pd.DataFrame] = []
        self.said: dict[tuple[str, str], Matrix] = {}

    def measure(self, name: str) -> None:
        """Guesses of one release, as it is and with each condition."""
        test, fitting = self.parts.test, self.parts.transform.rows
        release = FITTERS[name](self.policy, self.seed).fit(
            self.z, self.corpus, self.parts.transform
        )
        self._told(name, NOBODY, release(self.z[test]), release)
        if isinstance(release, Drawn):
            score = release.score(self.z)[:, None]
            for heard in HEARD:
                offset = self.offsets(score, release.people, heard, test)[:, 0]
                out = release.draw(self.z[test], release.decide(self.z[test], offset))
                self._told(name, heard.name, out, release)
            return
        people = SpeakerStatistics.fit(
            self.z[fitting],
            self.corpus.speaker[fitting],
            self.emotion[fitting],
            self.policy.emotions,
        )
        alike = self.z.copy()
        alike[fitting] = replay(self.z[fitting], self.corpus.speaker[fitting], people, self.seed)
        release = FITTERS[name](self.policy, self.seed).fit(
            alike, self.corpus, self.parts.transform
        )
        for heard in OF_VECTORS:
            rows = np.concatenate([self.parts.risk.rows, test])
            own = self.z.copy()
            own[rows] -= self.offsets(self.z.astype(np.float64), people, heard, rows)
            self._told(name, heard.name, release(own[test]), release, own)

    def offsets(
        self, values: Matrix, people: SpeakerStatistics, heard: Heard, rows: Rows
    ) -> Matrix:
        """What each row's speaker adds, told by others of the speaker's rows, `(rows, d)`."""
        random, speaker = np.random.default_rng(self.seed), self.corpus.speaker
        offset = np.empty((len(rows), values.shape[1]))
        for place, row in enumerate(rows):
            others = np.flatnonzero((speaker == speaker[row]) & (np.arange(len(speaker)) != row))
            me = Personal(people)
            for some, emotion in heard.of(others, self.emotion, random):
                me.update(values[some], "" if emotion < 0 else people.emotions[emotion])
            offset[place] = me.offset
        return offset

    def _told(
        self, name: str, condition: str, out: Vectors, release: Release, own: Vectors | None = None
    ) -> None:
        test, labels = self.parts.test, Labels(self.corpus, self.policy)
        before, after = (self.risk(z).role.argmax(axis=1) for z in (self.z[test], out))
        self.guesses.append(labels.emotion(test, name, condition, before, after, self.parts.draw))
        read = said(release, out)
        if read is not None:
            self.said[name, condition] = read
            return
        vectors, risk = self.z.copy(), self.parts.risk.rows
        vectors[test], vectors[risk] = out, release((self.z if own is None else own)[risk])
        plan = held(risk, test, folds(self.corpus, risk, self.seed)[risk])
        self.guesses.append(
            labels.secrets(vectors, plan, name, condition, self.families, seed=self.seed).assign(
                draw=self.parts.draw
            )
        )


def _read(corpus: Corpus, units: Sequence[_Done], options: Options) -> Iterator[pd.DataFrame]:
    """What is told by who reads the bins of drawn releases: the tested speakers of all draws,
    cross-fitted.

    Of a drawn release nobody learns more than its bins, and bins mean the same in every draw.
    """
    for policy in POLICIES:
        of = [unit for unit in units if unit.policy == policy]
        rows = np.unique(np.concatenate([unit.rows for unit in of]))
        plan = crossfit(folds(corpus, rows, options.seed))
        for release, condition in of[0].said:
            vectors = np.zeros(
                (len(corpus), max(unit.said[release, condition].shape[1] for unit in of))
            )
            for unit in of:
                vectors[unit.rows, : unit.said[release, condition].shape[1]] = unit.said[
                    release, condition
                ]
            yield Labels(corpus, policy).secrets(
                vectors, plan, release, condition, ["linear"], READER
            )
