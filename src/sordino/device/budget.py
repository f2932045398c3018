"""The number of vectors that may be released in a day, counted in a file.

No bound holds for many vectors of one speaker together, so a policy limits their number. The count
is on the disk before the vector is released: a crash in between loses a vector and never gives one.

    restart                  the file is read before each release, and written durably
    several vectors at once  are counted together: all are released, or none and none is counted
    clock set back           the latest day counts, so the budget of yesterday is not given again
    clock set ahead          the budget of that day is given once, and not again on that day; until
                             then releases are withheld with a reason of their own
    clock years ahead        costs one day (the rule is in `sordino.device.day_count`)
    two processes, policies  share the file and its two locks: each vector costs one
    two names of the file    symbolic links and `..` lead to one file; a second hard link closes it
    lock removed             the lock of the folder still holds; a lock without a name is renewed
    file damaged             closed: nothing is released until a user resets or removes it
    file unreadable          closed
    disk full, read-only     closed
    no file locks (Windows)  closed
    file removed             the count begins at zero; a running process remembers its count. An
                             attacker that removes files of the app can also record sound
    older copy restored      the count of that copy holds, for the same reason: no counter exists
                             outside the file

A day is a day of the clock in use. The command line uses UTC, in which no journey and no summer
time repeats a day.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from sordino import storage, system
from sordino.device.day_count import NO_COUNT, DayCount, parse_count
from sordino.device.result import Reason
from sordino.errors import ReleaseError, StorageError

TRIES: Final = 200
"""Attempts to take a lock, a hundredth of a second apart; a process holds it for one write."""

_COUNT_BYTES: Final = 1000  # a larger file is not a count
_LINE_CHARACTERS: Final = 200  # a count has about 100
_DAY_END: Final = re.compile(r"\d-\d\d \d")  # the end of a day, and its count


class DailyBudget:
    """The vectors that may still be released today.

    - `path`: the file with the count, one for a device or a user and all their bundles and
      policies.
    - `today`: the clock, read before each release.

    >>> import tempfile
    >>> budget = DailyBudget(Path(tempfile.mkdtemp()) / "budget", lambda: date(2026, 1, 1))
    >>> [budget.spend(2) for _ in range(2)], budget.spend(2).name
    ([None, None], 'BUDGET_SPENT')
    """

    def __init__(self, path: str | Path, today: Callable[[], date]) -> None:
        self._path, self._today = Path(path).absolute(), today  # the working folder may change
        self._seen = NO_COUNT

    def spend(self, per_day: int | None, count: int = 1) -> Reason | None:
        """Count vectors and return None: they may be released. Otherwise return the reason, and
        count none.

        - `per_day`: the limit of the policy for the vectors of all policies in a day; `None` is no
          limit.
        - `count`: vectors that are released together, 1 or more. Raises `ReleaseError` for any
          other number.
        """
        if not isinstance(count, int) or count < 1:
            raise ReleaseError(
                f"{count} vectors to count, expected a whole number, 1 or more: leave the call out"
            )
        try:
            with lock_count(self._path) as path:
                self._seen = max(self._seen, load_count(path))
                clock = date.fromordinal(self._today().toordinal())  # a datetime is a day, too
                today = self._seen.on(clock)
                if per_day is not None and today.spent + count > per_day:
                    return Reason.CLOCK_BEHIND if clock < today.last_day else Reason.BUDGET_SPENT
                today = today.plus(count)
                storage.write(path, today.text, durable=True, mode=storage.PRIVATE)
                self._seen = today
        except (OSError, StorageError, ValueError, OverflowError):
            return Reason.BUDGET_UNKNOWN
        return None


def read(path: str | Path) -> DayCount:
    """The count in a file. Raises `StorageError` for a missing file, and for a file that closes the
    budget.
    """
    real = Path(os.path.realpath(path))
    with storage.as_storage_error(path):
        try:
            count = load_count(real)
        except ValueError as error:
            raise StorageError(
                f"{path}: not a trusted count, expected the file that sordino wrote: nothing is "
                "released; remove a second name of the file, or reset it with a reason"
            ) from error
    if count == NO_COUNT:
        raise StorageError(
            f"{path}: no such file, expected a budget: it is made at the first release"
        )
    return count


def reset(path: str | Path, today: date, reason: str) -> Path:
    """Restore the whole budget of a day; the path of the log beside the file.

    The file may be missing, empty or damaged, as long as it still looks like a count.

    The log gains a line of JSON with the day, the reason and the previous content of the file.
    Running programs remember their count, so the reset takes effect at their next start.
    Raises `ReleaseError` without a reason, `StorageError` for any other file, where the file or its
    log cannot be written, or another process holds the lock.
    """
    if not reason.strip():
        raise ReleaseError("no reason, expected one for the log: say why the budget is given back")
    with storage.as_storage_error(path), lock_count(Path(path).absolute()) as real:
        before = _content(real)
        if before is not None and not _looks_like_count(before):
            raise StorageError(
                f"{path}: not a count, expected the file of a budget: check the path; if it is one "
                "beyond recognition, move it away first"
            )
        log = real.with_name(f"{real.name}.resets")
        line = {"day": str(today), "reason": reason, "before": before}
        storage.append(log, json.dumps(line) + "\n", mode=storage.PRIVATE)
        storage.write(real, DayCount(today, 0, today).text, durable=True, mode=storage.PRIVATE)
    return log


def _looks_like_count(text: str) -> bool:
    """Whether a text is empty, or a line of a count that may be damaged.

    >>> _looks_like_count("2026-01-01 2"), _looks_like_count("my only annotations")
    (True, False)
    """
    plain = text.strip("\0 \n")  # a power cut can leave zero bytes
    return not plain or (
        len(text) <= _LINE_CHARACTERS and "\n" not in plain and bool(_DAY_END.search(plain))
    )


def _content(path: Path) -> str | None:
    """The first bytes of a file as text, for a log; `None` where it cannot be read."""
    try:
        handle = storage.open_file(path)
    except OSError:
        return None
    try:
        return os.read(handle, _COUNT_BYTES).decode(errors="backslashreplace")
    except OSError:
        return None
    finally:
        os.close(handle)


def load_count(path: Path) -> DayCount:
    """The count in a file, `NO_COUNT` for a missing file. Raises `OSError`, and `ValueError` for a
    file that is not a count.
    """
    try:
        handle = storage.open_file(path)
    except FileNotFoundError:
        return NO_COUNT
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a file")
        if status.st_nlink > 1:  # the second name would keep the previous count
            raise ValueError("a file with two names (hard links): remove one of them")
        return parse_count(os.read(handle, _COUNT_BYTES).decode())
    finally:
        os.close(handle)


@contextlib.contextmanager
def lock_count(path: Path) -> Iterator[Path]:
    """Hold two locks of the count at `path`, and yield its real path: a file beside it is locked,
    and its folder.

    The file is for file systems without locks of folders (NFS). If it is removed, two processes can
    hold two locks of one name; the folder cannot be removed while the count is in it. The system
    releases both locks when a process ends.
    """
    if not system.has_locks():
        raise OSError("no file locks")
    real = os.path.realpath(path)
    folder = os.path.dirname(real)  # noqa: PTH120 (before each release: every call counts)
    if not os.path.isdir(folder):  # noqa: PTH112
        storage.folder(folder, storage.PRIVATE_FOLDER)
    lock_handle = _locked_handle(f"{real}.lock", os.O_RDWR | os.O_CREAT)
    try:
        folder_handle = _locked_handle(folder, os.O_RDONLY)
        try:
            yield Path(real)
        finally:
            os.close(folder_handle)
    finally:
        os.close(lock_handle)


def _locked_handle(path: str, flags: int) -> int:
    """A locked descriptor of the file or folder that still has this path. Raises `OSError` where
    that fails.
    """
    for _ in range(TRIES):
        handle = storage.open_file(path, flags)
        try:
            if _acquire(handle) and _has_path(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(0.01)
    raise BlockingIOError("another process holds the lock")


def _acquire(handle: int) -> bool:
    """Whether this process has the lock now; also true for a folder that cannot be locked, since
    the file beside the count is locked.
    """
    try:
        return system.lock(handle)
    except OSError:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise
    return True


def _has_path(handle: int, path: str) -> bool:
    """Whether an open file still has a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
