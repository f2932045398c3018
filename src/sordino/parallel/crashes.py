"""Units that may end their process, such as a recording that crashes its decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Generic

from sordino import parallel
from sordino.parallel.processes import Outcome, Work, in_own_process

_LOST = ("TerminatedWorkerError", "BrokenProcessPool")
"""joblib's errors for a process that ended in a unit; joblib is not imported here."""


def map_or(
    function: Callable[[Work], Outcome],
    units: Iterable[Work],
    instead: Callable[[Work], Outcome],
    *,
    jobs: int = 0,
) -> Iterator[Outcome]:
    """The results in the order of the units. Where the process of a unit ends, each unit that was
    under way is computed again in a process of its own, and `instead` gives the result of a unit
    that ends this one too.

    `jobs` is that of `sordino.parallel.map`. With `jobs=1` and on a cluster nothing is computed
    again: the process of the command ends, or `ClusterError` is raised.
    """
    pending = _Pending(iter(units))
    while not pending.empty:
        results = parallel.map(function, pending.taken(), jobs=jobs, ordered=True)
        try:
            for result in results:
                pending.first()
                yield result
        except Exception as error:
            if type(error).__name__ not in _LOST:
                raise
            for unit in pending.stopped():
                yield _alone(function, unit, instead)


class _Pending(Generic[Work]):
    """Units of which some were given to processes. The threads of joblib take them."""

    def __init__(self, units: Iterator[Work]) -> None:
        self._units = units
        self._given: deque[Work] = deque()
        self._lock = Lock()
        self._round = 0
        self.empty = False

    def taken(self) -> Iterator[Work]:
        """The units that were not given yet, until the next `stopped`."""
        current = self._round
        while True:
            with self._lock:
                if current != self._round:
                    return
                try:
                    unit = next(self._units)
                except StopIteration:
                    self.empty = True
                    return
                self._given.append(unit)
            yield unit

    def first(self) -> Work:
        """Remove the first unit that was given."""
        return self._given.popleft()

    def stopped(self) -> Iterator[Work]:
        """Give no further unit; remove and yield those without a result."""
        with self._lock:
            self._round += 1
        while self._given:
            yield self._given.popleft()


def _alone(
    function: Callable[[Work], Outcome], unit: Work, instead: Callable[[Work], Outcome]
) -> Outcome:
    """The result of a unit in a process of its own."""
    try:
        return in_own_process(function, unit)
    except Exception as error:
        if type(error).__name__ not in _LOST:
            raise
        return instead(unit)
