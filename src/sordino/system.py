"""The differences between Linux, macOS and Windows, all in this module.

                          Linux, macOS                     Windows
    locks of files        `flock`                          none: a budget and a mean stay closed
    permissions           owner and mode are checked       in access lists, which are not checked
    links                 refused by the open itself       refused by a look before the open
    names on the disk     `fsync` of the folder            not possible
    signals               SIGTERM and SIGHUP end cleanly   Ctrl-C alone
    processes below       /proc, or `ps` on macOS          not known: workers end by themselves
    core dumps            switched off                     as the system has them
    address space         its limit is read                no limit

Functions read `CURRENT` when they are called, so that a test can put `MACOS` or `WINDOWS` there.
The table is tested in that way on Linux, and on no other system.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

try:
    import fcntl
    import resource
except ImportError:  # Windows
    _LOCKS: ModuleType | None = None
    _LIMITS: ModuleType | None = None
else:
    _LOCKS, _LIMITS = fcntl, resource


@dataclass(frozen=True)
class System:
    """A kind of operating system."""

    name: Literal["linux", "macos", "windows", "posix"]
    locks: Any
    """The module `fcntl`; None without locks of files."""
    limits: Any
    """The module `resource`; None without limits of a process."""
    processes: Path | None
    """The folder with a folder for each process; None without one."""

    @property
    def is_posix(self) -> bool:
        """Whether files have an owner and a mode, and processes get signals."""
        return self.name != "windows"


MACOS: Final = System("macos", _LOCKS, _LIMITS, None)
WINDOWS: Final = System("windows", None, None, None)


def _this_system() -> System:
    if os.name != "posix":
        return WINDOWS
    if sys.platform == "darwin":
        return MACOS
    folder = Path("/proc")
    folder_or_none = folder if (folder / "self/stat").exists() else None
    return System("linux" if sys.platform == "linux" else "posix", _LOCKS, _LIMITS, folder_or_none)


CURRENT = _this_system()
"""This system."""


def has_locks() -> bool:
    """Whether files can be locked."""
    return CURRENT.locks is not None


def lock(handle: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Whether this process has the lock of an open file or folder now. The system releases it when
    the file is closed or the process ends.

    - `shared`: other processes may share the lock.
    - `wait`: wait for it.

    Raises `OSError` where the file cannot be locked, and without locks (Windows).
    """
    module = CURRENT.locks
    if module is None:
        raise OSError(errno.ENOTSUP, "no locks of files on this system")
    kind = module.LOCK_SH if shared else module.LOCK_EX
    try:
        module.flock(handle, kind if wait else kind | module.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_itself(path: str | os.PathLike[str], flags: int, mode: int) -> int:
    """A descriptor as of `os.open`: a link is not followed, and a pipe does not wait for its other
    end. Raises `OSError`, of number `errno.ELOOP` for a link.
    """
    if CURRENT.is_posix:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    if os.path.islink(path):  # noqa: PTH114 (before each release: every call counts)
        raise OSError(errno.ELOOP, "a link", os.fspath(path))
    return os.open(path, flags | getattr(os, "O_BINARY", 0), mode)


def is_of_user(status: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process; true on Windows."""
    return not CURRENT.is_posix or status.st_uid == os.geteuid()


def is_exposed(status: os.stat_result) -> bool:
    """Whether other users may read or write a file by its mode; false on Windows."""
    return CURRENT.is_posix and bool(status.st_mode & 0o077)


def is_private(status: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process, and no other user may read it; true on
    Windows.
    """
    return is_of_user(status) and not is_exposed(status)


def to_disk(path: str | os.PathLike[str]) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Windows opens no folder."""
    if not CURRENT.is_posix and os.path.isdir(path):  # noqa: PTH112
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Signals that end a process, as a service manager, a scheduler or a closed terminal sends
    them; none on Windows.
    """
    if not CURRENT.is_posix:
        return ()
    return signal.SIGTERM, signal.SIGHUP


def block_interrupts() -> None:
    """Leave Ctrl-C to the other threads of the process; no effect on Windows, where the main
    thread alone gets it.
    """
    if CURRENT.is_posix:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def end_process(identifier: int) -> None:
    """End a process at once; one that has ended already is no error."""
    with suppress(OSError):
        os.kill(identifier, signal.SIGKILL if CURRENT.is_posix else signal.SIGTERM)


def processes() -> Iterator[tuple[int, int]]:
    """Every running process and its parent; none on Windows."""
    if not CURRENT.is_posix:
        return
    if CURRENT.processes is None:
        import subprocess  # imported here: a device starts without it

        listing = subprocess.run(
            ["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=False
        ).stdout
        for line in listing.splitlines():
            identifier, parent = line.split()
            yield int(identifier), int(parent)
        return
    for folder in CURRENT.processes.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                state, parent = (
                    (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                )
                if state not in "ZX":
                    yield int(folder.name), int(parent)


def forbid_core_dumps() -> None:
    """Write no memory of this process to a file if it crashes; no effect on Windows."""
    if CURRENT.limits is not None:
        CURRENT.limits.setrlimit(CURRENT.limits.RLIMIT_CORE, (0, 0))


def address_space() -> int | None:
    """The limit of the addresses of this process in bytes; None without one."""
    if CURRENT.limits is None:
        return None
    limit: int = CURRENT.limits.getrlimit(CURRENT.limits.RLIMIT_AS)[0]
    return None if limit == CURRENT.limits.RLIM_INFINITY else limit


def peak_bytes() -> int | None:
    """The most memory that this process has held; None on Windows."""
    if CURRENT.processes is not None:  # elsewhere the figure may be that of the parent
        with suppress(OSError, StopIteration):
            lines = (CURRENT.processes / "self" / "status").read_text().splitlines()
            return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) << 10
    if CURRENT.limits is None:
        return None
    usage: int = CURRENT.limits.getrusage(CURRENT.limits.RUSAGE_SELF).ru_maxrss
    return usage * (1 if CURRENT.name == "macos" else 1024)
