"""Releases fitted on one corpus and used on another: transfer to other speakers, recordings and
languages, and means of adaptation.

    fit on all speakers of the source corpus -> use on the target corpus
    conditions   as fitted
                 centred: the scaled space is centred on unlabelled recordings of the target
                 (`Preprocess.centred`)
                 calibrated: thresholds follow from labelled recordings of the target
                 (`Drawn.calibrate`)
                 known user (`sordino.release.drawn.speaker_offset`)

Each fifth of the target speakers is measured with an adaptation to the other speakers. The
attackers are also trained on the other speakers of the target.
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
from threadpoolctl import threadpool_limits

from sordino import storage
from sordino.attack.retraining import READER
from sordino.attack.splits import crossfit
from sordino.corpora import table
from sordino.corpora.split import every_fourth
from sordino.corpora.table import Corpus
from sordino.features import CACHE, Preprocess, PreprocessFitter
from sordino.policy import Policy
from sordino.progress import track
from sordino.release import Drawn, Release
from sordino.release.drawn.speaker_offset import Personal
from sordino.release.protocol import apply_release
from sordino.report.record import settled, versions
from sordino.study import protocol, run_record
from sordino.study.adaptation.evaluation import (
    GuessTables,
    condition_estimates,
    folds_of_rows,
    readings,
)
from sordino.study.protocol import POLICIES, Fitters, Options
from sordino.types import Rows, Vectors

STUDY: Final = "carry"
RELEASES: Final = ("none", "rae-grl+", "drawn")
AS_FITTED: Final = "as fitted"
CENTRED_SPACE: Final = "centred"
CALIBRATION_SPEAKERS: Final = 4
"""Target speakers with labelled recordings for calibration, half of each gender."""

CALIBRATED: Final = (
    f"centred, calibrated by {CALIBRATION_SPEAKERS} speakers",
    "centred, calibrated by all others",
)
KNOWN_USER: Final = "centred, 20 utterances heard of a user"


def carry(
    source: Corpus,
    target: Corpus,
    out: str | Path,
    *,
    features: str = "IS13",
    releases: Sequence[str] = RELEASES,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates, with the adaptation in the column `condition`, and guesses. Writes `estimates.csv`
    and `run.json` to `out`.

    Of `options`, the seed, the families of attackers and the scaled space are used.

    Raises `CorpusError` if either corpus lacks an emotion or a gender, or if both have one name,
    and the errors of the fit.
    """
    options, out = options or Options(), storage.folder(out)
    corpus = table.join([protocol.select(source), protocol.select(target)])
    x = protocol.feature_vectors(
        features, table.join([source, target]), protocol.FOUR_EMOTIONS, cache, jobs
    )
    of_source = np.isin(corpus.column("corpus"), source.table["corpus"].unique())
    source_rows, target_rows = np.flatnonzero(of_source), np.flatnonzero(~of_source)
    transfer = _Transfer(
        x, corpus, source_rows, target_rows, options, Fitters.with_registered(fitters)
    )
    calls = [
        joblib.delayed(_compute)(transfer, policy, name) for policy in policies for name in releases
    ]
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    tables = track(workers(calls), "policies and releases", len(calls))
    guesses = pd.concat(tables, ignore_index=True)
    name = protocol.features_name(features)
    estimates = condition_estimates(guesses, STUDY, name, options.seed)
    config = {
        "study": STUDY,
        "fitted_on": source.name,
        "corpus": target.name,
        "releases": list(releases),
        "features": name,
        "seed": options.seed,
    }
    run_record.write(estimates, {**settled(config), "versions": versions()}, out)
    return estimates, guesses


def _compute(transfer: _Transfer, policy: Policy, name: str) -> pd.DataFrame:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return pd.concat(list(transfer.guesses(policy, name)), ignore_index=True)


