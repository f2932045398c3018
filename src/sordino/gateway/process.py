"""A process without core dumps and without logs: a crash or an error writes no sample."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Final

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
_PR_GET_DUMPABLE: Final = 3


def harden() -> None:
    """Switch off core dumps, debuggers of the same user (Linux) and every log of this process."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    logging.disable(logging.CRITICAL)


def is_hardened() -> bool:
    """Whether core dumps and logs of this process are off."""
    limits = (0, 0) if resource is None else resource.getrlimit(resource.RLIMIT_CORE)
    dumpable = (
        ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) if sys.platform == "linux" else 0
    )
    return (*limits, dumpable) == (0, 0, 0) and not logging.getLogger().isEnabledFor(
        logging.CRITICAL
    )
