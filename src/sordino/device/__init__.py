"""A bundle without PyTorch, the runtime that runs it on a device, and the reader of a receiver.

Names that a receiver does not need load on first use: it needs no ONNX Runtime and no sound.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from sordino.device import table
from sordino.device.bundle.bundle import Bundle, PolicyEntry, read
from sordino.device.reader import Reader
from sordino.device.result import Reason, Released, Result, Withheld

if TYPE_CHECKING:
    from sordino.device.budget import DailyBudget
    from sordino.device.channel import Channel
    from sordino.device.runtime import Runtime
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
    "Reader",
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
    "Runtime": "runtime",
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
