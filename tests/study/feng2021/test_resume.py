"""A second call and a killed run read the finished units."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.study.synthetic_study import Made, Run, run
from tests.study.test_units import times

RUN = """
import sys
from sordino import corpora
from sordino.study import POLICIES, feng2021
from tests.study.synthetic_study import FITTERS, SMALL
manifest, vectors, out = sys.argv[1:]
settings = {"options": SMALL, "policies": POLICIES[:1], "fitters": FITTERS}
corpus = corpora.load("manifest", manifest)
feng2021.reproduce(corpus, out, features=vectors, cache=None, jobs=2, **settings)
"""


def test_a_second_call_reads_every_unit(one_policy: Run) -> None:
    before, first = times(one_policy.out / "units"), (one_policy.out / "estimates.csv").read_bytes()
    (one_policy.out / "estimates.csv").unlink()
    run(one_policy.given, one_policy.out)
    assert times(one_policy.out / "units") == before
    assert (one_policy.out / "estimates.csv").read_bytes() == first


def killed(given: Made, out: Path) -> dict[str, int]:
    """The units that a run of two processes had finished when it was killed, and when: one at
    least, never all.
    """
    command = [sys.executable, "-c", RUN, str(given.manifest), str(given.vectors), str(out)]
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not times(out / "units") and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.communicate()[1] == ""
    return times(out / "units")


@pytest.mark.slow
def test_a_killed_run_resumes_and_writes_the_same_bytes(one_policy: Run, tmp_path: Path) -> None:
    before = killed(one_policy.given, tmp_path)
    assert 1 <= len(before) < 5
    run(one_policy.given, tmp_path, jobs=2)
    assert before.items() <= times(tmp_path / "units").items()
    for name in ("estimates.csv", "report.html", "figure.svg", "run.json"):
        assert (tmp_path / name).read_bytes() == (one_policy.out / name).read_bytes()
