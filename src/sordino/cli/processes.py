"""Signals that end the process: the workers end at once, and the verb may still clean up its files.

Python handles a signal in the main thread only between two instructions, and a long computation is
one instruction. Therefore a second thread also watches for signals. It ends the workers, and the
process if the main thread stays busy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, NoReturn

from sordino import system

BUSY_SECONDS: Final = 0.6
"""Time for the main thread to handle the signal; afterwards the process ends without it."""

CLEANING_SECONDS: Final = 5.0
"""Time for the main thread to remove temporary files and to write finished results."""

TRACKERS: Final = (
    "joblib.externals.loky.backend.resource_tracker",
    "multiprocessing.resource_tracker",
)
"""Modules that start a process for the removal of shared files. It ends by itself, last."""

TRACKER_WARNING: Final = "ignore:resource_tracker:UserWarning"
"""A tracker warns about each file that it removes for a killed process. This is expected."""

REAPING_SECONDS: Final = 0.5
"""Time for killed processes and trackers to end."""


class Terminated(BaseException):
    """Raised in the main thread by SIGTERM or SIGHUP, as `KeyboardInterrupt` is by Ctrl-C."""


class Listener:
    """Turns SIGTERM and SIGHUP into `Terminated`. A signal that the caller ignores, as nohup does,
    stays ignored.

    `number` is the signal, 0 for none. If `quiet` is set, a signal no longer raises an error.
    """

    def __init__(self) -> None:
        self.number = 0
        self.quiet = False
        self._noticed = threading.Event()
        self._stderr = sys.stderr

    def start(self) -> None:
        """Start to listen. It has no effect outside the main thread or without POSIX signals."""
        endings = system.ending_signals()
        if not endings or threading.current_thread() is not threading.main_thread():
            return
        os.environ["PYTHONWARNINGS"] = (
            f"{os.environ.get('PYTHONWARNINGS', '')},{TRACKER_WARNING}".strip(",")
        )
        numbers = [number for number in endings if signal.getsignal(number) is signal.SIG_DFL]
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, self._raise)
        threading.Thread(
            target=self._watch, args=(reader, numbers), daemon=True, name="signals"
        ).start()

    def _raise(self, number: int, _: FrameType | None) -> None:
        repeated, self.number = self.number, number
        self._noticed.set()
        if not (repeated or self.quiet):  # a second signal does not disturb the cleaning
            # Libraries complain on standard error that their workers are gone.
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
            raise Terminated(number)

    def leave(self, report: Callable[[], None]) -> NoReturn:
        """End the process at once, without waiting for workers; `report` prints one line."""
        stream, sys.stderr = sys.stderr, self._stderr
        report()
        sys.stderr = stream
        end_children()
        _close_trackers()
        os._exit(128 + self.number)

    def _watch(self, reader: int, numbers: list[signal.Signals]) -> None:
        number = 0
        while number not in numbers:
            number = os.read(reader, 1)[0]
        end_children()
        if self._noticed.wait(BUSY_SECONDS):
            time.sleep(CLEANING_SECONDS)
        end_children()
        os._exit(128 + number)


def end_children() -> None:
    """End all descendants of this process, except the trackers of shared files."""
    for _ in range(5):  # a process may start another one meanwhile
        running = sorted(set(descendants()) - _trackers().keys())
        if not running:
            return
        for identifier in running:
            system.end_process(identifier)
        time.sleep(0.01)


def descendants(process: int | None = None) -> list[int]:
    """The identifiers of all running descendants of a process, by default of this one; none without
    POSIX.
    """
    children: dict[int, list[int]] = {}
    for identifier, parent in system.processes():
        children.setdefault(parent, []).append(identifier)
    below = list(children.get(os.getpid() if process is None else process, []))
    for identifier in below:  # grows while it is walked
        below += children.get(identifier, [])
    return below


def _trackers() -> dict[int, int]:
    """The identifier of each tracker, and the descriptor that prevents its end."""
    modules = filter(None, map(sys.modules.get, TRACKERS))
    trackers: list[Any] = [
        tracker for module in modules if (tracker := getattr(module, "_resource_tracker", None))
    ]
    return {tracker._pid: tracker._fd for tracker in trackers if tracker._pid}


def _close_trackers() -> None:
    """Make the trackers remove shared files and end; then collect the status of every child."""
    for descriptor in _trackers().values():
        with suppress(OSError):
            os.close(descriptor)
    end = time.monotonic() + REAPING_SECONDS
    with suppress(ChildProcessError):  # none is left
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
