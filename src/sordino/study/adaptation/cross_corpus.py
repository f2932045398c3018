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
attackers are also trained on the other speakers of the target. A condition that some fold has no
labels for is absent, with a reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import parallel, storage
from sordino.attack.retraining import READER
from sordino.attack.splits import Split, crossfit
from sordino.corpora import table
from sordino.corpora.copies import copies_in, part_with_copies, recorded, with_copies
from sordino.corpora.split import every_fourth
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.features import CACHE, Preprocess
from sordino.features.copies import copy_vectors
from sordino.features.renderings import condition_record
from sordino.policy import Policy
from sordino.progress import track
from sordino.record import settled, versions
from sordino.release import Drawn, DrawnFitter, Fitter, Release
from sordino.release.drawn.speaker_offset import Personal
from sordino.release.protocol import apply_release
from sordino.signal.feature_sets import AUTOMATIC, resolve
from sordino.storage import Location
from sordino.study import protocol, run_record
from sordino.study.adaptation.evaluation import (
    GuessTables,
    condition_estimates,
    folds_of_rows,
    readings,
)
from sordino.study.noise import noises_of
from sordino.study.policies import check_single
from sordino.study.protocol import POLICIES, Fitters, Options
from sordino.study.vectors import feature_vectors
from sordino.types import Rows, Vectors

STUDY: Final = "carry"
RELEASES: Final = ("none", "rae-grl+", "drawn")
AS_FITTED: Final = "as fitted"
CENTRED_SPACE: Final = "centred"
UNSEEN: Final[dict[str, float]] = {"gap": 100.0}
"""Knobs of drawn releases that the policy does not set: none of its emotions is weighted, since
weights from one corpus cost recall in another.
"""

FROM_ONE_CORPUS: Final[dict[str, float]] = {"shrinkage": 0.8}
"""Further knobs of releases that are fitted on one corpus. Its covariance is not that of another;
that of several corpora is closer to it.
"""

CALIBRATION_SPEAKERS: Final = 4
"""Target speakers with labelled recordings for calibration, half of each gender."""

CALIBRATED: Final = (
    f"centred, calibrated by {CALIBRATION_SPEAKERS} speakers",
    "centred, calibrated by all others",
)
KNOWN_USER: Final = "centred, 20 utterances heard of a user"


class Absence(NamedTuple):
    """A condition that could not be measured for one release and policy."""

    release: str
    """The name of the release."""
    required: str
    """The required emotion of the policy."""
    condition: str
    """The name of the condition."""
    reason: str
    """The missing data, in words."""


class CrossCorpus(NamedTuple):
    """The result of `carry`."""

    estimates: pd.DataFrame
    """With the adaptation in the column `condition`."""
    guesses: pd.DataFrame
    """The predictions of all attackers."""
    absent: list[Absence]
    """The conditions that could not be measured."""


def unseen_knobs(source: Corpus) -> dict[str, float]:
    """The knobs of drawn releases that are fitted on a corpus and used on another."""
    corpora = source.table["corpus"].nunique()
    return UNSEEN | (FROM_ONE_CORPUS if corpora == 1 else {})


