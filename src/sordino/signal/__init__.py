"""Sound as numbers: reading, writing and resampling of recordings."""

from __future__ import annotations

from sordino.signal import audio

__all__ = ["audio"]
