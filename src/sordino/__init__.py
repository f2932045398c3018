"""Share speech features for emotion recognition without other attributes of the speaker.

Data moves one way: corpora -> features -> release -> attack -> report. Sub-packages load on first
use.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"

_ROOMS = (
    "attack",
    "corpora",
    "device",
    "export",
    "features",
    "gateway",
    "metrics",
    "nn",
    "onnx",
    "parallel",
    "policy",
    "release",
    "report",
    "server",
    "signal",
    "storage",
    "study",
    "testing",
)
__all__ = ["__version__", *_ROOMS]


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"sordino.{name}")
    raise AttributeError(f"module 'sordino' has no attribute {name!r}")
