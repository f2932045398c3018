"""From a fitted release in the lab to a bundle for a device: the last step that needs PyTorch."""

from __future__ import annotations

from sordino.export.bundle import DETERMINISTIC, EXPORTERS, DeviceRelease, write

__all__ = ["DETERMINISTIC", "EXPORTERS", "DeviceRelease", "write"]
