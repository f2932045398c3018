"""The families of attackers by name, and the unit of work: scores and statistics of one family."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.attack.attackers import estimators, kernels, score_table, screens
from sordino.attack.attackers.kernels import Scores
from sordino.attack.attackers.score_table import ScoreTable
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.significance.permutation_test import AttackerStatistic
from sordino.attack.splits import SplitPlan
from sordino.checkpoints import Checkpoints, Finished, identity
from sordino.parallel.compute_device import compute_device
from sordino.storage import Location
from sordino.types import Matrix

QUICK: Final = kernels.KERNEL_FAMILIES
"""Families that score hundreds of shuffles at the cost of one: the default of studies."""

QUICK_TABLE: Final = screens.TABLE_FAMILIES
"""The same and the screens: the default of audits of tables."""

FULL: Final = (*QUICK_TABLE, *estimators.ESTIMATORS)
"""All families of sordino."""

_Item = TypeVar("_Item", Scores, AttackerStatistic)

CustomEstimators = Mapping[str, BaseEstimator]
"""The user's own estimators, by name."""


def available() -> tuple[str, ...]:
    """All families, with those that were added."""
    return (*QUICK_TABLE, *estimators.ESTIMATORS)


def scores(
    x: NDArray[np.floating],
    labels: Matrix,
    plan: SplitPlan,
    families: Sequence[str] = QUICK,
    classes: int = 2,
    seed: int = 0,
) -> list[Scores]:
    """Scores of single rows by each attacker of these families; see `kernels.scores` and
    `estimators.scores`.
    """
    kernels.check_families(families, available())
    attackers = [*kernels.scores(x, labels, plan, None, families)]
    attackers += screens.scores(x, labels, plan, np.arange(len(x)), True, families)
    for family in families:
        if family in estimators.ESTIMATORS:
            settings = estimators.ESTIMATORS[family](seed)
            attackers += estimators.scores(x, labels, plan, family, settings, classes)
    return attackers


def score_attackers(
    x: Matrix,
    secret: Secret,
    shuffled: Matrix,
    plan: SplitPlan,
    families: Sequence[str] = QUICK,
    *,
    custom: CustomEstimators | None = None,
    others: Matrix | None = None,
    seed: int = 0,
    jobs: int = 1,
    cache: Location | None = None,
    title: str = "attackers",
) -> ScoreTable:
    """Scores of all attackers on the secret, the first column of `shuffled`, and their statistics
    on every column. Kernels also score `others` `(n, d)`, if there are any (`kernels.scores`).

    A unit is a family (of the quick ones, on one scale). Completed units are stored in `cache`, and
    a killed run resumes at the next. Kernels of a GPU have units of their own. Estimators in
    `custom` are scored beside the families. Only those of scikit-learn with plain parameters are
    stored, because no text determines the others.
    """
    data = (x, secret, shuffled, plan)
    shared = json.dumps(
        [identity(score_table.SCORE_ROOMS), score_table.audit_key(*data, seed, others), title]
    )
    kernel = {
        f"{family}-{'each' if per_dimension else 'one'}": _FamilyUnit(
            partial(_score_kernel, *data, (family,), per_dimension, others),
            shared if compute_device() == "cpu" else shared + compute_device(),
        )
        for per_dimension in (False, True)
        for family in QUICK
        if family in families
    }
    screen = {
        f"screen-{family}": _FamilyUnit(partial(_score_screen, *data, (family,)), shared)
        for family in screens.SCREEN_FAMILIES
        if family in families
    }
    slow = {
        family: settings(seed)
        for family, settings in estimators.ESTIMATORS.items()
        if family in families
    }
    slow |= {name: [estimator] for name, estimator in (custom or {}).items()}
    units = (
        kernel
        | screen
        | {
            f"family-{name}": _FamilyUnit(
                partial(_score_estimator, *data, name, settings),
                json.dumps([shared, [*score_table.class_and_parameters(settings)]]),
                score_table.is_cacheable(settings),
            )
            for name, settings in slow.items()
        }
    )
    tables = _compute(units, secret, shuffled.shape[1], cache, title, jobs)
    half = len(kernel) // 2
    parts = (tables[:half], tables[half : len(kernel)], tables[len(kernel) :])
    return ScoreTable(
        tuple(score for part in parts for score in _order(table.scores for table in part)),
        tuple(item for part in parts for item in _order(table.statistics for table in part)),
    )


