"""The units of the study: one draw under one policy, its risk model, every release, every attacker.

Units are independent and kept on disk as they are finished, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino import attack, release
from sordino.attack import RiskAttacker, RiskFitter
from sordino.checkpoints import Finished
from sordino.corpora import split
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.errors import AttackError, FeatureError, ReleaseError, SplitError
from sordino.features import PreprocessFitter
from sordino.metrics.bound import Bound
from sordino.nn.fit import Plan, run, run_rounds
from sordino.nn.stack import fit_stacks
from sordino.policy import Policy
from sordino.release import (
    FITTERS,
    Drawn,
    DrawnFitter,
    Release,
    ReplacementFitter,
    bounds,
    plan_all,
)
from sordino.release.drawn.fit import Space
from sordino.study.checkpoints import gathered

POLICIES: Final = (
    Policy(required="happy", sensitive=("sad", "angry")),
    Policy(required="sad", sensitive=("happy", "angry")),
    Policy(required="angry", sensitive=("sad", "happy")),
)
"""The paper's models 1, 2 and 3."""


PAPER: Final = ("none", "rae", "rae-grl", "rae-grl+")
"""The paper's releases, and ours of its kind."""


@dataclass(frozen=True)
class Options:
    """What the paper leaves open; each default's reason stands in `docs/researcher/papers.md`.

    - `scale`, `components`: how features are brought to the scaled space; `fit_on`: whose rows
      decide it.
    - `risk_validation`, `validation`: what stops the risk model and the transform: held-out
      utterances or speakers.
    - `redraw`, `schedule`: of the paper's transforms (`sordino.release.ReplacementFitter`).
    - `measured_on`: `test`, or `validation` to study recipes without touching a test speaker.

    Raises the `SordinoError` of the room concerned for a name that is not known. (What else is not
    known is refused where it is used.)
    """

    releases: tuple[str, ...] = PAPER
    families: tuple[str, ...] = attack.QUICK
    scale: Literal["minmax", "zscore"] = "minmax"
    components: int = 256
    fit_on: Literal["transform", "risk", "both"] = "transform"
    risk_validation: split.Validation = "utterance"
    validation: split.Validation = "speaker"
    redraw: Literal["run", "epoch"] = "run"
    schedule: Literal["constant", "dann", "warm-up"] = "constant"
    measured_on: Literal["test", "validation"] = "test"
    seed: int = 0

    def __post_init__(self) -> None:
        for option, given, known, error in (
            ("releases", self.releases, tuple(FITTERS), ReleaseError),
            ("families", self.families, attack.FULL, AttackError),
            ("fit_on", (self.fit_on,), ("transform", "risk", "both"), FeatureError),
            ("measured_on", (self.measured_on,), ("test", "validation"), SplitError),
        ):
            unknown = [name for name in given if name not in known]
            if unknown or not given:
                raise error(
                    f"{option} {', '.join(unknown) or 'empty'}, expected some of "
                    f"{', '.join(known)}: name those"
                )


@dataclass(frozen=True)
class Unit:
    """One draw under one policy."""

    parts: Parts
    policy: Policy

    @property
    def name(self) -> str:
        return f"{self.policy.required}-{self.parts.draw}"


