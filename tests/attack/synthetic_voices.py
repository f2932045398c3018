"""Vectors in which every speaker has a voice, and tables of guesses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def people(
    speakers: int, rows: int, seed: int, dims: int = 6, voice: float = 0.5
) -> tuple[NDArray[np.float32], NDArray[np.str_], np.random.Generator]:
    """Vectors, their speakers, and a generator for more."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(speakers * rows, dims)) + np.repeat(
        random.normal(0, voice, (speakers, dims)), rows, axis=0
    )
    return (
        x.astype(np.float32),
        np.repeat([f"{number:02d}" for number in range(speakers)], rows),
        random,
    )


def table_of(
    score: NDArray[np.float64], truth: NDArray[np.intp], speaker: NDArray[Any], attacker: str = "x"
) -> pd.DataFrame:
    """Guesses with these scores."""
    columns = {
        "side": 0,
        "attacker": attacker,
        "best": True,
        "prediction": (score > 0).astype(int),
        "k": 1,
    }
    return pd.DataFrame(
        {
            "row": np.arange(len(score)),
            "speaker": speaker,
            "truth": truth,
            "score": score,
            **columns,
        }
    )