@dataclass(frozen=True)
class _FamilyUnit:
    """The scores of one family."""

    score: Callable[[], ScoreTable]
    key: str
    """The text that decides the scores."""
    stored: bool = True
    """Whether the key really decides them, so that the cache may hold them."""


def _compute(
    units: Mapping[str, _FamilyUnit],
    secret: Secret,
    columns: int,
    cache: Location | None,
    title: str,
    jobs: int,
) -> list[ScoreTable]:
    """The scores of each unit, from the cache or computed in parallel."""

    def compute(names: Sequence[str]) -> Iterator[Finished]:
        calls = [(name, units[name].score) for name in reversed(names)]
        return parallel.map(_run_unit, calls, jobs=jobs)  # the last takes longest, starts first

    def read(table: pd.DataFrame, record: dict[str, Any]) -> ScoreTable:
        return score_table.unpack(table, record, secret, columns)

    results: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {}
    for folder, stored in ((cache, True), (None, False)):
        keys = {name: unit.key for name, unit in units.items() if unit.stored == stored}
        results |= Checkpoints(keys, folder, title, read).gather(compute) if keys else {}
    return [read(*results[name]) for name in units]


def _order(parts: Iterable[Iterable[_Item]]) -> list[_Item]:
    """Items of one scale, attackers on centred speakers last: of equally good ones the first is
    selected.
    """
    return sorted(
        chain.from_iterable(parts), key=lambda item: kernels.CENTRED_SETTING in item.setting
    )


def _run_unit(call: tuple[str, Callable[[], ScoreTable]]) -> Finished:
    name, score = call
    return name, *score().pack()


def _score_kernel(
    x: Matrix,
    secret: Secret,
    shuffled: Matrix,
    plan: SplitPlan,
    families: tuple[str, ...],
    per_dimension: bool,
    others: Matrix | None = None,
) -> ScoreTable:
    """Families of `kernels` on one scale.

    One thread gives the same bytes on any machine, since the order of sums decides their rounding.
    """
    speaker = None if secret.within else secret.speaker
    with threadpool_limits(1):
        bent = permutation_test.bent_secrets(secret, shuffled)
        labels = permutation_test.columns_of_test(secret, shuffled, bent)
        attackers = kernels.scores(x, labels, plan, speaker, families, [per_dimension], others)
        return _score_table(attackers, secret, shuffled, bent)


def _score_screen(
    x: Matrix, secret: Secret, shuffled: Matrix, plan: SplitPlan, families: tuple[str, ...]
) -> ScoreTable:
    """Families of `screens`."""
    with threadpool_limits(1):
        bent = permutation_test.bent_secrets(secret, shuffled)
        labels = permutation_test.columns_of_test(secret, shuffled, bent)
        attackers = screens.scores(x, labels, plan, secret.speaker, secret.within, families)
        return _score_table(attackers, secret, shuffled, bent)


def _score_estimator(
    x: Matrix,
    secret: Secret,
    shuffled: Matrix,
    plan: SplitPlan,
    family: str,
    settings: Sequence[BaseEstimator],
) -> ScoreTable:
    """One family of estimators."""
    with threadpool_limits(1):
        labels = permutation_test.label_columns(secret, shuffled)
        classes = len(secret.classes) or 2
        attackers = estimators.scores(x, labels, plan, family, settings, classes)
        return _score_table(attackers, secret, shuffled)


def _score_table(
    attackers: Iterable[Scores],
    secret: Secret,
    shuffled: Matrix,
    bent: permutation_test.BentSecrets = (),
) -> ScoreTable:
    """Scores of the secret alone, and statistics on it and on all its shuffles."""
    scores, statistics = [], []
    for attacker in attackers:
        if attacker.tested:
            statistics += permutation_test.attacker_statistics(secret, shuffled, attacker, bent)
        if attacker.in_sample:
            continue
        first = attacker.column(0, shuffled.shape[1])
        if not secret.classes:
            first = first.select(slice(1))  # the rank alone
        scores.append(first)
    return ScoreTable(tuple(scores), tuple(statistics))
