"""Time of an audit of 2,000 vectors of 256 dimensions from 40 speakers, and of a permutation test
with one support vector machine of scikit-learn, side by side.

    python benchmarks/audit.py --json audit.json
    python benchmarks/audit.py --families quick --jobs 1

Processor seconds are those of all processes, with their start. On a machine that does other work
too, compare these: waiting for a turn is not among them. The support vector machine is refitted on
every fold of every shuffle; it is timed on a few shuffles, and its time is multiplied. It is one
attacker on one table. The audit has all its attackers, on a table and on its reference, and the
power of its test.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.attack import FULL, QUICK_TABLE, Audit, AuditResult

FAMILIES = {"quick": QUICK_TABLE, "full": FULL}
SPEAKERS = 40
TIMED_SHUFFLES = 3
"""Shuffles on which the support vector machine is timed."""


def main() -> None:
    """Print the seconds of each audit, and the ratio to those of a support vector machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", choices=list(FAMILIES), action="append")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--jobs", type=int, default=0, help="processes, 0 for one per core")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    x, gender, speaker = table(args.rows, args.dimensions)
    audits: dict[str, dict[str, Any]] = {}
    with threadpool_limits(1):
        machine = _seconds(lambda: refit(x, gender, speaker))["processor_s"] / TIMED_SHUFFLES
        print(f"scikit-learn, one SVC: {machine:.2f} processor s a shuffle", flush=True)
        for name in args.families or FAMILIES:
            audit = Audit(FAMILIES[name], jobs=args.jobs)
            results: list[AuditResult] = []
            figures: dict[str, Any] = _seconds(
                lambda: results.append(audit.run(x, gender, speaker, reference=x))  # noqa: B023
            )
            figures["svc_processor_s"] = machine * (1 + audit.count)
            figures["ratio"] = figures["svc_processor_s"] / figures["processor_s"]
            figures["attackers"] = len(results[0].decision.by_attacker)
            audits[name] = figures
            print(
                f"{name}, {figures['attackers']} attackers, {audit.count} shuffles, with a "
                f"reference: {figures['wall_s']:.1f} s, {figures['processor_s']:.1f} processor s; "
                f"one SVC {figures['svc_processor_s']:.0f}, {figures['ratio']:.1f} times as many",
                flush=True,
            )
    if args.json:
        sizes = {"rows": args.rows, "dimensions": args.dimensions, "cores": os.cpu_count()}
        args.json.write_text(json.dumps({**sizes, "audits": audits}, indent=1) + "\n")


def table(
    rows: int = 2000, dimensions: int = 256
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """The vectors, with the gender and the speaker of each; voices differ and genders do not."""
    random = np.random.default_rng(0)
    speaker = np.arange(rows) % SPEAKERS
    speaker.sort()
    voices = random.normal(0, 0.6, (SPEAKERS, dimensions))[speaker]
    return voices + random.normal(0, 0.8, (rows, dimensions)), speaker % 2, speaker


def _seconds(function: Callable[[], Any]) -> dict[str, float]:
    """Seconds by the clock and of processors, those of worker processes included."""
    wall, before = time.perf_counter(), os.times()
    function()
    wall = time.perf_counter() - wall
    parallel.end_processes()  # times of a process count when it ends
    return {"wall_s": wall, "processor_s": sum(os.times()[:4]) - sum(before[:4])}


def refit(
    x: NDArray[np.float64], gender: NDArray[np.intp], speaker: NDArray[np.intp]
) -> list[float]:
    """The AUC of a support vector machine on some shuffles of gender over speakers, refitted on
    every fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
    from sklearn.svm import SVC

    random, areas = np.random.default_rng(0), []
    of_speaker = gender[np.unique(speaker, return_index=True)[1]]
    for _ in range(TIMED_SHUFFLES):
        shuffled = random.permutation(of_speaker)[speaker]
        folds = StratifiedGroupKFold(5).split(x, shuffled, speaker)
        areas.append(cross_val_score(SVC(), x, shuffled, cv=folds, scoring="roc_auc").mean())
    return areas


if __name__ == "__main__":
    main()
