"""Feng 2021: hide emotions and gender in utterance features, and see who still finds them.

A *unit* is one draw and one required emotion: a risk model, every release, every attacker. Units are independent and
kept on disk as they are finished, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sordino import attack, storage
from sordino.attack import Audit, RiskAttacker, RiskFitter
from sordino.corpora import split
from sordino.corpora.split import Part, Parts
from sordino.corpora.table import Corpus, checksums
from sordino.errors import CorpusError
from sordino.features import PreprocessFitter
from sordino.nn.fit import Plan, run, run_rounds
from sordino.nn.stack import fit_stacks
from sordino.policy import Policy
from sordino.progress import track
from sordino.release import FITTERS, Release

STUDY: Final = "feng2021"
EMOTIONS: Final = ("neutral", "happy", "sad", "angry")
POLICIES: Final = (
    Policy(required="happy", sensitive=("sad", "angry")),
    Policy(required="sad", sensitive=("happy", "angry")),
    Policy(required="angry", sensitive=("sad", "happy")),
)
"""The paper's models 1, 2 and 3."""


@dataclass(frozen=True)
class Options:
    """What the paper leaves open; each default's reason stands in `docs/feng2021.md`.

    - `scale`, `components`: how features are brought to the scaled space; `fit_on`: whose rows decide it.
    - `risk_validation`, `validation`: what stops the risk model and the transform: held-out utterances or speakers.
    - `measured_on`: `test`, or `validation` to study recipes without touching a test speaker.
    """

    releases: tuple[str, ...] = tuple(FITTERS)
    families: tuple[str, ...] = attack.QUICK
    scale: str = "minmax"
    components: int = 256
    fit_on: str = "transform"
    risk_validation: split.Validation = "utterance"
    validation: split.Validation = "speaker"
    measured_on: str = "test"
    seed: int = 0


@dataclass(frozen=True)
class Unit:
    """One draw under one policy."""

    parts: Parts
    policy: Policy

    @property
    def name(self) -> str:
        return f"{self.policy.required}-{self.parts.draw}"


def prepare(corpus: Corpus, options: Options) -> tuple[Corpus, tuple[Parts, ...], NDArray[np.str_]]:
    """The corpus with the four emotions only, its draws, and the checksums of its recordings."""
    corpus = corpus.with_emotions(EMOTIONS)
    for policy in POLICIES:
        policy.check_against(corpus.table["emotion"])
    genders = set(corpus.table["gender"]) - {""}
    if len(genders) < 2:
        found = ", ".join(sorted(genders)) or "none"
        raise CorpusError(f"{corpus.name}: speakers of gender {found}, expected female and male: gender cannot be audited")
    sums = checksums(corpus)
    by_speaker = split.draws(corpus, options.seed, options.validation, sums)
    by_risk = split.draws(corpus, options.seed, options.risk_validation, sums)
    draws = tuple(
        Parts(risk.risk, both.transform, both.test, both.draw) for risk, both in zip(by_risk, by_speaker, strict=True)
    )
    return corpus, tuple(_measured(parts, options.measured_on) for parts in draws), sums


def _measured(parts: Parts, measured_on: str) -> Parts:
    """With `validation`, the transform party loses its validation rows, and these are measured instead of the test."""
    if measured_on == "test":
        return parts
    rows = parts.transform
    kept = np.arange(len(rows.train)) % 4 != 3
    return Parts(parts.risk, Part(rows.train[kept], rows.train[~kept]), rows.validation, parts.draw)


def predictions(
    x: NDArray[np.float32], corpus: Corpus, draws: Sequence[Parts], folder: Path, options: Options, jobs: int = 0
) -> pd.DataFrame:
    """Every attacker's guesses on every test utterance (`sordino.attack.COLUMNS`), unit by unit.

    `x` is `(utterances, d)`, unscaled. Finished units are read from `folder`. On a CPU, units run in one process a core
    with one thread each; with a GPU, the networks of all units are trained there as stacks first.
    """
    units = [Unit(parts, policy) for parts in draws for policy in POLICIES]
    key = _key(x, corpus, options)
    paths = {unit.name: storage.folder(folder) / f"{unit.name}-{key}.parquet" for unit in units}
    missing = [unit for unit in units if not paths[unit.name].is_file()]
    for unit, table in track(_computed(missing, x, corpus, options, jobs), "draws and policies", len(missing)):
        storage.write(paths[unit.name], partial(table.to_parquet, index=False))
    return pd.concat([pd.read_parquet(paths[unit.name]) for unit in units], ignore_index=True)


