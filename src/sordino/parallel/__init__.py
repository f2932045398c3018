"""One way to compute many units: in processes of this machine, or on the workers of a cluster.

    parallel.map(function, units)         processes of this machine (loky)
    with parallel.use("local:2"): ...     the same on a Dask cluster of two workers on this machine
    with parallel.use("tls://host:8786")  the same on a cluster that runs already

A unit should last a second or more; on a cluster shorter ones are grouped. The place of a unit
changes no value: a function gets the same arguments and the same `compute_device`, and limits its
own threads. Large arrays are sent once and are read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from sordino.parallel import processes as _processes
from sordino.parallel.compute_device import with_context as _with_context
from sordino.parallel.processes import end_processes, exclude_working_folder

if TYPE_CHECKING:
    from sordino.parallel.cluster import Cluster
    from sordino.parallel.processes import Outcome, Work

__all__ = ["count_workers", "end_processes", "exclude_working_folder", "map", "use"]

_CLUSTER: Final[ContextVar[Cluster | None]] = ContextVar("cluster", default=None)


def map(
    function: Callable[[Work], Outcome],
    units: Iterable[Work],
    *,
    jobs: int = 0,
    ordered: bool = False,
    threads: bool = False,
) -> Iterator[Outcome]:
    """The result of a function for each unit, as they come.

    - `jobs`: the number of processes, 0 for one per core. 1 computes in this process. On a cluster
      every other number means all its workers.
    - `ordered`: yield the results in the order of the units.
    - `threads`: threads of this process instead, for functions that release Python's lock and
      write files of this machine.

    Raises the errors of the function, and `ClusterError` if the cluster is lost.

    >>> list(map(abs, [-1, 2], jobs=1))
    [1, 2]
    """
    cluster, function = _CLUSTER.get(), _with_context(function)
    if cluster is not None and jobs != 1 and not threads:
        from sordino.parallel import window

        return window.map(cluster, function, units, ordered=ordered)
    return _processes.map(function, units, jobs, ordered=ordered, threads=threads)


def count_workers(jobs: int = 0) -> int:
    """The number of units that run at the same time; `jobs` is that of `map`.

    >>> count_workers(3)
    3
    """
    cluster = _CLUSTER.get()
    if cluster is not None and jobs != 1:
        return max(1, cluster.workers.alive)
    return jobs if jobs > 0 else _processes.cores()


@contextmanager
def use(address: str) -> Iterator[Cluster]:
    """Let `map` compute on a cluster until the end of the context.

    `address` is `local:N` for N workers on this machine, or the address of a scheduler of Dask. A
    scheduler runs every code that it receives, so every machine of the cluster must trust the
    others.

    Raises `ClusterError` for another address, where no scheduler answers, and for workers with
    other versions; `DependencyError` without the extra `cluster`.
    """
    from sordino.parallel.cluster import connect_cluster  # imported here: it takes half a second

    with connect_cluster(address) as cluster:
        token = _CLUSTER.set(cluster)
        try:
            yield cluster
        finally:
            _CLUSTER.reset(token)
