"""`sordino bench`: the speed and size of a bundle on this machine."""

from __future__ import annotations

import json as json_
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import typer

from sordino.cli.options import BundleArgument, JsonOption, PolicyNameOption, SeedOption
from sordino.cli.output import write_json
from sordino.errors import BundleError

app = typer.Typer(no_args_is_help=True)

STARTS: Final = 7
"""Number of cold starts; their median counts."""

COLD: Final = """
import datetime, sys, tempfile
from sordino.device import DailyBudget, Runtime
budget = DailyBudget(tempfile.mkdtemp() + "/budget", lambda: datetime.date.min)
runtime = Runtime(sys.argv[1], sys.argv[2] or None, budget=budget)
runtime.release(runtime.bundle.example())
"""
"""From the start of Python to the first released vector."""

WARM: Final = """
import datetime, itertools, json, sys, tempfile, time
import numpy as np
from sordino import system
from sordino.device import DailyBudget, Runtime
from sordino.device.sound.synthesis import synthetic
days = map(datetime.date.fromordinal, itertools.count(1))  # one day per utterance: no budget ends
budget = DailyBudget(tempfile.mkdtemp() + "/budget", lambda: next(days))
runtime, figures = Runtime(sys.argv[1], sys.argv[2] or None), {}
if runtime.policy.budget.per_day is not None:  # then every vector waits for the disk
    runtime = Runtime(runtime.bundle, runtime.name, budget=budget)
example = runtime.bundle.example()
milliseconds = []
for turn in range(2200):
    start = time.perf_counter()
    runtime.release(example)
    milliseconds.append(1000 * (time.perf_counter() - start))
percentiles = np.percentile(milliseconds[200:], [50, 99]).tolist()
figures["latency_ms_p50"], figures["latency_ms_p99"] = percentiles
if sys.argv[4] == "sound":
    rate, spent = runtime.sampling_rate, 0.0
    for turn in range(13):
        sound = synthetic(5.0, rate, int(sys.argv[3]) + turn)
        start = time.perf_counter()
        runtime.utterance(sound, rate).vector
        spent += (time.perf_counter() - start) * (turn > 0)
    figures["rtf"] = spent / 60
peak = system.peak_bytes()
print(json.dumps({**figures, "rss_mb": None if peak is None else peak / 2**20}))
"""
"""One process: single vectors from features, 60 s of sound in utterances of 5 s (after one for
warm-up), and peak memory.
"""


@app.callback()
def _bench() -> None:
    """Verbs below `sordino bench`, one per object of measurement."""


@app.command("device")
def device(
    bundle: BundleArgument,
    policy: PolicyNameOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Measure speed, memory and size of a bundle on one core.

    The sound is synthetic. latency_ms_p50 and p99: one vector from its features; rtf: seconds of
    computation per second of sound, empty if the bundle reads features only; rss_mb: peak memory
    of a process with both; cold_start_s: from the start of Python to the first vector;
    bundle_bytes: size on disk.

    Example:
      sordino bench device mute.sordino --json -
    """
    from sordino.device import read
    from sordino.device.extractors import extractor
    from sordino.device.trust.signature import describe_signature

    content = read(bundle)
    try:
        extractor(content)
        sound = "sound"
    except BundleError:
        sound = ""
    arguments = [str(bundle), policy or "", str(seed), sound]
    seconds = [_run_program(COLD, arguments)[0] for _ in range(STARTS)]
    _, output = _run_program(WARM, arguments)
    figures: dict[str, Any] = {
        "rtf": None,
        **json_.loads(output),
        "cold_start_s": statistics.median(seconds),
        "bundle_bytes": _size(bundle, [*content.files, "manifest.json"]),
        "signature": describe_signature(content),
    }
    if json:
        write_json(json, figures)
    if json != "-":
        for name, value in figures.items():
            print(f"{name:16} {_format(value)}")


def _format(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int | str) else f"{value:.4g}"


def _run_program(program: str, arguments: list[str]) -> tuple[float, str]:
    """The seconds of a new process on one core, and its output.

    Raises `BundleError` if it fails.
    """
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | dict.fromkeys(threads, "1"),
    )
    seconds = time.perf_counter() - start
    if process.returncode:
        error = process.stderr.strip().splitlines()[-1:] or ["no error message"]
        raise BundleError(f"the bundle does not run: {error[0]}")
    return seconds, process.stdout


def _size(bundle: Path, names: list[str]) -> int:
    if bundle.is_file():
        return bundle.stat().st_size
    return sum((bundle / name).stat().st_size for name in names)
