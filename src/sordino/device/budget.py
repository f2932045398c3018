"""How many vectors may leave a device in a day, counted in a file.

No bound holds for many vectors of one speaker together, so a policy caps their number. The count is
on the disk before the vector is released: a crash in between costs a vector, it never gives one.

    restart                  the file is read before each release, and written durably
    several vectors at once  are counted together: all are released, or none is and none is counted
    clock set back           the latest day ever seen counts, so yesterday's budget does not come again
    clock set ahead          spends that day's budget, once: it is not given again when the day comes
    clock years ahead        costs one day (`sordino.device.day_count` has the rule)
    two processes, policies  share the file, and locks on its folder and on a file beside it: each vector costs one
    two names of the file    symbolic links and `..` are followed to one file; a second hard link closes it
    lock removed             the folder's own lock still holds, and a lock that lost its name is taken again
    file damaged, unreadable closed: nothing is released until a user resets or removes it
    disk full, read-only     closed
    no file locks (Windows)  closed
    file removed             counts from zero: on first use there is none, and who may remove files of the app may also
                             record. As long as a process lives it remembers what it saw
    older copy restored      counts from that copy, for the same reason: there is no counter outside the file

A day is one of the clock given; the command line gives that of UTC, which no journey and no summer
time repeats.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.device.day_count import NOTHING, DayCount, parsed
from sordino.device.result import Reason
from sordino.errors import ReleaseError, StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TRIES: Final = 200
"""How often a lock that another process holds is asked for, every hundredth of a second; it is held
for one write.
"""

_LARGEST: Final = 1000  # bytes of a file; a larger one is no count


class DailyBudget:
    """The vectors that may still be released today.

    - `path`: the file that counts; one for a device or a user, whatever the number of bundles and
      policies.
    - `today`: the clock, asked before each release.

    >>> import tempfile
    >>> budget = DailyBudget(Path(tempfile.mkdtemp()) / "budget", lambda: date(2026, 1, 1))
    >>> [budget.spend(2) for _ in range(2)], budget.spend(2).name
    ([None, None], 'BUDGET_SPENT')
    """

    def __init__(self, path: str | Path, today: Callable[[], date]) -> None:
        self._path, self._today = Path(path).absolute(), today  # the working folder may change
        self._seen = NOTHING

    def spend(self, per_day: int | None, count: int = 1) -> Reason | None:
        """Count vectors, which may then be released: `None`. Otherwise the reason why none may;
        none is counted.

        - `per_day`: what the policy allows in a day, counting what all policies released; `None`
          allows any number.
        - `count`: how many are to be released together, 1 or more. Raises `ReleaseError` for fewer,
          and parts of one.
        """
        if not isinstance(count, int) or count < 1:
            raise ReleaseError(
                f"{count} vectors to count, expected a whole number, 1 or more: leave the call out"
            )
        try:
            with locked(self._path) as path:
                self._seen = max(self._seen, on_disk(path))
                clock = date.fromordinal(self._today().toordinal())  # a datetime is a day, too
                today = self._seen.on(clock)
                if per_day is not None and today.spent + count > per_day:
                    return Reason.CLOCK_BEHIND if clock < today.used else Reason.BUDGET_SPENT
                today = today.and_more(count)
                storage.write(path, today.text, durable=True, mode=storage.PRIVATE)
                self._seen = today
        except (OSError, StorageError, ValueError, OverflowError):
            return Reason.BUDGET_UNKNOWN
        return None


def read(path: str | Path) -> DayCount:
    """The count in a file. Raises `StorageError` where there is none, and for a file that releases
    nothing.
    """
    real = Path(os.path.realpath(path))
    with storage.told(path):
        try:
            count = on_disk(real)
        except ValueError as error:
            raise StorageError(
                f"{path}: no count that can be trusted, expected what sordino wrote: nothing is "
                "released; remove a "
                "second name of the file, or reset it with a reason"
            ) from error
    if count == NOTHING:
        raise StorageError(
            f"{path}: no such file, expected a budget: it is made at the first release"
        )
    return count


def reset(path: str | Path, today: date, reason: str) -> Path:
    """Give the whole budget of a day back, whatever the file holds; the path of the log that tells
    it, beside the file.

    The log gains a line of JSON with the day, the reason and the content of the file before.
    Programs that run remember what they saw, so for them the reset holds from their next start on.
    Raises `ReleaseError` without a reason, `StorageError` where the file or its log cannot be
    written, or another process holds the lock.
    """
    if not reason.strip():
        raise ReleaseError("no reason, expected one for the log: say why the budget is given back")
    with storage.told(path), locked(Path(path).absolute()) as real:
        log = real.with_name(f"{real.name}.resets")
        line = {"day": str(today), "reason": reason, "before": _content(real)}
        storage.append(log, json.dumps(line) + "\n", mode=storage.PRIVATE)
        storage.write(real, DayCount(today, 0, today).text, durable=True, mode=storage.PRIVATE)
    return log


def _content(path: Path) -> str | None:
    """The first bytes of a file as text, for a log; `None` where it cannot be read."""
    try:
        handle = storage.open_file(path)
    except OSError:
        return None
    try:
        return os.read(handle, _LARGEST).decode(errors="backslashreplace")
    except OSError:
        return None
    finally:
        os.close(handle)


def on_disk(path: Path) -> DayCount:
    """The count in a file; none where there is no file. Raises `OSError` or `ValueError` for what
    is no count.
    """
    try:
        handle = storage.open_file(path)
    except FileNotFoundError:
        return NOTHING
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a file")
        if status.st_nlink > 1:  # the other name would keep the count of before
            raise ValueError("a file with two names (hard links): remove one of them")
        return parsed(os.read(handle, _LARGEST).decode())
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[Path]:
    """Hold the locks of the count at `path`, whose real path is given: one of a file beside it, one
    of its folder.

    The file is for file systems that lock no folders (NFS). It may be removed, and two processes
    then hold two locks of one name; the folder cannot be removed while the count is in it. The
    system lets go of both when a process ends.
    """
    if fcntl is None:
        raise OSError("no file locks")
    real = os.path.realpath(path)
    folder = os.path.dirname(real)  # noqa: PTH120 (before each release: every call counts)
    if not os.path.isdir(folder):  # noqa: PTH112
        storage.folder(folder, storage.PRIVATE_FOLDER)
    beside = _lock(f"{real}.lock", os.O_RDWR | os.O_CREAT)
    try:
        above = _lock(folder, os.O_RDONLY)
        try:
            yield Path(real)
        finally:
            os.close(above)
    finally:
        os.close(beside)


def _lock(path: str, flags: int) -> int:
    """An open file, or folder, that is locked and still has this path. Raises `OSError` where it
    cannot be had.
    """
    for _ in range(TRIES):
        handle = storage.open_file(path, flags)
        try:
            if _taken(handle) and _named(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(0.01)
    raise BlockingIOError("another process holds the lock")


def _taken(handle: int) -> bool:
    """Whether this process has the lock now. A folder that cannot be locked counts: the file beside
    is locked.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise
    return True


def _named(handle: int, path: str) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
