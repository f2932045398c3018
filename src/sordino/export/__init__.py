"""From what was fitted in the lab to a bundle for a device: the last step that needs PyTorch."""

from __future__ import annotations

from sordino.export.bundle import AS_IT_IS, FAMILIES, Part, write

__all__ = ["AS_IT_IS", "FAMILIES", "Part", "write"]
