"""Kill a worker, the scheduler or the client of a cluster at random moments of `sordino compare`.

A run goes on after the loss of a worker. After the loss of the scheduler or the client the same
command is repeated. Each run must end with the bytes of an undisturbed run on one machine.
`benchmarks/cluster.py` prints the result.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

TARGETS: Final = ("worker", "scheduler", "client")
WORKERS: Final = 2
START_SECONDS: Final = 120.0
DEATH_SECONDS: Final = 6
"""The documented limit of a worker that finds no scheduler at its start."""
ORPHAN_SECONDS: Final = 60.0
"""The longest wait for the end of the workers of a killed scheduler. The goal is 10 s."""
ENVIRONMENT: Final = os.environ | {"PYTHONSAFEPATH": "1"}


@dataclass
class Machines:
    """A scheduler, and a process that keeps two workers alive, as the manual starts them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Further variables of the workers."""
    orphan_seconds: float = 0.0
    """The longest time that a worker outlived its scheduler."""
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The file in which the scheduler writes its address."""
        return self.folder / "scheduler.json"

    def start(self) -> str:
        """Start all, and return the address of the scheduler."""
        self.file.unlink(missing_ok=True)
        here = ("--scheduler-file", str(self.file), "--host", "127.0.0.1", "--no-dashboard")
        workers = ("--nworkers", f"{WORKERS}", "--nthreads", "1")
        patience = ("--death-timeout", f"{DEATH_SECONDS}")
        self._processes = [_dask("scheduler", "--port", "0", *here)]
        _wait(self.file.exists)
        self._processes.append(_dask("worker", *here, *workers, *patience, **self.environment))
        _wait(lambda: len(self.workers()) == WORKERS)
        return str(json.loads(self.file.read_text())["address"])

    def workers(self) -> list[psutil.Process]:
        """The processes that compute units."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._processes[1].pid).children(recursive=True)
            return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        return []

    def kill_worker(self, chance: random.Random) -> None:
        """Kill one worker. Another one replaces it."""
        if workers := self.workers():
            with suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()

    def kill_scheduler(self) -> None:
        """Kill the scheduler, and wait for the end of the workers."""
        workers, begin = self.workers(), time.monotonic()
        self._processes[0].kill()
        _, orphans = psutil.wait_procs(workers, timeout=ORPHAN_SECONDS)
        self.orphan_seconds = max(self.orphan_seconds, time.monotonic() - begin)
        for process in (*orphans, *self._processes):
            process.kill()
        self.end()

    def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()


@dataclass
class Kills:
    """The kills that are left, and those that happened."""

    targets: list[str]
    chance: random.Random
    seconds: tuple[float, float]
    """The shortest and the longest time between two kills."""
    happened: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, seed: int, seconds: tuple[float, float]) -> Kills:
        """Each target about equally often, in a random order."""
        chance = random.Random(seed)
        targets = [TARGETS[number % len(TARGETS)] for number in range(count)]
        chance.shuffle(targets)
        return cls(targets, chance, seconds)

    def wait(self, client: subprocess.Popen[bytes]) -> bool:
        """Wait for the next moment. False if no kill is left or the client ended before."""
        if not self.targets:
            client.wait()
            return False
        with suppress(subprocess.TimeoutExpired):
            client.wait(self.chance.uniform(*self.seconds))
            return False
        return True

    def kill(self, client: subprocess.Popen[bytes], machines: Machines) -> str:
        """Kill the next target; the address of the scheduler afterwards, empty if unchanged."""
        target = self.targets.pop()
        self.happened.append(target)
        if target == "client":
            client.kill()
        elif target == "worker":
            machines.kill_worker(self.chance)
        else:
            machines.kill_scheduler()
            return machines.start()
        return ""


def disturbed_run(command: Sequence[str], out: Path, machines: Machines, kills: Kills) -> int:
    """Repeat a command of sordino on a cluster until it ends with 0; the number of its starts.

    Raises `RuntimeError` for an ending that no kill explains.
    """
    address = machines.start()
    for start in range(1, 1_000):
        client = _start([*command, "--cluster", address], out)
        killed = False
        while kills.wait(client):
            address = kills.kill(client, machines) or address
            killed = True
        if client.wait() == 0:
            machines.end()
            return start
        if not killed:
            raise RuntimeError(f"status {client.returncode} without a kill: see {client.args!r}")
    raise RuntimeError("the command never ended")


def same_bytes(
    command: Sequence[str], folder: Path, count: int, *, seed: int, seconds: tuple[float, float]
) -> dict[str, Any]:
    """Kill until `count` kills happened; whether each run has the bytes of an undisturbed one."""
    if _start(command, folder / "undisturbed").wait():
        raise RuntimeError(f"sordino {' '.join(command)} fails without a kill")
    expected = (folder / "undisturbed" / "estimates.csv").read_bytes()
    kills, machines = Kills.of(count, seed, seconds), Machines(folder)
    equal: list[bool] = []
    starts = 0
    try:
        while kills.targets:
            out = folder / f"disturbed-{len(equal)}"
            starts += disturbed_run(command, out, machines, kills)
            equal.append((out / "estimates.csv").read_bytes() == expected)
    finally:
        machines.end()
    return {
        "kills": len(kills.happened),
        "kills_by_target": {name: kills.happened.count(name) for name in TARGETS},
        "runs": len(equal),
        "starts": starts,
        "same_bytes": all(equal),
        "orphan_seconds": round(machines.orphan_seconds, 2),
    }


def _start(command: Sequence[str], out: Path) -> subprocess.Popen[bytes]:
    """The command line without output, with a cache of its own where it has features."""
    cache = [] if command[0] == "audit" else ["--cache", f"{out}-cache"]
    return subprocess.Popen(
        [sys.executable, "-m", "sordino", *command, "--out", str(out), *cache],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )


def _dask(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT | environment,
    )


def _wait(ready: Any) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"the cluster did not start within {START_SECONDS:.0f} s")
        time.sleep(0.05)
