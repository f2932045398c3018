"""The families of attackers by name, and one unit of their work: what a few of them say and reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino.attack.attackers import estimators, kernels, score_table
from sordino.attack.attackers.kernels import Scores
from sordino.attack.attackers.score_table import Heard
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.splits import Plan
from sordino.checkpoints import Checkpoints, Finished, identity
from sordino.types import Matrix

QUICK: Final = kernels.FAMILIES
"""Families that hear hundreds of shuffles at the cost of one: what studies use."""

FULL: Final = (*QUICK, *estimators.FAMILIES)
"""All that there are."""

Named = TypeVar("Named", Scores, permutation_test.Reached)

Attackers = Mapping[str, BaseEstimator]
"""Estimators of your own, by name."""


def scores(
    x: NDArray[np.floating],
    labels: Matrix,
    plan: Plan,
    families: Sequence[str] = QUICK,
    classes: int = 2,
    seed: int = 0,
) -> list[Scores]:
    """What each attacker of these families says of single rows; as `machines.scores`, and
    `estimators.scores`.
    """
    kernels.known_families(families, FULL)
    found = [*kernels.scores(x, labels, plan, None, families)]
    for family in families:
        if family in estimators.FAMILIES:
            settings = estimators.FAMILIES[family](seed)
            found += estimators.scores(x, labels, plan, family, settings, classes)
    return found


def hear(
    x: NDArray[np.float64],
    secret: Secret,
    shuffled: Matrix,
    plan: Plan,
    families: Sequence[str] = QUICK,
    *,
    own: Attackers | None = None,
    seed: int = 0,
    jobs: int = 1,
    cache: Path | None = None,
    what: str = "attackers",
) -> Heard:
    """What all attackers say of the secret, the first column of `shuffled`, and reach on every
    column.

    Units, a family (on one scale, of the quick ones), are kept in `cache` as they are finished, so
    a killed run goes on where it was. Attackers in `own` are heard beside the families; of theirs,
    those of scikit-learn with plain parameters are kept, since of others no text says all that
    decides them.
    """
    fast = tuple(family for family in families if family in QUICK)
    slow = {
        family: settings(seed)
        for family, settings in estimators.FAMILIES.items()
        if family in families
    }
    slow |= {name: [estimator] for name, estimator in (own or {}).items()}
    given = (x, secret, shuffled, plan)
    shared = json.dumps([identity(score_table.ROOMS), score_table.key(*given, seed), what])
    quick = [(family, each) for each in (False, True) for family in QUICK if family in fast]
    calls: dict[str, tuple[Callable[..., Heard], tuple[Any, ...]]] = {
        f"{family}-{'each' if each else 'one'}": (_fast, (*given, (family,), each))
        for family, each in quick
    }
    decided = dict.fromkeys(calls, shared)
    calls |= {
        f"family-{name}": (_slow, (*given, name, settings)) for name, settings in slow.items()
    }
    decided |= {
        f"family-{name}": json.dumps([shared, [*score_table.described(slow[name])]])
        for name in slow
    }

    def compute(names: Sequence[str]) -> Iterator[Finished]:
        workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator_unordered", batch_size=1)
        begun = [
            joblib.delayed(_named)(name, *calls[name]) for name in reversed(names)
        ]  # the last takes longest
        for name, unit in workers(begun):
            yield name, *unit.packed()

    def read(table: pd.DataFrame, record: dict[str, Any]) -> Heard:
        return score_table.unpacked(table, record, secret, shuffled.shape[1])

    custom = {
        f"family-{name}" for name, settings in slow.items() if not score_table.usable(settings)
    }
    kept = {name: key for name, key in decided.items() if name not in custom}
    units = Checkpoints(kept, cache, what, read).gather(compute)
    others = {name: key for name, key in decided.items() if name not in kept}
    units |= Checkpoints(others, None, what, read).gather(compute) if others else {}
    found = [read(*units[name]) for name in calls]
    halves = (found[: len(quick) // 2], found[len(quick) // 2 : len(quick)], found[len(quick) :])
    scores = tuple(score for half in halves for score in _ordered(one.scores for one in half))
    return Heard(
        scores,
        tuple(reached for half in halves for reached in _ordered(one.reached for one in half)),
    )


def _ordered(parts: Iterable[Iterable[Named]]) -> list[Named]:
    """Those of one scale, who take each speaker's mean away last: of equally good ones the first is
    chosen.
    """
    return sorted(chain.from_iterable(parts), key=lambda one: kernels.CENTRED in one.setting)


def _named(name: str, call: Callable[..., Heard], given: tuple[Any, ...]) -> tuple[str, Heard]:
    return name, call(*given)


def _fast(
    x: Matrix, secret: Secret, shuffled: Matrix, plan: Plan, families: tuple[str, ...], each: bool
) -> Heard:
    """All families of `machines` on one scale."""
    who = None if secret.within else secret.speaker
    with threadpool_limits(
        1
    ):  # sums in another order are other numbers: one thread gives the same bytes anywhere
        return _reached(
            kernels.scores(
                x, permutation_test.labels(secret, shuffled), plan, who, families, [each]
            ),
            secret,
            shuffled,
        )


def _slow(
    x: Matrix,
    secret: Secret,
    shuffled: Matrix,
    plan: Plan,
    family: str,
    settings: Sequence[BaseEstimator],
) -> Heard:
    """One family of estimators."""
    with threadpool_limits(1):
        labels = permutation_test.labels(secret, shuffled)
        return _reached(
            estimators.scores(x, labels, plan, family, settings, len(secret.classes) or 2),
            secret,
            shuffled,
        )


def _reached(found: Iterable[Scores], secret: Secret, shuffled: Matrix) -> Heard:
    """Scores of the secret alone, and what they reach on it and on all its shuffles."""
    kept, reached = [], []
    for said in found:
        if said.tested:
            reached += permutation_test.reach(secret, shuffled, said)
        kept.append(said.of(0, shuffled.shape[1]))
    return Heard(tuple(kept), tuple(reached))
