"""The scaled space of synthetic speech: models of feature sets, and the space that they give."""

from __future__ import annotations

from sordino.features.synthetic_space.space import (
    SETS,
    SPEECH_COMPONENTS,
    SYNTHETIC_SCALE,
    synthetic_space,
)

__all__ = ["SETS", "SPEECH_COMPONENTS", "SYNTHETIC_SCALE", "synthetic_space"]
