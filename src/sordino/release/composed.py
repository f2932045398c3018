"""Release `rae-leace`: one release after another. What the autoencoder leaves to a line is taken
off its output.

Concept erasure on original features and then an autoencoder would undo the first: a network can
bend back what a map made straight. So the map comes last. Attackers who bend find what is left, as
with each of the two alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run
from sordino.release.frozen import Frozen
from sordino.release.protocol import Fitter, Release, checked
from sordino.types import Arrays, Vectors

Restore = Callable[[str, dict[str, Any], dict[str, NDArray[Any]]], Release]
"""From name, config and arrays to the release: how each part comes back."""


class Composed(Frozen):
    """Releases one after the other; its config holds that of each, its arrays theirs under the
    place as a prefix.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Arrays, parts: Sequence[Release]
    ) -> None:
        super().__init__(name, config, arrays)
        self.parts = tuple(parts)

    def __call__(self, z: Vectors) -> Vectors:
        out = checked(z, self._config["width"])
        for part in self.parts:
            out = part(out)
        return out

    @classmethod
    def restore(
        cls, name: str, config: dict[str, Any], arrays: Arrays, restored: Restore
    ) -> Composed:
        """The release that `save` wrote."""
        config["width"]
        return cls(name, config, arrays, restored_parts(config, arrays, restored))


def packed(parts: Sequence[Release]) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """Name and config of each release, and the arrays of all, each name after the place of its
    release.
    """
    arrays = {
        f"{place}.{key}": values
        for place, one in enumerate(parts)
        for key, values in arrays_of(one).items()
    }
    return [{"name": one.name, "config": dict(one.config)} for one in parts], arrays


def restored_parts(config: Mapping[str, Any], arrays: Arrays, restored: Restore) -> list[Release]:
    """The releases that `packed` took apart."""
    parts = []
    for place, one in enumerate(config["parts"]):
        own = {
            key.removeprefix(f"{place}."): v
            for key, v in arrays.items()
            if key.startswith(f"{place}.")
        }
        parts.append(restored(one["name"], one["config"], own))
    return parts


def arrays_of(release: Release) -> Arrays:
    """What was fitted of a release, arrays by name; none of one that has nothing to learn."""
    found: Arrays = getattr(release, "arrays", {})
    return found


@dataclass(frozen=True)
class ComposedFitter:
    """Fits `first`, and `then` on what comes out of it, both on the same party."""

    name: str
    first: Fitter
    then: Fitter

    parts = ("first",)

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Composed:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Composed]:
        """The release, by the jobs of the first and then those of the second."""
        first = yield from self.first.plan(z, corpus, part)
        out = np.zeros_like(z)
        out[part.rows] = first(z[part.rows])
        then = yield from self.then.plan(out, corpus, part)
        parts, arrays = packed([first, then])
        return Composed(
            self.name, {"width": int(z.shape[1]), "parts": parts}, arrays, [first, then]
        )
