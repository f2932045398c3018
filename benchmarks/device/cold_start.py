"""Compare the cold start and the latency of two source trees on one bundle of vectors.

    git worktree add --detach /tmp/old COMMIT
    python benchmarks/device/cold_start.py /tmp/old . bundle.sordino

Each run is a new process: `import sordino.device`, read the bundle, start a `Runtime`, release one
vector. The trees take turns, so that both see the same load of the machine.

    whole      from before the process starts to its first release
    processor  processor time of the same, which other processes disturb less
    start      from before the import to the first release
    release    the median of further releases in the same process

The minimum of all runs counts, for `release` of their medians. Status 1 where a ratio is above
`--most`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

RUN: Final = """
import sys, time
start = time.monotonic()
from sordino.device import Runtime, read
runtime = Runtime(read(sys.argv[1]), key=1)
import numpy as np
dims = runtime.bundle.card["features"]["dims"]
features = np.random.default_rng(0).normal(size=(int(sys.argv[2]) + 1, 1, dims)).astype(np.float32)
runtime.release(features[0])
end = time.monotonic()
print(end - float(sys.argv[3]), time.process_time(), end - start)
times = []
for row in features[1:]:
    before = time.perf_counter()
    runtime.release(row)
    times.append(time.perf_counter() - before)
print(sorted(times)[len(times) // 2])
"""
"""The program of each process, which prints its figures in seconds."""

FIGURES: Final = ("whole", "processor", "start", "release")


def main() -> int:
    """Print one row a figure: both trees in milliseconds, and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="the root of a source tree")
    parser.add_argument("new", type=Path, metavar="NEW", help="the root of another")
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help="of vectors; the older writes it"
    )
    parser.add_argument("--runs", type=int, default=20, help="processes of each tree")
    parser.add_argument(
        "--releases", type=int, default=1000, help="further releases of each process"
    )
    parser.add_argument("--most", type=float, default=1.05, help="the largest ratio")
    options = parser.parse_args()
    trees = (options.old, options.new)
    for tree in trees:  # writes the bytecode
        measure(tree, options.bundle, 1)
    runs: tuple[list[tuple[float, ...]], ...] = ([], [])
    for turn in range(options.runs):
        for tree in (0, 1) if turn % 2 else (1, 0):
            runs[tree].append(measure(trees[tree], options.bundle, options.releases))
    worst = 0.0
    print(f"{'':12}{'old ms':>10}{'new ms':>10}{'ratio':>8}")
    for column, name in enumerate(FIGURES):
        old, new = (min(run[column] for run in tree) for tree in runs)
        worst = max(worst, new / old)
        print(f"{name:12}{old * 1e3:10.3f}{new * 1e3:10.3f}{new / old:8.3f}")
    return int(worst > options.most)


def measure(tree: Path, bundle: Path, releases: int) -> tuple[float, ...]:
    """The figures of one process, in seconds."""
    environment = os.environ | {"PYTHONPATH": str(tree.resolve() / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, str(bundle.resolve()), str(releases)]
    output = subprocess.run(
        [*command, str(time.monotonic())], env=environment, check=True, capture_output=True
    )
    return tuple(map(float, output.stdout.split()))


if __name__ == "__main__":
    sys.exit(main())
