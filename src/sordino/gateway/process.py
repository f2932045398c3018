"""A process without core dumps and without logs: a crash or an error writes no sample."""

from __future__ import annotations

import ctypes
import logging
from typing import Final

from sordino import system

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
_M_PERTURB: Final = -6  # malloc.h of glibc
_FREED: Final = 0x5A  # any byte but 0, which switches it off


def harden() -> None:
    """Switch off core dumps, debuggers of the same user and every log of this process; let the
    allocator overwrite freed memory.

    The last needs glibc. It covers numpy, ONNX Runtime, libsndfile and large objects of Python.
    """
    system.forbid_core_dumps()
    if system.CURRENT.name == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if hasattr(library, "mallopt"):
            library.mallopt(_M_PERTURB, _FREED)
    logging.disable(logging.CRITICAL)
