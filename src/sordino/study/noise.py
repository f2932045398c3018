"""Recordings of noise in the copies of a study."""

from __future__ import annotations

from pathlib import Path

from sordino.errors import FeatureError
from sordino.features.renderings import NoiseRecording, noises


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
