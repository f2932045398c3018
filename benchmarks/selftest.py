"""Power and false alarms of the audit on synthetic tables with and without a planted leak.

Requirement: of 100 tables each, a planted leak is found at least 97 times, and a table without one
is reported as a leak at most 10 times (nominally 5). The naive test treats every utterance as a
speaker.

    scripts/selftest --seeds 100
"""

from __future__ import annotations

import argparse
import time

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from sordino.attack.attackers import kernels
from sordino.attack.secret import Secret
from sordino.attack.selftest import LEAKS, plant
from sordino.attack.significance import permutation_test


def main() -> None:
    """Print one row per kind of table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--shuffles", type=int, default=99)
    parser.add_argument(
        "--only", action="append", choices=list(LEAKS), help="this kind of table; again for more"
    )
    parser.add_argument(
        "--naive", type=int, default=20, help="tables of the naive test, which is slower"
    )
    args = parser.parse_args()
    workers = joblib.Parallel(n_jobs=-1)
    print(
        f"{'planted':10} {'Bayes AUC':>9} {'leak':>6} {'of':>5} {'cannot tell':>12} {'seconds':>8}",
        flush=True,
    )
    for name in args.only or LEAKS:
        bayes = LEAKS[name][1]
        start = time.perf_counter()
        answers = workers(
            joblib.delayed(verdict)(name, seed, args.shuffles, False) for seed in range(args.seeds)
        )
        seconds = (time.perf_counter() - start) / args.seeds
        print(
            f"{name:10} {bayes:9.3f} {answers.count('leak'):6} {len(answers):5} "
            f"{answers.count('cannot tell'):12} "
            f"{seconds:8.2f}",
            flush=True,
        )
    if args.only is None or "none" in args.only:
        naive = workers(
            joblib.delayed(verdict)("none", seed, args.shuffles, True) for seed in range(args.naive)
        )
        print(
            f"none, each row as a speaker: {naive.count('leak')} of {len(naive)} are reported "
            "as a leak"
        )


def verdict(name: str, seed: int, shuffles: int, naive: bool) -> str:
    """The verdict on one table; with `naive` every row is a speaker."""
    table = plant(name, seed)
    speaker = np.arange(len(table.x)) if naive else table.speaker
    families = ("linear",) if naive else kernels.KERNEL_FAMILIES
    with threadpool_limits(1):
        secret = Secret.of("secret", table.secret, speaker)
        return permutation_test.judge(
            table.x, secret, families=families, shuffles=shuffles, seed=seed
        ).answer


if __name__ == "__main__":
    main()
