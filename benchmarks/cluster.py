"""How much faster a cluster is, what a unit costs beside its work, and what a kill changes.

    python benchmarks/cluster.py --json cluster.json

Speed-up and efficiency are measured for 1, 2 and 4 workers of this machine, on units of about a
second. Above the number of cores a speed-up is not expected. A queueing model predicts the same
runs from the seconds of their units: the client sends units one after the other, a few for each
worker, and a result takes a moment to arrive. The same model predicts 10, 100 and 1,000 workers,
which were not measured. `--kills` also needs the folder of EMO-DB. `rss_mb_1e6` is the memory of
`sordino extract --shards` on a million utterances, which takes most of the time. Measure on an idle
machine.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from large import cluster_kills, extraction_memory
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.parallel import window

WORKERS: Final = (1, 2, 4)
PREDICTED: Final = (10, 100, 1_000)
UNIT_SECONDS: Final = (1, 10, 60)
"""Mean seconds of the units of predicted runs; a unit of `compare` takes about 24."""
PER_WORKER: Final = 20
"""Units of each worker in a predicted run."""
KILL_SECONDS: Final = (2.0, 12.0)
POLICY: Final = 'required = "sad"\nsensitive = ["happy", "angry"]\n'
MATRIX: Final = np.random.default_rng(0).normal(size=(80, 80))


class Cost(NamedTuple):
    """What a unit costs beside its work."""

    client_seconds: float
    """Seconds of the client and the scheduler for each unit, one after the other."""
    latency: float
    """Seconds between the client and a worker, each way."""


def main() -> None:
    """Print the tables, and write them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SORDINO_DATA") or shared))
    parser.add_argument("--units", type=int, default=40, help="units of each measured run")
    parser.add_argument("--kills", type=int, default=10, help="0: no kills")
    parser.add_argument(
        "--utterances",
        type=int,
        default=1_000_000,
        help="utterances that are extracted to shards, 0: none (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    repeats = calibrated(np.random.default_rng(options.seed).gamma(8, 1 / 8, options.units))
    result = measured(repeats)
    result["predicted"] = predicted(Cost(**result["cost"]), options.seed)
    if options.kills:
        result |= killed(options.data, options.kills, options.seed)
        print(
            f"{result['kills']} kills in {result['runs']} runs: "
            f"{'the same bytes' if result['same_bytes'] else 'OTHER BYTES'}; a worker outlived its "
            f"scheduler by at most {result['orphan_seconds']:.1f} s"
        )
    result["rss_mb_1e6"] = None
    if options.utterances:
        memory = extraction_memory.measured(options.utterances, 0.1, "mel", 0)
        result |= {"rss_mb_1e6": memory["rss_mb_1e6"], "memory": memory}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def calibrated(seconds: Sequence[float] | np.ndarray) -> list[int]:
    """How often a unit decomposes the matrix to take about so many seconds."""
    rate = 200 / work(200)
    return [max(1, round(rate * unit)) for unit in seconds]


def work(repeats: int) -> float:
    """Decompose a matrix on one thread; the seconds that it took."""
    begin = time.perf_counter()
    with threadpool_limits(1):
        for _ in range(repeats):
            np.linalg.svd(MATRIX)
    return time.perf_counter() - begin


def measured(repeats: Sequence[int]) -> dict[str, Any]:
    """The runs with 1, 2 and 4 workers, and the cost of a unit."""
    runs: dict[int, tuple[float, list[float]]] = {}
    costs: list[Cost] = []
    for count in WORKERS:
        with parallel.use(f"local:{count}"):
            list(parallel.map(work, [1] * 4 * count))  # the workers import what units need
            begin = time.perf_counter()
            seconds = list(parallel.map(work, repeats))
            runs[count] = time.perf_counter() - begin, seconds
            costs.append(cost_of_unit())
    cost = min(costs)  # the workers compete with the client for the cores of this machine
    print(f"a unit costs {1e3 * cost.client_seconds:.1f} ms, and {1e3 * cost.latency:.1f} ms a way")
    print(f"{'workers':>8} {'seconds':>8} {'speed-up':>9} {'efficiency':>11} {'model':>8}")
    table = {}
    for count, (wall, seconds) in runs.items():
        model = makespan(seconds, count, cost)
        table[count] = {
            "seconds": wall,
            "speedup": runs[1][0] / wall,
            "efficiency": runs[1][0] / wall / count,
            "model_seconds": model,
            "model_error": model / wall - 1,
        }
        print(
            f"{count:8} {wall:8.1f} {runs[1][0] / wall:9.2f} {runs[1][0] / wall / count:11.2f} "
            f"{model / wall - 1:+8.1%}",
            flush=True,
        )
    return {
        "speedup_2": table[2]["speedup"],
        "overhead_ms": 1e3 * cost.client_seconds,
        "model_error": max(abs(table[count]["model_error"]) for count in (1, 2)),
        "workers": table,
        "cost": cost._asdict(),
    }


def cost_of_unit(units: int = 200) -> Cost:
    """Seconds for each of many empty units that are sent one by one, and of one alone."""
    largest, window.LARGEST_GROUP = window.LARGEST_GROUP, 1  # type: ignore[misc]
    try:
        begin = time.perf_counter()
        list(parallel.map(abs, range(units)))
        client = (time.perf_counter() - begin) / units
        begin = time.perf_counter()
        for number in range(20):
            list(parallel.map(abs, [number]))
        alone = (time.perf_counter() - begin) / 20
    finally:
        window.LARGEST_GROUP = largest  # type: ignore[misc]
    return Cost(client, max(0.0, alone - client) / 2)


def makespan(seconds: Sequence[float], workers: int, cost: Cost) -> float:
    """The seconds of a run by the queueing model; `seconds` has those of each unit, in order."""
    free, arriving = [0.0] * workers, list[float]()
    client = 0.0
    for number, unit in enumerate(seconds):
        if number >= window.AHEAD * workers:  # the client waits for a result
            client = max(client, heapq.heappop(arriving))
        client += cost.client_seconds
        end = max(heapq.heappop(free), client + cost.latency) + unit
        heapq.heappush(free, end)
        heapq.heappush(arriving, end + cost.latency)
    return max(arriving)


def predicted(cost: Cost, seed: int) -> dict[str, dict[int, float]]:
    """The efficiency with many workers by the model, for units of several lengths."""
    print(f"{'unit':>6} " + " ".join(f"{count:>7,}" for count in PREDICTED) + "   (predicted)")
    table: dict[str, dict[int, float]] = {}
    for mean in UNIT_SECONDS:
        random = np.random.default_rng(seed)
        row = {}
        for count in PREDICTED:
            seconds = random.gamma(8, mean / 8, PER_WORKER * count)
            row[count] = float(seconds.sum() / makespan(seconds.tolist(), count, cost) / count)
        table[f"{mean} s"] = row
        print(f"{mean:4} s " + " ".join(f"{value:7.2f}" for value in row.values()), flush=True)
    return table


def killed(data: Path, kills: int, seed: int) -> dict[str, Any]:
    """`compare` on EMO-DB with kills at random moments, against an undisturbed run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.toml").write_text(POLICY)
        command = ["compare", "--corpus", f"emodb={data / 'emodb'}", "--features", "mel"]
        command += ["--conditions", "none", "--release", "leace"]
        command += ["--policy", str(folder / "policy.toml")]
        run = partial(cluster_kills.same_bytes, seed=seed, seconds=KILL_SECONDS)
        return run(command, folder, kills)


if __name__ == "__main__":
    main()
