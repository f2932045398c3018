"""Units of a study: one draw under one policy, with its risk model, every release and every attack.

Units are independent. Each is stored when it is finished, so a killed run resumes.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino import attack, parallel, plugins
from sordino.attack import RiskAttacker
from sordino.checkpoints import Finished
from sordino.corpora.split import Parts
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound
from sordino.nn.fit import Plan, run_plan, run_rounds
from sordino.nn.stack import fit_stacks
from sordino.parallel.compute_device import compute_device
from sordino.policy import Policy
from sordino.release import Drawn, DrawnFitter, Fitter, MixtureFitter, Release, plan_all
from sordino.release.drawn.fit import Space, bounds_of_decisions, crossfit_decisions
from sordino.storage import Location
from sordino.study.checkpoints import gather_units
from sordino.study.protocol import POLICIES, Fitters, Inputs, Options, space
from sordino.study.shipped_membership import shipped_membership
from sordino.types import Rows, Vectors

UNIT_COLUMNS = ("speaker", "gender", "emotion", "intensity", "age")
"""Columns of the corpus that a unit depends on; age where the corpus has it."""


def predictions(
    inputs: Inputs,
    folder: Location,
    options: Options,
    *,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    informed: bool = True,
    jobs: int = 0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The guesses of all attackers on all test utterances, and the record of each unit by name.

    The columns of the guesses are `sordino.attack.PREDICTION_COLUMNS`.

    Finished units are read from `folder`. On a CPU, each core runs one unit at a time with one
    thread. With a GPU (`sordino.parallel.compute_device`), the networks of all units are first
    trained there as stacks.

    `informed=False` leaves out informed attackers, membership inference and bounds. A choice
    between releases needs none of them.
    """
    study = _Study(inputs, options, Fitters.with_registered(fitters), informed)
    units = {
        unit.name: unit
        for unit in (_Unit(study, parts, policy) for parts in inputs.draws for policy in policies)
    }
    digest = study.digest
    keys = {name: unit.key(digest) for name, unit in units.items()}
    compute = partial(_compute, jobs=jobs)
    columns = attack.PREDICTION_COLUMNS
    return gather_units(units, keys, compute, folder, "draws and policies", columns)


def inputs_digest(inputs: Inputs, options: Options, fitters: Fitters) -> str:
    """The hash of vectors, labels, options and the user's own attackers."""
    table = inputs.corpus.table
    labels = table[[name for name in UNIT_COLUMNS if name in table.columns]].to_csv(index=False)
    attackers = [
        " ".join([name, f"{estimator!r}", plugins.source(estimator), *_sources(estimator)])
        for name, estimator in fitters.attackers.items()
    ]
    space = inputs.space.hash if inputs.space else ""
    content = json.dumps([asdict(options), attackers, space], sort_keys=True) + labels
    digest = hashlib.sha256(content.encode())
    digest.update(np.ascontiguousarray(inputs.x).data)
    for name, vectors in sorted((inputs.voices or {}).items()):
        digest.update(name.encode() + np.ascontiguousarray(vectors).tobytes())
    return digest.hexdigest()


def cached(space_of: Space) -> Space:
    """The same function, computed once for each set of rows.

    Drawn releases with one seed have the same folds.
    """
    spaces: dict[bytes, Vectors] = {}

    def lookup(rows: Rows) -> Vectors:
        key = rows.tobytes()
        if key not in spaces:
            spaces[key] = space_of(rows)
        return spaces[key]

    return lookup


@dataclass(frozen=True)
class _Study:
    """What all units share."""

    inputs: Inputs
    options: Options
    fitters: Fitters
    informed: bool = True

    @property
    def digest(self) -> str:
        """The hash of vectors, labels, options and the user's own attackers."""
        return inputs_digest(self.inputs, self.options, self.fitters)


