"""`sordino audit` survives the loss of a worker, and resumes after the loss of the scheduler."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from sordino.errors import ClusterError
from sordino.parallel.cluster import connect_cluster
from tests.cli.verbs.test_audit import frame

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kills() -> dict[str, Any]:
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    return runpy.run_path(str(benchmarks / "large" / "cluster_kills.py"))


def test_two_kills_change_no_byte(kills: dict[str, Any], tmp_path: Path) -> None:
    """Of a worker and of the scheduler, in an audit; `benchmarks/cluster.py` kills a study."""
    frame().to_parquet(tmp_path / "vectors.parquet")
    command = ["audit", str(tmp_path / "vectors.parquet"), "--secret", "gender", "--secret", "age"]
    command += ["--task", "mood", "--quick", "--shuffles", "39"]
    result = kills["same_bytes"](command, tmp_path, 2, seed=0, seconds=(1.5, 3.0))
    assert result["kills_by_target"] == {"worker": 1, "scheduler": 1, "client": 0}
    assert result["same_bytes"]
    assert result["orphan_seconds"] < kills["ORPHAN_SECONDS"]


def test_a_worker_of_another_version_is_refused(kills: dict[str, Any], tmp_path: Path) -> None:
    """The worker finds a numpy of version 9.9; without a scheduler it ends."""
    folder = tmp_path / "packages" / "numpy-9.9.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 9.9\n")
    paths = [str(folder.parent), os.environ.get("PYTHONPATH", "")]
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    machines = kills["Machines"](tmp_path, environment)
    address = machines.start()
    try:
        with (
            pytest.raises(ClusterError, match=r"numpy 9\.9, expected .*: install"),
            connect_cluster(address),
        ):
            pass
    finally:
        machines.kill_scheduler()
    assert machines.orphan_seconds < kills["ORPHAN_SECONDS"]
