"""The paper's grid of sizes and strengths, searched on validation speakers (section 4.2).

A point is trained on D1 and stopped on the fourth fold, like the network of the study, and measured
there: U of the primary task, and UAR of the head of gender. Of the points whose head is within 0.05
of chance, the one with the highest U is chosen. If there is none, the point with the head nearest
chance is chosen, and the table says so. Test speakers take no part.

Every embedding, draw and point is one unit, so a cluster computes them in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Final

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import metrics, parallel
from sordino.checkpoints import Finished
from sordino.errors import ReleaseError, StudyError
from sordino.storage import Location
from sordino.study.checkpoints import gather_units
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import StudyLabels
from sordino.study.jaiswal2020.variant_run import VariantRun
from sordino.study.jaiswal2020.variants import (
    BESIDE_GENERAL,
    LAMBDAS,
    JaiswalOptions,
    Variant,
)

PAPER: Final[Mapping[str, tuple[float, ...]]] = {
    "conv_layers": (3, 4),
    "conv_width": (2, 3),
    "kernels": (32, 64, 128),
    "gru_layers": (2, 3),
    "dense_layers": (1, 2),
    "dense_width": (32, 64),
    "reversal": LAMBDAS,
}
"""The paper's grid (section 4.1): sizes of the network, and lambda."""

NEAR_CHANCE: Final = 0.05
"""The largest distance of the head of gender from chance at which a point is eligible."""

WITHOUT_ADVERSARY: Final = ("general", "private+")
"""Embeddings without lambda, whose head of gender changes nothing: U alone chooses."""

GRID_COLUMNS: Final = (
    "features",
    "task",
    "release",
    "draw",
    "point",
    *PAPER,
    "uar",
    "gender",
    "epochs",
)
"""The columns of `grid.csv`: `uar` and `gender` are of validation speakers."""

GridPoint = Mapping[str, float]
"""The value of each axis of a grid."""


