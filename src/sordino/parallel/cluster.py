"""Units on the workers of a Dask cluster.

Work survives a worker: the scheduler repeats its units elsewhere, and this process sends arrays
again that only the lost worker had. Work does not survive the scheduler: `ClusterError` says so at
once, and a repeated command reads the units that are on disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from typing import Any, Final

from sordino import progress, system
from sordino.errors import ClusterError, DependencyError, install_step
from sordino.parallel import node, shipment
from sordino.parallel.processes import exclude_working_folder

SCHEDULER_SECONDS: Final = 30.0
"""Time for a scheduler to answer, and for a first worker."""

CLOSE_SECONDS: Final = 0.5
"""Time for a worker to end by itself."""

LOOK_SECONDS: Final = 1.0
"""Time between two looks at the state of a worker that computes."""

MOST_LOCAL: Final = 1_024
"""The largest number of workers on this machine."""

REPEAT: Final = "run the same command again, which reuses the parts that it stored"

SCHEDULER_LOST: Final = f"the scheduler of the cluster was lost: start it, then {REPEAT}"

SETTINGS: Final = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
}
"""Settings of Dask: no pages of a local scheduler or worker, and no advice on sizes."""


@dataclass
class Cluster:
    """A connection to a scheduler. `connect_cluster` makes it."""

    client: Any
    workers: Workers
    expected: dict[str, str]
    """The versions that every worker must have."""
    _sent: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return str(self.client.scheduler.address)

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard; empty for a local cluster, which has none."""
        return "" if self.client.cluster else str(self.client.dashboard_link)

    def __str__(self) -> str:
        text = f"cluster {self.address}: {self.workers}"
        return f"{text}, dashboard {self.dashboard}" if self.dashboard else text

    def send(self, part: Any) -> Any:
        """The future of a large part on the workers. It is sent once, and again if it was lost."""
        reference, future = self._sent.get(id(part), (None, None))
        if reference is not None and reference() is part and future.status == "finished":
            return future
        with self.errors():
            future = self.client.scatter(shipment.to_send(part), hash=False, broadcast=True)
        key = id(part)
        reference = weakref.ref(part, lambda _: self._sent.pop(key, None))
        self._sent[key] = reference, future
        return future

    def update(self) -> None:
        """Ask for the workers. Raises `ClusterError` if the scheduler is lost."""
        self.check_running()
        with self.errors():
            self.workers.update()

    def check_running(self) -> None:
        """Raise `ClusterError` if the scheduler is lost."""
        if self.client.status != "running":
            raise ClusterError(SCHEDULER_LOST)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise `ClusterError` where the scheduler does not answer."""
        try:
            yield
        except (OSError, CancelledError) as error:  # a time-out is an OSError too
            self.check_running()
            raise ClusterError(
                f"{self.address} does not answer or has no worker, expected both: start them, then "
                f"{REPEAT}"
            ) from error


class Workers:
    """The workers of a scheduler, and the groups of units that were lost with one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._groups: dict[str, tuple[str, ...]] = {}
        self._failed: set[str] = set()

    @property
    def alive(self) -> int:
        """The number of workers at the last update."""
        return len(self._groups)

    @property
    def failed(self) -> int:
        """Groups that were on a worker when it was lost. Another worker computes them."""
        return len(self._failed)

    def add_failed(self, *groups: str) -> None:
        """Count groups, by their keys, that were lost with a worker."""
        self._failed |= set(groups)

    def update(self) -> None:
        """Ask the scheduler for the workers and their groups."""
        groups = self._client.processing()
        lost = self._groups.keys() - groups.keys()
        self._groups, before = groups, self._groups
        for worker in lost:
            self.add_failed(*before[worker])

    def note(self) -> str:
        """Workers and failures for the progress bar."""
        return f"{self}, {self.failed} failed"

    def __str__(self) -> str:
        return "1 worker" if self.alive == 1 else f"{self.alive} workers"


