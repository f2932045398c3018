"""How well a server tracks the share of an emotion in the speech of a user, by releases alone.

tracking.units        decisions of each release about fitting and test speakers
tracking.simulation   rates of the card, simulated users, estimated shares
tracking.estimates    error, coverage and width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora import split
from sordino.corpora.split import Part, Parts, every_fourth
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import SplitError
from sordino.features import CACHE
from sordino.metrics.bound import Bound
from sordino.metrics.prevalence import RATE_SPEAKERS
from sordino.policy import Policy
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.signal.feature_sets import AUTOMATIC, resolve
from sordino.storage import Location
from sordino.study import protocol, run_record
from sordino.study.noise import noises_of
from sordino.study.policies import (
    check_required,
    check_single,
    common_emotions,
    resolve_policies,
)
from sordino.study.protocol import POLICIES, Fitters, Inputs, Options
from sordino.study.tracking import report
from sordino.study.tracking.estimates import tracking_estimates
from sordino.study.tracking.simulation import days_of_users, rates_of_test_speakers
from sordino.study.tracking.units import STUDY, TEST, UNPROTECTED, decisions
from sordino.study.tracking.users import Simulation
from sordino.study.vectors import feature_vectors
from sordino.types import Codes

SPEAKER_FOLDS: Final = 5
"""Folds of speakers."""

RELEASES: Final = ("none", "drawn")
"""The releases that are evaluated by default."""

SecretBounds = dict[tuple[str, str, str], Bound]
"""Bounds by release, required emotion and secret."""


class TrackingStudy(NamedTuple):
    """The result of `evaluate`."""

    estimates: pd.DataFrame
    """With the utterances a day in the column `condition`."""
    days: pd.DataFrame
    """The days of all simulated users (`simulation.days_of_users`)."""


def evaluate(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = AUTOMATIC,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    noise: str | Path | None = None,
    simulation: Simulation | None = None,
    folds: int = SPEAKER_FOLDS,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> TrackingStudy:
    """Estimates, and the days of all simulated users. Writes `estimates.csv`, `run.json`,
    `report.html` and `figure.svg` to `out`. A killed run resumes.

    - `features`: a feature set, or a table of vectors.
    - `options`: the releases, scaled space, seed, and the conditions of the fit. Releases without
      bins have no decision and no row. There are no attackers.
    - `noise`: a folder with recordings of noise for the copies of the fit.
    - `simulation`: the settings of the simulated users.
    - `folds`: folds of speakers; fewer are faster, with fewer fitting speakers.
    - Other arguments are those of `sordino.study.feng2021.reproduce`.

    Raises `CorpusError` if an emotion or a gender is missing, `SplitError` for too few speakers,
    `PolicyError` for policies with different emotions or one required emotion, and the errors of
    the fit.
    """
    out, features = storage.folder(out), resolve(features)
    options = options or replace(protocol.bundle_options(features), releases=RELEASES)
    simulation = simulation or Simulation()
    corpus, policies = resolve_policies(corpus, policies)
    check_required(policies)
    check_single(policies)
    inputs = fitting_inputs(
        corpus,
        features,
        options,
        common_emotions(policies),
        folds=folds,
        noise=noise,
        cache=cache,
        jobs=jobs,
    )
    table, units = decisions(
        inputs, out / "units", options, policies=policies, fitters=fitters, jobs=jobs
    )
    table = table.assign(emotion=inputs.corpus.column("emotion")[table["row"]])
    days = days_of_users(table, simulation, options.seed, jobs)
    name = protocol.features_name(features)
    estimates = tracking_estimates(days, inputs.corpus.name, name, options.seed)
    bounds = bounds_of_test_speakers(table, inputs.corpus, policies)
    run = run_record.record(STUDY, inputs, features, options, policies, units)
    run |= {
        "simulation": _record(simulation, days),
        "rates_of_test_speakers": rates_of_test_speakers(table),
    }
    run_record.write(estimates, run, out, report.page(days, estimates, bounds, run))
    return TrackingStudy(estimates, days)


def fitting_inputs(
    corpus: Corpus,
    features: str,
    options: Options,
    emotions: Sequence[str],
    *,
    folds: int = SPEAKER_FOLDS,
    noise: str | Path | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> Inputs:
    """Recordings, copies and one draw for each fold, which is the test of the draw.

    Raises `SplitError` if an emotion has too few speakers for the rates of a fold.
    """
    sounds = noises_of(options.conditions, noise)
    utterances = corpus.with_every_emotion(emotions)
    sums = utterances.checksums()
    fold = split.folds(utterances, folds, options.seed, sums)
    emotion = utterances.column("emotion")
    draws = tuple(_parts(fold, number, emotion) for number in range(folds))
    for parts in draws:
        fitting = utterances.table.iloc[parts.transform.rows]
        fewest = int(fitting.groupby("emotion")["speaker"].nunique().min())
        if fewest < RATE_SPEAKERS:
            raise SplitError(
                f"{corpus.name}: {fewest} fitting speakers with one of the emotions, expected "
                f"{RATE_SPEAKERS} for rates with their spread: add speakers"
            )
    x = feature_vectors(features, corpus, emotions, options.fitted_copies, sounds, cache, jobs)
    checksums = tuple(sound.checksum for sound in sounds)
    return Inputs(utterances, x, sums, draws, options.fixed_space(features), checksums)


def bounds_of_test_speakers(
    table: pd.DataFrame, corpus: Corpus, policies: Sequence[Policy]
) -> SecretBounds:
    """The bounds on every attacker with one decision, from the decisions about test speakers: of
    gender, of sensitive emotions against neutral, and of the required emotion against the others.
    """
    result: SecretBounds = {}
    test = table[(table["condition"] == TEST) & (table["release"] != UNPROTECTED)]
    for key, rows in test.groupby(["release", "required"], sort=False):
        release, required = map(str, key)
        policy = next(policy for policy in policies if policy.required_name == required)
        positions = rows["row"].to_numpy()
        codes = corpus.secrets(policy, positions)
        secrets = {key: secret for key, secret in codes.items() if not key[1]}
        secrets["required-vs-rest", ""] = (corpus.roles(policy)[positions] == Role.REQUIRED).astype(
            np.intp
        )
        bins: Codes = rows["prediction"].to_numpy().astype(np.intp)
        bounds = secret_bounds(
            bins, max(2, int(bins.max()) + 1), secrets, corpus.speaker[positions], 1.0
        )
        result |= {(release, required, secret): item for (secret, _), item in bounds.items()}
    return result


def _parts(fold: Codes, number: int, emotion: NDArray[np.str_]) -> Parts:
    """The draw that tests one fold."""
    nothing = np.empty(0, np.intp)
    fitting = every_fourth(np.flatnonzero(fold != number), emotion)
    return Parts(Part(nothing, nothing), fitting, np.flatnonzero(fold == number), number)


def _record(simulation: Simulation, days: pd.DataFrame) -> dict[str, Any]:
    """The settings of the simulation for `run.json`, with the effective numbers of utterances."""
    distinct = days.groupby("utterances")["distinct"].mean().round(2)
    return asdict(simulation) | {
        "test_speakers": int(days["speaker"].nunique()),
        "different_recordings_a_day": {str(key): float(n) for key, n in distinct.items()},
    }
