"""Units of the study: one variant on one draw, with its table of guesses.

Units are independent. Each is stored when it is finished, so a killed run resumes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.checkpoints import Finished
from sordino.columns import EMBEDDING_COLUMNS
from sordino.storage import Location
from sordino.study.checkpoints import gather_units
from sordino.study.jaiswal2020.grid import GridPoint, with_point
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import StudyLabels
from sordino.study.jaiswal2020.variant_run import OF_SELECTIONS, VariantRun
from sordino.study.jaiswal2020.variants import FEATURE_STREAMS, JaiswalOptions, Variant

COLUMN_TYPES: Final = dict.fromkeys(("row", "truth", "prediction", "k"), int) | {"score": float}
NO_GUESSES: Final = pd.DataFrame(
    {name: pd.Series(dtype=COLUMN_TYPES.get(name, str)) for name in EMBEDDING_COLUMNS}
)
"""The table of a unit that could not be fitted."""


@dataclass(frozen=True)
class EmbeddingUnit:
    """One variant on one draw."""

    variant: Variant
    draw: int

    @property
    def name(self) -> str:
        return f"{self.variant.name}-{self.draw}"


def guesses(
    variants: Sequence[Variant],
    material: Material,
    study: StudyLabels,
    folder: Location,
    options: JaiswalOptions,
    jobs: int = 0,
    chosen: Mapping[str, GridPoint] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All guesses of all units (`EMBEDDING_COLUMNS`), and the record of each unit by name. Finished
    units are read from `folder`. `chosen` are the points of the grid by name of the unit.

    A variant of a sweep with the networks of a variant of the main section is not computed again.
    """
    chosen = chosen or {}
    reversal = math.nan if chosen else options.reversal
    same = {variant: same_networks(variant, variants, reversal) for variant in variants}
    units = {
        unit.name: unit
        for unit in (
            EmbeddingUnit(variant, draw)
            for variant in dict.fromkeys(same.values())
            for draw in range(len(study.draws))
        )
    }
    digests = digests_of(material, study, options)
    keys = {
        name: f"{digests[unit.variant.features]} {sorted(chosen.get(name, {}).items())}"
        for name, unit in units.items()
    }
    one_unit = partial(_one_unit, material=material, study=study, options=options, chosen=chosen)
    compute = partial(parallel.map, one_unit, jobs=jobs)
    label = "networks and attackers"
    table, records = gather_units(units, keys, compute, folder, label, EMBEDDING_COLUMNS)
    tables = [_rows_of(table, variant, same[variant]) for variant in variants]
    return pd.concat(tables, ignore_index=True), {
        EmbeddingUnit(variant, draw).name: records[EmbeddingUnit(same[variant], draw).name]
        for variant in variants
        for draw in range(len(study.draws))
    }


def same_networks(variant: Variant, variants: Sequence[Variant], reversal: float) -> Variant:
    """The variant of the main section with the networks of a variant of a sweep, if `variants` has
    one; otherwise the variant itself. `reversal` is that of the main section.

    >>> main, swept = Variant("audio", "valence", "private"), Variant(
    ...     "audio", "valence", "private", reversal=0.5
    ... )
    >>> same_networks(swept, [main, swept], 0.5) == main
    True
    >>> same_networks(swept, [main, swept], 0.3) == swept
    True
    """
    main = replace(variant, reversal=None)
    return main if variant.reversal == reversal and main in variants else variant


def _rows_of(table: pd.DataFrame, variant: Variant, computed: Variant) -> pd.DataFrame:
    """The guesses of a variant from those of the variant with its networks: a sweep has no
    membership inference.
    """
    mask = pd.Series(True, table.index)
    for name, value in columns_of(computed).items():
        mask &= table[name] == value
    if variant != computed:
        mask &= ~table["asked"].isin(OF_SELECTIONS)
    return table[mask].assign(condition=variant.condition)


def columns_of(variant: Variant) -> dict[str, str]:
    """The columns of a table of guesses that name its variant."""
    return {
        "features": variant.features,
        "task": variant.task,
        "release": variant.release,
        "condition": variant.condition,
    }


def digests_of(material: Material, study: StudyLabels, options: JaiswalOptions) -> dict[str, str]:
    """The digest of all inputs of a unit beside its variant and draw, by features."""
    return {
        features: _key(material.hash(streams), study, options)
        for features, streams in FEATURE_STREAMS.items()
    }


def _key(material: str, study: StudyLabels, options: JaiswalOptions) -> str:
    sha = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode() + material.encode())
    parts = [part for draw in study.draws for part in (draw.train, draw.stop, draw.test)]
    for codes in (*study.labels.values(), *parts):
        sha.update(codes.astype(np.int64).tobytes())
    return sha.hexdigest()


def _one_unit(
    unit: EmbeddingUnit,
    material: Material,
    study: StudyLabels,
    options: JaiswalOptions,
    chosen: Mapping[str, GridPoint],
) -> Finished:
    torch.set_num_threads(1)
    options = with_point(options, chosen.get(unit.name, {}))
    with threadpool_limits(1):  # one thread gives the same bytes on every machine
        variant_run = VariantRun(unit.variant, unit.draw, material, study, options)
        tables = [
            table
            for network in range(options.seeds)
            for table in variant_run.guesses(options.seed + network)
        ]
        table = pd.concat(tables or [NO_GUESSES], ignore_index=True)
    columns = columns_of(unit.variant)
    return unit.name, table.assign(**columns)[list(EMBEDDING_COLUMNS)], variant_run.record