@contextmanager
def connect_cluster(address: str) -> Iterator[Cluster]:
    """A connection to a cluster; a local cluster begins and ends with it. Arguments and errors:
    `sordino.parallel.use`.
    """
    local = re.fullmatch(r"local:([0-9]{1,4})", address)
    if not local and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://[^\s/]+:[0-9]{1,5}", address):
        raise ClusterError(
            f"cluster {progress.quoted(address)}: expected local:N for N workers of this machine, "
            "or the address of a scheduler, such as tls://host:8786: correct it"
        )
    if local and not 1 <= int(local[1]) <= MOST_LOCAL:
        raise ClusterError(
            f"cluster {address}: expected 1 to {MOST_LOCAL:,} workers: choose a number of them"
        )
    try:
        import dask
        import distributed
    except ImportError as error:
        raise DependencyError(
            f"distributed is not installed, expected it for a cluster: {install_step('cluster')}"
        ) from error
    exclude_working_folder()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # errors are raised here
    with dask.config.set(SETTINGS):
        if local:
            progress.announce(f"cluster {address}: its workers start")
            with _local_scheduler(distributed, int(local[1])) as scheduler:
                yield from _connected(distributed, scheduler)
        else:
            yield from _connected(distributed, address)


def _connected(distributed: Any, scheduler: Any) -> Iterator[Cluster]:
    """A client of a scheduler whose workers have the versions of this process."""
    name = getattr(scheduler, "scheduler_address", scheduler)
    try:
        client = distributed.Client(scheduler, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no scheduler answers at {name} within {SCHEDULER_SECONDS:.0f} s: start it, or "
            "correct the address"
        ) from error
    except TypeError as error:
        raise ClusterError(
            f"{name}: no certificate, expected one for tls: name it in Dask's configuration, "
            "distributed.comm.tls"
        ) from error
    with client:
        workers = Workers(client)
        try:
            client.wait_for_workers(1, timeout=SCHEDULER_SECONDS)
        except TimeoutError as error:
            raise ClusterError(
                f"{name} has no worker, expected one within {SCHEDULER_SECONDS:.0f} s: start some"
            ) from error
        workers.update()
        cluster = Cluster(client, workers, node.versions() | {node.SAFE_PATH: "1"})
        for worker, versions in client.run(node.versions, on_error="return").items():
            if isinstance(versions, Exception):
                raise ClusterError(
                    f"worker {worker} cannot import this version of sordino ({versions}): install "
                    "it there"
                ) from versions
            node.check_versions(worker, versions, cluster.expected)
        progress.NOTE.set(workers.note)
        try:
            yield cluster
        finally:
            progress.NOTE.set(None)


@contextmanager
def _local_scheduler(distributed: Any, count: int) -> Iterator[Any]:
    """A scheduler in this process and workers of this machine, which end with it.

    Only processes that have its certificate, which is in no file, can connect. The thread that
    starts all others blocks Ctrl-C: only this process handles it, and then ends its workers.
    """
    start = partial(
        distributed.LocalCluster,
        n_workers=count,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        security=_temporary_certificate(distributed),
        silence_logs=logging.CRITICAL,
    )
    resource_tracker.ensure_running()  # a later start would end the block
    with ThreadPoolExecutor(1, initializer=system.block_interrupts) as thread:
        scheduler = thread.submit(start).result()
    with scheduler:
        try:
            yield scheduler
        finally:
            scheduler.sync(_close_workers, scheduler)


async def _close_workers(scheduler: Any) -> None:
    """End the workers at once, in the midst of a unit too. On a busy machine the end of a killed
    process may come later.
    """
    ends = (worker.close(timeout=CLOSE_SECONDS) for worker in scheduler.workers.values())
    await asyncio.gather(*ends, return_exceptions=True)


def _temporary_certificate(distributed: Any) -> Any:
    try:
        return distributed.Security.temporary()
    except ImportError as error:
        raise DependencyError(
            "cryptography is not installed, expected it for a cluster on this machine: "
            f"{install_step('cluster')}"
        ) from error


@contextmanager
def prompt_end() -> Iterator[None]:
    """While a worker computes units: end its process soon after it closes.

    Without it a worker that lost its scheduler computes units whose results are lost. A worker
    without a nanny may live in a process of other work, and computes to the end.
    """
    import distributed

    worker = distributed.get_worker()
    if worker.nanny is None:
        yield
        return
    done = threading.Event()
    threading.Thread(target=_watch, args=(worker, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(worker: Any, done: threading.Event) -> None:
    """End this process if the worker closes before the units are done."""
    while not done.wait(LOOK_SECONDS):
        if worker.status.name in ("closing", "closed"):
            if not done.wait(CLOSE_SECONDS):
                os._exit(1)
            return
