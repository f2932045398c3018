"""A cluster of two workers computes what processes compute, and survives the loss of a worker.

All tests share one cluster, since its start takes seconds.
"""

from __future__ import annotations

import os
import signal
import socket
import time
import warnings
from collections.abc import Iterator
from contextvars import Context
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from sordino import parallel
from sordino.errors import ClusterError, FeatureError
from sordino.parallel.cluster import Cluster, connect_cluster
from sordino.study import POLICIES, compare
from tests.parallel.units import die_once, refuse, total
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with parallel.use("local:2") as cluster:
        yield cluster


@pytest.mark.slow
def test_arrays_are_sent_once_and_results_are_ordered(cluster: Cluster) -> None:
    x = np.ones(1 << 18)
    results = list(parallel.map(partial(total, x), range(40), ordered=True))
    assert [number for number, *_ in results] == [*range(40)]
    workers = {(process, address) for _, _, process, address in results}
    assert len(workers) == len({process for process, _ in workers}) == cluster.workers.alive == 2


@pytest.mark.slow
def test_short_units_travel_in_groups(cluster: Cluster) -> None:
    begin = time.monotonic()
    assert sorted(parallel.map(abs, range(5_000))) == [*range(5_000)]
    assert time.monotonic() - begin < 10  # one by one they take half a minute
    assert parallel.count_workers() == cluster.workers.alive


@pytest.mark.slow
def test_one_job_computes_in_this_process(cluster: Cluster) -> None:
    assert list(parallel.map(lambda _: os.getpid(), [0], jobs=1)) == [os.getpid()]
    assert [*parallel.map(lambda _: os.getpid(), [0])] != [os.getpid()]
    assert cluster.dashboard == ""


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_error_of_a_unit_passes() -> None:
    with pytest.raises(FeatureError, match="unit 0"):
        list(parallel.map(refuse, [0]))


@pytest.mark.slow
def test_a_killed_worker_loses_no_unit(cluster: Cluster, tmp_path: Path) -> None:
    results = list(parallel.map(partial(die_once, tmp_path), range(6), ordered=True))
    assert results == [*range(6)]
    assert (tmp_path / "died").exists()
    assert cluster.workers.note().endswith("failed")


@pytest.mark.slow
def test_arrays_survive_the_loss_of_all_workers(cluster: Cluster) -> None:
    x = np.ones(1 << 18)
    list(parallel.map(partial(total, x), [0]))
    for worker in cluster.client.run(os.getpid).values():
        os.kill(worker, signal.SIGKILL)
    assert [result[1] for result in parallel.map(partial(total, x), range(3))] == [x.size] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_local_cluster_listens_on_this_machine_only() -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "message"), [("tls", "no certificate"), ("tcp", "no scheduler answers")]
)
def test_a_stranger_cannot_connect(
    protocol: str, message: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.parallel.cluster.SCHEDULER_SECONDS", 1.0)
    address = cluster.address.replace("tls", protocol)
    with pytest.raises(ClusterError, match=message), connect_cluster(address):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_all_ways_give_the_same_estimates(tmp_path: Path) -> None:
    """One process, two processes and the cluster. Each imports the packages of a study."""
    synthetic = synthetic_study.study(tmp_path, speakers=20, takes=1)
    run = partial(
        compare.compare,
        synthetic.corpus,
        features=str(synthetic.vectors),
        options=replace(SMALL, releases=("none", "leace")),
        policies=POLICIES[:1],
        fitters=FITTERS,
        cache=None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few recordings
        Context().run(run, tmp_path / "one", jobs=1)  # a new context has no cluster
        Context().run(run, tmp_path / "two", jobs=2)
        run(tmp_path / "cluster")
    estimates = {path.read_bytes() for path in tmp_path.glob("*/estimates.csv")}
    assert len(estimates) == 1


@pytest.mark.parametrize(
    "address", ["", "local", "local:0", "local:-1", "local:2000", "http://x:1", "tcp://x", "x:8786"]
)
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match=r"^cluster .* expected "), connect_cluster(address):
        pass


@pytest.mark.slow
def test_an_address_without_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sordino.parallel.cluster.SCHEDULER_SECONDS", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match="no scheduler answers"), connect_cluster(address):
        pass
