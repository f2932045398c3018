"""SIGTERM ends every worker of a verb that fits models."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.process_groups import running_in, seconds_until_no_worker, start, workers_of
from tests.study import synthetic_study

POLICY = 'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n'


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("verb", ["compare", "fit"])
def test_sigterm_ends_every_worker_at_once(verb: str, tmp_path: Path) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=20, takes=2)
    (tmp_path / "policy.toml").write_text(POLICY)
    options = {
        "compare": ["--release", "rae", "--release", "leace"],
        "fit": ["--policy", str(tmp_path / "policy.toml")],
    }
    inputs = ["--corpus", f"manifest={synthetic.manifest}", "--features", str(synthetic.vectors)]
    outputs = ["--jobs", "2", "--out", str(tmp_path / "out")]
    process = start([sys.executable, "-m", "sordino", verb, *options[verb], *inputs, *outputs])
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGTERM)
    seconds = seconds_until_no_worker(process.pid)
    _, error = process.communicate(timeout=30)
    assert len(workers) >= 2
    assert process.returncode == 143
    last = error.splitlines()[-1]  # after the notice of a table of vectors
    assert last == "terminated: run the same command again, which reuses the parts that it stored"
    assert running_in(process.pid) == {}
    assert seconds < 3  # less than a second on an idle machine
