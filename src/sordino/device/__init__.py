"""A bundle without PyTorch, and the runtime that runs it on a device."""

from __future__ import annotations

from sordino.device import table
from sordino.device.budget import DailyBudget
from sordino.device.bundle.bundle import Bundle, PolicyEntry, read
from sordino.device.channel import Channel
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.runtime import Runtime
from sordino.device.sound.segment import Segmentation, Segmenter, Utterance
from sordino.device.sound.stream import Stream
from sordino.device.trust.floor import Floor

__all__ = [
    "Bundle",
    "Channel",
    "DailyBudget",
    "Floor",
    "PolicyEntry",
    "Reason",
    "Released",
    "Result",
    "Runtime",
    "Segmentation",
    "Segmenter",
    "Stream",
    "Utterance",
    "Withheld",
    "read",
    "table",
]
