"""What leaves the lab: a bundle without PyTorch, and the runtime that runs it."""

from __future__ import annotations

from sordino.device.bundle import Bundle, Served, read
from sordino.device.result import Reason, Released, Result, Withheld
from sordino.device.runtime import Runtime

__all__ = ["Bundle", "Reason", "Released", "Result", "Runtime", "Served", "Withheld", "read"]
