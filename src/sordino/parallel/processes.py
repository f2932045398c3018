"""Worker processes of this machine, which import no file of the working folder.

joblib starts a worker with `python -m`, and its tracker of shared files with `python -c`. Python
then searches the working folder first, so a file `queue.py` in a downloaded corpus would run. With
`PYTHONSAFEPATH` it does not. A user's own module reaches the workers by value (`sordino.plugins`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from sordino.parallel.compute_device import with_context

Work = TypeVar("Work")
"""A unit."""

Outcome = TypeVar("Outcome")
"""The result of a unit."""


def exclude_working_folder() -> None:
    """Let no Python process that starts from now on search the working folder for modules.

    The setting lasts, since joblib replaces a worker that ends at any time.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # whatever the user's environment has


def cores() -> int:
    """The number of cores that this process may use."""
    import joblib  # imported here: the command line starts without it

    return int(joblib.cpu_count())


def map(
    function: Callable[[Work], Outcome],
    units: Iterable[Work],
    jobs: int,
    *,
    ordered: bool = False,
    threads: bool = False,
) -> Iterator[Outcome]:
    """The result of each unit; see `sordino.parallel.map`. Large arrays become memory maps that all
    processes share.

    >>> list(map(abs, [-1, 2], 1, ordered=True))
    [1, 2]
    """
    import joblib

    exclude_working_folder()
    # joblib replaces a worker that grew, for example by an import, and says so. Where warnings are
    # errors, this one would end the thread that gives units to workers, and with it all progress.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    pool = joblib.Parallel(
        n_jobs=jobs or -1,
        return_as="generator" if ordered else "generator_unordered",
        batch_size=1,  # single units, so that all processes end together
        prefer="threads" if threads else None,
    )
    call = joblib.delayed(function)
    results: Iterator[Outcome] = pool(call(unit) for unit in units)
    return results


def in_own_process(function: Callable[[Work], Outcome], unit: Work) -> Outcome:
    """The result of a unit in a new process that computes nothing else. Raises the errors of the
    function, and joblib's `TerminatedWorkerError` for a process that ended.
    """
    from joblib.externals.loky import ProcessPoolExecutor

    exclude_working_folder()
    pool = ProcessPoolExecutor(max_workers=1)
    try:
        result: Outcome = pool.submit(with_context(function), unit).result()
    finally:
        pool.shutdown(wait=True)
    return result


def end_processes() -> None:
    """End the processes that wait for the next units, and wait for their end. They end by
    themselves after some minutes.
    """
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
