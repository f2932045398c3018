"""Feng and Narayanan (2021): emotions and gender hidden in utterance features, under attack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from sordino import storage
from sordino.corpora.split import DRAWS
from sordino.corpora.table import Corpus
from sordino.features import CACHE
from sordino.policy import Policy
from sordino.report.estimates import measure
from sordino.storage import Location
from sordino.study import run_record
from sordino.study.feng2021 import report
from sordino.study.protocol import POLICIES, Fitters, Options, features_name, prepare
from sordino.study.units import predictions

STUDY: Final = "feng2021"


def reproduce(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = "IS13",
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    max_draws: int = DRAWS,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
    latex: bool = False,
) -> pd.DataFrame:
    """The estimates of the whole study. Writes `estimates.csv`, `run.json`, `report.html` and
    `figure.svg` to `out`; with `latex` also the tables of the page, `table.tex`.

    - `features`: a feature set, or a table of vectors (`sordino.features.extract`).
    - `options`: choices that the paper leaves open; `policies`: the paper's three by default.
    - `fitters`: settings of the risk model, and fitters of releases by name.
    - `max_draws`: at most so many draws of speakers; fewer are faster and have wider intervals.
    - `cache`: the folder of extracted features. Finished units are in `out/units`: a killed run
      resumes.
    - `jobs`: processes, 0 for one per core. It changes no value.
    - `notices`: sentences at the top of the page.

    Utterances with other emotions than the paper's four are left out.

    Raises `CorpusError` if an emotion or a gender is missing, `SplitError` if there are too few
    speakers.
    """
    return run_study(
        corpus,
        out,
        features=features,
        options=options,
        policies=policies,
        fitters=fitters,
        max_draws=max_draws,
        cache=cache,
        jobs=jobs,
        notices=notices,
        latex=latex,
    )[1]


def run_study(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = "IS13",
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    max_draws: int = DRAWS,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
    latex: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The predictions of all attackers, and the estimates: see `reproduce`."""
    options, out = options or Options(), storage.folder(out)
    inputs = prepare(corpus, features, options, max_draws=max_draws, cache=cache, jobs=jobs)
    guesses, units = predictions(
        inputs, out / "units", options, policies=policies, fitters=fitters, jobs=jobs
    )
    estimates = measure(guesses, study=STUDY, features=features_name(features), seed=options.seed)
    record = run_record.record(STUDY, inputs, features, options, policies, units)
    notices = [*run_record.drawn_rows(inputs), *notices]
    run_record.write(
        estimates, record, out, report.page(guesses, estimates, record, notices), latex=latex
    )
    return guesses, estimates
