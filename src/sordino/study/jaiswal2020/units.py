"""The units of the study: one variant on one draw, each with its table of guesses.

Units are independent and kept on disk as they are finished, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino.checkpoints import Finished
from sordino.columns import EMBEDDING_COLUMNS
from sordino.study.checkpoints import gathered
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import Scene
from sordino.study.jaiswal2020.variant_run import Lesson
from sordino.study.jaiswal2020.variants import STREAMS, Options, Variant

TYPES: Final = dict.fromkeys(("row", "truth", "prediction", "k"), int) | {"score": float}
NOTHING: Final = pd.DataFrame(
    {name: pd.Series(dtype=TYPES.get(name, str)) for name in EMBEDDING_COLUMNS}
)
"""The guesses of a unit that could not be fitted."""


@dataclass(frozen=True)
class Unit:
    """One variant on one draw."""

    variant: Variant
    draw: int

    @property
    def name(self) -> str:
        return f"{self.variant.name}-{self.draw}"


def guesses(
    variants: Sequence[Variant],
    material: Material,
    scene: Scene,
    folder: Path,
    options: Options,
    jobs: int = 0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All guesses of all units (`EMBEDDING_COLUMNS`), and how each unit came about; finished ones are read
    from `folder`.
    """
    units = {
        unit.name: unit
        for unit in (
            Unit(variant, draw) for variant in variants for draw in range(len(scene.draws))
        )
    }
    given = {
        features: _key(material.hash(STREAMS[features]), scene, options) for features in STREAMS
    }
    keys = {name: given[unit.variant.features] for name, unit in units.items()}

    def compute(names: Sequence[str]) -> Iterable[Finished]:
        workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator_unordered", batch_size=1)
        found: Iterable[Finished] = workers(
            joblib.delayed(_one_unit)(units[name], material, scene, options) for name in names
        )
        return found

    return gathered(keys, compute, folder, "networks and attackers", EMBEDDING_COLUMNS)


def _key(material: str, scene: Scene, options: Options) -> str:
    """What a unit depends on beside its variant and draw, as hexadecimal digits."""
    sha = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode() + material.encode())
    parts = [part for draw in scene.draws for part in (draw.train, draw.stop, draw.test)]
    for codes in (*scene.labels.values(), *parts):
        sha.update(codes.astype(np.int64).tobytes())
    return sha.hexdigest()


def _one_unit(unit: Unit, material: Material, scene: Scene, options: Options) -> Finished:
    torch.set_num_threads(1)
    with threadpool_limits(
        1
    ):  # sums in another order are other numbers: one thread gives the same bytes anywhere
        lesson = Lesson(unit.variant, unit.draw, material, scene, options)
        tables = [
            table for place in range(options.seeds) for table in lesson.told(options.seed + place)
        ]
        table = pd.concat(tables or [NOTHING], ignore_index=True)
    variant = {
        "features": unit.variant.features,
        "task": unit.variant.task,
        "release": unit.variant.release,
        "condition": unit.variant.condition,
    }
    return unit.name, table.assign(**variant)[list(EMBEDDING_COLUMNS)], lesson.record
