"""The scaled space of synthetic speech: models of feature sets, and the space that they give."""

from __future__ import annotations

from sordino.features.synthetic_space.space import LEADING, SCALE, SETS, synthetic_space

__all__ = ["LEADING", "SCALE", "SETS", "synthetic_space"]
