"""Fitted in one place, used in another: what carries over to other people, recordings and
languages, and what mends it.

    fitted on all speakers of a corpus -> used on another, whose labels only measure
    conditions      as it is; the scaled space centred on unlabelled recordings of the other place
                    (`Preprocess.centred`); thresholds calibrated on labelled ones of it
                    (`Drawn.calibrate`); users known (`sordino.release.drawn.speaker_offset`)

Whatever is learnt of the other place is learnt from other speakers than those it is measured on, in
five folds; so do attackers, who live there too.
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
from sordino.attack.splits import crossfit
from sordino.corpora import table
from sordino.corpora.split import Part, every_fourth
from sordino.corpora.table import Corpus
from sordino.features import CACHE, Preprocess, PreprocessFitter
from sordino.policy import Policy
from sordino.progress import track
from sordino.release import FITTERS, Drawn, Release
from sordino.release.drawn.speaker_offset import Personal
from sordino.study import protocol
from sordino.study.adaptation.evaluation import Labels, estimated, folds, said, write
from sordino.study.units import POLICIES, Options
from sordino.types import Rows, Vectors

STUDY: Final = "carry"
RELEASES: Final = ("none", "rae-grl+", "drawn")
AS_FITTED: Final = "as fitted"
CENTRED: Final = "centred"
FEW: Final = 4
"""Speakers of the other place, half of either gender, whose labelled recordings calibrate."""

CALIBRATED: Final = (f"centred, calibrated by {FEW} speakers", "centred, calibrated by all others")
KNOWN: Final = "centred, 20 utterances heard of a user"


def carry(
    source: Corpus,
    target: Corpus,
    out: str | Path,
    *,
    features: str = "IS13",
    releases: Sequence[str] = RELEASES,
    options: Options | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates, of which `condition` says what mended it, and the guesses; `estimates.csv` and
    `run.json` go to `out`.

    Of `options` seed, attackers' families and scaled space are used. Raises `CorpusError` where
    either corpus lacks an emotion or a gender, or both bear one name, and what fitting raises.
    """
    options, out = options or Options(), storage.folder(out)
    both = table.join([protocol.four_emotions(source), protocol.four_emotions(target)])
    x = protocol.vectors(features, table.join([source, target]), protocol.EMOTIONS, cache, jobs)
    own = np.isin(both.column("corpus"), source.table["corpus"].unique())
    scene = _Scene(x, both, np.flatnonzero(own), np.flatnonzero(~own), options)
    calls = [joblib.delayed(_one)(scene, policy, name) for policy in POLICIES for name in releases]
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    guesses = pd.concat(
        track(workers(calls), "policies and releases", len(calls)), ignore_index=True
    )
    estimates = estimated(guesses, STUDY, protocol.name_of(features), options.seed)
    config = {
        "study": STUDY,
        "fitted_on": source.name,
        "corpus": target.name,
        "releases": list(releases),
        "features": protocol.name_of(features),
        "seed": options.seed,
    }
    write(estimates, config, out)
    return estimates, guesses


def _one(scene: _Scene, policy: Policy, name: str) -> pd.DataFrame:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return pd.concat(list(scene.guesses(policy, name)), ignore_index=True)


@dataclass(frozen=True)
class _Scene:
    """Vectors of two places: `source` rows, all of which are fitted on, and `target` rows."""

    x: NDArray[np.float32]
    corpus: Corpus
    source: Rows
    target: Rows
    options: Options

    def guesses(self, policy: Policy, name: str) -> Iterator[pd.DataFrame]:
        """Guesses of one release under one policy, in every condition."""
        space = PreprocessFitter(self.options.scale, self.options.components).fit(
            self.x[self.source]
        )
        z, part, seed = space(self.x), self.part(), self.options.seed
        risk = RiskFitter(policy, seed=seed).fit(z, self.corpus, part)
        release = FITTERS[name](policy, seed).fit(z, self.corpus, part)
        fold = folds(self.corpus, self.target, seed)
        plan = crossfit(fold)
        for condition, given, out in self.conditions(space, release, fold):
            labels = Labels(self.corpus, policy)
            before, after = (risk(some[self.target]).role.argmax(axis=1) for some in (given, out))
            yield labels.emotion(self.target, name, condition, before, after)
            read = said(release, out)
            if read is None:
                yield labels.secrets(out, plan, name, condition, self.options.families, seed=seed)
            else:  # nobody learns more of a drawn release than what it says
                yield labels.secrets(read, plan, name, condition, ["linear"], READER, seed)

    def part(self) -> Part:
        """All of the source; what stops training is every fourth utterance of an emotion."""
        rows = self.source[np.argsort(self.corpus.column("emotion")[self.source], kind="stable")]
        return every_fourth(rows)

    def conditions(
        self, space: Preprocess, release: Release, fold: Rows
    ) -> Iterator[tuple[str, Vectors, Vectors]]:
        """Each condition's name, and vectors of all rows before and after the release."""
        z = space(self.x)
        yield AS_FITTED, z, release(z)
        sides = [
            (np.flatnonzero((fold != one) & (fold >= 0)), np.flatnonzero(fold == one))
            for one in np.unique(fold[self.target])
        ]
        centred = z.copy()
        for own, test in sides:
            centred[test] = space.centred(self.x[own])(self.x[test])
        yield CENTRED, centred, release(centred)
        if not isinstance(release, Drawn):
            return
        for condition, most in zip(CALIBRATED, (FEW, len(self.corpus)), strict=True):
            out = release(centred)
            for own, test in sides:
                few = self.few(own, most)
                out[test] = release.calibrate(centred[few], self.corpus.select(few))(centred[test])
            yield condition, centred, out
        out = release(centred)
        out[self.target] = release.draw(centred[self.target], self.known(release, centred))
        yield KNOWN, centred, out

    def few(self, rows: Rows, most: int) -> Rows:
        """The rows of at most so many speakers, of either gender in turn."""
        random = np.random.default_rng(self.options.seed)
        names = random.permutation(np.unique(self.corpus.speaker[rows]))
        gender = {name: self.corpus.genders()[self.corpus.speaker == name][0] for name in names}
        turn = pd.Series(names).groupby([gender[name] for name in names]).cumcount().to_numpy()
        chosen = names[np.argsort(turn, kind="stable")][:most]
        return rows[np.isin(self.corpus.speaker[rows], chosen)]

    def known(self, release: Drawn, z: Vectors) -> Rows:
        """The bin of each target row where 20 other utterances of its speaker were heard."""
        random, score = np.random.default_rng(self.options.seed), release.score(z)[:, None]
        offset = np.empty(len(self.target))
        for place, row in enumerate(self.target):
            others = np.flatnonzero(
                (self.corpus.speaker == self.corpus.speaker[row]) & (np.arange(len(z)) != row)
            )
            me = Personal(release.people)
            me.update(score[random.permutation(others)[:20]])
            offset[place] = me.offset[0]
        return release.decide(z[self.target], offset)
