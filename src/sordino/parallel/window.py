"""The units that are on a cluster at one time, and their results."""

from __future__ import annotations

import itertools
import math
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic

from sordino.errors import ClusterError
from sordino.parallel import node, shipment
from sordino.parallel.cluster import REPEAT, SCHEDULER_LOST, Cluster
from sordino.parallel.processes import Outcome, Work

GROUP_SECONDS: Final = 1.0
"""The duration that groups of short units aim at: sending one takes some hundredths of a second."""

LARGEST_GROUP: Final = 1_000
"""The most units of a group, whose results come together."""

AHEAD: Final = 2
"""Groups of each worker on the cluster: one runs, one waits."""

UNIT_ATTEMPTS: Final = 5
"""How often a group is sent that is lost with a worker."""

POLL_SECONDS: Final = 0.5
"""The time between two looks at the scheduler."""

WORKER_SECONDS: Final = 60.0
"""The time for a first worker to come back after the last was lost."""

WORKERS_KILLED: Final = (
    "several workers were killed one after the other while they computed the same unit, most "
    f"likely for memory: use workers with more memory, then {REPEAT}"
)


def map(
    cluster: Cluster,
    function: Callable[[Work], Outcome],
    units: Iterable[Work],
    *,
    ordered: bool = False,
) -> Iterator[Outcome]:
    """The result of each unit; see `sordino.parallel.map`."""
    results = _Window(cluster, function, enumerate(units)).results()
    if not ordered:
        yield from (result for _, result in results)
        return
    waiting: dict[int, Outcome] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@dataclass
class _Group(Generic[Work]):
    """Units that are sent together, with their numbers."""

    numbered: list[tuple[int, Work]]
    attempts: int = 0


@dataclass
class _Window(Generic[Work, Outcome]):
    """The groups on the cluster: a few for each worker, so that a long list needs no memory."""

    cluster: Cluster
    function: Callable[[Work], Outcome]
    numbered: Iterator[tuple[int, Work]]
    _running: dict[Any, _Group[Work]] = field(default_factory=dict)
    _finished: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    _size: int = 1
    _since_update: int = 0

    def results(self) -> Iterator[tuple[int, Outcome]]:
        """The number and the result of each unit, as they come."""
        try:
            self._fill()
            self._update()
            while self._running:
                future = self._next()
                group = self._running.pop(future)
                results = self._collect(future, group)
                self._fill()
                for (number, _), result in zip(group.numbered, results, strict=False):
                    yield number, result
        finally:
            if self._running and self.cluster.client.status == "running":
                self.cluster.client.cancel(list(self._running))

    def _fill(self) -> None:
        """Send groups until each worker has one that waits."""
        while len(self._running) < AHEAD * max(1, self.cluster.workers.alive):
            numbered = list(itertools.islice(self.numbered, self._size))
            if not numbered:
                return
            self._send(_Group(numbered))

    def _send(self, group: _Group[Work]) -> None:
        self.cluster.check_running()
        units = [unit for _, unit in group.numbered]
        content, parts = shipment.serialise((self.function, units))
        futures = [self.cluster.send(part) for part in parts]
        future = self.cluster.client.submit(
            node.run_group, content, self.cluster.expected, str(Path.cwd()), *futures, pure=False
        )
        group.attempts += 1
        self._running[future] = group
        future.add_done_callback(self._finished.put)

    def _next(self) -> Any:
        """A future that is finished, failed or cancelled."""
        idle, workers = 0.0, self.cluster.workers
        self._since_update += 1
        if self._since_update > workers.alive:
            self._update()
        while idle < WORKER_SECONDS:
            try:
                return self._finished.get(timeout=POLL_SECONDS)
            except queue.Empty:
                self._update()
                idle = 0.0 if workers.alive else idle + POLL_SECONDS
        raise ClusterError(
            f"{self.cluster.address} has no worker left, expected one within "
            f"{WORKER_SECONDS:.0f} s: start workers, then {REPEAT}"
        )

    def _update(self) -> None:
        self.cluster.update()
        self._since_update = 0

    def _collect(self, future: Any, group: _Group[Work]) -> list[Outcome]:
        """The results of a group; none if it was sent again."""
        if future.status == "cancelled":
            return self._repeat(future, group)
        failed = future.status == "error"
        try:
            seconds, results = future.result()
        except (OSError, CancelledError):
            if failed:
                raise
            return self._repeat(future, group)  # lost on its way here
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # of a package that is not imported here
                raise ClusterError(WORKERS_KILLED) from error
            raise
        share = seconds / len(group.numbered)
        self._size = max(1, min(LARGEST_GROUP, math.ceil(GROUP_SECONDS / max(share, 1e-6))))
        return list(results)

    def _repeat(self, future: Any, group: _Group[Work]) -> list[Outcome]:
        """Send a group again that was lost, or its arrays, with a worker."""
        if future.status == "cancelled":
            error = future.exception()
            if getattr(error, "reason", "") == "scheduler-connection-lost":
                raise ClusterError(SCHEDULER_LOST)
        if group.attempts >= UNIT_ATTEMPTS:
            raise ClusterError(
                f"a group of units was lost with its worker {UNIT_ATTEMPTS} times: use workers "
                f"that last, then {REPEAT}"
            )
        self.cluster.workers.add_failed(future.key)
        self._send(group)
        return []
