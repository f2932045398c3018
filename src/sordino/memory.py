"""The memory that this process may still take, checked before it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sordino import system

SPARE: Final = 0.8
"""The share of free memory that one task may take, since other tasks run beside it."""

_GROUP: Final = Path("/sys/fs/cgroup")


def free() -> int | None:
    """Bytes of memory that this process may still take, `None` where the platform has no such
    figure.

    The minimum of the machine's available memory, the limit of the control group and the limit of
    the address space.
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
    limit, usage = (_lines(_GROUP / name) for name in ("memory.max", "memory.current"))
    if limit and usage and limit[0].isdigit():
        yield int(limit[0]) - int(usage[0])
    yield from _address_space()


def _address_space() -> Iterator[int]:
    limit, pages = system.address_space(), _lines(Path("/proc/self/statm"))
    if limit is not None:
        yield limit - (int(pages[0].split()[0]) * os.sysconf("SC_PAGE_SIZE") if pages else 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
