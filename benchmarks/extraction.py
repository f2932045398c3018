"""How fast features are extracted: plain openSMILE on every core, sordino cold, sordino from its
cache, side by side.

    python benchmarks/extraction.py --files 300 --rounds 3

Every run starts processes of its own, so openSMILE is never loaded already, and the order turns
from round to round. Targets: cold at most 1.05 times plain, warm at least 50 times as fast as cold.
On a machine that does other work too, compare the processor seconds: waiting for one's turn is not
in them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from sordino import parallel
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.features import extract

ORDER = ("plain", "cold", "warm")


def plain(features: str, files: list[str], jobs: int) -> NDArray[np.float32]:
    """What one would write without sordino: the files in equal shares, one extractor a process."""
    shares = (list(share) for share in np.array_split(files, jobs))
    return np.vstack([*parallel.map(partial(share_of, features), shares, jobs=jobs, ordered=True)])


def share_of(features: str, files: list[str]) -> NDArray[np.float32]:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet[features], opensmile.FeatureLevel.Functionals)
    rows = []
    for file in files:
        signal, sampling_rate = soundfile.read(file, dtype="float32")
        rows.append(smile.process_signal(signal, sampling_rate).to_numpy()[0])
    return np.array(rows)


def seconds(
    run: Callable[[], NDArray[np.float32]], result: list[NDArray[np.float32]]
) -> dict[str, float]:
    """Seconds on the wall and of all processors, with the start and end of the processes."""
    begin, worked = time.perf_counter(), processor_seconds()
    result.append(run())
    wall = time.perf_counter() - begin
    parallel.end_processes()
    return {"wall": wall, "processor": processor_seconds() - worked}


def processor_seconds() -> float:
    """Of this process and of those it started that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SORDINO_DATA") or shared))
    parser.add_argument("--features", default="IS13")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    files = sorted(str(file) for file in (given.data / "ravdess").rglob("*.flac"))
    files = files[:: max(1, len(files) // given.files)][: given.files]
    print(f"{len(files)} files, {given.features}, {given.jobs} processes")
    measured = [
        round_of(given.features, files, given.jobs, number) for number in range(given.rounds)
    ]
    told(measured)


def corpus_of(files: list[str]) -> Corpus:
    """The recordings as a corpus of one speaker."""
    return table.make("ravdess", pd.DataFrame({"file": files, "speaker": "1"}))


def round_of(
    features: str, files: list[str], jobs: int, number: int
) -> dict[tuple[str, str], float]:
    """Seconds of the three, measured once; the results must be the same values."""
    results: list[NDArray[np.float32]] = []
    corpus = corpus_of(files)
    with tempfile.TemporaryDirectory() as cache:
        runs = {
            "plain": lambda: plain(features, files, jobs),
            "cold": lambda: extract(features, corpus, cache, jobs),
        }
        order = list(runs) if number % 2 == 0 else list(reversed(runs))
        took = {name: seconds(runs[name], results) for name in order}
        took["warm"] = seconds(lambda: extract(features, corpus, cache, jobs), results)
    if not all(np.array_equal(result, results[0]) for result in results):
        raise SystemExit("the three do not give the same values")
    return {(clock, name): took[name][clock] for clock in ("wall", "processor") for name in ORDER}


def told(measured: list[dict[tuple[str, str], float]]) -> None:
    """Print medians over rounds: of the seconds, and of the ratios within a round."""
    for clock in ("wall", "processor"):
        plain, cold, warm = ([one[clock, name] for one in measured] for name in ORDER)
        overhead = statistics.median(
            ours / theirs for ours, theirs in zip(cold, plain, strict=True)
        )
        gain = statistics.median(first / second for first, second in zip(cold, warm, strict=True))
        typical = "  ".join(
            f"{name} {statistics.median(one):.3f} s"
            for name, one in zip(ORDER, (plain, cold, warm), strict=True)
        )
        print(f"{clock:<10} {typical}")
        print(
            f"{'':<10} cold / plain {overhead:.3f} (target: at most 1.05)   cold / warm {gain:.0f} "
            "(at least 50)"
        )


if __name__ == "__main__":
    main()
