"""A request to end the process: its workers end at once, and the verb may still put its files in
order.

Signals reach the Python code of the main thread only between two of its instructions, and a long
computation is one. A thread therefore listens to the signals too: it ends the workers, and the
process if the main thread stays busy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask the process to end: a service manager, a scheduler or a closed terminal sends
them.
"""

BUSY_SECONDS: Final = 0.6
"""How long the main thread may compute on before it notices the signal; the process then ends
without it.
"""

CLEANING_SECONDS: Final = 5.0
"""How long the main thread may take to remove temporary files and to write what is finished."""

TRACKERS: Final = (
    "joblib.externals.loky.backend.resource_tracker",
    "multiprocessing.resource_tracker",
)
"""Modules that start a process which removes shared files; it ends by itself after all others."""

TRACKER_WARNING: Final = "ignore:resource_tracker:UserWarning"
"""A tracker warns of each file that it removes for a process that was ended; that is its work and
no news.
"""

REAPING_SECONDS: Final = 0.5
"""How long a process that was ended, or a tracker, may take to be gone."""


class Terminated(BaseException):
    """Raised in the main thread by a signal that asks the process to end, as `KeyboardInterrupt` is
    by Ctrl-C.
    """


class Listener:
    """Turns SIGTERM and SIGHUP into `Terminated`; a signal that the caller ignores, as nohup does,
    stays ignored.

    `number` is the signal that came, 0 for none. Once `quiet`, a signal raises nothing any more.
    """

    def __init__(self) -> None:
        self.number = 0
        self.quiet = False
        self._noticed = threading.Event()
        self._stderr = sys.stderr

    def start(self) -> None:
        """Listen from now on. Nothing happens outside the main thread, or on a system without these
        signals.
        """
        if os.name != "posix" or threading.current_thread() is not threading.main_thread():
            return
        os.environ["PYTHONWARNINGS"] = (
            f"{os.environ.get('PYTHONWARNINGS', '')},{TRACKER_WARNING}".strip(",")
        )
        numbers = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
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
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (libraries miss their workers)
            raise Terminated(number)

    def leave(self, say: Callable[[str], None]) -> NoReturn:
        """End the process at once, without the usual farewell to workers that are gone; `say`
        prints one line.
        """
        stream, sys.stderr = sys.stderr, self._stderr
        say("terminated: run the same command again to go on from what is finished")
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
    """End every process that this one started, and those they started, but not the trackers of
    shared files.
    """
    for _ in range(5):  # a process may start another one meanwhile
        running = sorted(set(descendants()) - _trackers().keys())
        if not running:
            return
        for identifier in running:
            with suppress(OSError):
                os.kill(identifier, signal.SIGKILL)
        time.sleep(0.01)


def descendants() -> list[int]:
    """The identifiers of all processes below this one that still run; none on a system without
    POSIX processes.
    """
    if os.name != "posix":
        return []
    children: dict[int, list[int]] = {}
    for identifier, parent in _processes():
        children.setdefault(parent, []).append(identifier)
    below = list(children.get(os.getpid(), []))
    for identifier in below:  # grows while it is walked
        below += children.get(identifier, [])
    return below


def _processes() -> Iterator[tuple[int, int]]:
    """Every process that has not ended, and its parent."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(
            ["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=False
        ).stdout
        for line in listing.splitlines():
            identifier, parent = line.split()
            yield int(identifier), int(parent)
        return
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                state, parent = (
                    (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                )
                if state not in "ZX":
                    yield int(folder.name), int(parent)


def _trackers() -> dict[int, int]:
    """The identifier of each tracker, and the descriptor that keeps it running."""
    modules = filter(None, map(sys.modules.get, TRACKERS))
    trackers: list[Any] = [
        tracker for module in modules if (tracker := getattr(module, "_resource_tracker", None))
    ]
    return {tracker._pid: tracker._fd for tracker in trackers if tracker._pid}


def _close_trackers() -> None:
    """Let the trackers remove shared files and end; collect the status of every child, so that none
    stays listed.
    """
    for descriptor in _trackers().values():
        with suppress(OSError):
            os.close(descriptor)
    end = time.monotonic() + REAPING_SECONDS
    with suppress(ChildProcessError):  # none is left
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
