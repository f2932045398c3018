"""Release `rae-leace`: an autoencoder, and then concept erasure on its output.

The erasure comes last, because a network can undo a linear map that precedes it. A non-linear
attacker recovers the remainder, as with each of the two releases alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run_plan
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import Fitter, Release, Restore, as_vectors
from sordino.types import Arrays, Vectors


class Composed(ArrayRelease):
    """Releases in sequence. The config holds the config of each release, and the arrays hold its
    arrays with its position as a prefix.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Arrays, parts: Sequence[Release]
    ) -> None:
        super().__init__(name, config, arrays)
        self.parts = tuple(parts)

    def __call__(self, z: Vectors) -> Vectors:
        out = as_vectors(z, self._config["width"])
        for part in self.parts:
            out = part(out)
        return out

    @classmethod
    def restore(
        cls, name: str, config: dict[str, Any], arrays: Arrays, restore: Restore
    ) -> Composed:
        """The release that `save` wrote; `restore` restores each part."""
        config["width"]
        return cls(name, config, arrays, split_parts(config, arrays, restore))


def join_parts(parts: Sequence[Release]) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """Name and config of each release, and the arrays of all, each with the position of its release
    as a prefix.
    """
    arrays = {
        f"{position}.{key}": values
        for position, release in enumerate(parts)
        for key, values in arrays_of(release).items()
    }
    return [{"name": release.name, "config": dict(release.config)} for release in parts], arrays


def split_parts(config: Mapping[str, Any], arrays: Arrays, restore: Restore) -> list[Release]:
    """The releases that `join_parts` combined."""
    parts = []
    for position, part in enumerate(config["parts"]):
        prefix = f"{position}."
        arrays_of_part = {
            key.removeprefix(prefix): values
            for key, values in arrays.items()
            if key.startswith(prefix)
        }
        parts.append(restore(part["name"], part["config"], arrays_of_part))
    return parts


def arrays_of(release: Release) -> Arrays:
    """The fitted arrays of a release by name; empty for a release without any."""
    arrays: Arrays = getattr(release, "arrays", {})
    return arrays


@dataclass(frozen=True)
class ComposedFitter:
    """Fits `first`, and then `then` on its output, both on the same party."""

    name: str
    first: Fitter
    then: Fitter

    parts = ("first",)

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Composed:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Composed]:
        """The release, by the jobs of the first fitter and then those of the second."""
        first = yield from self.first.plan(z, corpus, part)
        out = np.zeros_like(z)
        out[part.rows] = first(z[part.rows])
        then = yield from self.then.plan(out, corpus, part)
        parts, arrays = join_parts([first, then])
        return Composed(
            self.name, {"width": int(z.shape[1]), "parts": parts}, arrays, [first, then]
        )
