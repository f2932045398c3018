"""Recordings of noise in the copies of a study, and the record of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sordino.errors import FeatureError
from sordino.features.renderings import NoiseRecording, noises
from sordino.signal.conditions import RECIPE


def condition_record(copies: int, noise: Sequence[str]) -> dict[str, Any]:
    """The conditions of fits, for records and cards: copies of each recording, and checksums of
    recordings of noise.
    """
    if not copies:
        return {"name": "none", "copies": 0}
    return {"name": "standard", "copies": copies, "recipe": RECIPE, "noise": list(noise)}


def noises_of(conditions: str, noise: str | Path | None) -> tuple[NoiseRecording, ...]:
    """The recordings of noise in a folder, for copies; none for no folder.

    Raises `FeatureError` for noise without copies, and the errors of
    `sordino.features.renderings.noises`.
    """
    sounds = noises(noise)
    if sounds and conditions == "none":
        raise FeatureError(
            f"noise {noise} with the conditions none, expected standard: noise is mixed into "
            "copies, which these conditions do not make"
        )
    return sounds
