"""The end of a worker of Dask that closes: it does not wait for the units that it computes.

Without it a worker that lost its scheduler computes units whose results are lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from distributed import get_worker
from distributed.core import Status

LOOK_SECONDS: Final = 1.0
"""Time between two looks at the state of the worker."""

END_SECONDS: Final = 2.0
"""Time for a worker to end by itself."""

CLOSING: Final = frozenset({Status.closing, Status.closed})


@contextmanager
def prompt_end() -> Iterator[None]:
    """While units are computed: end the process soon after its worker closes.

    A worker without a nanny may live in a process of other work, and computes to the end.
    """
    worker = get_worker()
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
    while not done.wait(LOOK_SECONDS):
        if worker.status in CLOSING:
            if not done.wait(END_SECONDS):
                os._exit(1)
            return
