"""`sordino bench`: how fast and how small a bundle is on this machine."""

from __future__ import annotations

import json as json_
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sordino.cli.options import BundleFile, Json, write_json
from sordino.errors import BundleError

app = typer.Typer(no_args_is_help=True, help="Measure speed and size.")

PolicyName = Annotated[
    str | None, typer.Option("--policy", metavar="NAME", help="Which policy of the bundle.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the synthetic sound.")]

STARTS: Final = 7
"""Cold starts, of which the median counts."""

COLD: Final = """
import datetime, sys, tempfile
from sordino.device import DailyBudget, Runtime
budget = DailyBudget(tempfile.mkdtemp() + "/budget", lambda: datetime.date.min)
runtime = Runtime(sys.argv[1], sys.argv[2] or None, budget=budget)
runtime.release(runtime.bundle.example())
"""
"""From nothing to the first released vector, Python included."""

WARM: Final = """
import datetime, itertools, json, resource, sys, tempfile, time
import numpy as np
from sordino.device import DailyBudget, Runtime
from sordino.device.sound.synthesis import synthetic
days = map(datetime.date.fromordinal, itertools.count(1))  # a day an utterance: no budget ends before the sound does
budget = DailyBudget(tempfile.mkdtemp() + "/budget", lambda: next(days))
runtime, found = Runtime(sys.argv[1], sys.argv[2] or None), {}
if runtime.policy.budget.per_day is not None:  # then every vector waits for the disk
    runtime = Runtime(runtime.bundle, runtime.name, budget=budget)
example = runtime.bundle.example()
took = []
for turn in range(2200):
    start = time.perf_counter()
    runtime.release(example)
    took.append(1000 * (time.perf_counter() - start))
found["latency_ms_p50"], found["latency_ms_p99"] = np.percentile(took[200:], [50, 99]).tolist()
if sys.argv[4] == "sound":
    rate, spent = runtime.sampling_rate, 0.0
    for turn in range(13):
        sound = synthetic(5.0, rate, int(sys.argv[3]) + turn)
        start = time.perf_counter()
        runtime.utterance(sound, rate).vector
        spent += (time.perf_counter() - start) * (turn > 0)
    found["rtf"] = spent / 60
try:
    lines = open("/proc/self/status").read().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
except OSError:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
print(json.dumps({**found, "rss_mb": kilobytes / 1024}))
"""
"""One process: single vectors from features; 60 s of sound, in utterances of 5 s after one to warm
up; peak memory.
"""


@app.callback()
def _bench() -> None:
    """Each thing to measure is a verb of its own."""


@app.command("device")
def device(
    bundle: BundleFile, policy: PolicyName = None, seed: Seed = 0, json: Json = None
) -> None:
    """Measure a bundle on one core, with synthetic sound: what a device spends on a released
    vector.

    latency_ms_p50 and p99: one vector from its features; rtf: seconds spent on a second of sound,
    empty where the bundle takes features alone; rss_mb: peak memory of a process that does both;
    cold_start_s: from nothing to the first vector; bundle_bytes.

    \b
    Example:
      sordino bench device muted.sordino --json -
    """
    from sordino.device import read
    from sordino.device.extractors import extractor

    whole = read(bundle)
    try:
        extractor(whole.card["features"])
        sound = "sound"
    except BundleError:
        sound = ""
    arguments = [str(bundle), policy or "", str(seed), sound]
    colds = [_timed(COLD, arguments)[0] for _ in range(STARTS)]
    _, said = _timed(WARM, arguments)
    from sordino.device.trust.signature import describe

    found: dict[str, Any] = {
        "rtf": None,
        **json_.loads(said),
        "cold_start_s": statistics.median(colds),
        "bundle_bytes": _size(bundle, [*whole.files, "manifest.json"]),
        "signature": describe(whole),
    }
    if json:
        write_json(json, found)
    if json != "-":
        for name, value in found.items():
            print(
                f"{name:16} {'-' if value is None else value if isinstance(value, int | str) else f'{value:.4g}'}"
            )


def _timed(program: str, arguments: list[str]) -> tuple[float, str]:
    """Seconds that a fresh process on one core took, and what it printed. Raises `BundleError`
    where it failed.
    """
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | one,
    )
    took = time.perf_counter() - start
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise BundleError(f"the bundle does not run: {said[0]}")
    return took, done.stdout


def _size(bundle: Path, names: list[str]) -> int:
    return (
        bundle.stat().st_size
        if bundle.is_file()
        else sum((bundle / name).stat().st_size for name in names)
    )
