"""Measure the refusal of every hostile bundle of the tests: seconds and memory, a process each.

    PYTHONPATH=. python benchmarks/device/refusals.py [--all]

    model      a bundle with a hostile model of `tests/onnx/hostile_models.py`
    structure  a policy that does not fit its family (`tests/device/bundle/faults.py`)
    part       a part of a policy that has another type
    header     arrays with a forged header (`tests/test_hostile_arrays.py`)
    content    too large, too deep or too many

All checksums are right. Each process imports sordino, then reads the bundle and starts a runtime.

    processor  processor time of the refusal, without the import
    seconds    the same by the clock, which a busy machine makes longer
    megabytes  the most memory of the process, with the import

Prints the slowest of each kind; `--all` prints every bundle as it is measured, too. Status 1 where
a bundle is not refused, takes 1 s of processor time or more, or 200 MB or more. A process that
takes longer than `LIMIT` is ended, and counts as not refused.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.device.bundle.faults import FAULTS, replaced
from tests.device.bundle.forged import card, first, forged, policies
from tests.device.synthetic_bundles import bundled
from tests.onnx import hostile_models
from tests.onnx.test_structure import forged as with_model
from tests.test_hostile_arrays import HEADERS
from tests.test_hostile_arrays import forged as with_header

from sordino.device.bundle import archive, bundle

SECONDS, MEGABYTES = 1.0, 200.0
SHOWN: Final = 3  # of each kind
LIMIT: Final = 30.0  # s

RUN: Final = """
import sys, time
from sordino.device import Runtime, read
from sordino.errors import BundleError
start, before = time.perf_counter(), time.process_time()
try:
    Runtime(read(sys.argv[1]), key=1)
except BundleError:
    seconds = time.process_time() - before, time.perf_counter() - start
    status = open("/proc/self/status").read()
    print(*seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""
"""The program of each process. It prints nothing where a bundle is not refused."""


class Refusal(NamedTuple):
    """The cost of one refusal."""

    processor: float
    seconds: float
    megabytes: float
    kind: str
    name: str


def main() -> int:
    """Print one row a bundle."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="print every bundle at once")
    every = parser.parse_args().all
    refusals, accepted = list[Refusal](), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for kind, name, path in bundles(Path(folder) / "hostile.sordino"):
            numbers, fault = measure(path)
            if numbers:
                refusals.append(Refusal(*numbers, kind, name))
            else:
                accepted.append(f"{kind}, {name}: {fault}")
            if every:
                print(line(refusals[-1], kind) if numbers else accepted[-1], flush=True)
    print(f"{'kind':11}{'bundles':>8}{'processor':>11}{'seconds':>9}{'megabytes':>11}  slowest")
    for kind in dict.fromkeys(refusal.kind for refusal in refusals):
        rows = sorted((row for row in refusals if row.kind == kind), reverse=True)
        for number, row in enumerate(rows[:SHOWN]):
            print(line(row, "" if number else kind, "" if number else str(len(rows))))
    processor = max(row.processor for row in refusals)
    seconds = max(row.seconds for row in refusals)
    megabytes = max(row.megabytes for row in refusals)
    print(f"{'most':11}{len(refusals):8}{processor:11.3f}{seconds:9.3f}{megabytes:11.1f}")
    for name in accepted:
        print(f"not refused: {name}")
    return int(bool(accepted) or processor >= SECONDS or megabytes >= MEGABYTES)


def line(row: Refusal, kind: str, count: str = "") -> str:
    """A row of the table."""
    return (
        f"{kind:11}{count:>8}{row.processor:11.3f}{row.seconds:9.3f}{row.megabytes:11.1f}"
        f"  {row.name}"
    )


def bundles(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Kind, name and path of each hostile bundle, written to one path in turns."""
    for name in hostile_models.CASES:
        yield "model", name, with_model(path, hostile_models.content(name))
    for name, (family, change, _) in FAULTS.items():
        yield "structure", name, forged(bundled(family), path, change, policies=None)
    values: tuple[object, ...] = ([], {}, 0, 1.5, ["x"])
    for part in ("preprocess", "model", "arrays", "name", "family", "width", "chance", "policy"):
        for value in values:
            change = first(**{part: value})
            yield (
                "part",
                f"{part} {value!r}",
                forged(bundled("drawn"), path, change, policies=None),
            )
    for name, header in HEADERS.items():
        change = replaced("release-0.npz", with_header(header))
        yield "header", name, forged(bundled("drawn"), path, change, policies=None)
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    for name, change in {
        "a deep card": card(lambda content: {**content, "deep": deep}),
        "a card of 1 MB": card(lambda content: {**content, "long": "x" * archive.JSON_BYTES}),
        "a card of many numbers": card(lambda content: {**content, "many": [0] * 250_000}),
        "thousands of policies": policies(lambda entries: entries * 3000),
        "64 MB": lambda files: files.update(long=bytes(bundle.LARGEST_BYTES)),
    }.items():
        yield "content", name, forged(bundled("drawn"), path, change, policies=None)


def measure(path: Path) -> tuple[tuple[float, float, float] | None, str]:
    """Processor time, seconds and megabytes of a refusal; None and the reason for a bundle that is
    not refused.
    """
    command = [sys.executable, "-c", RUN, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"no refusal within {LIMIT:g} s"
    if done.returncode or not done.stdout:
        return None, (done.stderr.strip().splitlines() or ["it runs"])[-1]
    processor, seconds, megabytes = map(float, done.stdout.split())
    return (processor, seconds, megabytes), ""


if __name__ == "__main__":
    sys.exit(main())