def parse_grid(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """The axes of a grid from `paper`, or from texts such as `kernels=32,64`.

    Raises `StudyError` for an unknown axis and for values outside the paper's.

    >>> parse_grid(["kernels=32,64", "reversal=0.5"])
    {'kernels': (32.0, 64.0), 'reversal': (0.5,)}
    """
    grid: dict[str, tuple[float, ...]] = {}
    for text in texts:
        axis, _, values = text.partition("=")
        if text == "paper":
            grid |= PAPER
            continue
        try:
            chosen = tuple(dict.fromkeys(float(value) for value in values.split(",")))
        except ValueError:
            chosen = ()
        if axis not in PAPER or not chosen or not set(chosen) <= set(PAPER[axis]):
            axes = "; ".join(
                f"{name}={','.join(f'{value:g}' for value in allowed)}"
                for name, allowed in PAPER.items()
            )
            raise StudyError(f"--grid {text[:80]}, expected paper, or some of {axes}: correct it")
        grid[axis] = tuple(dict.fromkeys((*grid.get(axis, ()), *chosen)))
    return grid


def points(grid: Mapping[str, Sequence[float]], release: str) -> list[dict[str, float]]:
    """The points of a grid for an embedding; without an adversary, lambda is no axis."""
    without = release in WITHOUT_ADVERSARY
    axes = {name: values for name, values in grid.items() if not (without and name == "reversal")}
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def with_point(options: JaiswalOptions, point: GridPoint) -> JaiswalOptions:
    """The options of a study with the sizes and the lambda of a point."""
    integers = {name: int(value) for name, value in point.items() if name != "reversal"}
    reversal = float(point.get("reversal", options.reversal))
    return replace(options, sizes={**options.sizes, **integers}, reversal=reversal)


@dataclass(frozen=True)
class GridUnit:
    """One embedding on one draw with one point of the grid."""

    variant: Variant
    draw: int
    number: int
    point: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        return f"{self.variant.name}-{self.draw}-{self.number}"


def searched(variants: Sequence[Variant]) -> list[Variant]:
    """The variants with a grid: those of the paper's tables and `private+`, and no sweep."""
    releases = ("general", *(name for name in BESIDE_GENERAL if name.startswith("private")))
    return [
        variant for variant in variants if variant.release in releases and not variant.condition
    ]


def check_sections(variants: Sequence[Variant]) -> None:
    """Raise `StudyError` if no variant has a grid."""
    if not searched(variants):
        raise StudyError(
            "--grid with sections that have none, expected some such as audio-activation, speaker, "
            "multiple or streams: name one with --only, or leave --grid out"
        )


def search(
    variants: Sequence[Variant],
    grid: Mapping[str, Sequence[float]],
    material: Material,
    study: StudyLabels,
    folder: Location,
    options: JaiswalOptions,
    digests: Mapping[str, str],
    jobs: int = 0,
) -> pd.DataFrame:
    """The measures of every point (`GRID_COLUMNS`). Finished points are read from `folder`.

    `digests` has the digest of all inputs beside variant and point, by features.
    """
    units = {
        unit.name: unit
        for unit in (
            GridUnit(variant, draw, number, tuple(point.items()))
            for variant in searched(variants)
            for draw in range(len(study.draws))
            for number, point in enumerate(points(grid, variant.release))
        )
    }
    keys = {name: f"{digests[unit.variant.features]} {unit.point}" for name, unit in units.items()}
    measure = partial(_one_point, material=material, study=study, options=options)
    compute = partial(parallel.map, measure, jobs=jobs)
    table, _ = gather_units(units, keys, compute, folder, "points of the grid", GRID_COLUMNS)
    return table


def choose_points(table: pd.DataFrame) -> pd.DataFrame:
    """One row per embedding and draw: the chosen point, and in `at_chance` whether its head is near
    chance. An embedding whose validation speakers have no head of gender is chosen by U.

    >>> rows = {"features": "audio", "task": "valence", "release": "private", "draw": 0}
    >>> table = pd.DataFrame([
    ...     rows | {"point": 0, "uar": 0.6, "gender": 0.8},
    ...     rows | {"point": 1, "uar": 0.5, "gender": 0.52},
    ... ])
    >>> choose_points(table)[["point", "at_chance"]].values.tolist()
    [[1, True]]
    """
    chosen = []
    for key, rows in table.groupby(["features", "task", "release", "draw"], sort=False):
        points: list[dict[Any, Any]] = rows[rows["uar"].notna()].to_dict("records")
        if not points:
            raise StudyError(
                f"every training of the grid diverged for {', '.join(map(str, key))}, expected one "
                "that ends: scale the features"
            )
        has_head = not any(math.isnan(point["gender"]) for point in points)
        if rows["release"].iloc[0] in WITHOUT_ADVERSARY or not has_head:
            best, at_chance = max(points, key=lambda point: point["uar"]), None
        else:
            near = [point for point in points if _from_chance(point) <= NEAR_CHANCE]
            at_chance = bool(near)
            best = (
                max(near, key=lambda point: point["uar"]) if near else min(points, key=_from_chance)
            )
        chosen.append(best | {"at_chance": at_chance})
    return pd.DataFrame(chosen)


def _from_chance(point: Mapping[Any, Any]) -> float:
    return abs(float(point["gender"]) - 0.5)


def chosen_points(chosen: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The point of each unit, by the name of its variant and draw."""
    axes = [name for name in PAPER if name in chosen.columns]
    return {
        f"{Variant(row['features'], row['task'], row['release']).name}-{row['draw']}": {
            axis: float(row[axis]) for axis in axes if not math.isnan(row[axis])
        }
        for row in chosen.to_dict("records")
    }


def _one_point(
    unit: GridUnit, material: Material, study: StudyLabels, options: JaiswalOptions
) -> Finished:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        point, record = dict(unit.point), {}
        run = VariantRun(unit.variant, unit.draw, material, study, with_point(options, point))
        try:
            measured = _measure(run, options.seed)
        except ReleaseError as error:  # a training can diverge
            measured = {"uar": math.nan, "gender": math.nan, "epochs": 0}
            record = {"not_measured": str(error)}
    figures: dict[str, Any] = {
        "features": unit.variant.features,
        "task": unit.variant.task,
        "release": unit.variant.release,
        "draw": unit.draw,
        "point": unit.number,
        **{axis: point.get(axis, math.nan) for axis in PAPER},
        **measured,
    }
    return unit.name, pd.DataFrame([figures])[list(GRID_COLUMNS)], record


def _measure(run: VariantRun, seed: int) -> dict[str, float]:
    """U of the primary task, UAR of the head of gender, and the best epoch, on the speakers that
    stop the training.
    """
    task, draw = run.variant.task, run.draw
    embedding, network = run.fit(run.rows, draw.train, draw.stop, seed)
    labels = run.study.labels[task]
    stop = draw.stop[labels[draw.stop] >= 0]
    vectors = embedding(run.rows.select(stop), key=seed)
    prediction = embedding.primary(vectors)[task].argmax(axis=1)
    heads = [head for name, head in network.health.items() if name.startswith("gender")]
    gender = [head.validation[network.best_epoch] for head in heads if head.validation]
    gender.sort(key=lambda uar: abs(uar - 0.5))
    return {
        "uar": metrics.uar(labels[stop], prediction),
        "gender": gender[-1] if gender else math.nan,
        "epochs": network.best_epoch + 1,
    }
