"""Units of the study of tracking: the decisions of releases that are fitted on some speakers, about
utterances of others.

    five folds of speakers, by corpus and gender
      four folds ─┬─ scaled space, risk model, releases ── decisions on the fifth fold   test
                  └─ eight parts of their speakers: each is decided by models that are
                     fitted on the other seven                                          fit

The decisions `fit` give the rates of the card, the decisions `test` the simulated users.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import attack, parallel
from sordino.attack import RiskFitter
from sordino.checkpoints import Finished
from sordino.corpora.split import every_fourth
from sordino.define import Knowledge, Role
from sordino.nn.fit import run_plan
from sordino.policy import Policy
from sordino.release import plan_all
from sordino.release.drawn.fit import speaker_folds
from sordino.release.protocol import Readable
from sordino.storage import Location
from sordino.study.adaptation.evaluation import GuessTables
from sordino.study.checkpoints import gather_units
from sordino.study.protocol import Fitters, Inputs, Options
from sordino.study.units import inputs_digest
from sordino.types import Codes, Rows

STUDY: Final = "tracking"
"""The value of the column `study`."""

FIT, TEST = "fit", "test"
"""Values of the column `condition`: cross-fitted decisions about fitting speakers, and decisions
about test speakers.
"""

UNPROTECTED: Final = "none"
"""The release of the original features. Its decision is that of the risk model."""

DECISION_COLUMNS: Final = (*attack.PREDICTION_COLUMNS, "condition")


def decisions(
    inputs: Inputs,
    folder: Location,
    options: Options,
    *,
    policies: Sequence[Policy],
    fitters: Fitters | None = None,
    jobs: int = 0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The decisions of all releases (`DECISION_COLUMNS`), and the record of each unit by name.

    `prediction` is the bin, 0 for an utterance that does not pass. Finished units are read from
    `folder`.
    """
    settings = _TrackingSettings(inputs, options, Fitters.with_registered(fitters), tuple(policies))
    units = {unit.name: unit for parts in inputs.draws for unit in _units(settings, parts.draw)}
    digest = inputs_digest(inputs, options, settings.fitters)
    keys = {name: unit.key(digest) for name, unit in units.items()}
    compute = partial(parallel.map, _finish, jobs=jobs)
    return gather_units(units, keys, compute, folder, "folds of speakers", DECISION_COLUMNS)


@dataclass(frozen=True)
class _TrackingSettings:
    """What all units share."""

    inputs: Inputs
    options: Options
    fitters: Fitters
    policies: tuple[Policy, ...]


@dataclass(frozen=True)
class _TrackingUnit:
    """Models of all policies, fitted on the rows `train`, that decide about the rows `scored`."""

    settings: _TrackingSettings
    draw: int
    part: str
    """`test`, or the number of the part of the fitting speakers."""
    train: Rows
    scored: Rows

    @property
    def name(self) -> str:
        return f"{self.draw}-{self.part}"

    @property
    def seed(self) -> int:
        return 1000 * self.settings.options.seed + self.draw

    def key(self, digest: str) -> str:
        """Everything that the unit depends on, as text."""
        fitters = self.settings.fitters
        releases = [
            fitters.describe(fitters.for_options(policy, self.seed, self.settings.options))
            for policy in self.settings.policies
        ]
        hashes = [policy.hash for policy in self.settings.policies]
        return json.dumps([digest, hashes, releases, self.train.tolist(), self.scored.tolist()])

    def risk_fitter(self, policy: Policy) -> RiskFitter:
        """The fitter of the risk model, with the first of its sizes only: it is trained nine times
        for each fold and policy.
        """
        fitter = self.settings.fitters.risk_model(policy, self.seed)
        return replace(fitter, sizes=fitter.sizes[:1])

    def compute(self) -> Finished:
        """The decisions under all policies, and the record of the unit."""
        inputs, options = self.settings.inputs, self.settings.options
        party = inputs.with_copies(every_fourth(self.train, inputs.corpus.column("emotion")))
        space = inputs.scaling(party.rows, options)
        z, fitting = space(inputs.x), inputs.fitting
        tables: list[pd.DataFrame] = []
        for policy in self.settings.policies:
            fitters = self.settings.fitters.for_options(policy, self.seed, options)
            releases = run_plan(plan_all(fitters, z, fitting, party))
            vectors = z[self.scored]
            for release in releases:
                if release.name == UNPROTECTED:
                    risk = self.risk_fitter(policy).fit(z, fitting, party)
                    bins = (risk(vectors).role.argmax(axis=1) == Role.REQUIRED).astype(np.intp)
                elif isinstance(release, Readable):
                    bins = release.read(release(vectors))
                else:
                    continue
                tables.append(self.table(policy, release.name, bins))
        return self.name, pd.concat(tables, ignore_index=True), {"components": space.dims}

    def table(self, policy: Policy, release: str, bins: Codes) -> pd.DataFrame:
        """The decisions of one release about the scored rows."""
        tables = GuessTables(self.settings.inputs.corpus, policy)
        return tables.row(
            self.scored,
            release,
            TEST if self.part == TEST else FIT,
            target="decision",
            knowledge=str(Knowledge.IGNORANT),
            truth=tables.corpus.roles(policy)[self.scored],
            prediction=bins,
            draw=self.draw,
        )


def _units(settings: _TrackingSettings, draw: int) -> Iterator[_TrackingUnit]:
    """The unit of the test speakers of a draw, and those of the parts of its fitting speakers."""
    parts = settings.inputs.draws[draw]
    rows = parts.transform.rows
    yield _TrackingUnit(settings, draw, TEST, rows, parts.test)
    fold = speaker_folds(settings.inputs.corpus.speaker[rows], 1000 * settings.options.seed + draw)
    for number in np.unique(fold):
        train, scored = rows[fold != number], rows[fold == number]
        yield _TrackingUnit(settings, draw, str(number), train, scored)


def _finish(unit: _TrackingUnit) -> Finished:
    """The unit, computed in one thread: this gives the same bytes on every machine."""
    torch.set_num_threads(1)
    with threadpool_limits(1), warnings.catch_warnings():
        # A release with few prototypes warns. A decision does not depend on prototypes.
        warnings.filterwarnings("ignore", ".* sound like ")
        return unit.compute()
