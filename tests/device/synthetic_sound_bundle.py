"""A bundle that listens: release `drawn` behind features of sound, fitted on planted vectors; and
sound for it.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino import export
from sordino.device import Bundle, read
from sordino.device.sound.synthesis import synthetic
from sordino.features import PreprocessFitter
from sordino.policy import Budget, Policy
from sordino.release import DrawnFitter
from sordino.signal.feature_sets import FEATURE_SETS
from sordino.testing import POLICY, synthetic_vectors

FEATURES: Final = "mel"
RATE: Final = 16000
SECONDS: Final = (1.3, 0.8, 2.1, 1.0)
"""How long each utterance of `speech` lasts."""

Samples = NDArray[np.float32]


def speech(rate: int = RATE, level: float = 0.1, seed: int = 0) -> Samples:
    """Four utterances of a buzz in noise, a second and a half apart."""
    parts: list[NDArray[np.float64]] = [np.zeros(rate)]
    for index, seconds in enumerate(SECONDS):
        turns = 2 * np.pi * (110 + 40 * index) * np.arange(round(seconds * rate)) / rate
        overtones = np.arange(1, 20)[:, None]
        parts += [
            level * (np.sin(overtones * turns) / overtones).sum(axis=0),
            np.zeros(rate * 3 // 2),
        ]
    sound = np.concatenate(parts)
    return (sound + np.random.default_rng(seed).normal(0, 0.001, sound.size)).astype(np.float32)


@cache
def bundle_path(per_day: int | None = None, features: str = FEATURES) -> Path:
    """The path of a bundle of release `drawn`, one file, whose policy may limit the vectors of a
    day.
    """
    scene, random = synthetic_vectors(speakers=36, rows=8), np.random.default_rng(0)
    mean_features = FEATURE_SETS[features](
        synthetic(1.0, RATE, seed=0)
    )  # so that what is heard is not far from what is fitted on
    spread = scene.z @ random.normal(0, 0.3, (scene.z.shape[1], mean_features.size))
    x = (mean_features + (np.abs(mean_features) + 0.01) * spread).astype(np.float32)
    preprocess = PreprocessFitter(scale="zscore", components=24).fit(x[scene.parts.transform.rows])
    release = DrawnFitter(POLICY).fit(preprocess(x), scene.corpus, scene.parts.transform)
    policy = Policy(POLICY.required, POLICY.sensitive, budget=Budget(per_day=per_day))
    path = Path(tempfile.mkdtemp()) / "listening.sordino"
    return export.write(path, preprocess, {"mine": (policy, release)}, features=features, card={})


@cache
def bundle(per_day: int | None = None) -> Bundle:
    """The same, read."""
    return read(bundle_path(per_day))


def prototypes() -> set[bytes]:
    """All vectors that may be released."""
    return {
        row.tobytes() for row in bundle().arrays("release-0.npz")["prototypes"].astype(np.float32)
    }
