"""The paper's search: the network that does best on validation speakers while its adversary is at
chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

from sordino.nn.multimodal import Shape
from sordino.progress import track

SIZES: Final = {
    "conv_layers": (3, 4),
    "conv_width": (2, 3),
    "kernels": (32, 64, 128),
    "gru_layers": (2, 3),
    "dense_layers": (1, 2),
    "dense_width": (32, 64),
}
"""The paper's grid (section 4.1), but for lambda and the width of the recurrent layers, which is
always 32.
"""

OF_AUDIO: Final = ("conv_layers", "conv_width", "kernels")
MARGIN: Final = 0.05
"""How far from chance the UAR of an adversary may be to count as at chance."""

Measure = Callable[[Shape, float], tuple[float, float]]
"""From sizes and lambda to the validation UAR of the primary task and of the adversary (NaN where
there is none).
"""


@dataclass(frozen=True)
class Chosen:
    """A point of the grid: sizes, lambda, and why."""

    shape: Shape
    reversal: float
    record: dict[str, Any]


def choose(measure: Measure, shape: Shape, lambdas: Sequence[float], adversary: bool) -> Chosen:
    """The point with the highest validation UAR of the primary task among those whose adversary is
    at chance.

    Where no point's adversary is within `MARGIN` of chance, the one nearest to it is taken, and the
    record says so (`at_chance` false). Without an adversary the UAR of the primary task decides
    alone.
    """
    axes = {
        name: values
        for name, values in SIZES.items()
        if shape.audio is not None or name not in OF_AUDIO
    }
    sizes_of: list[dict[str, Any]] = [
        dict(zip(axes, sizes, strict=True)) for sizes in product(*axes.values())
    ]
    grid = [(replace(shape, **sizes), strength) for sizes, strength in product(sizes_of, lambdas)]
    found = [(*measure(*point), *point) for point in track(grid, "grid", len(grid))]
    gap = [abs(head - 0.5) if adversary else 0.0 for _, head, _, _ in found]
    near = [place for place, distance in enumerate(gap) if distance <= MARGIN]
    best = (
        max(near, key=lambda place: found[place][0])
        if near
        else min(range(len(gap)), key=gap.__getitem__)
    )
    uar, head, sizes, strength = found[best]
    record = {"points": len(grid), "uar": uar, "adversary": head, "at_chance": bool(near)}
    return Chosen(sizes, strength, record)