def predictions(
    x: NDArray[np.float32],
    corpus: Corpus,
    draws: Sequence[Parts],
    folder: Path,
    options: Options,
    jobs: int = 0,
    policies: Sequence[Policy] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Every attacker's guesses on every test utterance (`sordino.attack.PREDICTION_COLUMNS`), and how
    each unit came about.

    `x` is `(utterances, d)`, unscaled; `policies` are the paper's where none is given. Finished
    units are read from `folder`. On a CPU, units run in one process a core with one thread each;
    with a GPU, the networks of all units are trained there as stacks first.
    """
    asked = (Unit(parts, policy) for parts in draws for policy in policies or POLICIES)
    units = {unit.name: unit for unit in asked}
    given = _digest(x, corpus, options)
    keys = {name: _key(unit, given) for name, unit in units.items()}

    def compute(names: Sequence[str]) -> Iterable[Finished]:
        return _computed([units[name] for name in names], x, corpus, options, jobs)

    return gathered(keys, compute, folder, "draws and policies", attack.PREDICTION_COLUMNS)


def _digest(x: NDArray[np.float32], corpus: Corpus, options: Options) -> str:
    """The hash of what all units are given: vectors, labels and options."""
    columns = [
        "speaker",
        "gender",
        "emotion",
        "intensity",
        *(["age"] if "age" in corpus.table.columns else []),
    ]
    labels = corpus.table[columns].to_csv(index=False)
    content = json.dumps(asdict(options), sort_keys=True) + labels
    return hashlib.sha256(content.encode() + np.ascontiguousarray(x).tobytes()).hexdigest()


def _key(unit: Unit, given: str) -> str:
    """Everything that a unit depends on, as text.

    Its rows are a part of it: sessions and identical recordings, which `given` does not know, move
    speakers.
    """
    parts = unit.parts
    rows = (
        parts.risk.train,
        parts.risk.validation,
        parts.transform.train,
        parts.transform.validation,
        parts.test,
    )
    return json.dumps([given, unit.policy.hash, *(some.tolist() for some in rows)])


def _computed(
    units: Sequence[Unit], x: NDArray[np.float32], corpus: Corpus, options: Options, jobs: int
) -> Iterable[Finished]:
    workers: Callable[..., Iterable[Finished]] = joblib.Parallel(
        n_jobs=jobs or -1, return_as="generator_unordered"
    )
    if torch.cuda.is_available():
        spaces = [space(unit.parts, x, options) for unit in units]
        plans = [_plan(unit, z, corpus, options) for unit, z in zip(units, spaces, strict=True)]
        fitted = run_rounds(plans, fit_stacks)
        calls = zip(units, spaces, fitted, strict=True)
        return workers(
            joblib.delayed(_attacked)(unit, x, z, corpus, options, *made) for unit, z, made in calls
        )
    return workers(joblib.delayed(_one_unit)(unit, x, corpus, options) for unit in units)


def _one_unit(unit: Unit, x: NDArray[np.float32], corpus: Corpus, options: Options) -> Finished:
    torch.set_num_threads(1)
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
    ):  # one thread gives the same bytes anywhere
        warnings.filterwarnings(
            "ignore", ".* sound like "
        )  # few prototypes: the record says how many
        z = space(unit.parts, x, options)
        return _attacked(unit, x, z, corpus, options, *run(_plan(unit, z, corpus, options)))


def space(
    parts: Parts,
    x: NDArray[np.float32],
    options: Options,
    transform: NDArray[np.intp] | None = None,
) -> NDArray[np.float32]:
    """The vectors of one draw in the scaled space, which some of its rows decide; `transform`
    stands for its party.
    """
    transform = parts.transform.rows if transform is None else transform
    rows = {
        "transform": transform,
        "risk": parts.risk.rows,
        "both": np.concatenate([parts.risk.rows, transform]),
    }[options.fit_on]
    return PreprocessFitter(options.scale, options.components).fit(x[rows])(x)


def remembered(asked: Space) -> Space:
    """The same, each set of rows asked for once: drawn releases of one seed have the same folds."""
    known: dict[bytes, NDArray[np.float32]] = {}

    def answered(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        key = rows.tobytes()
        if key not in known:
            known[key] = asked(rows)
        return known[key]

    return answered


def _plan(
    unit: Unit, z: NDArray[np.float32], corpus: Corpus, options: Options
) -> Plan[tuple[RiskAttacker, list[Release]]]:
    """The risk model and the releases of one unit; all seeds follow from the study's seed and the
    draw.
    """
    seed = 1000 * options.seed + unit.parts.draw
    ignorant = yield from RiskFitter(unit.policy, seed=seed).plan(z, corpus, unit.parts.risk)
    fitters = []
    for name in options.releases:
        fitter = release.fitter(unit.policy, name, seed)
        if isinstance(fitter, ReplacementFitter):
            fitter = replace(fitter, redraw=options.redraw, schedule=options.schedule)
        fitters.append(fitter)
    releases = yield from plan_all(fitters, z, corpus, unit.parts.transform)
    return ignorant, releases


def _bounds(
    unit: Unit, x: NDArray[np.float32], corpus: Corpus, options: Options
) -> dict[str, dict[str, dict[str, float]]]:
    """Of each drawn release: what no attacker exceeds, by secret and what is known beside it."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    made: dict[DrawnFitter, dict[tuple[str, str], Bound]] = {}
    own = remembered(partial(space, unit.parts, x, options))
    for name in options.releases:
        fitter = release.fitter(unit.policy, name, 1000 * options.seed + unit.parts.draw)
        if isinstance(fitter, DrawnFitter):
            decides = replace(
                fitter, alone=False
            )  # prototypes or their mean: the decision is the same
            with suppress(ReleaseError):  # too few speakers to do without some: nobody can tell
                made[decides] = made.get(decides) or bounds(
                    decides, own, corpus, unit.parts.transform
                )
                found[name] = {
                    " given ".join(filter(None, key)): _figures(one)
                    for key, one in made[decides].items()
                }
    return found


def _figures(one: Bound) -> dict[str, float]:
    return {
        "tv": one.tv,
        "tv_high": one.high,
        "auc": one.auc,
        "auc_high": one.auc_high,
        "speakers": one.speakers,
    }


def _attacked(
    unit: Unit,
    x: NDArray[np.float32],
    z: NDArray[np.float32],
    corpus: Corpus,
    options: Options,
    ignorant: RiskAttacker,
    releases: Sequence[Release],
) -> Finished:
    attacked = partial(
        attack.run, ignorant=ignorant, families=options.families, seed=unit.parts.draw
    )
    audits = [attacked(one, z, corpus, unit.parts, unit.policy) for one in releases]
    record = {
        "bounds": _bounds(unit, x, corpus, options),
        "components": z.shape[1],
        "risk_validation_losses": list(ignorant.losses),
        "releases": {one.name: {"hash": one.hash, **one.config} for one in releases},
        "prototypes": {
            one.name: len(one.arrays["bin"]) for one in releases if isinstance(one, Drawn)
        },
        "unlabelled": audits[0].config.get("unlabelled", []),
        "attackers": {audit.config["release"]: audit.config["chosen"] for audit in audits},
    }
    return unit.name, pd.concat([audit.predictions for audit in audits], ignore_index=True), record
