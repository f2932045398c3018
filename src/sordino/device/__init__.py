"""What leaves the lab: a bundle without PyTorch, and the runtime that runs it."""

from __future__ import annotations

from sordino.device import table
from sordino.device.budget import DailyBudget
from sordino.device.bundle import Bundle, Served, read
from sordino.device.floor import Floor
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.runtime import Runtime
from sordino.device.segment import Segmentation, Segmenter, Utterance
from sordino.device.stream import Stream

__all__ = [
    "Bundle",
    "DailyBudget",
    "Floor",
    "Reason",
    "Released",
    "Result",
    "Runtime",
    "Segmentation",
    "Segmenter",
    "Served",
    "Stream",
    "Utterance",
    "Withheld",
    "read",
    "table",
]
