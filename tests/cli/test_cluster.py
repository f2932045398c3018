"""`--cluster` connects before a verb runs, and its workers end with the command."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.cli.process_groups import running_in, seconds_until_no_worker, start, workers_of

pytest.importorskip("distributed")

TRIAL = """
import signal, sys, time, types
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from sordino import cli, parallel
from sordino.cli.options import ClusterOption

def trial(cluster: ClusterOption = None):
    print(*parallel.map(time.sleep, [60] * 4))

module = types.ModuleType("sordino.cli.verbs.trial")
module.trial = trial
sys.modules[module.__name__] = module
cli.VERBS["trial"] = "Try."
sys.argv[:1] = ["sordino", "trial"]
cli.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "event"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
    ids=["terminate", "interrupt"],
)
def test_a_signal_ends_the_workers_of_a_cluster(
    number: signal.Signals, status: int, event: str
) -> None:
    process = start([sys.executable, "-c", TRIAL, "--cluster", "local:2"])
    assert len(workers_of(process.pid)) == 2
    process.send_signal(number)
    seconds = seconds_until_no_worker(process.pid)
    _, error = process.communicate(timeout=30)
    lines = error.splitlines()
    assert process.returncode == status
    assert lines[-1].startswith(f"{event}: run the same command again")
    assert all(
        line.startswith(("cluster local:2: ", "cluster tls://127.0.0.1:")) for line in lines[:-1]
    )
    assert running_in(process.pid) == {}
    assert seconds < 10  # two seconds on an idle machine


@pytest.mark.slow
def test_a_malformed_address_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, "--cluster", "local:0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "cluster local:0: expected 1 to 1,024 workers: choose a number of them\n"
    )
