"""Power and false alarms of the audit on synthetic tables with and without a planted leak.

Requirement: of 100 tables each, a planted leak of `selftest` is found at least 97 times, and a
table without one is reported as a leak at most 11 times (5 % and three standard errors). The naive
test treats every utterance as a speaker.

    scripts/selftest --seeds 100
    scripts/selftest --seeds 3 --tables mechanisms
    scripts/selftest --seeds 1 --tables mechanisms --attackers full --shuffles 39
    scripts/selftest --seeds 100 --tables uneven
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.attack import mechanisms, selftest
from sordino.attack.attackers import families, scaling, screens
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.splits import crossfit

TABLES: dict[str, dict[str, Callable[[int], Any]]] = {
    "leaks": {name: partial(selftest.plant, name) for name in selftest.LEAKS},
    "mechanisms": {
        name: partial(mechanisms.plant, name)
        for name in (*mechanisms.MECHANISMS, mechanisms.CONTINUOUS_MECHANISM)
    },
    "uneven": {
        f"rows {men} and {women}": partial(mechanisms.uneven, men, women)
        for men, women in mechanisms.UNEVEN_ROWS
    },
}


ATTACKERS = {
    "quick": families.QUICK_TABLE,
    "full": families.FULL,
    "kernels": families.QUICK,
    "screens": screens.SCREEN_FAMILIES,
}


def main() -> None:
    """Print one row per kind of table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100, help="tables of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first table")
    parser.add_argument("--shuffles", type=int, default=99)
    parser.add_argument("--tables", choices=list(TABLES), default="leaks")
    parser.add_argument("--only", action="append", help="this kind of table; again for more")
    parser.add_argument("--attackers", choices=list(ATTACKERS), default="quick")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; -1 for one per core")
    parser.add_argument(
        "--naive", type=int, default=20, help="tables of the naive test, which is slower"
    )
    args = parser.parse_args()
    kinds = TABLES[args.tables]
    print(
        f"{'table':18} {'Bayes AUC':>9} {'leak':>6} {'of':>5} {'p <= .05':>9} {'cannot tell':>12} "
        f"{'CPU s':>7}",
        flush=True,
    )
    for name in args.only or kinds:
        results = parallel.map(
            partial(verdict, kinds[name], args.shuffles, ATTACKERS[args.attackers], False),
            range(args.first, args.first + args.seeds),
            jobs=args.jobs,
            ordered=True,
        )
        answers, p_values, seconds = zip(*results, strict=True)
        bayes = f"{selftest.LEAKS[name][1]:.3f}" if args.tables == "leaks" else ""
        print(
            f"{name:18} {bayes:>9} {answers.count('leak'):6} {len(answers):5} "
            f"{sum(p <= 0.05 for p in p_values):9} {answers.count('cannot tell'):12} "
            f"{np.mean(seconds):7.2f}",
            flush=True,
        )
    if args.tables == "leaks" and (args.only is None or "none" in args.only):
        judge = partial(verdict, kinds["none"], args.shuffles, ("linear",), True)
        naive = [*parallel.map(judge, range(args.naive), jobs=args.jobs, ordered=True)]
        print(
            f"none, each row as a speaker: {[answer for answer, *_ in naive].count('leak')} of "
            f"{len(naive)} are reported as a leak"
        )


def verdict(
    plant: Callable[[int], Any],
    shuffles: int,
    attackers: tuple[str, ...],
    naive: bool,
    seed: int,
) -> tuple[str, float, float]:
    """The verdict on one table, its p and the seconds; with `naive` every row is a speaker."""
    table, start = plant(seed), time.process_time()
    speaker = np.arange(len(table.x)) if naive else table.speaker
    with threadpool_limits(1):
        secret = Secret.of("secret", table.secret, speaker)
        fold = secret.folds(seed)
        shuffled, x = secret.shuffles(fold, shuffles, seed), scaling.in_range(table.x)
        scores = families.score_attackers(x, secret, shuffled, crossfit(fold), attackers, seed=seed)
        decision = permutation_test.conclude(secret, fold, scores.statistics)
    return decision.answer, decision.p, time.process_time() - start


if __name__ == "__main__":
    main()
