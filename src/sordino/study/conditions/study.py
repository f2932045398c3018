"""Releases in conditions that their fit never saw: decisions, utility and leakage in each.

    three folds of speakers, by corpus and gender
      two folds, with copies ─ scaled space, risk model and releases
      third fold ─┬─ half A ─ attackers retrain in the condition ─ measured on half B
                  └─ half B ─ attackers retrain in the condition ─ measured on half A

Test conditions share neither noise nor room nor speaker with the fit (`sordino.signal.conditions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.attack.secret import SPEAKERS_PER_CLASS
from sordino.corpora import split
from sordino.corpora.split import Part, Parts, every_fourth
from sordino.corpora.table import Corpus
from sordino.define import GENDERS
from sordino.errors import FeatureError, SplitError
from sordino.features import CACHE, FEATURE_SETS
from sordino.features.copies import in_conditions
from sordino.features.renderings import noises
from sordino.policy import Policy
from sordino.signal.conditions import CONDITIONS
from sordino.signal.feature_sets import AUTOMATIC, accepted_names, resolve
from sordino.storage import Location
from sordino.study import protocol, run_record
from sordino.study.adaptation.evaluation import condition_estimates
from sordino.study.conditions import report
from sordino.study.conditions.units import (
    EVERYTHING_PASSES,
    STUDY,
    ConditionInputs,
    predictions,
)
from sordino.study.policies import (
    check_required,
    check_single,
    common_emotions,
    resolve_policies,
)
from sordino.study.protocol import POLICIES, Fitters, Inputs, Options
from sordino.study.vectors import feature_vectors
from sordino.types import Rows

SPEAKER_FOLDS: Final = 3
"""Folds of speakers."""

RELEASES: Final = ("none", "drawn")
"""The releases that are evaluated by default."""


class ConditionStudy(NamedTuple):
    """The result of `evaluate`."""

    estimates: pd.DataFrame
    """With the test condition in the column `condition`."""
    guesses: pd.DataFrame
    """The predictions of all attackers."""


def evaluate(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = AUTOMATIC,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    noise: str | Path | None = None,
    conditions: tuple[str, ...] = CONDITIONS,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> ConditionStudy:
    """Estimates and guesses in every test condition. Writes `estimates.csv`, `run.json`,
    `report.html` and `figure.svg` to `out`. A killed run resumes.

    - `features`: a feature set; a table of vectors has no recordings.
    - `options`: the releases, attackers, scaled space, seed, and the conditions of the fit.
    - `noise`: a folder with recordings of everyday noise. They are for the test alone. Without it,
      the noise is synthetic, of other kinds than in the fit.
    - `conditions`: names of `sordino.signal.conditions.CONDITIONS`, `clean` first.
    - Other arguments are those of `sordino.study.feng2021.reproduce`.

    Raises `CorpusError` if an emotion or a gender is missing, `SplitError` for too few speakers,
    `FeatureError` for a table of vectors and for unknown conditions, `PolicyError` for policies
    with different emotions or one required emotion, and the errors of the fit.
    """
    out, features = storage.folder(out), resolve(features)
    options = options or replace(protocol.bundle_options(features), releases=RELEASES)
    _check_tests(features, conditions)
    corpus, policies = resolve_policies(corpus, policies)
    check_required(policies)
    check_single(policies)
    emotions, sounds = common_emotions(policies), noises(noise)
    utterances = corpus.with_every_emotion(emotions)
    inputs = _fitting_inputs(corpus, utterances, features, options, emotions, cache, jobs)
    fold = _fold(inputs.draws, len(utterances))
    tests = in_conditions(
        features, utterances, conditions, fold, noises=sounds, cache=cache, jobs=jobs
    )
    prepared = ConditionInputs(inputs, tests, conditions, tuple(sound.checksum for sound in sounds))
    guesses, units = predictions(
        prepared, out / "units", options, policies=policies, fitters=fitters, jobs=jobs
    )
    name = protocol.features_name(features)
    estimates = condition_estimates(guesses, STUDY, name, options.seed)
    run = _record(prepared, features, options, policies, units)
    run_record.write(estimates, run, out, report.page(guesses, estimates, run))
    return ConditionStudy(estimates, guesses)


def _check_tests(features: str, conditions: tuple[str, ...]) -> None:
    """Raise `FeatureError` for a table of vectors, and for test conditions that are unknown, double
    or without `clean` at their start.
    """
    if features not in FEATURE_SETS:
        raise FeatureError(
            f"features {features}: expected one of {accepted_names()}, since a test condition "
            "needs recordings: choose one"
        )
    distinct = set(conditions)
    if (
        conditions[:1] != CONDITIONS[:1]
        or not distinct <= set(CONDITIONS)
        or len(distinct) < len(conditions)
    ):
        raise FeatureError(
            f"conditions {', '.join(conditions)}: expected clean and then some of "
            f"{', '.join(CONDITIONS[1:])}, each once: choose from these names"
        )


def compare_feature_sets(
    corpus: Corpus,
    out: str | Location,
    *,
    features: Sequence[str],
    release: str = "drawn",
    notices: Sequence[str] = (),
    **settings: Any,
) -> dict[tuple[str, str], report.Figures]:
    """The figures of one release by feature set and condition. Each study is written to a folder of
    its feature set in `out`; `report.html` and `figure.svg` show all.

    `settings` are those of `evaluate`, which also has the errors.
    """
    rows: dict[tuple[str, str], report.Figures] = {}
    for name in features:
        study = evaluate(corpus, storage.folder(out) / name, features=name, **settings)
        figures = report.condition_figures(study.guesses, study.estimates)
        labels = {release: name, EVERYTHING_PASSES: EVERYTHING_PASSES}
        rows |= {
            (labels[row], condition): values
            for (row, condition), values in figures.items()
            if row in labels
        }
    report.feature_sets_page(rows, release, notices).write(out)
    return rows


def _fitting_inputs(
    corpus: Corpus,
    utterances: Corpus,
    features: str,
    options: Options,
    emotions: Sequence[str],
    cache: str | Location | None,
    jobs: int,
) -> Inputs:
    """Recordings, copies and one draw for each fold."""
    sums = utterances.checksums()
    fold = split.folds(utterances, SPEAKER_FOLDS, options.seed, sums)
    emotion = utterances.column("emotion")
    draws = tuple(_parts(fold, number, emotion) for number in range(SPEAKER_FOLDS))
    speakers = utterances.table[["gender", "emotion", "speaker"]]
    for parts in draws:
        _require_speakers(speakers.iloc[parts.test], corpus.name, emotions)
    x = feature_vectors(features, corpus, emotions, options.fitted_copies, cache=cache, jobs=jobs)
    return Inputs(utterances, x, sums, draws, options.fixed_space(features))


def _require_speakers(test: pd.DataFrame, name: str, emotions: Sequence[str]) -> None:
    """Raise `SplitError` where half of a test fold has too few speakers for an attacker.

    `test` has the columns `gender`, `emotion` and `speaker`.
    """
    for column, values in (("gender", GENDERS), ("emotion", emotions)):
        counts = test.groupby(column)["speaker"].nunique()
        for value in values:
            present, needed = int(counts.get(value, 0)), 2 * SPEAKERS_PER_CLASS
            if present < needed:
                raise SplitError(
                    f"{name}: {present} {value} speaker(s) in one of {SPEAKER_FOLDS} test folds, "
                    f"expected {needed}: add speakers, {SPEAKER_FOLDS * needed} or more in all"
                )


def _fold(draws: Sequence[Parts], utterances: int) -> Rows:
    """The fold of each utterance."""
    fold = np.empty(utterances, np.intp)
    for parts in draws:
        fold[parts.test] = parts.draw
    return fold


def _parts(fold: Rows, number: int, emotion: NDArray[np.str_]) -> Parts:
    """The draw that tests one fold: the release and the risk model are fitted on the others."""
    fitting = every_fourth(np.flatnonzero(fold != number), emotion)
    test = np.flatnonzero(fold == number)
    return Parts(Part(test[:0], test[:0]), fitting, test, number)


def _record(
    prepared: ConditionInputs,
    features: str,
    options: Options,
    policies: Sequence[Policy],
    units: Mapping[str, Any],
) -> dict[str, Any]:
    run = run_record.record(STUDY, prepared.inputs, features, options, policies, units)
    return run | {
        "test_conditions": list(prepared.conditions),
        "test_noise": list(prepared.noise),
    }
