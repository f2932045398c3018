"""The families of attackers by name, and one unit of their work: what a few of them say and reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino.attack import estimators, machines, verdict
from sordino.attack.machines import Matrix, Scores
from sordino.attack.secrets import Secret
from sordino.attack.sides import Plan
from sordino.progress import track

QUICK: Final = machines.FAMILIES
"""Families that hear hundreds of shuffles at the cost of one: what studies use."""

FULL: Final = (*QUICK, *estimators.FAMILIES)
"""All that there are."""

Attackers = Mapping[str, BaseEstimator]
"""Estimators of your own, by name."""


@dataclass(frozen=True)
class Heard:
    """What attackers say of the secret, and what they reach on it and on its shuffles."""

    scores: tuple[Scores, ...]
    reached: tuple[verdict.Reached, ...]


def scores(
    x: NDArray[np.floating], labels: Matrix, plan: Plan, families: Sequence[str] = QUICK, classes: int = 2,
    seed: int = 0,
) -> list[Scores]:  # fmt: skip
    """What each attacker of these families says of single rows; as `machines.scores`, and `estimators.scores`."""
    machines.known_families(families, FULL)
    found = [*machines.scores(x, labels, plan, None, families)]
    for family in families:
        if family in estimators.FAMILIES:
            settings = estimators.FAMILIES[family](seed)
            found += estimators.scores(x, labels, plan, family, settings, classes)
    return found


def hear(
    x: NDArray[np.float64], secret: Secret, shuffled: Matrix, plan: Plan, families: Sequence[str] = QUICK, *,
    own: Attackers | None = None, seed: int = 0, jobs: int = 1, cache: Path | None = None, what: str = "attackers",
) -> Heard:  # fmt: skip
    """What all attackers say of the secret, the first column of `shuffled`, and reach on every column.

    Units are kept in `cache` as they are finished, so a killed run goes on where it was. Attackers in `own` are heard
    beside the families.
    """
    fast = tuple(family for family in families if family in QUICK)
    slow = {family: settings(seed) for family, settings in estimators.FAMILIES.items() if family in families}
    slow |= {name: [estimator] for name, estimator in (own or {}).items()}
    memory = joblib.Memory(cache, verbose=0)
    given = (x, secret, shuffled, plan)
    fast_calls = [joblib.delayed(memory.cache(_fast))(*given, fast, each) for each in (False, True) if fast]
    slow_calls = [joblib.delayed(memory.cache(_slow))(*given, name, settings) for name, settings in slow.items()]
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    calls = [*fast_calls, *slow_calls][::-1]  # the last family takes longest: begun first, nobody waits for it
    said, reached = zip(*list(track(workers(calls), what, len(calls)))[::-1], strict=True)
    return Heard(tuple(chain.from_iterable(said)), tuple(chain.from_iterable(reached)))


def _fast(
    x: Matrix, secret: Secret, shuffled: Matrix, plan: Plan, families: tuple[str, ...], each: bool
) -> tuple[list[Scores], list[verdict.Reached]]:
    """All families of `machines` on one scale."""
    who = None if secret.within else secret.speaker
    with threadpool_limits(1):  # sums in another order are other numbers: one thread gives the same bytes anywhere
        return _reached(
            machines.scores(x, verdict.labels(secret, shuffled), plan, who, families, [each]), secret, shuffled
        )


def _slow(
    x: Matrix, secret: Secret, shuffled: Matrix, plan: Plan, family: str, settings: Sequence[BaseEstimator]
) -> tuple[list[Scores], list[verdict.Reached]]:
    """One family of estimators."""
    with threadpool_limits(1):
        labels = verdict.labels(secret, shuffled)
        return _reached(
            estimators.scores(x, labels, plan, family, settings, len(secret.classes) or 2), secret, shuffled
        )


def _reached(found: Iterable[Scores], secret: Secret, shuffled: Matrix) -> tuple[list[Scores], list[verdict.Reached]]:
    """Scores of the secret alone, and what they reach on it and on all its shuffles."""
    kept, reached = [], []
    for said in found:
        if said.tested:
            reached += verdict.reach(secret, shuffled, said)
        kept.append(said.of(0, shuffled.shape[1]))
    return kept, reached