@dataclass(frozen=True)
class _Unit:
    """One draw under one policy."""

    study: _Study
    parts: Parts
    policy: Policy

    @property
    def name(self) -> str:
        return f"{self.policy.required_name}-{self.parts.draw}"

    @property
    def seed(self) -> int:
        """All seeds follow from the seed of the study and the draw."""
        return 1000 * self.study.options.seed + self.parts.draw

    @property
    def fitters(self) -> list[Fitter]:
        """The fitter of each release, in the order of the options."""
        return self.study.fitters.for_options(self.policy, self.seed, self.study.options)

    def key(self, digest: str) -> str:
        """Everything that the unit depends on, as text.

        Rows are part of the key: sessions and identical recordings, which `digest` does not cover,
        move speakers.
        """
        parts = self.parts
        rows = (
            parts.risk.train,
            parts.risk.validation,
            parts.transform.train,
            parts.transform.validation,
            parts.test,
        )
        fitters = self.study.fitters.describe(self.fitters)
        key = [digest, self.policy.hash, fitters, *(part.tolist() for part in rows)]
        device = compute_device()
        key += [] if device == "cpu" else [device]
        key += [] if self.study.informed else ["not informed"]
        if self.policy.columns:
            attributes = self.study.inputs.corpus.attributes(self.policy, parts.risk.rows)
            content = b"".join(values.tobytes() for values in attributes.values())
            key += [[*attributes], hashlib.sha256(content).hexdigest()]
        return json.dumps(key)

    def space(self, transform: Rows | None = None) -> Vectors:
        """The vectors of this draw in the scaled space, of recordings and copies."""
        return space(self.study.inputs, self.parts, self.study.options, transform)

    def changed_voices(self, name: str) -> Vectors | None:
        """The scaled vectors of changed recordings, of a release that changes them; else None."""
        inputs = self.study.inputs
        x = (inputs.voices or {}).get(name)
        return None if x is None else space(inputs, self.parts, self.study.options, x=x)

    def plan(self, z: Vectors) -> Plan[tuple[RiskAttacker, list[Release]]]:
        """The risk model and the releases, fitted on recordings and copies of their party."""
        inputs, parts = self.study.inputs, self.parts
        fitting, risk = inputs.fitting, self.study.fitters.risk_model(self.policy, self.seed)
        ignorant = yield from risk.plan(z, fitting, inputs.with_copies(parts.risk))
        transform = inputs.with_copies(parts.transform)
        releases = yield from plan_all(self.fitters, z, fitting, transform)
        return ignorant, releases

    def bounds(self) -> dict[str, dict[str, dict[str, float]]]:
        """The bounds of each drawn release, by secret and side information.

        A drawn release has no bound if the speakers are too few for cross-fitting.
        """
        figures: dict[str, dict[str, dict[str, float]]] = {}
        bounds_of: dict[DrawnFitter, dict[tuple[str, str], Bound]] = {}
        space_of, fitting = cached(self.space), self.study.inputs.fitting
        transform = self.study.inputs.with_copies(self.parts.transform)
        for name, fitter in zip(self.study.options.releases, self.fitters, strict=True):
            if isinstance(fitter, DrawnFitter):
                decision = replace(fitter, alone=False)  # its decisions are those of `drawn`
                with suppress(ReleaseError):
                    if decision not in bounds_of:
                        decisions = crossfit_decisions(decision, space_of, fitting, transform)
                        bounds_of[decision] = bounds_of_decisions(decisions)
                    figures[name] = {
                        " given ".join(filter(None, key)): _figures(bound)
                        for key, bound in bounds_of[decision].items()
                    }
        return figures

    def membership(self) -> dict[str, dict[str, list[float]]]:
        """The membership inference of each drawn release and mixture by what ships, and of the
        scaled space.
        """
        inputs, options = self.study.inputs, self.study.options
        drawn = {
            name: fitter
            for name, fitter in zip(options.releases, self.fitters, strict=True)
            if isinstance(fitter, DrawnFitter | MixtureFitter)
        }
        if not drawn:
            return {}
        recordings = inputs._replace(x=inputs.x[: len(inputs.corpus)])
        return shipped_membership(
            drawn,
            recordings.x,
            inputs.corpus,
            lambda rows: recordings.scaling(rows, options),
            self.seed,
        )

    def attack(self, z: Vectors, ignorant: RiskAttacker, releases: Sequence[Release]) -> Finished:
        """The guesses of all attackers on every release of recordings, and the record of the
        unit.
        """
        corpus = self.study.inputs.corpus
        audits = [
            attack.run(
                release,
                z[: len(corpus)],
                corpus,
                self.parts,
                self.policy,
                ignorant=ignorant,
                families=self.study.options.families,
                seed=self.parts.draw,
                informed=self.study.informed,
                released=self.changed_voices(release.name),
            )
            for release in releases
        ]
        record = {
            "bounds": self.bounds() if self.study.informed else {},
            "membership": self.membership() if self.study.informed else {},
            "components": z.shape[1],
            "risk_validation_losses": list(ignorant.losses),
            "releases": {
                release.name: {"hash": release.hash, **release.config} for release in releases
            },
            "prototypes": {
                release.name: len(release.arrays["bin"])
                for release in releases
                if isinstance(release, Drawn)
            },
            "unlabelled": audits[0].config.get("unlabelled", []),
            "attackers": {audit.config["release"]: audit.config["chosen"] for audit in audits},
            "patient_null": {
                audit.config["release"]: {
                    str(k): np.round(auc, 6).tolist() for k, auc in audit.patient_null.items()
                }
                for audit in audits
            },
        }
        if "drawn_rows" in audits[0].config:
            record["drawn_rows"] = audits[0].config["drawn_rows"]
        guesses = pd.concat([audit.predictions for audit in audits], ignore_index=True)
        return self.name, guesses, record