def _key(x: NDArray[np.float32], corpus: Corpus, options: Options) -> str:
    """What a unit depends on beside its draw and policy, as 12 hexadecimal digits."""
    labels = corpus.table[["speaker", "gender", "emotion", "intensity"]].to_csv(index=False)
    content = json.dumps(asdict(options), sort_keys=True) + labels
    return hashlib.sha256(content.encode() + np.ascontiguousarray(x).tobytes()).hexdigest()[:12]


def _computed(
    units: Sequence[Unit], x: NDArray[np.float32], corpus: Corpus, options: Options, jobs: int
) -> Iterable[tuple[Unit, pd.DataFrame]]:
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator_unordered")
    if torch.cuda.is_available():
        spaces = [_space(unit, x, options) for unit in units]
        plans = [_plan(unit, z, corpus, options) for unit, z in zip(units, spaces, strict=True)]
        fitted = run_rounds(plans, fit_stacks)
        calls = zip(units, spaces, fitted, strict=True)
        return workers(joblib.delayed(_attacked)(unit, z, corpus, options, *made) for unit, z, made in calls)
    return workers(joblib.delayed(_one_unit)(unit, x, corpus, options) for unit in units)


def _one_unit(unit: Unit, x: NDArray[np.float32], corpus: Corpus, options: Options) -> tuple[Unit, pd.DataFrame]:
    torch.set_num_threads(1)
    z = _space(unit, x, options)
    return _attacked(unit, z, corpus, options, *run(_plan(unit, z, corpus, options)))


def _space(unit: Unit, x: NDArray[np.float32], options: Options) -> NDArray[np.float32]:
    parts = unit.parts
    rows = {
        "transform": parts.transform.rows,
        "risk": parts.risk.rows,
        "both": np.concatenate([parts.risk.rows, parts.transform.rows]),
    }[options.fit_on]
    return PreprocessFitter(options.scale, options.components).fit(x[rows])(x)


def _plan(
    unit: Unit, z: NDArray[np.float32], corpus: Corpus, options: Options
) -> Plan[tuple[RiskAttacker, list[Release]]]:
    """The risk model and the releases of one unit; all seeds follow from the study's seed and the draw."""
    seed = 1000 * options.seed + unit.parts.draw
    ignorant = yield from RiskFitter(unit.policy, seed=seed).plan(z, corpus, unit.parts.risk)
    releases = []
    for name in options.releases:
        releases.append((yield from FITTERS[name](unit.policy, seed).plan(z, corpus, unit.parts.transform)))
    return ignorant, releases


def _attacked(
    unit: Unit,
    z: NDArray[np.float32],
    corpus: Corpus,
    options: Options,
    ignorant: RiskAttacker,
    releases: Sequence[Release],
) -> tuple[Unit, pd.DataFrame]:
    audits: list[Audit] = [
        attack.run(one, z, corpus, unit.parts, unit.policy, ignorant=ignorant, families=options.families, seed=unit.parts.draw)
        for one in releases
    ]
    return unit, pd.concat([audit.predictions for audit in audits], ignore_index=True)


def parties(corpus: Corpus, draws: Sequence[Parts]) -> list[dict[str, Any]]:
    """The speakers of each party of each draw, and that no two parties share one."""
    found = []
    for parts in draws:
        rows = {"risk": parts.risk.rows, "transform": parts.transform.rows, "test": parts.test}
        speakers = {name: sorted(set(corpus.speaker[some].tolist())) for name, some in rows.items()}
        everyone = [speaker for some in speakers.values() for speaker in some]
        disjoint = len(everyone) == len(set(everyone))
        found.append({"draw": parts.draw, "speakers": speakers, "disjoint": disjoint})
    return found
