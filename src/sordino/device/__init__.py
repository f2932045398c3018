"""A bundle without PyTorch, and the runtime that runs it on a device.

Names that a runtime of vectors does not need load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from sordino.device import table
from sordino.device.bundle.bundle import Bundle, PolicyEntry, read
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.runtime import Runtime

if TYPE_CHECKING:
    from sordino.device.budget import DailyBudget
    from sordino.device.channel import Channel
    from sordino.device.sending.sender import Delivery, Sender
    from sordino.device.sending.token import SenderToken
    from sordino.device.sound.segment import Segmentation, Segmenter, Utterance
    from sordino.device.sound.stream import Stream
    from sordino.device.trust.floor import Floor

__all__ = [
    "Bundle",
    "Channel",
    "DailyBudget",
    "Delivery",
    "Floor",
    "PolicyEntry",
    "Reason",
    "Released",
    "Result",
    "Runtime",
    "Segmentation",
    "Segmenter",
    "Sender",
    "SenderToken",
    "Stream",
    "Utterance",
    "Withheld",
    "read",
    "table",
]

_MODULES: Final = {
    "Channel": "channel",
    "DailyBudget": "budget",
    "Delivery": "sending.sender",
    "SenderToken": "sending.token",
    "Floor": "trust.floor",
    "Segmentation": "sound.segment",
    "Segmenter": "sound.segment",
    "Sender": "sending.sender",
    "Stream": "sound.stream",
    "Utterance": "sound.segment",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"sordino.device.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'sordino.device' has no attribute {name!r}")
