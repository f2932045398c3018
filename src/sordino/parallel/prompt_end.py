"""A plugin of Dask's workers: a worker that closes does not wait for the end of its unit.

Without it a worker that lost its scheduler computes a unit whose result is lost.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from distributed import Worker, WorkerPlugin
from distributed.core import Status

END_SECONDS: Final = 2.0
"""Time for a worker to end by itself."""

CLOSING: Final = frozenset({Status.closing, Status.closing_gracefully, Status.closed})


class PromptEnd(WorkerPlugin):
    """Ends the process of a worker that closes."""

    name: Final = "sordino-prompt-end"

    def teardown(self, worker: Worker) -> None:
        """End the process soon if the worker closes. Dask also calls this to replace a plugin."""
        if worker.status in CLOSING:
            timer = threading.Timer(END_SECONDS, os._exit, (1,))
            timer.daemon = True
            timer.start()