def _compute(units: Sequence[_Unit], jobs: int) -> Iterable[Finished]:
    device = compute_device()
    if device == "cpu":
        return parallel.map(_finish, units, jobs=jobs)
    return _compute_stacked(units, jobs, device)


def _compute_stacked(units: Sequence[_Unit], jobs: int, device: str) -> Iterable[Finished]:
    """The units, with the networks of all of them trained as stacks on a device."""
    spaces = [unit.space() for unit in units]
    plans = [unit.plan(z) for unit, z in zip(units, spaces, strict=True)]
    fitted = run_rounds(plans, partial(fit_stacks, device=device))
    return parallel.map(_attack, zip(units, spaces, fitted, strict=True), jobs=jobs)


def _attack(call: tuple[_Unit, Vectors, tuple[RiskAttacker, list[Release]]]) -> Finished:
    unit, z, (ignorant, releases) = call
    with _one_thread(unit):
        return unit.attack(z, ignorant, releases)


def _finish(unit: _Unit) -> Finished:
    with _one_thread(unit):
        z = unit.space()
        return unit.attack(z, *run_plan(unit.plan(z)))


@contextmanager
def _one_thread(unit: _Unit) -> Iterator[None]:
    """Compute a unit in one thread: this gives the same bytes on every machine."""
    torch.set_num_threads(1)
    unit.study.fitters.add_attackers()
    with threadpool_limits(1), warnings.catch_warnings():
        # A release with few prototypes warns. The record has their number.
        warnings.filterwarnings("ignore", ".*( sound like |the scorer models at most)")
        yield


def _sources(estimator: BaseEstimator) -> list[str]:
    """The digests of the parts of a pipeline or another composed estimator."""
    parts = estimator.get_params(deep=True).values()
    return [plugins.source(part) for part in parts if hasattr(part, "fit") or callable(part)]


def _figures(bound: Bound) -> dict[str, float]:
    return {
        "tv": bound.tv,
        "tv_high": bound.high,
        "auc": bound.auc,
        "auc_high": bound.auc_high,
        "speakers": bound.speakers,
    }