def carry(
    source: Corpus,
    target: Corpus,
    out: str | Location,
    *,
    features: str = AUTOMATIC,
    releases: Sequence[str] = RELEASES,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    noise: str | Path | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> CrossCorpus:
    """Estimates and guesses of every condition. Writes `estimates.csv` and `run.json` to `out`.

    Of `options` (default `protocol.bundle_options`), the seed, the families of attackers, the
    scaled space and the conditions of the fit are used. Drawn releases have the knobs of
    `unseen_knobs`. `noise` is a folder with recordings of noise for the copies.

    Raises `CorpusError` if either corpus lacks an emotion or a gender, or if both have one name,
    `FeatureError` for noise without copies, and the errors of the fit.
    """
    out, features = storage.folder(out), resolve(features)
    options = options or protocol.bundle_options(features)
    sounds = noises_of(options.conditions, noise)
    corpus = table.join(
        [labelled.with_every_emotion(protocol.FOUR_EMOTIONS) for labelled in (source, target)]
    )
    x = feature_vectors(
        features,
        table.join([source, target]),
        protocol.FOUR_EMOTIONS,
        cache=cache,
        jobs=jobs,
    )
    of_source = np.isin(corpus.column("corpus"), source.table["corpus"].unique())
    source_rows, target_rows = np.flatnonzero(of_source), np.flatnonzero(~of_source)
    utterances = corpus.select(source_rows)
    count, fitting_x = options.fitted_copies, x[source_rows]
    if count:
        copies = copy_vectors(features, utterances, count, noises=sounds, cache=cache, jobs=jobs)
        fitting_x = np.concatenate([fitting_x, *copies])
    transfer = _Transfer(
        x,
        corpus,
        with_copies(utterances, count),
        fitting_x,
        options.fixed_space(features) or options.preprocess.fit(fitting_x),
        target_rows,
        options,
        Fitters.with_registered(fitters),
    )
    check_single(policies)
    calls = [(policy, name) for policy in policies for name in releases]
    computed = parallel.map(partial(_compute, transfer), calls, jobs=jobs, ordered=True)
    results = list(track(computed, "policies and releases", len(calls)))
    guesses = pd.concat([table for table, _ in results], ignore_index=True)
    absent = [absence for _, absences in results for absence in absences]
    name = protocol.features_name(features)
    estimates = condition_estimates(guesses, STUDY, name, options.seed)
    config = {
        "study": STUDY,
        "fitted_on": source.name,
        "corpus": target.name,
        "releases": list(releases),
        "features": name,
        "seed": options.seed,
        "conditions": condition_record(count, [sound.checksum for sound in sounds]),
        "absent": [absence._asdict() for absence in absent],
    }
    run_record.write(estimates, {**settled(config), "versions": versions()}, out)
    return CrossCorpus(estimates, guesses, absent)


def _compute(transfer: _Transfer, call: tuple[Policy, str]) -> tuple[pd.DataFrame, list[Absence]]:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return transfer.measure(*call)


class _Condition(NamedTuple):
    """The vectors of all rows before and after a release, or the reason why there are none."""

    name: str
    """Name of the condition."""
    original: Vectors
    """Vectors before the release, `(rows, d)`."""
    out: Vectors
    """Vectors after the release, `(rows, d)`."""
    reason: str = ""
    """Why there are none; empty if there are."""


@dataclass(frozen=True)
class _Transfer:
    """Vectors of two corpora: fits use all of the source, and `target` rows are measured."""

    x: Vectors
    corpus: Corpus
    fitting: Corpus
    """The utterances of the source and their copies."""
    fitting_x: Vectors
    space: Preprocess
    target: Rows
    options: Options
    fitters: Fitters

    def measure(self, policy: Policy, name: str) -> tuple[pd.DataFrame, list[Absence]]:
        """Guesses about one release under one policy in every condition, and absent conditions."""
        space, seed = self.space, self.options.seed
        z = space(self.fitting_x)
        recordings = np.flatnonzero(recorded(self.fitting.table))
        emotion = self.fitting.column("emotion")
        copies = copies_in(self.fitting.table)
        part = part_with_copies(every_fourth(recordings, emotion), len(recordings), copies)
        risk = self.fitters.risk_model(policy, seed).fit(z, self.fitting, part)
        release = self.fitter(policy, name).fit(z, self.fitting, part)
        plan = crossfit(folds_of_rows(self.corpus, self.target, seed))
        tables = GuessTables(self.corpus, policy)
        guesses, absent = [], []
        for condition, original, out, reason in self.conditions(space, release, plan.splits):
            if reason:
                absent.append(Absence(name, policy.required_name, condition, reason))
                continue
            before, after = (risk(v[self.target]).role.argmax(axis=1) for v in (original, out))
            guesses.append(tables.emotion(self.target, name, condition, before, after))
            bins = readings(release, out)
            # a drawn release has no information beside its bins
            attacked, families, attacker = (
                (out, self.options.families, "") if bins is None else (bins, ["linear"], READER)
            )
            guesses.append(
                tables.secrets(attacked, plan, name, condition, families, attacker, seed)
            )
        return pd.concat(guesses, ignore_index=True), absent

    def fitter(self, policy: Policy, name: str) -> Fitter:
        """The fitter of a release for other recordings than its own."""
        fitter = self.fitters.release(policy, name, self.options.seed)
        if isinstance(fitter, DrawnFitter):
            return replace(fitter, **(unseen_knobs(self.fitting) | policy.settings(name)))
        return fitter

    def conditions(
        self, space: Preprocess, release: Release, sides: Sequence[Split]
    ) -> Iterator[_Condition]:
        """Every condition of a release; `sides` are the speakers to adapt to and those measured."""
        z = space(self.x)
        yield _Condition(AS_FITTED, z, apply_release(release, z))
        centred = z.copy()
        for adaptation, test in sides:
            centred[test] = space.centred(self.x[adaptation])(self.x[test])
        yield _Condition(CENTRED_SPACE, centred, apply_release(release, centred))
        if not isinstance(release, Drawn):
            return
        counts = (CALIBRATION_SPEAKERS, len(self.corpus))
        for condition, count in zip(CALIBRATED, counts, strict=True):
            yield self.calibrated(condition, count, release, centred, sides)
        out = release(centred)
        bins = self.bins_of_known_users(release, centred)
        out[self.target] = release.draw(centred[self.target], bins)
        yield _Condition(KNOWN_USER, centred, out)

    def calibrated(
        self, condition: str, count: int, release: Drawn, z: Vectors, sides: Sequence[Split]
    ) -> _Condition:
        """The release after calibration on at most `count` speakers outside each fold; absent where
        they lack a role.
        """
        out = release(z)
        for adaptation, test in sides:
            rows = self.of_speakers(adaptation, count)
            try:
                calibrated = release.calibrate(z[rows], self.corpus.select(rows))
            except ReleaseError as error:
                return _Condition(condition, z, out, str(error))
            out[test] = calibrated(z[test])
        return _Condition(condition, z, out)

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
