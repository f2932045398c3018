"""How many vectors may leave a device in a day, counted in a file.

Nobody can bound what many vectors of one speaker tell together, so a policy caps their number. The count is on the disk
before the vector goes out: a crash in between costs a vector, it never gives one.

    restart                  the file is read before whatever goes out, and written durably
    several vectors at once  are counted together: all go out, or none does and none is counted
    clock set back           the latest day ever seen counts, so yesterday's budget does not come again
    clock set ahead          spends that day's budget, once: it is not given again when the day comes
    two processes, policies  share the file, and a lock beside it: each vector costs one, whoever releases it
    file damaged, unreadable closed: nothing is released until somebody looks at it or removes it
    disk full, read-only     closed
    no file locks (Windows)  closed
    file removed             counts from zero: on first use there is none, and who may remove files of the app may also
                             record. As long as a process lives it remembers what it saw

A day is one of the clock given; the command line gives that of UTC, which no journey and no summer time repeats.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.device.result import Reason
from sordino.errors import ReleaseError, StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TRIES: Final = 200
"""How often a lock that another process holds is asked for, every hundredth of a second; it is held for one write."""

_LARGEST: Final = 1000  # bytes of a file; more is none of ours


class DailyBudget:
    """The vectors that may still go out today.

    - `path`: the file that counts; one for a device or a user, whatever the number of bundles and policies.
    - `today`: the clock, asked before whatever goes out.

    >>> import tempfile
    >>> budget = DailyBudget(Path(tempfile.mkdtemp()) / "budget", lambda: date(2026, 1, 1))
    >>> [budget.spend(2) for _ in range(2)], budget.spend(2).name
    ([None, None], 'BUDGET_SPENT')
    """

    def __init__(self, path: str | Path, today: Callable[[], date]) -> None:
        self._path, self._today = Path(path), today
        self._seen = (date.min, 0)  # the latest day, and its count

    def spend(self, per_day: int | None, count: int = 1) -> Reason | None:
        """Count vectors, which may then go out: `None`. Otherwise the reason why none of them may; none is counted.

        - `per_day`: what the policy allows in a day, counting what all policies let out; `None` allows any number.
        - `count`: how many are to go out together, 1 or more. Raises `ReleaseError` for fewer, and parts of one.
        """
        if not isinstance(count, int) or count < 1:
            raise ReleaseError(f"{count} vectors to count, expected a whole number, 1 or more: leave the call out")
        try:
            storage.folder(self._path.parent)
            with _locked(self._path.with_name(f"{self._path.name}.lock")):
                day, spent = self._spent()
                if per_day is not None and spent + count > per_day:
                    return Reason.BUDGET_SPENT
                storage.write(self._path, _text(day, spent + count), durable=True)
                self._seen = (day, spent + count)
        except (OSError, StorageError, ValueError):
            return Reason.BUDGET_UNKNOWN
        return None

    def _spent(self) -> tuple[date, int]:
        """The day that counts and how many went out on it. Raises `OSError` or `ValueError` where nobody can say."""
        self._seen = max(self._seen, self._on_disk())  # of two counts of one day the larger
        return max(self._seen, (date.fromordinal(self._today().toordinal()), 0))  # whoever gives a datetime, too

    def _on_disk(self) -> tuple[date, int]:
        try:
            with self._path.open("rb") as file:
                text = file.read(_LARGEST).decode()
        except FileNotFoundError:
            return date.min, 0
        first, second, _ = text.split(" ")
        day, spent = date.fromisoformat(first), int(second)
        if text != _text(day, spent):  # byte for byte what is written, checksum included
            raise ValueError("damaged")
        return day, spent


def _text(day: date, spent: int) -> str:
    """The file: a day, the count, and a checksum of both that tells damage, not malice."""
    return f"{day} {spent} {hashlib.sha256(f'{day} {spent}'.encode()).hexdigest()}\n"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for; the system lets go of it when a process ends, however that ends."""
    if fcntl is None:
        raise OSError("no file locks")
    with path.open("ab") as file:
        for left in reversed(range(TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(0.01)
        yield
