"""Processes of a command and its workers, as the operating system lists them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence


def running_in(group: int) -> dict[int, str]:
    """The running processes of a group, and their arguments."""
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = (row.split(maxsplit=3) for row in listing.stdout.splitlines())
    return {int(row[0]): row[-1] for row in rows if int(row[1]) == group and row[2][0] != "Z"}


def workers_of(leader: int) -> list[int]:
    """The identifiers of the workers of joblib or Dask in the group of a process."""
    return [
        identifier
        for identifier, arguments in running_in(leader).items()
        if "LokyProcess" in arguments or "spawn_main" in arguments
    ]


def start(command: Sequence[str], workers: int = 2) -> subprocess.Popen[str]:
    """A process in a new group, once this number of its workers runs. It listens to hangups, even
    where the tests were started to ignore them.
    """
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGHUP, inherited)
    end = time.monotonic() + 90
    while len(workers_of(process.pid)) < workers and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)
    return process


def seconds_until_no_worker(leader: int) -> float:
    """The time until the last worker ends, at most 20 s."""
    begin = time.monotonic()
    while workers_of(leader) and time.monotonic() < begin + 20:
        time.sleep(0.02)
    return time.monotonic() - begin