@dataclass(frozen=True)
class _Transfer:
    """Vectors of two corpora: fits use all `source` rows, and `target` rows are measured."""

    x: Vectors
    corpus: Corpus
    source: Rows
    target: Rows
    options: Options
    fitters: Fitters

    def guesses(self, policy: Policy, name: str) -> Iterator[pd.DataFrame]:
        """Guesses about one release under one policy, in every condition."""
        fitter = PreprocessFitter(self.options.scale, self.options.components)
        space = fitter.fit(self.x[self.source])
        z, seed = space(self.x), self.options.seed
        part = every_fourth(self.source, self.corpus.column("emotion"))
        risk = self.fitters.risk_model(policy, seed).fit(z, self.corpus, part)
        release = self.fitters.release(policy, name, seed).fit(z, self.corpus, part)
        fold = folds_of_rows(self.corpus, self.target, seed)
        plan, tables = crossfit(fold), GuessTables(self.corpus, policy)
        for condition, original, out in self.conditions(space, release, fold):
            before, after = (risk(v[self.target]).role.argmax(axis=1) for v in (original, out))
            yield tables.emotion(self.target, name, condition, before, after)
            bins = readings(release, out)
            if bins is None:
                yield tables.secrets(out, plan, name, condition, self.options.families, seed=seed)
            else:  # a drawn release has no information beside its bins
                yield tables.secrets(bins, plan, name, condition, ["linear"], READER, seed)

    def conditions(
        self, space: Preprocess, release: Release, fold: Rows
    ) -> Iterator[tuple[str, Vectors, Vectors]]:
        """The name of each condition, and the vectors of all rows before and after the release."""
        z = space(self.x)
        yield AS_FITTED, z, apply_release(release, z)
        sides = [
            (np.flatnonzero((fold != number) & (fold >= 0)), np.flatnonzero(fold == number))
            for number in np.unique(fold[self.target])
        ]
        centred = z.copy()
        for adaptation, test in sides:
            centred[test] = space.centred(self.x[adaptation])(self.x[test])
        yield CENTRED_SPACE, centred, apply_release(release, centred)
        if not isinstance(release, Drawn):
            return
        counts = (CALIBRATION_SPEAKERS, len(self.corpus))
        for condition, count in zip(CALIBRATED, counts, strict=True):
            out = release(centred)
            for adaptation, test in sides:
                rows = self.of_speakers(adaptation, count)
                calibrated = release.calibrate(centred[rows], self.corpus.select(rows))
                out[test] = calibrated(centred[test])
            yield condition, centred, out
        out = release(centred)
        bins = self.bins_of_known_users(release, centred)
        out[self.target] = release.draw(centred[self.target], bins)
        yield KNOWN_USER, centred, out

    def of_speakers(self, rows: Rows, count: int) -> Rows:
        """The rows of at most `count` speakers, alternating between the genders."""
        random = np.random.default_rng(self.options.seed)
        names = random.permutation(np.unique(self.corpus.speaker[rows]))
        gender = {name: self.corpus.genders()[self.corpus.speaker == name][0] for name in names}
        turn = pd.Series(names).groupby([gender[name] for name in names]).cumcount().to_numpy()
        chosen = names[np.argsort(turn, kind="stable")][:count]
        return rows[np.isin(self.corpus.speaker[rows], chosen)]

    def bins_of_known_users(self, release: Drawn, z: Vectors) -> Rows:
        """The bin of each target row, after 20 other utterances of its speaker."""
        random, score = np.random.default_rng(self.options.seed), release.score(z)[:, None]
        offset = np.empty(len(self.target))
        for index, row in enumerate(self.target):
            same_speaker = self.corpus.speaker == self.corpus.speaker[row]
            history = np.flatnonzero(same_speaker & (np.arange(len(z)) != row))
            user = Personal(release.people)
            user.update(score[random.permutation(history)[:20]])
            offset[index] = user.offset[0]
        return release.decide(z[self.target], offset)
