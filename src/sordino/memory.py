"""How much memory this process may still take, asked before it takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SPARE: Final = 0.8
"""The share of what is free that one task may take: others run beside it."""

_GROUP: Final = Path("/sys/fs/cgroup")


def free() -> int | None:
    """Bytes that this process may take beside those it has; `None` where the platform does not
    tell.

    The least of the machine's available memory, the limit of the control group and the limit of the
    address space.
    """
    return min((int(SPARE * max(limit, 0)) for limit in _limits()), default=None)


def gigabytes(count: float) -> str:
    """A number of bytes in words.

    >>> gigabytes(12.3e9)
    '12.3 GB'
    """
    return f"{count / 1e9:.1f} GB"


def _limits() -> Iterator[int]:
    machine = [
        int(line.split()[1]) << 10
        for line in _lines(Path("/proc/meminfo"))
        if line.startswith("MemAvailable:")
    ]
    yield from machine
    if not machine and "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, used = (_lines(_GROUP / name) for name in ("memory.max", "memory.current"))
    if limit and used and limit[0].isdigit():
        yield int(limit[0]) - int(used[0])
    yield from _address_space()


def _address_space() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, taken = resource.getrlimit(resource.RLIMIT_AS)[0], _lines(Path("/proc/self/statm"))
    if limit != resource.RLIM_INFINITY:
        yield limit - (int(taken[0].split()[0]) * resource.getpagesize() if taken else 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
