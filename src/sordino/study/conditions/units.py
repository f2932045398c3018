"""Units of the study of conditions: one fold under one policy, with every release and condition."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import attack, parallel
from sordino.attack import RiskAttacker
from sordino.checkpoints import Finished
from sordino.corpora.split import Parts
from sordino.define import Knowledge
from sordino.export.quantisation import halves
from sordino.features import Preprocess
from sordino.nn.fit import run_plan
from sordino.policy import Policy
from sordino.release import Fitter, Release, plan_all
from sordino.release.protocol import Readable
from sordino.storage import Location
from sordino.study.adaptation.evaluation import GuessTables
from sordino.study.checkpoints import gather_units
from sordino.study.protocol import Fitters, Inputs, Options
from sordino.study.units import inputs_digest
from sordino.types import Codes, Vectors

STUDY: Final = "conditions"
"""The value of the column `study`."""

EVERYTHING_PASSES: Final = "everything-passes"
"""The trivial release: its decision is always the required emotion."""

CONDITION_COLUMNS: Final = (*attack.PREDICTION_COLUMNS, "condition")


class ConditionInputs(NamedTuple):
    """Inputs of the fits, and the vectors of the same utterances in the conditions of the test."""

    inputs: Inputs
    """Its draws have no risk party: attackers come from the test part."""
    tests: Vectors
    """`(conditions, utterances, d)`, unscaled."""
    conditions: tuple[str, ...]
    """The first is clean."""
    noise: tuple[str, ...] = ()
    """Checksums of the recordings of noise in the test."""


def predictions(
    inputs: ConditionInputs,
    folder: Location,
    options: Options,
    *,
    policies: Sequence[Policy],
    fitters: Fitters | None = None,
    jobs: int = 0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The guesses of all attackers in all conditions (`CONDITION_COLUMNS`), and the record of each
    unit by name. Finished units are read from `folder`.
    """
    settings = _ConditionSettings(inputs, options, Fitters.with_registered(fitters))
    units = {
        unit.name: unit
        for unit in (
            _ConditionUnit(settings, parts, policy)
            for parts in inputs.inputs.draws
            for policy in policies
        )
    }
    shared = settings.digest
    keys = {name: unit.key(shared) for name, unit in units.items()}
    compute = partial(parallel.map, _finish, jobs=jobs)
    return gather_units(units, keys, compute, folder, "folds and policies", CONDITION_COLUMNS)


@dataclass(frozen=True)
class _ConditionSettings:
    """What all units share."""

    inputs: ConditionInputs
    options: Options
    fitters: Fitters

    @property
    def digest(self) -> str:
        """The hash of all that units share: recordings, copies and test conditions."""
        inputs, tests = self.inputs.inputs, self.inputs.tests
        x = np.concatenate([inputs.x, *tests])
        return inputs_digest(inputs._replace(x=x), self.options, self.fitters)


@dataclass(frozen=True)
class _ConditionUnit:
    """One fold under one policy."""

    settings: _ConditionSettings
    parts: Parts
    policy: Policy

    @property
    def name(self) -> str:
        return f"{self.policy.required_name}-{self.parts.draw}"

    @property
    def seed(self) -> int:
        return 1000 * self.settings.options.seed + self.parts.draw

    @property
    def fitters(self) -> list[Fitter]:
        """The fitter of each release."""
        return self.settings.fitters.for_options(self.policy, self.seed, self.settings.options)

    def key(self, digest: str) -> str:
        """Everything that the unit depends on, as text."""
        fitters = self.settings.fitters.describe(self.fitters)
        conditions = self.settings.inputs.conditions
        test = self.parts.test.tolist()
        return json.dumps([digest, self.policy.hash, fitters, conditions, test])

    def fit(self) -> tuple[Preprocess, RiskAttacker, list[Release]]:
        """The scaled space, the risk model and the releases of the fitting speakers."""
        inputs, options = self.settings.inputs.inputs, self.settings.options
        fitting = inputs.fitting
        party = inputs.with_copies(self.parts.transform)
        space = inputs.scaling(party.rows, options)
        z = space(inputs.x)
        risk = self.settings.fitters.risk_model(self.policy, self.seed)
        ignorant = risk.fit(z, fitting, party)
        return space, ignorant, run_plan(plan_all(self.fitters, z, fitting, party))

    def compute(self) -> Finished:
        """The guesses in all conditions, and the record of the unit."""
        space, ignorant, releases = self.fit()
        inputs = self.settings.inputs
        tables: list[pd.DataFrame] = []
        clean = space(inputs.tests[0])
        for condition, x in zip(inputs.conditions, inputs.tests, strict=True):
            z = space(x)
            tables += self.decisions(condition, releases, clean, z)
            for release in releases:
                tables += self.attacks(condition, release, z, ignorant)
        record = {
            "components": space.dims,
            "risk_validation_losses": list(ignorant.losses),
            "releases": {
                release.name: {"hash": release.hash, **release.config} for release in releases
            },
        }
        return self.name, pd.concat(tables, ignore_index=True), record

    def attacks(
        self, condition: str, release: Release, z: Vectors, ignorant: RiskAttacker
    ) -> Iterator[pd.DataFrame]:
        """Guesses on each half of the test part, by attackers of the other half."""
        corpus, options = self.settings.inputs.inputs.corpus, self.settings.options
        for half in halves(self.parts, corpus):
            result = attack.run(
                release,
                z,
                corpus,
                self.half(half),
                self.policy,
                ignorant=ignorant,
                families=options.families,
                seed=self.parts.draw,
                informed=False,
            )
            yield result.predictions.assign(condition=condition)

    def half(self, half: Parts) -> Parts:
        """A half with a number that no half of another fold has."""
        return replace(half, draw=2 * self.parts.draw + half.draw)

    def decisions(
        self, condition: str, releases: Sequence[Release], clean: Vectors, z: Vectors
    ) -> Iterator[pd.DataFrame]:
        """The decisions of every release with bins, and of the trivial release, for or against the
        required emotion. The first bin is neutral.
        """
        tables = GuessTables(self.settings.inputs.inputs.corpus, self.policy)
        truth = tables.corpus.roles(self.policy)

        def table(name: str, before: Codes, after: Codes, half: Parts) -> pd.DataFrame:
            return tables.row(
                half.test,
                name,
                condition,
                target="decision",
                knowledge=str(Knowledge.IGNORANT),
                truth=truth[half.test],
                before=before,
                prediction=after,
                draw=half.draw,
            )

        for half in map(self.half, halves(self.parts, tables.corpus)):
            for release in releases:
                if isinstance(release, Readable):
                    before, after = (
                        np.minimum(release.read(release(vectors[half.test])), 1)
                        for vectors in (clean, z)
                    )
                    yield table(release.name, before, after, half)
            always = np.ones(len(half.test), np.intp)
            yield table(EVERYTHING_PASSES, always, always, half)


def _finish(unit: _ConditionUnit) -> Finished:
    """The unit, computed in one thread: this gives the same bytes on every machine."""
    torch.set_num_threads(1)
    unit.settings.fitters.add_attackers()
    with threadpool_limits(1), warnings.catch_warnings():
        # A release with few prototypes warns. The record has their hash.
        warnings.filterwarnings("ignore", ".*( sound like |the scorer models at most)")
        return unit.compute()
