"""Sends a queue in a thread beside a stream, so that no sample is lost while a server answers."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from sordino.device.sending.sender import Delivery, Sender
from sordino.errors import SordinoError

PERIOD_SECONDS: Final = 60.0
"""The time between two sendings. It also blurs the time of an utterance for an observer."""


class BackgroundSending:
    """Sends the queue of a sender every `period_seconds`, until the end of a `with` block.

    Errors of the queue end a sending, and the next period tries again.
    """

    def __init__(self, sender: Sender, period_seconds: float = PERIOD_SECONDS) -> None:
        self._sender, self._period = sender, period_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sending", daemon=True)
        self.last: Delivery | None = None
        """The result of the last sending; None before it."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join(timeout=1.0)  # a request in progress is repeated by the next sending

    def _run(self) -> None:
        wait = self._period
        while not self._ending.wait(wait):
            try:
                self.last = self._sender.send(attempts=1)
                wait = max(self._period, self.last.wait_seconds)
            except SordinoError:
                wait = self._period
